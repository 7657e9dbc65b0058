"""HTTP for kubelet and Prometheus: /healthz, /readyz, /metrics.

Alive means that the event loop runs, whatever anybody else does: a restart mends nothing of what is around us. Ready
means that this replica leads and knows the whole cluster, or that it could take over: the API server answers it.
"""

import contextlib
from collections.abc import AsyncIterator, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from mediamesh_operator.addresses import bound
from mediamesh_operator.errors import PortTaken


@contextlib.asynccontextmanager
async def serving(
    address: tuple[str, int], unready: Callable[[], str], registry: CollectorRegistry
) -> AsyncIterator[int]:
    """Serve while the context lasts; gives the port. `unready` tells why this replica is not ready, "" if it is."""
    runner = web.AppRunner(_application(unready, registry), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.SockSite(runner, bound(*address)).start()
        except OSError as error:
            raise PortTaken(f"{address[0]}:{address[1]} cannot be had: {error.strerror}") from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _application(unready: Callable[[], str], registry: CollectorRegistry) -> web.Application:
    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        why = unready()
        return web.Response(text=f"{why or 'ok'}\n", status=503 if why else 200)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application(client_max_size=4096)
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return app
