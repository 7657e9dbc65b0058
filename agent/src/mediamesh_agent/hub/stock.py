"""Which stock memif peers the hub keeps links to: DPDK, VPP, libmemif stand at an endpoint without knowing of us.

For each such endpoint of the plan one task keeps a link up (`stock_link`). Whatever goes wrong in one of them that
nobody foresaw is logged, and that link begins again; the others do not notice.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator

from mediamesh_agent.hub.root import Root
from mediamesh_agent.hub.service import Service
from mediamesh_agent.hub.stock_link import LONGEST_PAUSE, StockEndpoint, StockLink
from mediamesh_protos import plan_pb2

log = logging.getLogger(__name__)


def stock_endpoints(flows: Iterable[plan_pb2.FlowPlan]) -> Iterator[StockEndpoint]:
    """Yield the memif endpoints of a plan."""
    for flow in flows:
        ends = [("source", flow.source.name, flow.source.endpoint)]
        ends += [("sink", sink.name, sink.endpoint) for sink in flow.sinks]
        for role, name, endpoint in ends:
            if endpoint.kind == "memif":
                memif = endpoint.memif.SerializeToString(deterministic=True)
                yield StockEndpoint(flow.connection, name, role, memif)


class StockLinks:
    """All links to stock peers."""

    def __init__(self, root: Root, service: Service) -> None:
        self._root = root
        self._service = service
        self._links: dict[StockEndpoint, asyncio.Task[None]] = {}

    async def arrange(self, wanted: Iterable[StockEndpoint]) -> None:
        """Keep exactly these links."""
        endpoints = set(wanted)
        await self._cut(self._links.keys() - endpoints)
        for endpoint in endpoints - self._links.keys():
            self._links[endpoint] = asyncio.create_task(self._supervise(endpoint), name=str(endpoint))

    async def close(self) -> None:
        """Cut all links; the attachments end with them."""
        await self._cut(set(self._links))

    async def _cut(self, endpoints: Iterable[StockEndpoint]) -> None:
        tasks = [self._links.pop(endpoint) for endpoint in set(endpoints)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _supervise(self, endpoint: StockEndpoint) -> None:
        """Keep a link, whatever happens to it."""
        while True:
            try:
                await StockLink(self._root, self._service, endpoint).keep()
            except Exception:
                log.exception("the link to the %s failed and begins again", endpoint)
            await asyncio.sleep(LONGEST_PAUSE)
