"""Welcoming a client: from its first message until it serves, or is gone with a reason.

A place is taken as soon as it is granted, so whatever happens half-way must give it back: a refusal, a broken
handshake, a change of the plan, the push of a crowd. All of that ends here, each in one place.
"""

import asyncio
import logging
import socket
from functools import partial

from mediamesh_agent.hub import admission, link, naming, reception
from mediamesh_agent.hub.attachment import Attachment
from mediamesh_agent.hub.errors import AttachmentEnded, HubError, Refused
from mediamesh_agent.hub.flows import Flow
from mediamesh_agent.hub.service import Service
from mediamesh_native.pool import RingRegion
from mediamesh_protos import attach_pb2

log = logging.getLogger(__name__)


class Welcome:
    """Brings clients to their places."""

    def __init__(self, service: Service, bridges: admission.Bridges) -> None:
        self._service = service
        self._bridges = bridges

    async def take(self, sock: socket.socket, peer: admission.Peer) -> None:
        """Take a client from its first message until it serves or is gone."""
        request = attach_pb2.AttachRequest()
        attachment = None
        try:
            request = await reception.read_request(sock)
            self._service.guard(peer.folder, peer.pid)
            plans = (flow.plan for flow in self._service.flows.values())
            request.connection = naming.full_name(request.connection, peer.folder, plans)
            attachment = self._grant(request, sock, peer)
            await self._introduce(attachment)
            self._serve(attachment)
        except Refused as refusal:
            self._service.forget(attachment, refusal)
            self._note(request, refusal)
            reception.refuse(sock, refusal)
        except AttachmentEnded as end:
            self._end_early(sock, attachment, request, end)
        except asyncio.CancelledError:
            pushed_out = AttachmentEnded("PushedOut", "too many clients were half-way")
            withdrawn = attachment.withdrawn if attachment else None
            self._end_early(sock, attachment, request, withdrawn or pushed_out)
            raise
        except Exception:
            log.exception("a client could not be served")
            self._end_early(sock, attachment, request, AttachmentEnded("HubFailed", "the hub failed; its log says how"))

    def _grant(self, request: attach_pb2.AttachRequest, sock: socket.socket, peer: admission.Peer) -> Attachment:
        if self._service.stopping:
            raise Refused("HubStopping", "the hub is going down", transient=True)
        flow = self._service.flows.get(request.connection)
        grant = admission.admit(request, peer, flow.plan if flow else None, flow, self._bridges)
        try:
            rings = RingRegion(grant.queue)
        except OSError as error:
            raise Refused("OutOfMemory", f"no memory for rings: {error.strerror}", transient=True) from error
        self._service.last_number += 1
        patience = max(request.wait_for_sinks, flow.plan.source.wait_for_sinks if flow else 0)
        attachment = Attachment(self._service.last_number, grant, peer, request.client, sock, rings, patience)
        attachment.next_sequence = request.next_sequence
        attachment.task = asyncio.current_task()
        known = self._service.flows[grant.connection]
        attachment.reattached = known.count_attach(grant.endpoint, peer.folder, request.client)
        known.attachments[attachment.number] = attachment
        return attachment

    async def _introduce(self, attachment: Attachment) -> None:
        flow = self._service.flows[attachment.grant.connection]
        pool = None
        if attachment.grant.role == "source":
            if flow.crowded:
                self._service.collect(flow)
            attachment.region, live = await flow.offer_pool()
            pool = live.pool
        sequence = max(self._service.engine.flow_counters(flow.number).next_sequence, attachment.next_sequence)
        reply = reception.reply_to(attachment, flow.plan.payload, flow.plan.capacity, sequence)
        _say(attachment.socket, reply)
        attachment.replied = True
        connecting = partial(self._on_connecting, flow, attachment)
        await reception.Handshake(attachment.socket, attachment.own_rings, pool, connecting).run()

    def _on_connecting(self, flow: Flow, attachment: Attachment) -> None:
        if attachment.grant.role == "sink":
            attachment.unannounced = [flow.current] if flow.current in flow.pools else []
            self._service.register(attachment, self._service.add_sink(flow, attachment))

    def _serve(self, attachment: Attachment) -> None:
        flow = self._service.flows[attachment.grant.connection]
        if attachment.grant.role == "source":
            self._service.register(attachment, self._service.add_source(flow, attachment))
        for region in attachment.unannounced:
            if region in flow.pools:
                link.announce(attachment, region, flow.pools[region].pool)
        self._service.begin(flow, attachment)

    def _end_early(
        self, sock: socket.socket, attachment: Attachment | None, request: attach_pb2.AttachRequest, end: HubError
    ) -> None:
        if attachment is None or not attachment.ended:
            self._service.forget(attachment, end)
            if end.reason != link.LEFT:
                self._note(request, end)
        if attachment is None or not attachment.replied:
            reception.refuse(sock, Refused(end.reason, end.message, transient=True))
        else:
            link.farewell(sock, end)

    def _note(self, request: attach_pb2.AttachRequest, end: HubError) -> None:
        """Book a failure under the plan's words: what a client made up has no place in metrics."""
        name = request.connection
        flow = self._service.flows.get(name)
        if flow is None:
            self._service.book.note("", "", request.client, end)
            return
        known = {flow.plan.source.name, *(sink.name for sink in flow.plan.sinks)}
        self._service.book.note(name, request.endpoint if request.endpoint in known else "", request.client, end)


def _say(sock: socket.socket, data: bytes) -> None:
    try:
        sock.send(data, socket.MSG_NOSIGNAL)
    except OSError as error:
        raise AttachmentEnded("PeerGone", f"the client is gone ({error.strerror})") from None
