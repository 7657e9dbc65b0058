"""One engine after another over the same memory, each with descriptors and mappings of its own, as hubs have them."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from native_peers import Flow, Node

from mediamesh_native.engine import Engine
from mediamesh_native.pool import Pool, RingRegion
from mediamesh_native.stockrings import StockRings

State = dict[str, Any]


class Attached(Protocol):
    """A client of ours or a stock peer."""

    @property
    def number(self) -> int: ...
    @property
    def rings(self) -> RingRegion | StockRings: ...


def adopt(pool: Pool) -> Pool:
    return Pool(pool.frames, pool.capacity, fd=os.dup(pool.fd))


def adopt_rings(rings: RingRegion | StockRings, queue: int) -> RingRegion | StockRings:
    if isinstance(rings, RingRegion):
        signals = [os.dup(rings.s2m_signal), os.dup(rings.m2s_event)]
        return RingRegion(queue, fd=os.dup(rings.fd), s2m_signal=signals[0], m2s_event=signals[1])
    return StockRings.inherit(
        [(os.dup(fd), size) for fd, size in rings.regions],
        [(*ring[:5], os.dup(ring[5])) for ring in rings.rings],
        master=rings.master,
        media_s2m=rings.media_s2m,
        steady=rings.steady,
        stride=rings.stride,
    )


class Succession:
    """`node` made everything first; `engine` is its engine of the moment."""

    def __init__(self, node: Node, flows: list[Flow], clients: Sequence[Attached]) -> None:
        self.node, self.flows, self.clients = node, flows, clients
        self._ours: list[Pool | RingRegion | StockRings | Engine] = []

    def hand_over(
        self, change: Callable[[State], None] = lambda state: None, prepare: Callable[[], None] = lambda: None
    ) -> Engine:
        """Let a new engine take the place of the node's; `prepare` is called before it starts."""
        state: State = self.node.engine.freeze()
        queues = {
            peer["id"]: peer["queue"] for flow in state["flows"] for peer in [flow["source"], *flow["sinks"]] if peer
        }
        change(state)
        pools = {(flow.number, region): adopt(pool) for flow in self.flows for region, pool in flow.pools.items()}
        rings = {client.number: adopt_rings(client.rings, queues[client.number]) for client in self.clients}
        try:
            successor = Engine.thaw(state, pools, rings)
        except BaseException:
            self._close([*pools.values(), *rings.values()])
            raise
        self.node.engine.close()
        self._close(self._ours)
        self._ours = [successor, *pools.values(), *rings.values()]
        self.node.engine = successor
        prepare()
        successor.start()
        return successor

    def close(self) -> None:
        self._close(self._ours)

    @staticmethod
    def _close(things: list[Any]) -> None:
        for thing in things:
            thing.close()


@contextmanager
def succession(node: Node, flows: list[Flow], clients: Sequence[Attached]) -> Iterator[Succession]:
    line = Succession(node, flows, clients)
    try:
        yield line
    finally:
        line.close()
