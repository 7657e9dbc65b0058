"""Serving clients: where the plan, the flows, the engine and the clients' sockets meet.

The order when a source has shaken hands is what keeps frames safe: seal the pool (the source has mapped it, nobody
else ever can), tell every sink, and only then let the engine put descriptors of it on rings. Whatever ends an
attachment, its frames are back in the engine before its rings are unmapped.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import partial

from mediamesh_agent.hub import link
from mediamesh_agent.hub.attachment import WITHDRAWALS, Attachment
from mediamesh_agent.hub.book import Book
from mediamesh_agent.hub.cgroup import Guard, trust
from mediamesh_agent.hub.errors import AttachmentEnded, HubError
from mediamesh_agent.hub.flows import Flow
from mediamesh_agent.hub.pools import PoolMaker
from mediamesh_native.engine import Drained, Ended, Engine
from mediamesh_native.pool import Pool, PoolError
from mediamesh_protos import plan_pb2

log = logging.getLogger(__name__)

_ENDINGS = {
    "IndexJump": "a ring index moved further than the ring is long",
    "ForeignBuffer": "it sent a frame that was not its own",
    "BadLength": "it sent a frame longer than a frame can be",
    "BadReturn": "it gave back a frame that it did not have",
    "ClaimJump": "it claimed frames that it was never given",
    "SlowSink": "it fell behind, and its delivery policy is disconnect",
    "EventBlocked": "its eventfd was filled up so that the hub would hang in it",
    "BadChain": "it sent a chain of descriptors that does not end well",
    "RingsLost": "its memory could not be mapped again when this hub took over",
}
_FAREWELLS = frozenset({link.LEFT, "PeerGone", "PoolResized"})
_OFTEN = 0.1
_LEAVE = 5.0  # seconds that a source may take to finish its frame; one that is idle does not hear that it should go


class Service:
    """Flows and their attachments."""

    def __init__(self, engine: Engine, maker: PoolMaker, book: Book) -> None:
        self.engine = engine
        self.maker = maker
        self.book = book
        self.flows: dict[str, Flow] = {}
        self.by_engine: dict[int, Attachment] = {}
        self.last_number = 0
        self.on_attached: Callable[[Attachment], None] = lambda _: None
        self.guard: Guard = trust
        self.stopping = False
        self._watch: asyncio.TimerHandle | None = None
        maker.spares = self._give_up_spares

    def begin(self, flow: Flow, attachment: Attachment) -> None:
        """Serve an attachment that the engine knows and whose link is up."""
        attachment.serve()
        self.listen(attachment)
        self._release_source(flow)
        self.grow(flow)
        self.on_attached(attachment)
        log.info("%s attached", attachment, extra={"fields": _fields(attachment)})

    def register(self, attachment: Attachment, number: int) -> None:
        """Note under which number the engine knows an attachment."""
        attachment.engine = number
        self.by_engine[number] = attachment

    def add_source(self, flow: Flow, attachment: Attachment) -> int:
        """Let the engine take the frames of a client of ours; returns its number."""
        if flow.offered is None:
            raise AttachmentEnded("PoolWithdrawn", "the pool was withdrawn during the handshake")
        self.install_pool(flow, attachment, sealed=not flow.shared)
        return self.engine.add_source(
            flow.number,
            attachment.own_rings,
            queue=attachment.grant.queue,
            held=len(flow.sinks) < attachment.wait_for_sinks,
            discontinuity=flow.generation > 1 or attachment.next_sequence > 0,
            next_sequence=attachment.next_sequence,
        )

    def install_pool(self, flow: Flow, source: Attachment, *, sealed: bool) -> Pool:
        """Take the pool that its source has mapped into use: seal it first, tell every sink, then the engine."""
        if flow.offered is not None and sealed:
            try:
                flow.offered.pool.seal()
            except PoolError as error:
                raise AttachmentEnded(error.reason, error.strerror or str(error)) from error
        pool = flow.install(source.region)
        self._tell_sinks(flow, pool)
        self.engine.set_pool(flow.number, pool, flow.current)
        return pool

    def _tell_sinks(self, flow: Flow, pool: Pool) -> None:
        for sink in list(flow.attachments.values()):
            if sink.grant.role == "sink" and sink.grant.kind == "memif":
                if sink.shared:
                    self.end(sink, AttachmentEnded("PoolReplaced", "a peer that maps the pool has to connect anew"))
            elif sink.grant.role == "sink" and sink.serving:
                self._attempt(sink, partial(link.announce, sink, flow.current, pool))
            elif sink.grant.role == "sink" and sink.engine:
                sink.unannounced.append(flow.current)

    def add_sink(self, flow: Flow, attachment: Attachment) -> int:
        """Let the engine give frames to a client of ours; returns its number."""
        grant = attachment.grant
        return self.engine.add_sink(
            flow.number,
            attachment.own_rings,
            queue=grant.queue,
            policy=grant.policy or "dropOldest",
            newest=grant.newest,
        )

    def collect(self, flow: Flow) -> None:
        """Have the engine look at what sinks gave back: without a source it has no occasion of its own."""
        for sink in flow.sinks:
            self.engine.counters(sink.engine)
        self.on_engine_event()

    def _release_source(self, flow: Flow) -> None:
        source = flow.source
        if source is not None and source.serving and 0 < source.wait_for_sinks <= len(flow.sinks):
            source.wait_for_sinks = 0
            self.engine.hold(source.engine, False)

    def listen(self, attachment: Attachment) -> None:
        """Listen to a serving attachment's socket, and look for what a stock peer may make hang."""
        loop = asyncio.get_running_loop()
        loop.add_reader(attachment.socket, self._attempt, attachment, partial(link.listen, attachment))
        if attachment.grant.kind == "memif" and self._watch is None:
            self._watch = loop.call_later(_OFTEN, self._look_for_hanging)

    def inherit(self, flow: Flow) -> None:
        """Go on with a flow of a predecessor."""
        self.flows[flow.name] = flow
        for attachment in flow.attachments.values():
            self.by_engine[attachment.engine] = attachment
            if attachment.last_word is None:
                self.listen(attachment)

    def _attempt(self, attachment: Attachment, action: Callable[[], None]) -> None:
        try:
            action()
        except AttachmentEnded as end:
            self.end(attachment, end)

    # --- ends

    def end(self, attachment: Attachment, end: HubError) -> None:
        """End an attachment, tell its client and take back its frames."""
        left = end.reason in _FAREWELLS
        if left and attachment.asked_to_leave is not None:
            end = attachment.asked_to_leave
        if attachment.ended or (left and self._is_finishing(attachment, end)):
            return
        serving = attachment.serving
        self.forget(attachment, end)
        if serving:
            link.farewell(attachment.socket, end)
        else:
            attachment.withdraw(end)
        if end.reason in WITHDRAWALS or end.reason == link.LEFT:
            log.info("%s ended: %s", attachment, end.message, extra={"fields": _fields(attachment)})
        else:
            grant = attachment.grant
            self.book.note(grant.connection, grant.endpoint, attachment.client, end)

    def grow(self, flow: Flow) -> None:
        """Have a source whose pool has become too small move to a larger one, once that is made."""
        if flow.outgrown and flow.source is not None and flow.source.serving:
            flow.prepare().add_done_callback(lambda _: self._move(flow))

    def _move(self, flow: Flow) -> None:
        """Have the source attach anew; one of ours leaves between two frames, and what it has sent is delivered."""
        source = flow.source
        if source is None or not source.serving or flow.spare is None or not flow.outgrown:
            return
        why = AttachmentEnded("PoolResized", f"the pool of {flow.name} grows to {flow.plan.frames} frames")
        if source.grant.kind == "memif":
            self.end(source, why)
        elif source.asked_to_leave is None:
            self.ask_to_leave(source, why)
            asyncio.get_running_loop().call_later(_LEAVE, self.end, source, why)

    def ask_to_leave(self, source: Attachment, why: HubError) -> None:
        """Have an application leave between two frames: what it has sent is delivered. Who is idle does not hear it."""
        source.asked_to_leave = why
        link.ask_to_leave(source.socket, why)

    def _is_finishing(self, attachment: Attachment, end: HubError) -> bool:
        """Whether a source that left had sent frames that a `block` sink has no room for yet: then its end waits."""
        if not attachment.serving or attachment.grant.role != "source":
            return False
        if self.engine.finish(attachment.engine):
            return False
        asyncio.get_running_loop().remove_reader(attachment.socket)
        attachment.last_word = end
        return True

    def forget(self, attachment: Attachment | None, end: HubError) -> None:
        """Take an attachment from the engine and the flow, its frames back; the socket is the caller's to close."""
        if attachment is None or attachment.ended:
            return
        if attachment.serving:
            asyncio.get_running_loop().remove_reader(attachment.socket)
        if attachment.engine:
            del self.by_engine[attachment.engine]
            self.engine.remove(attachment.engine)
        attachment.end(end.reason)
        attachment.rings.close()
        self.maker.lent -= attachment.lent
        flow = self.flows[attachment.grant.connection]
        del flow.attachments[attachment.number]
        if attachment.grant.role == "source":
            flow.withdraw_offer()
            if not self.stopping:
                flow.prepare()

    def end_all(self, flow: Flow, end: HubError, *, endpoint: str | None = None) -> int:
        """End a flow's attachments, or those of one endpoint; returns how many."""
        chosen = [one for one in flow.attachments.values() if endpoint in {None, one.grant.endpoint}]
        for attachment in chosen:
            self.end(attachment, end)
        return len(chosen)

    def occupancies(self) -> Iterator[int]:
        """Yield how many frames each sink has, waiting or in hand."""
        for number, attachment in self.by_engine.items():
            if attachment.grant.role == "sink":
                yield self.engine.counters(number).occupancy

    # --- flows

    def add_flow(self, plan: plan_pb2.FlowPlan, *, next_sequence: int = 0) -> Flow:
        """Set up a flow without pool and attachments."""
        flow = Flow(plan, self.engine.add_flow(next_sequence=next_sequence), self.maker)
        self.flows[flow.name] = flow
        return flow

    def remove_flow(self, flow: Flow, end: HubError) -> None:
        """End everything of a flow and give its memory back."""
        self.end_all(flow, end)
        flow.close_pools()
        self.engine.remove_flow(flow.number)
        del self.flows[flow.name]

    def rebuild_flow(self, before: Flow, plan: plan_pb2.FlowPlan) -> Flow:
        """Put a flow of another payload in the place of one; sequence and totals go on."""
        counters = self.engine.flow_counters(before.number)
        self.remove_flow(before, AttachmentEnded("FlowChanged", f"the payload of {before.name} has changed"))
        flow = self.add_flow(plan, next_sequence=counters.next_sequence)
        flow.generation, flow.seen = before.generation, before.seen
        flow.frames_before = before.frames_before + counters.frames
        flow.bytes_before = before.bytes_before + counters.bytes
        return flow

    def lend(self, size: int) -> None:
        """Grant a stock peer's memory, or raise HubError. All pools, and the largest twice, go before it."""
        pools = [flow.geometry.size for flow in self.flows.values()]
        self.maker.lend(size, planned=sum(pools) + max(pools, default=0))

    def _give_up_spares(self) -> Iterator[Callable[[], None]]:
        for flow in self.flows.values():
            if flow.spare is not None and not flow.has_source:
                yield flow.drop_spare

    # --- the engine

    def on_engine_event(self) -> None:
        """Carry out what the engine has found."""
        by_number = {flow.number: flow for flow in self.flows.values()}
        for event in self.engine.events():
            match event:
                case Ended(number, "Finished") if number in self.by_engine:
                    finished = self.by_engine[number]
                    self.end(finished, finished.last_word or AttachmentEnded(link.LEFT, "the client left"))
                case Ended(number, reason) if number in self.by_engine:
                    text = _ENDINGS.get(reason, "the engine ended it")
                    self.end(self.by_engine[number], AttachmentEnded(reason, text))
                case Drained(number, region) if number in by_number:
                    by_number[number].drained(region)
                case _:
                    log.debug("an event of something that is gone already: %s", event)

    def _look_for_hanging(self) -> None:
        """A stock peer can fill its eventfd so that the engine hangs in a write to it; only we can get it out."""
        self._watch = None
        if not any(one.grant.kind == "memif" for one in self.by_engine.values()):
            return
        self.engine.check_stuck()
        self._watch = asyncio.get_running_loop().call_later(_OFTEN, self._look_for_hanging)

    def release(self) -> None:
        """Close what belongs to no flow."""
        if self._watch is not None:
            self._watch.cancel()


def _fields(attachment: Attachment) -> dict[str, object]:
    grant = attachment.grant
    return {
        "connection": grant.connection,
        "endpoint": grant.endpoint,
        "role": grant.role,
        "attachment": attachment.number,
        "client": attachment.client,
        "pid": attachment.peer.pid,
    }
