from pathlib import Path

import pytest

from mediamesh_agent.hub.errors import HubError
from mediamesh_agent.hub.memory import Budget, Machine, pool_bytes

GIB = 1 << 30


class FakeMachine:
    """Writes what the kernel would say."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.cgroups = folder / "proc", folder / "cgroup"
        self.machine = Machine(self.proc, self.cgroups)
        (self.proc / "self").mkdir(parents=True)
        self.meminfo()
        self.groups("")

    def meminfo(self, total: int = 16 * GIB, available: int = 8 * GIB, huge: int = 0, reserved: int = 0) -> None:
        figures = {"MemTotal": f"{total >> 10} kB", "MemAvailable": f"{available >> 10} kB", "HugePages_Free": huge}
        figures |= {"HugePages_Rsvd": reserved, "Hugepagesize": "2048 kB"}
        (self.proc / "meminfo").write_text("".join(f"{name}:  {value}\n" for name, value in figures.items()))

    def groups(self, text: str) -> None:
        (self.proc / "self/cgroup").write_text(text)

    def limit(self, group: str, files: dict[str, str]) -> None:
        folder = self.cgroups / group
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text + "\n")


@pytest.fixture
def fake(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


def refusal(budget: Budget, size: int, *, taken: int = 0, huge_pages: bool = False) -> str:
    try:
        budget.check(size, taken=taken, huge_pages=huge_pages)
    except HubError as error:
        return error.reason
    return ""


@pytest.mark.parametrize(
    ("frames", "capacity", "huge", "size"),
    [
        (1, 1, False, 8192),
        (2, 4096, False, 2 * 8192),
        (3, 4097, False, 3 * 12288),
        (3, 4097, True, 2 << 20),
        (600, 4096, True, 3 * (2 << 20)),
    ],
)
def test_a_frame_takes_a_page_and_whole_pages_of_payload(frames: int, capacity: int, huge: bool, size: int) -> None:
    assert pool_bytes(frames, capacity, huge_pages=huge) == size


def test_what_is_available_keeps_a_reserve(fake: FakeMachine) -> None:
    fake.meminfo(total=16 * GIB, available=8 * GIB)
    assert fake.machine.available() == 8 * GIB - (256 << 20)
    fake.meminfo(total=GIB, available=GIB // 2)
    assert fake.machine.available() == GIB // 2 - GIB // 20 // 1024 * 1024 - (GIB // 20 % 1024)


def test_the_tightest_control_group_counts_in_version_2(fake: FakeMachine) -> None:
    fake.groups("0::/pods/hub\n")
    fake.limit("pods/hub", {"memory.max": "max", "memory.current": "1000"})
    fake.limit("pods", {"memory.max": str(2 * GIB), "memory.current": str(GIB)})
    assert fake.machine.available() == GIB - (256 << 20)
    assert fake.machine.total() == 2 * GIB


def test_the_control_group_counts_in_version_1(fake: FakeMachine) -> None:
    fake.groups("4:cpu:/x\n3:memory,blkio:/hub\n0::/\n")
    fake.limit("memory/hub", {"memory.limit_in_bytes": str(3 * GIB), "memory.usage_in_bytes": str(GIB)})
    fake.limit("memory", {"memory.limit_in_bytes": str((1 << 63) - 4096), "memory.usage_in_bytes": "0"})
    assert fake.machine.available() == 2 * GIB - (256 << 20)
    assert fake.machine.total() == 3 * GIB


def test_a_group_that_cannot_be_seen_does_not_count(fake: FakeMachine) -> None:
    fake.groups("0::/../elsewhere\n")
    assert fake.machine.total() == 16 * GIB


def test_the_limit_is_the_machine_unless_given(fake: FakeMachine) -> None:
    assert Budget(None, fake.machine).limit == 16 * GIB
    assert Budget(GIB, fake.machine).limit == GIB


def test_the_limit_holds_for_all_pools_together(fake: FakeMachine) -> None:
    budget = Budget(GIB, fake.machine)
    assert not refusal(budget, GIB)
    assert not refusal(budget, GIB // 2, taken=GIB // 2)
    assert refusal(budget, GIB // 2 + 1, taken=GIB // 2) == "OutOfMemory"


def test_the_machine_may_have_less_than_the_limit(fake: FakeMachine) -> None:
    fake.meminfo(available=GIB)
    assert refusal(Budget(8 * GIB, fake.machine), GIB) == "OutOfMemory"


def test_a_region_has_32_bits(fake: FakeMachine) -> None:
    assert refusal(Budget(64 * GIB, fake.machine), 5 * GIB) == "PoolTooLarge"


def test_huge_pages_are_counted_apart(fake: FakeMachine) -> None:
    fake.meminfo(available=0, huge=10, reserved=2)
    budget = Budget(None, fake.machine)
    assert not refusal(budget, 8 * (2 << 20), huge_pages=True)
    assert refusal(budget, 9 * (2 << 20), huge_pages=True) == "HugePagesShort"


def test_the_refusal_says_what_to_do(fake: FakeMachine) -> None:
    with pytest.raises(HubError, match="raise --memory-limit"):
        Budget(GIB, fake.machine).check(2 * GIB, taken=0, huge_pages=False)
    with pytest.raises(HubError, match=r"vm\.nr_hugepages"):
        Budget(GIB, fake.machine).check(2 << 20, taken=0, huge_pages=True)


def test_this_machine_can_be_asked() -> None:
    assert 0 < Machine().available() <= Machine().total()
