"""Real agents with real hubs, for the tests."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from mediamesh_agent.control import HubControl
from mediamesh_agent.hubprocess import HubSettings, adopt
from mediamesh_agent.local import LocalAgent
from mediamesh_agent.session import session
from mediamesh_testing.waiting import PATIENCE

UP = "import argparse, sys; from mediamesh_agent.up import command as c; p = argparse.ArgumentParser(); "
UP += "c.add_arguments(p); sys.exit(c.run(p.parse_args()))"
YAML = """---
apiVersion: mediamesh.io/v1alpha1
kind: MediaConnection
metadata: {name: NAME}
spec:
  payload: {blob: {maxSize: 1000}}
  source: {name: camera, pod: {}}
  sinks: [{name: analytics, pod: {}, delivery: {policy: block, queue: 64}}]
"""


def connections_file(folder: Path, *names: str) -> Path:
    """Write the file that the agent reads, as an editor does."""
    new = folder / "connections.new"
    new.write_text("".join(YAML.replace("NAME", name) for name in names))
    return new.rename(folder / "connections.yaml")


@contextlib.asynccontextmanager
async def living(folder: Path, *names: str, port: int | None = None) -> AsyncIterator[tuple[LocalAgent, int]]:
    """Run an agent on `folder/root` until the block ends."""
    path = connections_file(folder, *names)
    async with session((path,), HubSettings(folder / "root", folder), port=port) as running:
        yield running


async def until(agent: LocalAgent, condition: Callable[[], bool]) -> None:
    """Wait until a condition on what the agent knows holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await agent.news()


def flows(agent: LocalAgent) -> list[str]:
    """Names of the flows that the hub has."""
    return sorted(flow.connection for flow in agent.facts.observed.flows) if agent.facts.observed else []


def hub_pid(agent: LocalAgent) -> int:
    return agent.facts.observed.pid if agent.facts.observed else 0


@contextlib.contextmanager
def up(folder: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """`mediamesh up` as a process; killed at the end of the block if it still runs."""
    command = [sys.executable, "-c", UP, "--root", str(folder / "root"), "--media", str(folder), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def said(process: "subprocess.Popen[str]", wanted: str) -> str:
    """Read lines until one has the wanted text."""
    assert process.stdout
    for line in process.stdout:
        if wanted in line:
            return line
    raise AssertionError(f"it ended without saying {wanted!r}")


def ended(process: "subprocess.Popen[str]", number: int = signal.SIGTERM) -> int:
    """Send a signal and return the exit status."""
    process.send_signal(number)
    process.communicate(timeout=PATIENCE)
    return process.returncode


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def shut_down(folder: Path) -> None:
    """End a hub that no agent cares for, and wait for its end."""

    async def main() -> None:
        control = HubControl(folder / "root" / "hub.sock")
        process = await adopt(control)
        assert process
        await control.shutdown()
        await control.close()
        assert await process.end(PATIENCE)

    asyncio.run(main())
