"""An agent with all that people see of it: what `mediamesh up` and the demo run."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

from mediamesh_agent.folder import sole_agent
from mediamesh_agent.hubprocess import HubSettings
from mediamesh_agent.local import AgentSettings, LocalAgent
from mediamesh_agent.preview import Previews
from mediamesh_agent.web import serving


@contextlib.asynccontextmanager
async def session(
    files: tuple[Path, ...], hub: HubSettings, *, port: int | None
) -> AsyncIterator[tuple[LocalAgent, int]]:
    """Run an agent, its page and its previews; gives the agent and the page's port (0: no page).

    Files that are wrong are refused before anything starts. The agent runs before the block and has ended in
    order after it; if it fails, the block is cancelled and the failure raised.
    """
    agent, previews = LocalAgent(AgentSettings(hub, files)), Previews()
    agent.desired.refresh()
    with sole_agent(hub.root):
        async with serving(agent, previews, port=port) as bound:
            running, following = asyncio.create_task(agent.run()), asyncio.create_task(previews.follow(agent))
            running.add_done_callback(partial(_cancel, asyncio.current_task()))
            try:
                yield agent, bound
            finally:
                following.cancel()
                await asyncio.wait([following])
                agent.stop()
                await running


def _cancel(block: "asyncio.Task[object] | None", agent_task: "asyncio.Task[None]") -> None:
    """End the block of an agent that has failed; one that was stopped has been waited for already."""
    if block is not None and agent_task.exception() is not None:
        block.cancel()


@contextlib.contextmanager
def signals(agent: LocalAgent, stop: asyncio.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM set `stop`, and SIGHUP read the files again."""
    loop = asyncio.get_running_loop()
    actions = {signal.SIGINT: stop.set, signal.SIGTERM: stop.set, signal.SIGHUP: agent.reload}
    for number, action in actions.items():
        loop.add_signal_handler(number, action)
    try:
        yield
    finally:
        for number in actions:
            loop.remove_signal_handler(number)
