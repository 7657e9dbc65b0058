"""The wall clock is set an hour ahead, back, and an hour behind while frames flow: nobody waits by it.

Setting the machine's clock would disturb everything else on it, and a time namespace does not have the wall clock. So a
small library, preloaded into hub and clients, adds an hour to what they read from it. Whoever reckoned
a deadline by the wall clock would now wait for an hour, or not at all.
"""

import mmap
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults_stage import Chance, audited
from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.hub import HubUnderTest, running_hub
from mediamesh_testing.plans import lossless
from mediamesh_testing.waiting import wait_until
from mediamesh_testing.watching import all_taken

HOUR = 3600
NS = 1_000_000_000
Step = Callable[[int], None]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("clock") / "wall_clock_step.so"
    text = Path(__file__).with_name("wall_clock_step.c")
    subprocess.run(["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", built, text], check=True)
    return built


@pytest.fixture
def step(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    """Set the wall clock of all processes that this test starts so many seconds off."""
    path = tmp_path / "step"
    path.write_bytes(bytes(8))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("WALL_CLOCK_STEP", str(path))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 8) as memory:
        yield lambda seconds: struct.pack_into("=q", memory, 0, seconds)


@pytest.fixture
def stepped_hub(root: Path, step: Step) -> Iterator[HubUnderTest]:
    with running_hub(root) as running:
        yield running


def test_frames_flow_on_whatever_the_wall_clock_says(stepped_hub: HubUnderTest, step: Step) -> None:
    hub, idle = stepped_hub, "default/idle"
    hub.apply(lossless(), lossless(idle))
    chance = Chance(hub, 0)
    waiter = {"role": "waiter", "connection": idle, "pace": 0.02, "rounds": 40}
    with audited(hub, "default/cam", idle), acting(taker(), source()) as (taking, feeding):
        for seconds in (HOUR, 0, -HOUR, HOUR):
            step(seconds)
            chance.moment()
            with acting(waiter, taker()) as (waiting, late):
                step(-seconds)
                chance.moment()
                assert waiting.says()["shortest"] >= 0.02
                wait_until(lambda: all(one.received for one in hub.flow().attachments if one.role == "sink"), "frames")
                unharmed(late.end())
            hub.succeed()
        feeding.end()
        all_taken(hub)
        report = taking.end()
    unharmed(report)
    assert report["flagged"] == []
    first, last = report["times"]
    assert abs(first - last) > HOUR * NS // 2, "the step was real"
