import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mediamesh_testing.waiting import PATIENCE, eventually

from mediamesh_agent.hub import supervisor as supervision
from mediamesh_agent.hub.bridge_process import Instruction, Launcher, LineReader, lock_holder, says_done
from mediamesh_agent.hub.supervisor import Supervisor, _why
from mediamesh_protos import hub_pb2

COMMAND = [sys.executable, str(Path(__file__).with_name("quiet_bridge.py"))]


class Rig:
    """A supervisor whose bridges are tiny."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.launcher = Launcher(folder, folder, COMMAND)
        self.supervisor = Supervisor(folder, self.launcher)

    def instruction(self, endpoint: str = "out", role: str = "sink", **config: Any) -> Instruction:
        return Instruction("default/cam", endpoint, role, "quiet", json.dumps(config))

    def observed(self, endpoint: str = "out") -> hub_pb2.ObservedBridge:
        return next(one for one in self.supervisor.observed() if one.endpoint == endpoint)

    async def at_work(self, instruction: Instruction) -> int:
        """Return the pid once the process holds its lock."""
        lock = self.launcher.lock(instruction)
        await eventually(lambda: lock_holder(lock))
        return lock_holder(lock)

    async def end(self) -> None:
        await self.supervisor.stop("source", PATIENCE)
        await self.supervisor.stop("sink", PATIENCE)


def run(folder: Path, scenario: Callable[[Rig], Awaitable[None]]) -> None:
    async def whole() -> None:
        rig = Rig(folder)
        try:
            await scenario(rig)
        finally:
            await rig.end()

    asyncio.run(whole())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "FIRST_BACKOFF", 0.01)


def test_a_bridge_runs_as_long_as_it_is_wanted(free_dir: Path) -> None:
    async def scenario(rig: Rig) -> None:
        note = free_dir / "note"
        told = rig.instruction(note=str(note))
        rig.supervisor.arrange([told])
        pid = await rig.at_work(told)
        await eventually(note.exists)
        await eventually(lambda: note.read_text() == f"sink {pid} {free_dir}")
        assert rig.supervisor.pid_of("default/cam", "out") == pid
        assert rig.observed().state == "Starting"
        rig.supervisor.attached("default/cam", "out")
        assert rig.observed().state == "Running"
        assert os.getsid(pid) == pid
        rig.supervisor.arrange([])
        await eventually(lambda: not lock_holder(rig.launcher.lock(told)))

    run(free_dir, scenario)
    assert [path.name for path in free_dir.iterdir()] == ["note"]


def test_the_same_instruction_again_changes_nothing(free_dir: Path) -> None:
    async def scenario(rig: Rig) -> None:
        told = rig.instruction()
        rig.supervisor.arrange([told])
        pid = await rig.at_work(told)
        rig.supervisor.arrange([rig.instruction()])
        assert rig.supervisor.pid_of("default/cam", "out") == pid

    run(free_dir, scenario)


def test_other_settings_are_another_process(free_dir: Path) -> None:
    async def scenario(rig: Rig) -> None:
        before, after = rig.instruction(number=1), rig.instruction(number=2)
        rig.supervisor.arrange([before])
        await rig.at_work(before)
        rig.supervisor.arrange([after])
        await rig.at_work(after)
        assert not lock_holder(rig.launcher.lock(before))
        assert not rig.launcher.lock(before).exists()

    run(free_dir, scenario)


def test_a_bad_end_is_told_and_tried_again(free_dir: Path) -> None:
    async def scenario(rig: Rig) -> None:
        rig.supervisor.arrange([rig.instruction(exit=3, says=["first", "NoSuchFile: a.mp4 is not there"])])
        await eventually(lambda: rig.observed().restarts >= 3)
        assert rig.observed().last_error == "NoSuchFile: a.mp4 is not there"

    run(free_dir, scenario)


def test_a_killed_process_is_not_blamed_on_its_last_line(free_dir: Path) -> None:
    async def scenario(rig: Rig) -> None:
        told = rig.instruction(says=["a warning on the way"])
        rig.supervisor.arrange([told])
        os.kill(await rig.at_work(told), signal.SIGKILL)
        await eventually(lambda: rig.observed().restarts)
        assert rig.observed().last_error == "killed by SIGKILL"

    run(free_dir, scenario)


@pytest.mark.parametrize(
    ("code", "last_line", "reason"),
    [
        (1, "NoSuchFile: a.mp4", "NoSuchFile: a.mp4"),
        (1, "", "status 1"),
        (-15, "a warning", "killed by SIGTERM"),
        (None, "DiskFull: it is", "DiskFull: it is"),
        (None, "", "it did not say why"),
    ],
)
def test_every_bad_end_has_a_reason(code: int | None, last_line: str, reason: str) -> None:
    assert _why(code, last_line) == reason


def test_a_good_end_is_for_good(free_dir: Path) -> None:
    async def scenario(rig: Rig) -> None:
        told = rig.instruction(exit=0)
        rig.supervisor.arrange([told])
        await eventually(lambda: rig.observed().state == "Stopped")
        rig.supervisor.arrange([told])
        assert (rig.observed().state, rig.observed().restarts, rig.observed().pid) == ("Stopped", 0, 0)

    run(free_dir, scenario)


def test_who_was_done_before_this_hub_came_is_not_started(free_dir: Path) -> None:
    async def scenario(rig: Rig) -> None:
        told, other = rig.instruction(exit=0), rig.instruction(exit=1)
        rig.launcher.lock(told).write_text("done\n")
        rig.supervisor.arrange([told])
        assert (rig.observed().state, rig.observed().pid) == ("Stopped", 0)
        rig.supervisor.arrange([other])
        await eventually(lambda: rig.observed().restarts)
        assert not rig.launcher.lock(told).exists()

    run(free_dir, scenario)


@pytest.mark.parametrize("state", ["Running", "Stopped"])
def test_who_was_done_during_a_handover_is_not_started(free_dir: Path, state: str) -> None:
    async def scenario(rig: Rig) -> None:
        told = rig.instruction()
        rig.launcher.lock(told).write_text("done\n")
        seen = hub_pb2.ObservedBridge(connection="default/cam", endpoint="out", state=state, restarts=7)
        rig.supervisor.restore([seen], lambda *_: told)
        rig.supervisor.arrange([told])
        assert (rig.observed().state, rig.observed().pid, rig.observed().restarts) == ("Stopped", 0, 7)

    run(free_dir, scenario)


@pytest.mark.parametrize("kind", ["missing", "folder", "link", "empty", "other"])
def test_only_a_lock_file_that_says_so_says_done(free_dir: Path, kind: str) -> None:
    lock = free_dir / "x.lock"
    (free_dir / "elsewhere").write_text("done\n")
    if kind == "folder":
        lock.mkdir()
    elif kind == "link":
        lock.symlink_to(free_dir / "elsewhere")
    elif kind != "missing":
        lock.write_text("" if kind == "empty" else "done, but not quite")
    assert not says_done(lock)
    assert says_done(free_dir / "elsewhere")


def test_a_clean_end_clears_the_last_error(free_dir: Path) -> None:
    async def scenario(rig: Rig) -> None:
        rig.supervisor.arrange([rig.instruction(exit=3, says=["NoSuchFile: a.mp4 is not there"])])
        await eventually(lambda: rig.observed().last_error)
        rig.supervisor.arrange([rig.instruction(exit=0, says=["a warning on the way"])])
        await eventually(lambda: rig.observed().state == "Stopped")
        assert (rig.observed().pid, rig.observed().last_error) == (0, "")

    run(free_dir, scenario)


def test_a_killed_bridge_comes_back(free_dir: Path) -> None:
    async def scenario(rig: Rig) -> None:
        told = rig.instruction()
        rig.supervisor.arrange([told])
        pid = await rig.at_work(told)
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: lock_holder(rig.launcher.lock(told)) not in {0, pid})
        assert rig.observed().restarts == 1

    run(free_dir, scenario)


def test_a_restart_by_hand_is_another_process(free_dir: Path) -> None:
    async def scenario(rig: Rig) -> None:
        told = rig.instruction()
        rig.supervisor.arrange([told])
        pid = await rig.at_work(told)
        assert rig.supervisor.restart("default/cam", "out")
        await eventually(lambda: lock_holder(rig.launcher.lock(told)) not in {0, pid})
        assert not rig.supervisor.restart("default/cam", "nobody")

    run(free_dir, scenario)


def test_who_does_not_end_is_killed(free_dir: Path) -> None:
    async def scenario(rig: Rig) -> None:
        told = rig.instruction(stubborn=True)
        rig.supervisor.arrange([told])
        await rig.at_work(told)
        await rig.supervisor.stop("sink", 0.05)
        assert not lock_holder(rig.launcher.lock(told))

    run(free_dir, scenario)


def test_a_command_that_cannot_be_started_is_tried_again(free_dir: Path) -> None:
    async def scenario(rig: Rig) -> None:
        rig.launcher._command = ["/nowhere/at/all"]
        rig.supervisor.arrange([rig.instruction()])
        await eventually(lambda: rig.observed().state == "Backoff")
        assert "cannot be started" in rig.observed().last_error

    run(free_dir, scenario)


def test_a_new_hub_adopts_what_runs_and_hears_it(free_dir: Path) -> None:
    async def first_life() -> int:
        rig = Rig(free_dir)
        told = rig.instruction(says=["hello"])
        rig.supervisor.arrange([told])
        pid = await rig.at_work(told)
        bridge = rig.supervisor._bridges["default/cam", "out"]
        process = bridge.process
        assert process is not None
        assert process._child is not None
        rig.supervisor.let_go()
        process._child.returncode = 0  # this hub is dead: it reaps nobody
        return pid

    pid = asyncio.run(first_life())

    async def second_life(rig: Rig) -> None:
        told = rig.instruction(says=["hello"])
        rig.supervisor.arrange([told])
        assert rig.supervisor.pid_of("default/cam", "out") == pid
        assert rig.observed().state == "Running"

    run(free_dir, second_life)
    os.waitpid(pid, 0)


def test_who_is_not_in_the_plan_is_told_to_end(free_dir: Path) -> None:
    async def scenario(rig: Rig) -> None:
        told = rig.instruction(forgotten=True)
        process = rig.launcher.spawn(told)
        assert process._child is not None
        await rig.at_work(told)
        rig.supervisor.dismiss_strangers()
        await eventually(lambda: process._child is not None and process._child.poll() is not None)
        await eventually(lambda: not rig.launcher.lock(told).exists())
        (free_dir / "dead.lock").touch()
        rig.supervisor.dismiss_strangers()
        assert not list(free_dir.iterdir())
        process.let_go(asyncio.get_running_loop())

    run(free_dir, scenario)


def test_what_a_bridge_says_is_bounded(free_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    reader = LineReader(free_dir / "fifo", "bridge x")
    try:
        os.write(reader.fd, b"".join(b"line %d\n" % number for number in range(500)) + b"rest")
        reader.read(now=1.0)
        os.write(reader.fd, b" of it\n" + b"y" * 5000 + b"\n")
        reader.read(now=2.0)
        assert reader.last == "y" * 1000
        lines = [record.getMessage() for record in caplog.records]
        assert lines[:2] == ["bridge x: line 0", "bridge x: line 1"]
        assert "bridge x: rest of it" in lines
        assert len(lines) < 30
    finally:
        os.close(reader.fd)


def test_only_who_holds_the_lock_holds_it(free_dir: Path) -> None:
    assert lock_holder(free_dir / "none.lock") == 0
    (free_dir / "free.lock").touch()
    assert lock_holder(free_dir / "free.lock") == 0
