"""PID 1 of the hub's container: real keepers, each in a pid and mount namespace of its own, as containers have them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import bridge, flow, lossless, sink
from mediamesh_testing.waiting import PATIENCE, wait_until
from mediamesh_testing.watching import all_taken

from mediamesh_agent.hub import container, probe
from mediamesh_protos import hub_pb2

APART = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
VIDEO = '{"video":{"frameRate":"25","height":2,"pixelFormat":"gray","width":2}}'


class Container(HubUnderTest):
    """A keeper with its pod's folder; what it keeps on `root` is asked like any hub."""

    def __init__(self, root: Path, pod: Path, *options: str) -> None:
        pod.mkdir(exist_ok=True)
        self.root, self.mark, self.log_file = root, pod / "handed-over", pod / "log"
        keeper = [sys.executable, "-m", "mediamesh_agent.hub.keeper", f"--root={root}", f"--mark={self.mark}", *options]
        with self.log_file.open("ab") as log:
            environment = os.environ | {"MEDIAMESH_MEDIA": str(pod)}
            self.process = subprocess.Popen([*APART, *keeper], stderr=log, env=environment)
        wait_until(lambda: children(self.process.pid), "the keeper")
        (self.keeper,) = children(self.process.pid)

    def inside(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in the container."""
        enter = ["nsenter", f"--target={self.keeper}", "--pid", "--mount"]
        return subprocess.run([*enter, *command], capture_output=True, text=True, check=False, timeout=PATIENCE)

    def probe(self) -> "subprocess.CompletedProcess[str]":
        return self.inside(sys.executable, "-m", "mediamesh_agent.hub.probe", f"--root={self.root}")

    def await_serving(self) -> None:
        wait_until(lambda: self.probe().returncode == 0, "a hub of this container")

    def await_idle(self) -> None:
        """Wait until it has told what is left in its container to end: it would end who looks into it, too."""
        wait_until(lambda: "idle until SIGTERM" in self.log, "the keeper to idle")
        assert self.mark.exists()

    def processes(self) -> list[str]:
        """Name what runs in it beside the keeper."""
        return self.inside("ps", "-e", "-o", "stat=,args=").stdout.splitlines()[1:-1]

    def signal(self, number: int) -> None:
        os.kill(self.keeper, number)

    def end(self) -> int:
        self.signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def hub_pid(self) -> int:
        """The hub's pid out here; in the container it is another."""
        return next(pid for pid in children(self.keeper) if "mediamesh_agent.hub" in command_line(pid))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_line(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


@contextmanager
def running(root: Path, pod: Path, *options: str) -> Iterator[Container]:
    one = Container(root, pod, *options)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.signal(signal.SIGCONT)
            one.end()


@pytest.fixture
def first(root: Path, free_dir: Path) -> Iterator[Container]:
    with running(root, free_dir / "first") as one:
        one.await_serving()
        yield one


def test_a_killed_hub_is_followed_at_once_by_another_with_the_same_plan(first: Container) -> None:
    first.apply(flow())
    before = first.hub_pid()
    os.kill(before, signal.SIGKILL)
    first.await_serving()
    assert first.flow().connection == "default/cam"
    assert first.hub_pid() != before
    assert not first.mark.exists()


def test_sigterm_ends_the_hub_in_order(first: Container) -> None:
    assert first.end() == 0
    assert '"message": "stopped"' in first.log
    assert not list(first.root.glob("*.sock"))


def test_the_containers_status_is_the_hubs(first: Container, root: Path, free_dir: Path) -> None:
    assert first.ask(shutdown=hub_pb2.Shutdown()).HasField("done")
    assert first.process.wait(PATIENCE) == 0
    with running(root, free_dir / "wrong", "--no-such-option") as wrong:
        assert wrong.process.wait(PATIENCE) == 2
    assert "unrecognized arguments: --no-such-option" in wrong.log


def test_orphans_are_reaped(first: Container) -> None:
    orphan = "import os, sys; os.fork() and sys.exit(); os.setsid(); os.close(1); os.close(2); os._exit(0)"
    assert first.inside(sys.executable, "-c", orphan).returncode == 0
    wait_until(lambda: not any(line.startswith("Z") for line in first.processes()), "nothing but the hub")


def test_a_successor_in_another_container_loses_no_frame_and_the_first_idles(first: Container, free_dir: Path) -> None:
    first.apply(lossless())
    wishes = taker(), taker(), source(wait_for_sinks=2)
    with acting(*wishes) as actors, running(first.root, free_dir / "second") as second:
        second.await_serving()
        first.await_idle()
        said = first.probe()
        assert (said.returncode, said.stderr) == (1, "the hub that answers is another container's\n")
        assert first.processes() == []
        before = second.flow().frames
        assert first.end() == 0
        wait_until(lambda: second.flow().frames > before + 50, "frames after the first one's end")
        assert second.observe().handovers == 1
        sent = actors[2].end()["sent"]
        all_taken(second, sent)
        for report in (actors[0].end(), actors[1].end()):
            unharmed(report)
            assert (report["last"], report["flagged"]) == (sent - 1, [])


def test_a_keeper_that_finds_its_mark_starts_nothing(root: Path, free_dir: Path) -> None:
    (free_dir / "pod").mkdir()
    (free_dir / "pod" / "handed-over").touch()
    with running(root, free_dir / "pod") as marked:
        marked.await_idle()
        assert marked.processes() == []
        assert marked.end() == 0
    assert not root.exists()


def test_who_was_succeeded_while_its_hub_was_dead_idles(first: Container, free_dir: Path) -> None:
    """The keeper is stopped, so that it cannot start another hub before somebody else does."""
    first.signal(signal.SIGSTOP)
    os.kill(first.hub_pid(), signal.SIGKILL)
    with running(first.root, free_dir / "second") as second:
        second.await_serving()
        first.signal(signal.SIGCONT)
        first.await_idle()
        assert second.observe().handovers == 0
        assert first.processes() == []


def bridged(hub: Container) -> hub_pb2.ObservedBridge:
    return hub.observe().bridges[0]


def test_bridges_finish_in_their_container_and_begin_in_the_next(first: Container, free_dir: Path) -> None:
    tape = sink("tape", endpoint=bridge("file", json.dumps({"path": "tape.y4m"})))
    first.apply(flow(payload=VIDEO, capacity=4, sinks=[tape]))
    wait_until(lambda: bridged(first).state == "Running", "the recorder")
    assert any("mediamesh.bridge" in line for line in first.processes())
    with running(first.root, free_dir / "second") as second:
        second.await_serving()
        wait_until(lambda: bridged(second).state == "Running", "the recorder of the second")
        first.await_idle()
        assert first.processes() == []
        assert any("mediamesh.bridge" in line for line in second.processes())
        assert bridged(second).restarts == 0


def test_the_probe_tells_apart(hub: HubUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
    assert hub.observe().container == container.identity()
    assert probe.main([f"--root={hub.root}"]) == 0
    assert probe.main([f"--root={hub.root / 'elsewhere'}"]) == 1
    assert "no hub answers" in capsys.readouterr().err
