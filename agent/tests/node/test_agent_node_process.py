"""`mediamesh-node` as kubelet runs it: command line, probes, metrics, log and end."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from mediamesh_testing.actors import acting, source, taker
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import bridge, flow, sink
from mediamesh_testing.promql import TARGET, expressions, selected
from mediamesh_testing.waiting import PATIENCE, eventually
from node_operator import NODE, Operator, planned
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from mediamesh_agent.node.options import is_address, parse
from mediamesh_core.monitoring import AGENT_METRICS

REQUIRED = ["--node=n", "--operator=operator.media.svc:8443"]


class AgentProcess:
    """A running agent; its log is read from its standard error."""

    def __init__(self, root: Path, operator: Operator, log: Path, http: str) -> None:
        self._log = log
        place = [f"--operator=127.0.0.1:{operator.port}", f"--ca={operator.ca}", f"--token={operator.token}"]
        command = [sys.executable, "-m", "mediamesh_agent.node", *place, f"--root={root}", f"--http={http}"]
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, stderr=file, env=os.environ | {"NODE_NAME": NODE})

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    async def get(self, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
        ports = await eventually(lambda: [line["port"] for line in self.lines() if "port" in line], "its port")
        async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{ports[0]}{path}") as got:
            return got.status, await got.text()

    async def until_ready(self, text: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while (await self.get("/readyz"))[1] != text:  # noqa: ASYNC110 -- another process wakes nobody here
                await asyncio.sleep(0.02)

    async def samples(self) -> list[Sample]:
        _, text = await self.get("/metrics")
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    async def until_it_tells(self, name: str, **labels: str) -> None:
        """Wait until a series is there, and not zero."""
        async with asyncio.timeout(PATIENCE):
            while not any(  # noqa: ASYNC110 -- as above
                sample.name == name and sample.value and labels.items() <= sample.labels.items()
                for sample in await self.samples()
            ):
                await asyncio.sleep(0.02)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextlib.asynccontextmanager
async def running(
    root: Path, operator: Operator, folder: Path, http: str = "127.0.0.1:0"
) -> AsyncIterator[AgentProcess]:
    process = AgentProcess(root, operator, folder / "agent.log", http)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.wait()


def test_it_is_ready_when_the_hub_has_a_plan_and_ends_without_touching_it(hub: HubUnderTest, free_dir: Path) -> None:
    async def scenario() -> None:
        operator = Operator(free_dir / "operator")
        async with operator.listening(), running(hub.root, operator, free_dir) as agent:
            assert await agent.get("/healthz") == (200, "ok\n")
            await agent.until_ready("the operator has not sent a plan yet\n")
            assert (await agent.get("/readyz"))[0] == 503
            stream = await operator.stream()
            await stream.plan(planned(flow()))
            await agent.until_ready("ok\n")
            assert (await agent.get("/readyz"))[0] == 200
            _, metrics = await agent.get("/metrics")
            assert 'mediamesh_hub_flow_state{connection="default/cam",state="Waiting"} 1.0' in metrics
            assert "mediamesh_agent_operator_connected 1.0" in metrics
            assert "mediamesh_agent_plans_received_total 1.0" in metrics
            assert agent.end() == 0
        assert agent.lines()[-1]["message"] == "the agent ends; the hub runs on"
        async with running(hub.root, operator, free_dir) as agent:
            await agent.until_ready("ok\n")

    asyncio.run(scenario())
    assert hub.flow().connection == "default/cam"


def test_what_alerts_and_panels_ask_an_agent_for_is_there(hub: HubUnderTest, free_dir: Path) -> None:
    tape = sink("tape", endpoint=bridge("file", '{"path":"tape.raw"}'), policy="block", max_attachments=1)

    async def scenario() -> dict[str, set[str]]:
        operator = Operator(free_dir / "operator")
        async with operator.listening(), running(hub.root, operator, free_dir) as agent:
            stream = await operator.stream()
            await stream.plan(planned(flow(sinks=[sink(), tape])))
            await agent.until_ready("ok\n")
            with acting(source(), taker(endpoint="out")):
                await agent.until_it_tells("mediamesh_hub_frames_received_total", endpoint="out")
                await agent.until_it_tells("mediamesh_bridge_state", endpoint="tape", state="Running")
                return {sample.name: set(sample.labels) for sample in await agent.samples()}

    exported = asyncio.run(scenario())
    agents = {series for metric in AGENT_METRICS for series in metric.series()} | {"process_resident_memory_bytes"}
    silent = {"mediamesh_hub_attachments_ended_total", "mediamesh_agent_operator_streams_ended_total"}
    assert agents - exported.keys() == silent  # nothing ended badly, so far
    for _, expression in expressions():
        for series, labels in selected(expression).items():
            assert labels - TARGET <= exported.get(series, labels)


def test_without_a_hub_it_is_not_ready_but_healthy(root: Path, free_dir: Path) -> None:
    async def scenario() -> None:
        async with running(root, Operator(free_dir / "operator"), free_dir) as agent:
            await agent.until_ready("the hub does not answer\n")
            assert (await agent.get("/healthz"))[0] == 200
            assert agent.end() == 0

    asyncio.run(scenario())


def test_kubelet_and_prometheus_are_answered_by_ipv4_and_by_ipv6(root: Path, free_dir: Path) -> None:
    async def scenario() -> None:
        async with running(root, Operator(free_dir / "operator"), free_dir, "[::]:0") as agent:
            assert await agent.get("/healthz", "127.0.0.1") == await agent.get("/healthz", "[::1]") == (200, "ok\n")

    asyncio.run(scenario())


def test_a_port_that_is_taken_is_said(free_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"--http=127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "mediamesh_agent.node", *REQUIRED, f"--root={free_dir}", address]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ended.returncode == 1
    assert json.loads(ended.stderr)["reason"] == "PortTaken"


def test_flags_come_before_the_environment_and_defaults_after_it() -> None:
    environment = {"NODE_NAME": "node-a", "MEDIAMESH_OPERATOR": "operator:8443", "MEDIAMESH_TOKEN": "/t"}
    options = parse(["--node=node-b", "--log-level=debug"], environment)
    assert (options.node, options.operator, options.token) == ("node-b", "operator:8443", Path("/t"))
    assert (options.ca, options.root, options.csi_dir) == (Path("/run/ca/ca.crt"), Path("/run/mediamesh"), None)
    csi = ["--csi-dir=/csi", "--csi-registration-dir=/registration", "--csi-kubelet-path=/var/lib/kubelet/plugins/x"]
    assert parse([*REQUIRED, *csi], {}).csi_kubelet_path == Path("/var/lib/kubelet/plugins/x")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--node"),
        (["--node=n"], "--operator"),
        ([*REQUIRED, "--log-level=loud"], "'loud' is none of debug, info, warning, error"),
        ([*REQUIRED, "--operator=nowhere"], "'nowhere' is not host:port"),
        ([*REQUIRED, "--csi-dir=/csi"], "belong together"),
    ],
    ids=str,
)
def test_a_wrong_command_line_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse(arguments, {})
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_the_help_names_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"], {})
    said = capsys.readouterr().out
    for variable in ("NODE_NAME", "MEDIAMESH_OPERATOR", "MEDIAMESH_DIR", "MEDIAMESH_TOKEN", "MEDIAMESH_CA"):
        assert variable in said


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("a:1", True),
        ("[::1]:80", True),
        (":80", False),
        ("a", False),
        ("a:", False),
        ("a:x", False),
        ("a:70000", False),
    ],
)
def test_an_address_is_host_and_port(text: str, *, good: bool) -> None:
    assert is_address(text) == good
