"""The HTTP of the agent in a cluster: metrics for Prometheus, health for kubelet.

`/healthz` says that the process serves, whatever the rest of the world does. `/readyz` says that the hub answers and
that it has, or had, a plan: a rolling upgrade goes on only when frames can flow on the new pod's node.
"""

import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry

from mediamesh_agent.agent import Agent
from mediamesh_agent.errors import PortTaken
from mediamesh_agent.exposition import REGISTRY, metrics


class Health:
    """Remembers whether the hub has ever had a plan."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._had_plan = False

    def problem(self) -> str:
        """Return why the node is not ready, or ""."""
        observed = self._agent.facts.observed
        if observed is None:
            return "the hub does not answer"
        self._had_plan |= bool(observed.digest)
        return "" if self._had_plan else "the operator has not sent a plan yet"


_HEALTH: Final = web.AppKey("health", Health)


@contextlib.asynccontextmanager
async def serving(address: str, health: Health, registry: CollectorRegistry) -> AsyncIterator[int]:
    """Serve on address:port while the context lasts; gives the port (0 lets the kernel choose).

    The address `[::]` is every one, of IPv4 too.

    Raises
    ------
    PortTaken
        The address cannot be had.
    """
    app = web.Application()
    app[REGISTRY], app[_HEALTH] = registry, health
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", _healthz), web.get("/readyz", _readyz)])
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, _bound(address)).start()
    except OSError as error:
        await runner.cleanup()
        raise PortTaken(f"{address} cannot be had ({error.strerror}); choose another with --http") from error
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _bound(address: str) -> socket.socket:
    """Bind; left to itself, asyncio takes `::` for IPv6 alone. Without IPv6 in the kernel it is all of IPv4."""
    host, port = address.rpartition(":")[0].strip("[]"), int(address.rpartition(":")[2])
    if host != "::":
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    if socket.has_dualstack_ipv6():
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _readyz(request: web.Request) -> web.Response:
    problem = request.app[_HEALTH].problem()
    return web.Response(text=f"{problem or 'ok'}\n", status=503 if problem else 200)
