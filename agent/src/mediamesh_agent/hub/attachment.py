"""One attachment: where it is in its life, and what the hub knows of it.

An attachment exists from the moment it is granted, so its place is taken while the handshake goes on and two clients
that come at the same time cannot both get the last one. The engine knows it only while it is serving.
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mediamesh_agent.hub.admission import Grant, Peer
from mediamesh_agent.hub.errors import HubError
from mediamesh_core.states import ATTACHMENT, AttachmentEvent, AttachmentState
from mediamesh_native.pool import RingRegion
from mediamesh_native.stockrings import StockRings

# Ends that the hub decides on: nothing went wrong.
WITHDRAWALS = frozenset(
    {
        "FlowRemoved",
        "FlowChanged",
        "EndpointChanged",
        "EndpointWithdrawn",
        "PoolResized",
        "PoolReplaced",
        "HandingOver",
        "Restarted",
        "HubStopping",
    }
)


_EVENT_OF_REASON: Mapping[str, AttachmentEvent] = MappingProxyType(
    {
        "Left": AttachmentEvent.LEFT,
        "PeerGone": AttachmentEvent.LEFT,
        "PeerSilent": AttachmentEvent.TIMED_OUT,
        **dict.fromkeys(WITHDRAWALS, AttachmentEvent.WITHDRAWN),
    }
)


@dataclass(slots=True, eq=False)
class Attachment:
    """A client's place at an endpoint. `number` is for people; `engine` is the engine's number, 0 if not serving."""

    number: int
    grant: Grant
    peer: Peer
    client: str
    socket: socket.socket
    rings: RingRegion | StockRings
    wait_for_sinks: int = 0
    next_sequence: int = 0
    reattached: int = 0
    region: int = 0  # of the pool that a source fills
    engine: int = 0
    state: AttachmentState = AttachmentState.GREETING
    task: "asyncio.Task[None] | None" = None  # that brings it from its request to serving
    unannounced: list[int] = field(default_factory=list)  # regions that a sink hears of when it is connected
    replied: bool = False  # from here on the client expects memif messages
    withdrawn: HubError | None = None
    last_word: HubError | None = None  # how a source left whose last frames are still on their way
    over: asyncio.Event = field(default_factory=asyncio.Event)
    asked_to_leave: HubError | None = None  # why; it does so between two frames
    shared: bool = False  # a stock peer that maps the pool itself
    unacknowledged: list[int] = field(default_factory=list)  # regions announced while serving
    lent: int = 0  # bytes of a stock peer's memory that the hub may have to pay for

    @property
    def serving(self) -> bool:
        """Whether the engine knows it."""
        return self.state is AttachmentState.ATTACHED

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state is AttachmentState.ENDED

    def serve(self) -> None:
        """The handshake is done."""
        self.state = ATTACHMENT.after(self.state, AttachmentEvent.HANDSHAKE_DONE)

    @property
    def own_rings(self) -> RingRegion:
        """The rings of a client of ours."""
        if not isinstance(self.rings, RingRegion):
            raise TypeError(f"{self} is a stock peer")
        return self.rings

    def withdraw(self, end: HubError) -> None:
        """Have the task that is in the middle of attaching tell the client and close the socket."""
        self.withdrawn = end
        if self.task is not None:
            self.task.cancel()

    def end(self, reason: str) -> None:
        """It is over, for this reason."""
        self.over.set()
        self.state = ATTACHMENT.after(self.state, _EVENT_OF_REASON.get(reason, AttachmentEvent.VIOLATED))

    def __str__(self) -> str:
        grant = self.grant
        return f"attachment {self.number} ({self.client or 'unnamed'}) at {grant.connection} {grant.endpoint}"
