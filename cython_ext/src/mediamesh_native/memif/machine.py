"""What both roles of the handshake have in common: messages in, events and messages out, no socket, no clock.

The owner of a machine reads one message at a time from its socket and gives it to `receive` with all descriptors
that came along, handles the events, then sends what `data_to_send` returns, in that order. Time comes in
as an argument; `deadline` says when the owner should call `timed_out`.

Whose is a descriptor?

* Received ones are the machine's from the moment of `receive`. Each leaves it exactly once: in an event
  (then the receiver of the event owns it), or by `take_unwanted`, which the owner calls after `receive`, whether
  it raised or not, and closes what it gets.
* Sent ones are only lent: the machine never closes them, and they must stay open until their message is sent.
"""

import abc
from collections.abc import Sequence
from typing import Final

from mediamesh_native.memif.conversation import Role, State, after, awaits
from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.events import Event, PeerDisconnected
from mediamesh_native.memif.messages import CARRIES_DESCRIPTOR, Disconnect, Message, decode, encode

PATIENCE: Final = 2.0

Outgoing = tuple[bytes, int | None]


class Machine(abc.ABC):
    """One end of one attachment.

    Parameters
    ----------
    role
        Which end.
    now
        The time, in seconds of whatever clock the owner uses for `receive` and `timed_out` as well.
    patience
        How many seconds the peer may take for each step until the link is up.
    """

    def __init__(self, role: Role, *, now: float, patience: float) -> None:
        self._role = role
        self._peer = Role.MASTER if role is Role.SLAVE else Role.SLAVE
        self._patience = patience
        self._state = State.OPENED
        self._deadline: float | None = None
        self._outgoing: list[Outgoing] = []
        self._unwanted: list[int] = []
        self._restart_clock(now)

    @property
    def state(self) -> State:
        """Where the conversation is."""
        return self._state

    @property
    def connected(self) -> bool:
        """Whether the link is up."""
        return self._state is State.CONNECTED

    @property
    def closed(self) -> bool:
        """Whether it is over; the owner sends what is left and closes the socket."""
        return self._state is State.CLOSED

    @property
    def deadline(self) -> float | None:
        """When the peer's silence becomes a violation; None if it may be silent."""
        return self._deadline

    def receive(self, data: bytes, fds: Sequence[int], now: float) -> list[Event]:
        """Take one message with the descriptors that came with it; return what it means.

        Raises
        ------
        ProtocolViolation
            The machine is closed then and has a DISCONNECT to send that names the cause.
        """
        try:
            events = self._take(data, fds)
        except ProtocolViolation as violation:
            self._unwanted.extend(fds)
            self.disconnect(violation.message)
            raise
        self._restart_clock(now)
        return events

    def peer_gone(self) -> list[Event]:
        """Take the end of the socket's stream; nothing can be sent any more."""
        if self.closed:
            return []
        self._close()
        return [PeerDisconnected(0, "")]

    def timed_out(self, now: float) -> None:
        """Tell the machine the time.

        Raises
        ------
        ProtocolViolation
            `PeerSilent`: the deadline has passed. The machine is closed then and has a DISCONNECT to send.
        """
        if self._deadline is not None and now >= self._deadline:
            self._give_up(f"nothing said for {self._patience:g} s at '{self._state.value}'")

    def disconnect(self, reason: str, code: int = 0) -> None:
        """End the attachment from this side: a DISCONNECT replaces what waits to be sent; nothing more is received."""
        if self.closed:
            return
        self._close()
        self._outgoing.append((encode(Disconnect(code, reason)), None))

    def data_to_send(self) -> list[Outgoing]:
        """Return, once, the messages to send in this order, each with the descriptor to send along or None."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def take_unwanted(self) -> list[int]:
        """Return, once, received descriptors that nobody wants: close them."""
        unwanted, self._unwanted = self._unwanted, []
        return unwanted

    @abc.abstractmethod
    def _handle(self, message: Message, fd: int, /) -> list[Event]:
        """Act on a message that is legal in form and order; `fd` is -1 where none belongs to it."""

    def _take(self, data: bytes, fds: Sequence[int]) -> list[Event]:
        message = decode(data)
        following = after(self._state, self._peer, message)
        fd = _belonging(message, fds)
        if isinstance(message, Disconnect):
            self._close()
            return [PeerDisconnected(message.code, message.reason)]
        self._state = following
        return self._handle(message, fd)

    def _say(self, message: Message, fd: int | None = None) -> None:
        try:
            self._state = after(self._state, self._role, message)
        except ProtocolViolation as violation:
            raise RuntimeError(violation.message) from violation
        self._outgoing.append((encode(message), fd))

    def _give_up(self, message: str) -> None:
        self.disconnect(message)
        raise ProtocolViolation("PeerSilent", message)

    def _close(self) -> None:
        self._state = State.CLOSED
        self._deadline = None
        self._outgoing.clear()

    def _restart_clock(self, now: float) -> None:
        self._deadline = now + self._patience if awaits(self._state, self._peer) else None


def _belonging(message: Message, fds: Sequence[int]) -> int:
    expected = 1 if type(message) in CARRIES_DESCRIPTOR else 0
    if len(fds) < expected:
        raise ProtocolViolation("DescriptorMissing", f"{type(message).__name__} came without its descriptor")
    if len(fds) > expected:
        raise ProtocolViolation("DescriptorSurplus", f"{type(message).__name__} came with {len(fds)} descriptors")
    return fds[0] if fds else -1
