"""The course of a memif attachment as one table that both roles share.

memif's handshake is a strict alternation: the slave says one thing, the master answers, until the link is up.
Messages (except DISCONNECT) belong to one role, so one table of *joint* states suffices for both ends: what a side
receives and what it sends are the same rows. A message that the table does not have, in a state, is a violation
when the peer sent it and a bug when we are about to; both are raised here and nowhere else.

Only after CONNECTED is the alternation loosened: our slaves announce further regions without waiting.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.messages import (
    Ack,
    AddRegion,
    AddRing,
    Connect,
    Connected,
    Disconnect,
    Hello,
    Init,
    Message,
)


class Role(enum.Enum):
    """Who owns the memory: the slave. Not who sends media."""

    SLAVE = "slave"
    MASTER = "master"


class State(enum.Enum):
    """Where the two are; named by what was said last."""

    OPENED = "opened"
    GREETED = "greeted"
    INTRODUCED = "introduced"
    WELCOME = "welcome"
    REGION_OFFERED = "region offered"
    REGION_TAKEN = "region taken"
    RING_OFFERED = "ring offered"
    RING_TAKEN = "ring taken"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


TABLE: Final[Mapping[State, Mapping[type[Message], State]]] = MappingProxyType(
    {
        State.OPENED: {Hello: State.GREETED, Disconnect: State.CLOSED},
        State.GREETED: {Init: State.INTRODUCED, Disconnect: State.CLOSED},
        State.INTRODUCED: {Ack: State.WELCOME, Disconnect: State.CLOSED},
        State.WELCOME: {AddRegion: State.REGION_OFFERED, Disconnect: State.CLOSED},
        State.REGION_OFFERED: {Ack: State.REGION_TAKEN, Disconnect: State.CLOSED},
        State.REGION_TAKEN: {
            AddRegion: State.REGION_OFFERED,
            AddRing: State.RING_OFFERED,
            Disconnect: State.CLOSED,
        },
        State.RING_OFFERED: {Ack: State.RING_TAKEN, Disconnect: State.CLOSED},
        State.RING_TAKEN: {AddRing: State.RING_OFFERED, Connect: State.CONNECTING, Disconnect: State.CLOSED},
        State.CONNECTING: {Connected: State.CONNECTED, Disconnect: State.CLOSED},
        State.CONNECTED: {AddRegion: State.CONNECTED, Ack: State.CONNECTED, Disconnect: State.CLOSED},
        State.CLOSED: {},
    },
)

SENT_BY: Final[Mapping[Role, frozenset[type[Message]]]] = MappingProxyType(
    {
        Role.MASTER: frozenset({Hello, Ack, Connected, Disconnect}),
        Role.SLAVE: frozenset({Init, AddRegion, AddRing, Connect, Disconnect}),
    },
)


def awaits(state: State, role: Role) -> bool:
    """Whether in `state` it is the turn of `role` to say something; never once the link is up."""
    if state is State.CONNECTED:
        return False
    return any(kind is not Disconnect and kind in SENT_BY[role] for kind in TABLE[state])


def after(state: State, sender: Role, message: Message) -> State:
    """Return the state that `message` of `sender` leads to.

    Raises
    ------
    ProtocolViolation
        `UnexpectedMessage`: the table does not have it.
    """
    kind = type(message)
    following = TABLE[state].get(kind)
    if following is None or kind not in SENT_BY[sender]:
        said = f"{kind.__name__} from the {sender.value}"
        raise ProtocolViolation("UnexpectedMessage", f"{said} where the conversation is at '{state.value}'")
    return following
