"""Whether there is memory for one more pool.

Asked before the pool is made, so that a plan that does not fit is refused with a reason, instead of a SIGBUS or the
kernel's out-of-memory killer in the middle of a broadcast.

Three bounds, the tightest counts: the hub's own limit, what the control group leaves (version 2 or 1), and what the
kernel calls available. When a source changes, the old pool lives until its last frame is given back, so the
largest pool is kept free on top of all flows; a pool that was made ahead for a source that has not come is
a mere convenience and is given up first.

A stock peer that owns its memory announces it, and whoever first touches a page of it pays. The peer may have touched
none, so what it announces counts as if it were the hub's, and only what the plan's pools leave is granted.
"""

from dataclasses import dataclass
from pathlib import Path

from mediamesh_agent.hub.errors import HubError

HEADER = 4096
PAGE = 4096
HUGE_PAGE = 2 << 20
LARGEST_REGION = 1 << 32
MOST_OF_PEER = 2 << 30
"""Of ordinary memory: DPDK, VPP and libmemif announce 4 MB by default; two rings of sixteen 2160p frames take 1 GB."""
_RESERVE_DIVISOR = 20
_MOST_RESERVE = 256 << 20
_UNLIMITED = 1 << 62


def pool_bytes(frames: int, capacity: int, *, huge_pages: bool = False) -> int:
    """Return the size of a pool: a header page and a page-aligned payload per frame."""
    size = frames * (HEADER + _round_up(capacity, PAGE))
    return _round_up(size, HUGE_PAGE) if huge_pages else size


def check_region(size: int) -> None:
    """Raise HubError if a pool of `size` bytes is beyond the 32 bits of memif's offsets."""
    if size >= LARGEST_REGION:
        message = f"a pool of {size} bytes is too large for a region (4 GiB): fewer or smaller frames"
        raise HubError("PoolTooLarge", message)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the kernel tells about memory; tests point it at folders of their own."""

    proc: Path = Path("/proc")
    cgroups: Path = Path("/sys/fs/cgroup")

    def available(self) -> int:
        """Bytes that can be had now without hurting anybody."""
        figures = _meminfo(self.proc)
        reserve = min(figures["MemTotal"] // _RESERVE_DIVISOR, _MOST_RESERVE)
        return max(0, min(figures["MemAvailable"], self._group_headroom()) - reserve)

    def total(self) -> int:
        """Bytes that this process could ever have."""
        return min(_meminfo(self.proc)["MemTotal"], *(limit for limit, _ in self._groups()), _UNLIMITED)

    def free_huge_pages(self) -> int:
        """Bytes of 2 MiB pages that nobody has."""
        figures = _meminfo(self.proc)
        if figures.get("Hugepagesize", 0) != HUGE_PAGE:
            return 0
        unreserved = figures.get("HugePages_Free", 0) - figures.get("HugePages_Rsvd", 0)
        return max(0, unreserved) * HUGE_PAGE

    def _group_headroom(self) -> int:
        return min((max(0, limit - used) for limit, used in self._groups()), default=_UNLIMITED)

    def _groups(self) -> list[tuple[int, int]]:
        """Give (limit, used) of every control group around this process that has a limit."""
        found: list[tuple[int, int]] = []
        for line in _read(self.proc / "self/cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                found += self._walk(self.cgroups, path, "memory.max", "memory.current")
            elif "memory" in controllers.split(","):
                found += self._walk(self.cgroups / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes")
        return found

    @staticmethod
    def _walk(base: Path, path: str, limit_file: str, used_file: str) -> list[tuple[int, int]]:
        """Look at the group and all above it: each bounds its children."""
        found = []
        folder = base / path.strip("/")
        for group in (folder, *folder.parents):
            limit, used = _read(group / limit_file).strip(), _read(group / used_file).strip()
            if limit.isdecimal() and used.isdecimal() and int(limit) < _UNLIMITED:
                found.append((int(limit), int(used)))
            if group == base:
                break
        return found


class Budget:
    """What all pools together may take."""

    def __init__(self, limit: int | None, machine: Machine) -> None:
        self._machine = machine
        self.limit = machine.total() if limit is None else limit

    def check(self, size: int, *, taken: int, huge_pages: bool) -> None:
        """Raise HubError unless a pool of `size` bytes may be made while `taken` bytes are taken."""
        check_region(size)
        self._check_limit("the pool", size, taken)
        if huge_pages:
            free, reason = self._machine.free_huge_pages(), "HugePagesShort"
            _enough("the pool", size, free, reason, "huge pages: reserve more in vm.nr_hugepages")
        else:
            self._check_available("the pool", size)

    def check_peer(self, size: int, *, taken: int) -> None:
        """Raise HubError unless the hub can pay for `size` bytes of a stock peer while `taken` bytes are taken."""
        if size > MOST_OF_PEER:
            message = f"the stock peer announces {size} bytes of memory, {MOST_OF_PEER} at most are taken"
            raise HubError("PeerMemory", message)
        self._check_limit("the stock peer's memory", size, taken)
        self._check_available("the stock peer's memory", size)

    def _check_limit(self, what: str, size: int, taken: int) -> None:
        if taken + size > self.limit:
            message = (
                f"{what} takes {size} bytes, but {taken} of the hub's {self.limit} are taken: raise --memory-limit"
            )
            raise HubError("OutOfMemory", message)

    def _check_available(self, what: str, size: int) -> None:
        _enough(what, size, self._machine.available(), "OutOfMemory", "available memory on this node")


def _enough(what: str, size: int, free: int, reason: str, of_what: str) -> None:
    if size > free:
        message = f"{what} takes {size} bytes, but only {free} are left of the {of_what}"
        raise HubError(reason, message)


def _meminfo(proc: Path) -> dict[str, int]:
    figures = {}
    for line in _read(proc / "meminfo").splitlines():
        name, value, *unit = line.replace(":", " ").split()
        figures[name] = int(value) * (1024 if unit else 1)
    return figures


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step
