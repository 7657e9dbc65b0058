import fcntl
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mediamesh_agent.errors import AgentAlreadyRuns
from mediamesh_agent.folder import kill_bridges, remove_dead_sockets, running_bridges, sole_agent

HOLD = """
import fcntl, signal, sys
file = open(sys.argv[1], "r+b")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
signal.pause()
"""


def holder(path: Path) -> "subprocess.Popen[bytes]":
    """A process that holds a POSIX lock, as a bridge does."""
    path.parent.mkdir(exist_ok=True)
    path.touch()
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    process.stdout.close()
    return process


def test_a_second_agent_is_refused_and_a_later_one_is_not(tmp_path: Path) -> None:
    refused = pytest.raises(AgentAlreadyRuns, match="--root")
    with sole_agent(tmp_path / "root"), refused, sole_agent(tmp_path / "root"):
        pytest.fail("two agents on one folder")
    with sole_agent(tmp_path / "root"):
        assert list((tmp_path / "root").iterdir()) == []


def test_a_folder_in_which_nothing_was_left_goes_again_if_it_was_made_for_it(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    with sole_agent(there / "a" / "b"):
        assert (there / "a" / "b").is_dir()
    assert list(there.iterdir()) == []
    with sole_agent(there):
        pass
    with sole_agent(there / "kept"):
        (there / "kept" / "plan.pb").touch()
    assert (there / "kept" / "plan.pb").exists()


def test_a_folder_that_was_removed_before_it_could_be_locked_is_not_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(descriptor: int, operation: int) -> None:
        (tmp_path / "root").rmdir()

    monkeypatch.setattr(fcntl, "flock", slow)
    with pytest.raises(AgentAlreadyRuns), sole_agent(tmp_path / "root"):
        pytest.fail("in a folder that is gone")


def test_the_lock_ends_with_the_process(tmp_path: Path) -> None:
    code = "import os, sys, pathlib; from mediamesh_agent.folder import sole_agent\n"
    code += "with sole_agent(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    died = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert died.returncode == -signal.SIGKILL
    with sole_agent(tmp_path):
        pass


def test_running_bridges_are_found_by_their_locks_and_killed(tmp_path: Path) -> None:
    process = holder(tmp_path / "bridges" / "a.lock")
    (tmp_path / "bridges" / "b.lock").touch()
    assert running_bridges(tmp_path) == [process.pid]
    assert kill_bridges(tmp_path) == [process.pid]
    assert process.wait() == -signal.SIGKILL
    assert running_bridges(tmp_path) == []


def test_without_bridges_there_is_nothing_to_kill(tmp_path: Path) -> None:
    assert kill_bridges(tmp_path) == []


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def test_only_dead_sockets_are_removed(free_dir: Path, kind: int) -> None:
    (free_dir / "pods" / "uid").mkdir(parents=True)
    dead, living = free_dir / "pods" / "uid" / "attach.sock", free_dir / "hub.sock"
    with socket.socket(socket.AF_UNIX, kind) as died, socket.socket(socket.AF_UNIX, kind) as lives:
        died.bind(str(dead))
        lives.bind(str(living))
        lives.listen()
        died.close()
        remove_dead_sockets(free_dir)
        assert not dead.exists()
        assert living.exists()


def test_a_foreign_process_number_is_never_ours(tmp_path: Path) -> None:
    (tmp_path / "bridges").mkdir()
    os.mkfifo(tmp_path / "bridges" / "fifo")
    assert running_bridges(tmp_path) == []
