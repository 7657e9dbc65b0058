"""The control socket of a serving attachment: regions out, acknowledgements and the end in.

Nothing here waits. A client that does not read its socket is no reason to hold up anybody, so a message that
does not fit into the socket, or a fourth announcement without an answer to the first, ends that one attachment. The
handshake is over, so the state is only the list of announced regions, which a successor hub can take over.
"""

import contextlib
import socket

from mediamesh_agent.hub.attachment import Attachment
from mediamesh_agent.hub.errors import AttachmentEnded, HubError
from mediamesh_native.memif import transport
from mediamesh_native.memif.conversation import Role, State, after
from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.messages import AddRegion, Disconnect, decode, encode
from mediamesh_native.pool import Pool

MOST_UNACKNOWLEDGED = 3
LEFT = "Left"  # the client said goodbye: nothing went wrong


def announce(attachment: Attachment, region: int, pool: Pool) -> None:
    """Tell a sink of a pool before the first descriptor names it; raises AttachmentEnded if it does not listen."""
    if len(attachment.unacknowledged) >= MOST_UNACKNOWLEDGED:
        raise AttachmentEnded("ControlBacklog", "the client has not answered to the last pools")
    try:
        transport.send(attachment.socket, encode(AddRegion(region, pool.size)), pool.fd)
    except BlockingIOError:
        raise AttachmentEnded("ControlBacklog", "the client does not read its socket") from None
    except OSError as error:
        _hear_out(attachment)
        raise AttachmentEnded("PeerGone", f"the client is gone ({error.strerror})") from None
    attachment.unacknowledged.append(region)


def _hear_out(attachment: Attachment) -> None:
    """Take what a client said before it closed its socket; raises AttachmentEnded if that was goodbye."""
    for _ in range(MOST_UNACKNOWLEDGED + 1):
        listen(attachment)


def listen(attachment: Attachment) -> None:
    """Take one message; raises AttachmentEnded with what ended the attachment.

    A client that closes its socket before it has read everything resets it; its goodbye can be read after that.
    """
    try:
        received = transport.receive(attachment.socket) or transport.receive(attachment.socket)
    except BlockingIOError:
        return
    except ProtocolViolation as violation:
        raise AttachmentEnded(violation.reason, violation.message) from None
    except OSError as error:
        raise AttachmentEnded("PeerGone", f"the socket failed ({error.strerror})") from None
    if received is None:
        raise AttachmentEnded("PeerGone", "the client went away without a word")
    transport.close_all(received.fds)
    _take(attachment, received.data, surplus=bool(received.fds))


def _take(attachment: Attachment, data: bytes, *, surplus: bool) -> None:
    try:
        message = decode(data)
        after(State.CONNECTED, Role.MASTER, message)
    except ProtocolViolation as violation:
        raise AttachmentEnded(violation.reason, violation.message) from None
    if isinstance(message, Disconnect):
        raise AttachmentEnded(LEFT, message.reason or "the client left")
    if surplus:
        raise AttachmentEnded("DescriptorSurplus", "an Ack came with descriptors")
    if not attachment.unacknowledged:
        raise AttachmentEnded("UnexpectedMessage", "Ack from the master for nothing")
    attachment.unacknowledged.pop(0)


def ask_to_leave(sock: socket.socket, end: HubError) -> None:
    """Say why the peer should go, if it listens; it is served until it does."""
    with contextlib.suppress(OSError):  # gone, or not reading: then it does not want to know
        transport.send(sock, encode(Disconnect(0, f"{end.reason}: {end.message}")))


def farewell(sock: socket.socket, end: HubError) -> None:
    """Say why, if the peer still listens, and close the socket."""
    ask_to_leave(sock, end)
    sock.close()
