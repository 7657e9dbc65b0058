"""What the fault tests play with: chance with a seed, and an audit of leaks.

A moment is chosen by chance as a number of frames that still have to flow, so that the load is on when something
is struck, on slow machines too, and a failure can be repeated by its seed. The audit compares what a hub's process
holds with what it held before: descriptors by kind, mappings of memfds, files in its folder, and memory of its own,
which may differ by what an allocator keeps. One source has come and gone before the base line is taken, because a
flow keeps its last pool and the next one.
"""

import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import bridge, lossless, sink
from mediamesh_testing.waiting import PATIENCE, wait_until
from mediamesh_testing.watching import Watched

import mediamesh
from mediamesh_protos import plan_pb2

LONG = bool(os.environ.get("MEDIAMESH_LONG"))
"""Whether the long variants run: `MEDIAMESH_LONG=1 make test ARGS=agent/tests/faults`."""


ALLOCATORS = 16 << 20
"""Bytes by which a process may grow without having lost any."""


def repeats(few: int, many: int) -> range:
    """Seeds for a test that is repeated: few in the normal run, many in the long one."""
    return range(many if LONG else few)


class Chance:
    """Moments under load, by a seed."""

    def __init__(self, hub: Watched, seed: int) -> None:
        self.random = random.Random(seed)
        self._hub = hub

    def moment(self, connection: str = "default/cam", most: int = 60) -> None:
        """Wait until some more frames have gone through; fails if the flow stands still."""
        until = self._hub.flow(connection).frames + self.random.randint(1, most)
        wait_until(lambda: self._hub.flow(connection).frames >= until, "the flow to go on")


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a hub's process holds, and what lies in its folder."""

    descriptors: Counter[str]
    mappings: int
    files: frozenset[str]
    memory: int

    @classmethod
    def of(cls, pid: int, root: Path) -> "Footprint":
        links = (_target(link) for link in Path(f"/proc/{pid}/fd").iterdir())
        maps = Path(f"/proc/{pid}/maps").read_text().count("/memfd:")
        files = frozenset(str(path.relative_to(root)) for path in root.rglob("*"))
        return cls(Counter(links), maps, files, _own_memory(pid))

    def beyond(self, before: "Footprint") -> str:
        """Say what is more than before; empty if nothing is."""
        more = {f"{count} {kind}" for kind, count in (self.descriptors - before.descriptors).items()}
        more |= {f"file {name}" for name in self.files - before.files}
        more |= {f"{self.mappings - before.mappings} mappings"} if self.mappings > before.mappings else set()
        grown = self.memory - before.memory
        more |= {f"{grown >> 20} MiB of memory"} if grown > ALLOCATORS else set()
        return ", ".join(sorted(more))


def _own_memory(pid: int) -> int:
    """Return the bytes of a process that no file and no pool is behind."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("RssAnon:")[2].split(maxsplit=1)[0]) << 10


def _target(link: Path) -> str:
    try:
        return re.sub(r"\d+", "#", str(link.readlink()))
    except FileNotFoundError:
        return "closing"


@contextmanager
def audited(hub: HubUnderTest, *connections: str) -> Iterator[None]:
    """Assert that after the block the hub (or who follows it) holds no more than before."""
    for connection in connections or ("default/cam",):
        _rehearse(connection)
    before = _settled(hub)
    yield

    def more() -> str:
        return _settled(hub).beyond(before)

    wait_until(lambda: not more(), lambda: f"the hub to have no more than before: {more()}")


@contextmanager
def recording(hub: HubUnderTest, *others: plan_pb2.SinkPlan) -> Iterator[None]:
    """Let the flow have a recorder beside its other sinks for a while."""
    recorder = sink("record", endpoint=bridge("file", '{"path": "cam.raw"}'), policy="block", max_attachments=1)
    hub.apply(lossless(sinks=[*others, recorder]), revision=2)
    yield
    hub.apply(lossless(sinks=others), revision=3)
    wait_until(lambda: not hub.observe().bridges, "the recorder to be gone")


def _rehearse(connection: str) -> None:
    with mediamesh.open_source(connection) as feeding:
        feeding.send(b"rehearsal", timeout=PATIENCE)


def _settled(hub: HubUnderTest) -> Footprint:
    """Wait until nobody is attached, every frame is home and every flow has its next pool; then look."""
    wait_until(lambda: not any(one.attachments for one in hub.observe().flows), "all clients to be gone")
    wait_until(lambda: all(one.pool_free >= one.pool_frames - 1 for one in hub.observe().flows), "frames to come home")
    wait_until(lambda: _pools(hub) >= 2 * len(hub.observe().flows), "the next pool of every flow")
    return Footprint.of(hub.process.pid, hub.root)


def _pools(hub: HubUnderTest) -> int:
    found = Footprint.of(hub.process.pid, hub.root).descriptors
    return sum(count for name, count in found.items() if "mediamesh-pool" in name)
