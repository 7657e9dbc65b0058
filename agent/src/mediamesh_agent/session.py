"""An agent with all that people see of it: what `mediamesh up` and the demo run."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from mediamesh_agent.agent import Agent, AgentSettings
from mediamesh_agent.folder import sole_agent
from mediamesh_agent.hubprocess import HubSettings
from mediamesh_agent.preview import Previews
from mediamesh_agent.web import serving


@contextlib.asynccontextmanager
async def session(files: tuple[Path, ...], hub: HubSettings, *, port: int | None) -> AsyncIterator[tuple[Agent, int]]:
    """Run an agent, its page and its previews; gives the agent and the page's port (0: no page).

    The agent runs before the block and has ended in order after it. An agent that fails cancels the block.
    """
    with sole_agent(hub.root):
        agent = Agent(AgentSettings(hub, files))
        previews = Previews()
        async with serving(agent, previews, port=port) as bound, asyncio.TaskGroup() as group:
            running = group.create_task(agent.run())
            following = group.create_task(previews.follow(agent))
            try:
                yield agent, bound
            finally:
                following.cancel()
                await asyncio.wait([following])
                agent.stop()
                await asyncio.wait([running])


@contextlib.contextmanager
def signals(agent: Agent, stop: asyncio.Event) -> Iterator[None]:
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
