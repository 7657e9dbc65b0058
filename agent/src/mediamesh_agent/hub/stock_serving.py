"""A stock peer's place at its endpoint, and how the engine serves it.

The place is subject to the same rules as a client's: one source, so many attachments, a share of the pool. What
a stock source sends is copied by the hub, which therefore has to map the pool before it is sealed. A peer that maps
the pool itself (`shared`) can only map it writable, so the flows that have such a peer stay unsealed; their
observed state says so.
"""

import socket
from collections.abc import Iterable

from mediamesh_agent.hub.admission import Grant, Peer
from mediamesh_agent.hub.attachment import Attachment
from mediamesh_agent.hub.errors import AttachmentEnded, Refused
from mediamesh_agent.hub.flows import Flow
from mediamesh_agent.hub.service import Service
from mediamesh_native.memif.fdcheck import check_memory_fd
from mediamesh_native.stockrings import StockRings

MOST_NAME = 64


def bill(regions: Iterable[tuple[int, int]], *, to_peer: bool) -> int:
    """Return how many bytes of a peer's regions (fd, size) the hub may have to pay for, if their owner touched none.

    A source's memory that is not steady is only read, through the kernel, and holes then cost nothing. Huge pages count
    for nobody's memory limit: a hub without a right to them gets none.

    Raises
    ------
    DescriptorRefused
        A region is not the memory that was announced.
    """
    billed = 0
    for fd, size in regions:
        memory = check_memory_fd(fd, size)
        if memory.steady or (to_peer and not memory.huge):
            billed += size
    return billed


def check_room(flow: Flow, grant: Grant) -> None:
    """Raise Refused if there is no place for this peer."""
    if grant.role == "source":
        if flow.has_source:
            raise Refused("SourceBusy", f"{flow.name} has a source already", transient=True)
        return
    if flow.attached(grant.endpoint):
        raise Refused("TooManyAttachments", f"{grant.endpoint} of {flow.name} has its peer already", transient=True)
    needed = 1 + flow.plan.source.queue + flow.queued() + grant.queue
    if needed > flow.frames:
        text = f"the pool of {flow.name} has {flow.frames} frames, {needed} would be needed"
        raise Refused("PoolShares", text, transient=True)


def take_place(
    service: Service, flow: Flow, grant: Grant, rings: StockRings, sock: socket.socket, name: str
) -> Attachment:
    """Make the attachment; its place is taken from here on."""
    check_room(flow, grant)
    service.last_number += 1
    client = name[:MOST_NAME] or "stock peer"
    attachment = Attachment(service.last_number, grant, Peer("", 0), client, sock, rings)
    attachment.reattached = flow.count_attach(grant.endpoint, "", client)
    flow.attachments[attachment.number] = attachment
    return attachment


async def serve(service: Service, flow: Flow, attachment: Attachment, chunk: int, *, shared: bool) -> None:
    """Let the engine serve it; the link is up."""
    if attachment.grant.role == "source":
        attachment.region, _ = await flow.offer_pool()
        number = _add_source(service, flow, attachment)
    else:
        number = _add_sink(service, flow, attachment, chunk, shared=shared)
    service.register(attachment, number)
    service.begin(flow, attachment)


def _add_source(service: Service, flow: Flow, attachment: Attachment) -> int:
    if attachment.ended:
        raise AttachmentEnded("FlowChanged", f"{flow.name} changed during the handshake")
    pool = service.install_pool(flow, attachment, sealed=False)
    number = service.engine.add_stock_source(flow.number, _rings(attachment), discontinuity=flow.generation > 1)
    if not flow.shared:
        pool.seal()
    return number


def _add_sink(service: Service, flow: Flow, attachment: Attachment, chunk: int, *, shared: bool) -> int:
    grant = attachment.grant
    attachment.shared = shared
    return service.engine.add_stock_sink(
        flow.number,
        _rings(attachment),
        queue=grant.queue,
        policy=grant.policy or "dropOldest",
        newest=grant.newest,
        shared=shared,
        chunk=chunk,
    )


def _rings(attachment: Attachment) -> StockRings:
    if not isinstance(attachment.rings, StockRings):
        raise TypeError("not a stock peer")
    return attachment.rings
