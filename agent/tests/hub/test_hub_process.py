"""The process: command line, log, exit, and the order in which it ends."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from mediamesh_testing.hub import HubUnderTest, running_hub
from mediamesh_testing.plans import bridge, flow, sink
from mediamesh_testing.waiting import wait_until

from mediamesh_agent.hub import main as hub_main
from mediamesh_protos import hub_pb2, plan_pb2

WRAPPER = """
import sys
sys.path.insert(0, {folder!r})
from mediamesh_agent.hub import bridge_process, main
bridge_process.Launcher.__init__.__defaults__ = ([sys.executable, {script!r}],)
sys.exit(main.main())
"""


class HubWithQuietBridges(HubUnderTest):
    """Its bridges are `quiet_bridge.py`, which needs no media."""

    def launch(self, *more: str) -> "subprocess.Popen[bytes]":
        script = Path(__file__).with_name("quiet_bridge.py")
        code = WRAPPER.format(folder=str(script.parent), script=str(script))
        with self.log_file.open("ab") as log:
            command = [sys.executable, "-c", code, "--root", str(self.root), *more]
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)


@pytest.fixture
def bridged(root: Path) -> Iterator[HubWithQuietBridges]:
    hub = HubWithQuietBridges(root)
    try:
        yield hub
    finally:
        if hub.process.returncode is None:
            assert hub.stop() == 0, hub.log


def bridges_of(hub: HubUnderTest) -> dict[str, hub_pb2.ObservedBridge]:
    return {one.endpoint: one for one in hub.observe().bridges}


def plan_with_bridges(**config: object) -> plan_pb2.FlowPlan:
    told = json.dumps(config)
    source = plan_pb2.SourcePlan(name="in", queue=4, endpoint=bridge("quiet", told))
    return flow(source=source, sinks=[sink("file", endpoint=bridge("quiet", told))])


def at_work(hub: HubUnderTest) -> None:
    folder = hub.root / "bridges"
    wait_until(lambda: len(list(folder.glob("*.lock"))) == 2, "the bridges")
    wait_until(lambda: all(one.pid for one in hub.observe().bridges), "their pids")


def test_sources_end_before_recorders(bridged: HubWithQuietBridges, free_dir: Path) -> None:
    epitaph = free_dir / "epitaph"
    bridged.apply(plan_with_bridges(epitaph=str(epitaph)))
    at_work(bridged)
    assert bridged.stop() == 0
    assert epitaph.read_text().split() == ["source", "sink"]
    assert not list((bridged.root / "bridges").iterdir())


def test_a_second_signal_does_not_wait(bridged: HubWithQuietBridges) -> None:
    bridged.apply(plan_with_bridges(stubborn=True))
    at_work(bridged)
    pids = [one.pid for one in bridged.observe().bridges]
    bridged.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not (bridged.root / "attach.sock").exists(), "the end to begin")
    assert bridged.stop() == 0
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_bridge_outlives_a_killed_hub_and_is_adopted(bridged: HubWithQuietBridges) -> None:
    bridged.apply(plan_with_bridges())
    at_work(bridged)
    before = {name: one.pid for name, one in bridges_of(bridged).items()}
    bridged.kill()
    bridged.restart()
    assert {name: one.pid for name, one in bridges_of(bridged).items()} == before
    assert all(one.restarts == 0 for one in bridges_of(bridged).values())


def test_a_successor_has_the_same_bridges(bridged: HubWithQuietBridges) -> None:
    bridged.apply(plan_with_bridges(says=["at work"]))
    at_work(bridged)
    before = {name: one.pid for name, one in bridges_of(bridged).items()}
    bridged.succeed()
    assert {name: one.pid for name, one in bridges_of(bridged).items()} == before
    psutil.Process(before["file"]).kill()
    wait_until(lambda: bridges_of(bridged)["file"].pid not in {0, before["file"]}, "it to be replaced")
    assert bridges_of(bridged)["file"].restarts == 1


def test_a_bridge_is_restarted_by_hand(bridged: HubWithQuietBridges) -> None:
    bridged.apply(plan_with_bridges())
    at_work(bridged)
    before = bridges_of(bridged)["file"].pid
    assert bridged.ask(restart=hub_pb2.Restart(connection="default/cam", endpoint="file")).HasField("done")
    wait_until(lambda: bridges_of(bridged)["file"].pid not in {0, before}, "another process")


def test_what_a_bridge_says_is_in_the_hubs_log(bridged: HubWithQuietBridges) -> None:
    bridged.apply(plan_with_bridges(says=["rewinding the tape"]))
    wait_until(lambda: "bridge quiet of default/cam in: rewinding the tape" in bridged.log, "its words")


def test_the_log_can_be_json(root: Path) -> None:
    with running_hub(root, "--log-json") as hub:
        hub.apply(flow(), revision=3)
        lines = [json.loads(line) for line in hub.log.splitlines()]
        assert any(line["message"].startswith("plan 3") for line in lines)


def test_a_polling_hub_serves(root: Path) -> None:
    with running_hub(root, "--polling") as hub:
        hub.apply(flow())
        assert hub.flow().state == "Waiting"


def test_an_idle_hub_sleeps(hub: HubUnderTest) -> None:
    """Nothing attached: what it does is the once-a-second look at the event loop."""
    hub.apply(flow())
    process = psutil.Process(hub.process.pid)

    def switches() -> int:
        return int(process.num_ctx_switches().voluntary)

    before, wakeups = switches(), hub.observe().engine_wakeups
    wait_until(lambda: "x" * (switches() - before), "any wake-up at all")
    assert hub.observe().engine_wakeups == wakeups


@pytest.mark.parametrize("arguments", [[], ["--root"], ["--root", "x", "--memory-limit", "much"], ["--what"]], ids=str)
def test_a_wrong_command_line_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        hub_main.parse(arguments)
    assert left.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_the_command_line() -> None:
    options = hub_main.parse(["--root", "/x", "--polling", "--memory-limit", "5", "--take-over", "--log-json"])
    assert (options.root, options.polling, options.memory_limit) == (Path("/x"), True, 5)
    assert options.take_over
    assert options.log_json
