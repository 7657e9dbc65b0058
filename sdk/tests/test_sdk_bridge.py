import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.waiting import wait_until
from sdk_plans import BLOB, connection

import mediamesh
from mediamesh import bridge
from mediamesh.errors import BadInstruction, BridgeAlreadyRuns, UnknownBridge, WrongLength
from mediamesh.stopping import Stopping

# A bridge in an installed distribution, as far as importlib.metadata can tell: a folder with its metadata on the path.
COUNTER = """
import sys
from mediamesh.errors import Interrupted, WrongLength

class Counter:
    name = "counter"
    roles = ("sink",)

    def validate(self, config, role, format):
        if "wrong" in config:
            raise WrongLength("settings\\nthat cannot work")

    def run(self, context):
        if "nothing" in context.config:
            return
        if "crash" in context.config:
            raise RuntimeError("the disk is full")
        count = 0
        with context.open() as sink:
            print("attached", flush=True)
            for frame in sink:
                with frame:
                    count += 1
        print(count, context.stopping.is_set(), context.media_root, flush=True)

bridge = Counter()
"""


@pytest.fixture
def counter(free_dir: Path) -> dict[str, str]:
    """The environment of a process that finds the bridge `counter`."""
    information = free_dir / "counter-1.dist-info"
    information.mkdir()
    (free_dir / "counter.py").write_text(COUNTER)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: counter\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[mediamesh.bridges]\ncounter = counter:bridge\n")
    return {**os.environ, "PYTHONPATH": str(free_dir), "MEDIAMESH_MEDIA": str(free_dir)}


def instruction(folder: Path, **changes: Any) -> dict[str, Any]:
    lock = str(folder / "lock")
    whole = {"connection": "default/cam", "endpoint": "sink0", "role": "sink", "config": {}, "lock": lock}
    return whole | changes


def start(environment: dict[str, str], told: dict[str, Any], name: str = "counter") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "mediamesh.bridge", name],
        env=environment | {"MEDIAMESH_BRIDGE": json.dumps(told)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_bridge_runs_until_it_is_told_to_stop(
    hub: HubUnderTest, free_dir: Path, counter: dict[str, str], number: signal.Signals
) -> None:
    hub.apply(connection())
    process = start(counter, instruction(free_dir))
    assert process.stdout is not None
    assert process.stdout.readline() == "attached\n"
    with mediamesh.open_source("cam", timeout=30) as source:
        for _ in range(10):
            source.send(b"x", timeout=30)
        wait_until(lambda: hub.attachments("sink")[0].received == 10)
    other = start(counter, instruction(free_dir))
    assert other.communicate(timeout=60)[1].startswith("BridgeAlreadyRuns: ")
    assert other.returncode == 1
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == (f"10 True {free_dir}\n", 0)
    assert all(line.startswith("waiting ") for line in err.splitlines()), err  # which is said if the hub is slow
    assert (free_dir / "lock").read_text() == ""  # it was stopped, it was not done


def test_who_is_done_for_good_says_so_in_the_lock_file_until_the_next_run(
    free_dir: Path, counter: dict[str, str]
) -> None:
    lock = free_dir / "lock"
    for _ in range(2):
        process = start(counter, instruction(free_dir, config={"nothing": 1}))
        assert process.communicate(timeout=60) == ("", "")
        assert (process.returncode, lock.read_text()) == (0, "done\n")
    process = start(counter, instruction(free_dir, config={"crash": 1}))
    process.communicate(timeout=60)
    assert (process.returncode, lock.read_text()) == (1, "")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"config": {"crash": 1}}, "RuntimeError: the disk is full"),
        ({"config": {"wrong": 1}}, "WrongLength: settings that cannot work"),
        ({"role": "source"}, "BadInstruction: bridge 'counter' cannot be a source (it can be: sink)"),
    ],
)
def test_the_last_line_is_the_reason(
    hub: HubUnderTest, free_dir: Path, counter: dict[str, str], changes: dict[str, Any], reason: str
) -> None:
    hub.apply(connection())
    process = start(counter, instruction(free_dir, **changes))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines()[-1] == reason


def test_a_bridge_that_waits_for_a_hub_can_be_stopped(free_dir: Path, counter: dict[str, str]) -> None:
    process = start(counter | {"MEDIAMESH_DIR": str(free_dir / "nowhere")}, instruction(free_dir))
    wait_until((free_dir / "lock").exists)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode in {0, -signal.SIGTERM}, err  # the latter before it could set its handler


def test_a_bridge_without_a_name_or_an_instruction(counter: dict[str, str]) -> None:
    unknown = start(counter, {}, "unknown")
    assert "UnknownBridge: no bridge 'unknown' is installed (installed: " in unknown.communicate(timeout=60)[1]
    empty = start(counter, {})
    assert empty.communicate(timeout=60)[1].startswith("BadInstruction: MEDIAMESH_BRIDGE does not hold an instruction")
    usage = subprocess.run([sys.executable, "-m", "mediamesh.bridge"], capture_output=True, text=True, check=False)
    assert (usage.returncode, usage.stderr) == (2, "usage: python -m mediamesh.bridge NAME\n")


class Doubling:
    name = "doubling"
    roles: tuple[bridge.Role, ...] = ("source", "sink")

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def validate(self, config: Any, role: bridge.Role, format: Any) -> None:
        self.asked.append((dict(config), role, format))
        if config.get("wrong"):
            raise WrongLength("wrong")

    def run(self, context: bridge.BridgeContext) -> None:
        raise NotImplementedError


def context_of(tool: bridge.Bridge, folder: Path, **changes: Any) -> bridge.BridgeContext:
    told = json.dumps(instruction(folder, **changes))
    return bridge.read_instruction(tool, {"MEDIAMESH_BRIDGE": told})[0]


def test_opening_validates_and_closes_what_it_cannot_use(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(connection())
    tool = Doubling()
    for role, endpoint, kind in (("source", "camera", mediamesh.Source), ("sink", "sink0", mediamesh.Sink)):
        context = context_of(tool, free_dir, role=role, endpoint=endpoint)
        with context.open() as end:
            assert isinstance(end, kind)
        assert tool.asked.pop() == ({}, role, BLOB)
        wrong = context_of(tool, free_dir, role=role, endpoint=endpoint, config={"wrong": 1})
        with pytest.raises(WrongLength):
            wrong.open()
        context.stopping.close()
        wrong.stopping.close()


@pytest.mark.parametrize("broken", ["", "no json", "[]", "{}"])
def test_instructions_are_checked(broken: str) -> None:
    with pytest.raises(BadInstruction):
        bridge.read_instruction(Doubling(), {"MEDIAMESH_BRIDGE": broken})


def test_bridges_are_found_by_name() -> None:
    with pytest.raises(UnknownBridge):
        bridge.find("no such bridge")
    assert bridge.names() == sorted(bridge.names())


def test_a_lock_is_held_while_the_block_lasts(free_dir: Path) -> None:
    attempt = "import sys; from mediamesh.bridge import holding\nwith holding(sys.argv[1]): pass"
    command = [sys.executable, "-c", attempt, str(free_dir / "lock")]
    with bridge.holding(free_dir / "lock"):
        held = subprocess.run(command, capture_output=True, text=True, check=False)
    assert BridgeAlreadyRuns.__name__ in held.stderr
    assert subprocess.run(command, check=True).returncode == 0


def test_stopping_ends_waits_and_calls_back() -> None:
    stopping = Stopping()
    called: list[str] = []
    stopping.call(lambda: called.append("early"))
    assert not stopping.is_set()
    assert not stopping.wait(0)
    waiting = threading.Thread(target=stopping.wait)
    waiting.start()
    stopping.set()
    waiting.join(30)
    assert not waiting.is_alive()
    stopping.call(lambda: called.append("late"))
    assert stopping.is_set()
    assert stopping.wait()
    assert called == ["early", "late"]
    stopping.close()
