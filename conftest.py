"""What every test of every part gets: it must leave nothing behind.

A mesh is made of processes, descriptors and shared memory, so a test that forgets one of them hides a bug of ours or
makes the next test fail. Each test is compared with what was there before it: processes started by it or by its
descendants (orphans too: they all inherit one variable of the environment), zombies, open descriptors, memfd mappings,
files in /dev/shm, and the native package's own counts of live objects. What lives for a module or for the session is
there before the first test that uses it and is looked at again when the session ends.

Taking stock costs a millisecond or two, of several thousand tests, so what one test leaves is what the next one finds,
unless something that lives longer began or ended between them. Only when something is left is there a garbage
collection, and some patience: a process that was told to end may take a moment.
"""

import gc
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

PATIENCE = 5.0
MARK = "MEDIAMESH_TEST_SESSION"
LASTING = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
# iceoryx2 and multiprocessing tidy up on their own, benchmarks of other processes are theirs
FOREIGN_SHARED_MEMORY = ("iox2_", "sem.mp-", "mediamesh-bench-")
OWN_SHARED_MEMORY = f"mediamesh-bench-{os.getpid()}-"
LONGEST_FOLDER = 60  # sun_path has 107 characters, and pods/<uid>/attach.sock needs its part

pytest.register_assert_rewrite("mediamesh_testing")  # its assertions are tests' as well
_FOREIGN: set[str] = set()  # processes once seen to be somebody else's
_LATEST: list["Belongings"] = []  # what the last test left, or nothing where that is not known
os.environ[MARK] = f"{os.getpid()}-{time.monotonic_ns()}"
# No deadlines: tests make no statement about time.
hypothesis.settings.register_profile(
    "mediamesh",
    deadline=None,
    database=hypothesis.database.DirectoryBasedExampleDatabase(Path("~/.cache/mediamesh/hypothesis").expanduser()),
)
hypothesis.settings.load_profile("mediamesh")


@dataclass(frozen=True, slots=True)
class Belongings:
    """What a process has at one moment, to be compared with an earlier one."""

    processes: frozenset[str]
    descriptors: frozenset[str]
    mappings: frozenset[str]
    shared_files: frozenset[str]
    native: frozenset[str]

    def beyond(self, before: "Belongings") -> list[str]:
        """Name what is new, of every kind of which there is more than `before`: a replacement is not left behind."""
        return [
            row
            for kind in fields(self)
            for row in _more(kind.name, getattr(self, kind.name), getattr(before, kind.name))
        ]


def _more(kind: str, now: frozenset[str], before: frozenset[str]) -> list[str]:
    return [f"{kind}: {thing}" for thing in sorted(now - before)] if len(now) > len(before) else []


def belongings() -> Belongings:
    """Take stock."""
    return Belongings(
        processes=frozenset(_processes()),
        descriptors=frozenset(_descriptors()),
        mappings=frozenset(_memfd_mappings()),
        shared_files=frozenset(_shared_files()),
        native=frozenset(_native_objects()),
    )


def _processes() -> Iterator[str]:
    """Yield every process that descends from this test session, orphans and zombies included."""
    for pid in (name for name in os.listdir("/proc") if name.isdecimal() and name not in _FOREIGN):  # noqa: PTH208
        try:
            if _is_ours(pid):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if not any(name in command for name in LASTING):
                    yield f"{pid} {command.strip() or '(zombie)'}"
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        except PermissionError:
            _FOREIGN.add(pid)


def _is_ours(pid: str) -> bool:
    if pid == str(os.getpid()):
        return False
    parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    if parent == str(os.getpid()):
        return True
    kernel = parent in {"0", "2"}  # its threads have no environment to look at
    environment = b"" if kernel else Path(f"/proc/{pid}/environ").read_bytes()
    ours = f"{MARK}={os.environ[MARK]}".encode() in environment
    if kernel or (environment and not ours):  # empty in the moment of an exec
        _FOREIGN.add(pid)
    return ours


def _descriptors() -> Iterator[str]:
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            yield f"{number} {os.readlink(f'/proc/self/fd/{number}')}"  # noqa: PTH115
        except FileNotFoundError:
            continue  # the one that lists the folder


def _memfd_mappings() -> Iterator[str]:
    maps = Path("/proc/self/maps").read_bytes()
    for line in maps.decode().splitlines() if b"/memfd:" in maps else ():
        if "/memfd:" in line:
            yield line.split()[0] + " " + line.partition("/memfd:")[2]


def _shared_files() -> Iterator[str]:
    names = (path.name for path in Path("/dev/shm").iterdir())  # noqa: S108  (only looked at)
    return (name for name in names if name.startswith(OWN_SHARED_MEMORY) or not name.startswith(FOREIGN_SHARED_MEMORY))


def _native_objects() -> Iterator[str]:
    port = sys.modules.get("mediamesh_native.port")
    if port is None:
        return
    for name, count in port.live_objects().items():
        yield from (f"{name} no. {number}" for number in range(1, count + 1))


def left_over(before: Belongings) -> list[str]:
    """Name what is there beyond `before`, after the garbage is collected and what is ending has ended."""
    now, until = belongings(), time.monotonic() + PATIENCE
    while (found := now.beyond(before)) and time.monotonic() < until:
        gc.collect()
        time.sleep(0.01)
        now = belongings()
    _LATEST[:] = [now]
    return found


def _forget_the_latest(fixture: pytest.FixtureDef[Any]) -> None:
    if fixture.scope != "function":
        _LATEST.clear()


def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> None:
    """Look again before the next test if something begins that lives longer than a test."""
    _forget_the_latest(fixturedef)


def pytest_fixture_post_finalizer(fixturedef: pytest.FixtureDef[Any]) -> None:
    """Look again before the next test if such a thing has ended."""
    _forget_the_latest(fixturedef)


@pytest.fixture(autouse=True)
def _nothing_left_by_the_test() -> Iterator[None]:
    before, policy = _LATEST.pop() if _LATEST else belongings(), os.sched_getscheduler(0)
    yield
    if os.sched_getscheduler(0) != policy:  # a library has made it so, and all that come after would starve others
        os.sched_setscheduler(0, policy, os.sched_param(0))
        pytest.fail("left behind: another scheduling policy")
    if found := left_over(before):
        pytest.fail("left behind:\n  " + "\n  ".join(found))


@pytest.fixture(scope="session", autouse=True)
def _nothing_left_by_the_session() -> Iterator[None]:
    before = belongings()
    yield
    # Libraries may keep a descriptor for good; processes and memory they may not.
    if found := [row for row in left_over(before) if not row.startswith("descriptors")]:
        pytest.fail("left behind by the session:\n  " + "\n  ".join(found))


@pytest.fixture
def free_dir() -> Iterator[Path]:
    """Give an empty folder with a path short enough for unix sockets below it."""
    folder = Path(tempfile.mkdtemp(prefix="mm-", dir=_short_folder()))
    yield folder
    shutil.rmtree(folder)


def _short_folder() -> str:
    chosen = tempfile.gettempdir()
    return chosen if len(chosen) < LONGEST_FOLDER else "/tmp"  # noqa: S108  (mkdtemp makes it private)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Give a worker whole files, and all tests with DPDK to the same one: each keeps a core busy by itself."""
    return _FilesAndDpdk(config, log)


class _FilesAndDpdk(LoadFileScheduling):  # type: ignore[misc]  # it ships no types
    def _split_scope(self, nodeid: str) -> str:
        return "dpdk" if "dpdk" in nodeid else str(super()._split_scope(nodeid))
