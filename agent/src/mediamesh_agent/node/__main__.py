"""`mediamesh-node`: the agent's container in a cluster.

SIGTERM ends it, and touches nothing: hub and bridges run on, and the next agent finds them as they are.
"""

import asyncio
import contextlib
import logging
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, Final, NoReturn

from mediamesh_agent.agent import Agent
from mediamesh_agent.control import HubControl
from mediamesh_agent.exposition import registry
from mediamesh_agent.hub import logs
from mediamesh_agent.hubprocess import SOCKET_NAME
from mediamesh_agent.metrics import AgentCollector
from mediamesh_agent.node.csi import Driver
from mediamesh_agent.node.facts import node_facts
from mediamesh_agent.node.folders import PodFolders
from mediamesh_agent.node.health import Health, serving
from mediamesh_agent.node.metrics import NodeCollector
from mediamesh_agent.node.options import Options, parse
from mediamesh_agent.node.plugin import plugged_in
from mediamesh_agent.node.received import Received
from mediamesh_agent.node.stream import OperatorStream, Place
from mediamesh_core.errors import MediameshError

log = logging.getLogger(__name__)

_LOOK_EVERY: Final = 10.0


async def run(options: Options) -> None:
    """Work until SIGTERM."""
    received = Received(options.node)
    received.keep(options.root / "plan.pb")
    agent = Agent(HubControl(options.root / SOCKET_NAME), received)
    place = Place(options.operator, options.ca, options.token, options.server_name)
    sockets = "csi" if options.csi_dir else "hostPath"
    stream = OperatorStream(place, options.node, lambda: node_facts(sockets), agent, received, random.random)
    folders = PodFolders(options.root / "pods")
    collectors = AgentCollector(agent), NodeCollector(stream, folders)
    async with serving(options.http, Health(agent), registry(*collectors)) as port, _volumes(options):
        log.info("the agent works", extra={"fields": {"node": options.node, "root": options.root, "port": port}})
        await _until_told(agent.reconcile(), stream.run(), _tend(folders, received))
        await agent.control.close()
    log.info("the agent ends; the hub runs on")


@contextlib.asynccontextmanager
async def _volumes(options: Options) -> AsyncIterator[None]:
    """Serve the pods' folders as volumes, if asked to."""
    if not (options.csi_dir and options.csi_registration_dir and options.csi_kubelet_path):
        yield
        return
    driver = Driver(options.node, options.root / "pods")
    async with plugged_in(driver, options.csi_dir, options.csi_registration_dir, options.csi_kubelet_path):
        yield


async def _tend(folders: PodFolders, received: Received) -> NoReturn:
    while True:
        if received.plan.cluster:
            pods, known_at = list(received.plan.pods), received.known_at
            await asyncio.to_thread(folders.tend, pods, known_at, time.monotonic())
        await asyncio.sleep(_LOOK_EVERY)


async def _until_told(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all parts until SIGTERM; what one of them raises ends the others."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    tasks = [asyncio.ensure_future(part) for part in (*parts, told.wait())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent of a node; return the exit status."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    logs.set_up(as_json=True, level=options.log_level)
    try:
        asyncio.run(run(options))
    except MediameshError as error:
        log.error("%s", error.message, extra={"fields": {"reason": error.reason}})  # noqa: TRY400 -- it says it all
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
