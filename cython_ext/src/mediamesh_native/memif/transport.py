"""One message with its descriptors in, one out, on a non-blocking SOCK_SEQPACKET socket.

A peer may attach descriptors to anything. Room is left for a few of them: the machine must be able to say
"surplus", and more than that the kernel cuts off (and closes) itself. Whatever arrives is close-on-exec and either
returned or closed. Where SO_PASSCRED is on (stock masters do that), credentials come along; they tell, beyond
forgery, which process sent this very message.
"""

import array
import os
import socket
import struct
from typing import Final, NamedTuple

from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.messages import MESSAGE_SIZE
from mediamesh_native.memif.socket_path import (
    connect_abstract,
    connect_path,
    listen_abstract,
    listen_in_folder,
    open_socket_path,
)

__all__ = [
    "Credentials",
    "Received",
    "connect_abstract",
    "connect_path",
    "listen_abstract",
    "listen_in_folder",
    "open_socket_path",
    "receive",
    "send",
]

MOST_DESCRIPTORS: Final = 4

_CREDENTIALS: Final = struct.Struct("=iII")
_INT_SIZE: Final = struct.calcsize("=i")
_ANCILLARY_SIZE: Final = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(MOST_DESCRIPTORS * _INT_SIZE)


class Credentials(NamedTuple):
    """Who sent a message, as the kernel saw it; only with SO_PASSCRED on the receiving socket."""

    pid: int
    uid: int
    gid: int


class Received(NamedTuple):
    """One message. The descriptors are the receiver's to close, or to give to a machine."""

    data: bytes
    fds: list[int]
    credentials: Credentials | None


def receive(sock: socket.socket, size: int = MESSAGE_SIZE) -> Received | None:
    """Return the next message of at most `size` bytes, or None at the end of the stream.

    Raises
    ------
    BlockingIOError
        Nothing there now.
    ProtocolViolation
        `MessageLength`: longer than `size`. `DescriptorsTruncated`: more descriptors than this process can take.
        All descriptors of the message are closed.
    """
    try:
        data, ancillary, flags, _ = sock.recvmsg(size, _ANCILLARY_SIZE, socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT)
    except ConnectionResetError:
        return None
    fds = _descriptors(ancillary)
    broken = _truncation(flags, size)
    if broken is not None or not data:
        close_all(fds)
    if broken is not None:
        raise broken
    return Received(data, fds, _credentials(ancillary)) if data else None


def send(sock: socket.socket, data: bytes, fd: int | None = None) -> None:
    """Send one message, with the descriptor if there is one.

    Raises
    ------
    BlockingIOError
        The peer does not read: try again when the socket is writable, with the same arguments.
    OSError
        The peer is gone (`BrokenPipeError`, `ConnectionResetError`).
    """
    ancillary = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
    sock.sendmsg([data], ancillary, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)


def close_all(fds: list[int]) -> None:
    """Close descriptors that nobody wants."""
    for fd in fds:
        os.close(fd)


def _truncation(flags: int, size: int) -> ProtocolViolation | None:
    if flags & socket.MSG_CTRUNC:
        return ProtocolViolation("DescriptorsTruncated", "more descriptors in a message than can be taken")
    if flags & socket.MSG_TRUNC:
        return ProtocolViolation("MessageLength", f"a message of more than {size} bytes")
    return None


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    fds = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return fds.tolist()


def _credentials(ancillary: list[tuple[int, int, bytes]]) -> Credentials | None:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS) and len(data) == _CREDENTIALS.size:
            return Credentials(*_CREDENTIALS.unpack(data))
    return None
