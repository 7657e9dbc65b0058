"""Handing over to a successor: every descriptor and every number, and not one frame lost.

The successor has imported and prepared everything before it asks, so the pause is what it takes to stop
the engine, pass its state and start the other one. Clients notice nothing: their sockets, rings and pools are the
same open files. While this hub gives, it does nothing else: it blocks, with a deadline at every step, so nothing can
change under the description. The point of no return is GO: before it, whatever goes wrong, this hub goes
on as if nothing had been; after it, this process leaves at once and touches nothing, because all that it
has open belongs to the successor.
"""

import json
import select
import socket
import struct
import time
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from mediamesh_agent.hub import stock_handover
from mediamesh_agent.hub.attachment import Attachment
from mediamesh_agent.hub.errors import HubError
from mediamesh_agent.hub.flows import Flow, LivePool
from mediamesh_agent.hub.framing import MOST_MESSAGE, framed
from mediamesh_native.engine import Engine
from mediamesh_native.stockrings import StockRings
from mediamesh_protos import handover_pb2, hub_pb2

STATE_VERSION = 3
PATIENCE = 5.0
PREPARATION = 30.0
"""Until the old hub begins: in another container its bridges finish first."""
AT_ONCE = 250
_OFTEN = 0.05
_LENGTH = struct.Struct(">I")
_FILLER = b"f"

Step = handover_pb2.HandoverStep
AnyMessage = TypeVar("AnyMessage", bound=Message)


class HandoverFailed(HubError):
    """The other side did not do its part; the old hub stays in charge."""


class Descriptors:
    """The descriptors to pass, each known by its place."""

    def __init__(self) -> None:
        self.fds: list[int] = []

    def place(self, fd: int) -> int:
        """Add one and return its place."""
        self.fds.append(fd)
        return len(self.fds) - 1


def give(sock: socket.socket, state: handover_pb2.HandoverState, fds: list[int], engine: Engine) -> None:
    """Pass everything on; returns after GO. Raises HandoverFailed before it."""
    sock.settimeout(PATIENCE)
    try:
        sock.sendall(framed(hub_pb2.HubReply(done=hub_pb2.Done())) + framed(state))
        for start in range(0, len(fds), AT_ONCE):
            socket.send_fds(sock, [_FILLER], fds[start : start + AT_ONCE])
        _await(sock, engine)
        expect(sock, Step.READY)
        frozen = json.dumps(engine.freeze(), separators=(",", ":")).encode()
        sock.sendall(framed(handover_pb2.EngineState(state=frozen)))
        expect(sock, Step.TAKEN)
        say(sock, Step.GO)
    except (OSError, EOFError) as error:
        raise HandoverFailed("HandoverFailed", f"the successor did not take over: {_words(error)}") from error
    finally:
        sock.setblocking(False)


def _await(sock: socket.socket, engine: Engine) -> None:
    """Wait for the successor's word. What a stock peer makes the engine hang in meanwhile nobody else interrupts."""
    until, word = time.monotonic() + PATIENCE, select.poll()  # select() takes no descriptor above 1023
    word.register(sock, select.POLLIN)
    while not word.poll(1000 * _OFTEN):
        engine.check_stuck()
        if time.monotonic() > until:
            raise TimeoutError("it says nothing")


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def say(sock: socket.socket, step: "Step.Step.ValueType") -> None:
    """Tell the other side where we are."""
    sock.sendall(framed(Step(step=step)))


def expect(sock: socket.socket, step: "Step.Step.ValueType") -> None:
    """Wait until the other side is there."""
    said = receive(sock, Step).step
    if said != step:
        raise HandoverFailed("HandoverFailed", f"the other side said {said} where {step} was due")


def receive(sock: socket.socket, kind: type[AnyMessage]) -> AnyMessage:
    """Read one message; raises EOFError if the other side left, OSError (timeout) if it is silent."""
    (length,) = _LENGTH.unpack(_exactly(sock, _LENGTH.size))
    if length > 4 * MOST_MESSAGE:
        raise HandoverFailed("HandoverFailed", f"a message of {length} bytes")
    message = kind()
    try:
        message.ParseFromString(_exactly(sock, length))
    except DecodeError as error:
        raise HandoverFailed("HandoverFailed", f"not a {kind.__name__}: {error}") from error
    return message


def receive_fds(sock: socket.socket, count: int) -> list[int]:
    """Read the descriptors that follow the first message; they are the caller's."""
    fds: list[int] = []
    while len(fds) < count:
        filler, more, _, _ = socket.recv_fds(sock, 1, AT_ONCE)
        fds += more
        if not filler or not more:
            raise EOFError
    return fds


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        more = sock.recv(min(count - len(data), 1 << 20))
        if not more:
            raise EOFError
        data += more
    return bytes(data)


def describe_flow(flow: Flow, places: Descriptors) -> handover_pb2.HandoverFlow:
    """Describe a flow with its pools and serving attachments."""
    pools = [_pool(region, live, places) for region, live in flow.pools.items()]
    if flow.spare is not None:
        pools.append(_pool(0, flow.spare, places))
    return handover_pb2.HandoverFlow(
        connection=flow.name,
        number=flow.number,
        current=flow.current,
        generation=flow.generation,
        frames_before=flow.frames_before,
        bytes_before=flow.bytes_before,
        pools=pools,
        attachments=[_attachment(one, places) for one in flow.attachments.values() if one.serving],
    )


def _pool(region: int, live: LivePool, places: Descriptors) -> handover_pb2.HandoverPool:
    geometry = live.geometry
    return handover_pb2.HandoverPool(
        region=region,
        frames=geometry.frames,
        capacity=geometry.capacity,
        huge_pages=geometry.huge_pages,
        memory=places.place(live.pool.fd),
    )


def _attachment(attachment: Attachment, places: Descriptors) -> handover_pb2.HandoverAttachment:
    grant = attachment.grant
    described = handover_pb2.HandoverAttachment(
        attachment=attachment.number,
        engine=attachment.engine,
        endpoint=grant.endpoint,
        role=grant.role,
        kind=grant.kind,
        queue=grant.queue,
        policy=grant.policy or "",
        folder=attachment.peer.folder,
        pid=attachment.peer.pid,
        client=attachment.client,
        wait_for_sinks=attachment.wait_for_sinks,
        reattached=attachment.reattached,
        unacknowledged=attachment.unacknowledged,
        socket=places.place(attachment.socket.fileno()),
        last_word=_last_word(attachment),
    )
    _describe_rings(attachment, described, places)
    return described


def _describe_rings(attachment: Attachment, described: handover_pb2.HandoverAttachment, places: Descriptors) -> None:
    rings = attachment.rings
    if isinstance(rings, StockRings):
        stock = stock_handover.describe(rings, places.place, shared=attachment.shared, lent=attachment.lent)
        described.stock.CopyFrom(stock)
    else:
        described.rings = places.place(rings.fd)
        described.s2m_signal = places.place(rings.s2m_signal)
        described.m2s_event = places.place(rings.m2s_event)


def _last_word(attachment: Attachment) -> handover_pb2.HandoverEnd | None:
    end = attachment.last_word
    return None if end is None else handover_pb2.HandoverEnd(reason=end.reason, message=end.message)
