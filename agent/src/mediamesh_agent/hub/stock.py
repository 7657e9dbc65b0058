"""Which stock memif peers the hub keeps links to: DPDK, VPP, libmemif stand at an endpoint without knowing of us.

One task keeps a link up to each peer that is server (`stock_link`), and one accepts on each socket on which clients
come (`stock_door`). Whatever goes wrong in one of them that nobody foresaw is logged, and it begins again; the others
do not notice. Attachments do not depend on the tasks: `pause` stops these for a hand-over, and `arrange` has this hub,
or its successor, go on with whoever is attached.
"""

import asyncio
import logging
import socket
from collections.abc import Iterable

from mediamesh_agent.hub.root import Root
from mediamesh_agent.hub.service import Service
from mediamesh_agent.hub.stock_door import StockDoor
from mediamesh_agent.hub.stock_endpoint import StockEndpoint
from mediamesh_agent.hub.stock_link import LONGEST_PAUSE, StockLink, unlink

log = logging.getLogger(__name__)

Place = tuple[str, str]  # folder and name of a socket


class StockLinks:
    """All links to stock peers."""

    def __init__(self, root: Root, service: Service) -> None:
        self._root = root
        self._service = service
        self._doors: dict[Place, StockDoor] = {}
        self._tasks: dict[StockEndpoint | Place, asyncio.Task[None]] = {}

    @property
    def listeners(self) -> dict[Place, socket.socket]:
        """The sockets on which clients are waited for."""
        return {place: door.listener for place, door in self._doors.items() if door.listener is not None}

    def adopt(self, place: Place, listener: socket.socket) -> None:
        """Take over a predecessor's listening socket; `arrange` lets in who waits in its queue."""
        self._doors[place] = StockDoor(self._root, self._service, *place, listener)

    async def arrange(self, wanted: Iterable[StockEndpoint]) -> None:
        """Keep exactly these links."""
        servers: set[StockEndpoint] = set()
        places: dict[Place, list[StockEndpoint]] = {}
        for endpoint in wanted:
            plan = endpoint.plan
            if plan.role == "server":
                servers.add(endpoint)
            else:
                places.setdefault((plan.folder, plan.socket), []).append(endpoint)
        await self._cut({*self._tasks, *self._doors} - servers - places.keys())
        for endpoint in servers - self._tasks.keys():
            self._begin(endpoint, StockLink(self._root, self._service, endpoint), str(endpoint))
        for place, endpoints in places.items():
            if place not in self._doors:
                self._doors[place] = StockDoor(self._root, self._service, *place)
            await self._doors[place].arrange(endpoints)
            if place not in self._tasks:
                self._begin(place, self._doors[place], str(self._doors[place]))

    async def pause(self, patience: float) -> None:
        """Let nobody in, and wait so many seconds for who is half-way; whoever is attached notices nothing."""
        await self._stop(set(self._tasks))
        await asyncio.gather(*(door.settle(patience) for door in self._doors.values()))

    async def close(self) -> None:
        """Cut all links; the attachments end with them."""
        await self._cut({*self._tasks, *self._doors})

    async def _cut(self, keys: Iterable[StockEndpoint | Place]) -> None:
        await self._stop(keys)
        for key in keys:
            if isinstance(key, StockEndpoint):
                unlink(self._service, key)
            else:
                await self._doors.pop(key).close()

    async def _stop(self, keys: Iterable[StockEndpoint | Place]) -> None:
        tasks = [self._tasks.pop(key) for key in keys if key in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: StockEndpoint | Place, link: StockLink | StockDoor, name: str) -> None:
        self._tasks[key] = asyncio.create_task(self._supervise(link, name), name=name)

    async def _supervise(self, link: StockLink | StockDoor, name: str) -> None:
        """Keep a link, whatever happens to it."""
        while True:
            try:
                await link.keep()
            except Exception:
                log.exception("the %s failed and begins again", name)
            await asyncio.sleep(LONGEST_PAUSE)
