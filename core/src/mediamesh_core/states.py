"""Every lifecycle of a node, as tables: state, event, next state.

The tables are all there is. Whoever runs one of these lifecycles keeps a state,
tells `Machine.after` what happened and does what the new state asks for. An
event that its table does not have in that state is a mistake of ours, and is raised in one
place, with both names. The diagrams in `docs/reference/states.md` are drawn from the tables
(`python -m mediamesh_core.diagrams`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from mediamesh_core.errors import BugError

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


class IllegalTransition(BugError):
    """Something happened that cannot happen in that state."""

    def __init__(self, machine: str, state: str, event: str) -> None:
        super().__init__("IllegalTransition", f"{machine}: '{event}' cannot happen in state '{state}'")
        self.machine, self.state, self.event = machine, state, event

    def __reduce__(self) -> tuple[type["IllegalTransition"], tuple[str, str, str]]:
        return type(self), (self.machine, self.state, self.event)


@dataclass(frozen=True, slots=True)
class Machine(Generic[State, Event]):
    """One lifecycle."""

    name: str
    story: str
    """What it is the life of, for the documentation."""
    initial: State
    table: Mapping[State, Mapping[Event, State]]

    def after(self, state: State, event: Event) -> State:
        """Return the state in which `event` leaves what was in `state`; `IllegalTransition` if it cannot happen."""
        try:
            return self.table[state][event]
        except KeyError:
            raise IllegalTransition(self.name, state, event) from None


class BridgeState(StrEnum):
    """Of a bridge process under the hub's supervision."""

    STOPPED = "Stopped"
    """No process, and none is due: not wanted, or done for good."""
    STARTING = "Starting"
    """A process is being started, or has not attached to its flow yet."""
    RUNNING = "Running"
    BACKOFF = "Backoff"
    """It ended badly and is started again after a while."""
    STOPPING = "Stopping"
    """It has been asked to end."""
    REPLACING = "Replacing"
    """It has been asked to end, and another one is wanted as soon as it has."""


class BridgeEvent(StrEnum):
    """What can happen to a bridge."""

    WANTED = "wanted"
    """The plan has it (again), or has it with other settings."""
    UNWANTED = "unwanted"
    """The plan has it no more."""
    ADOPTED = "adopted"
    """A process of an earlier hub was found at work."""
    STARTED = "started"
    """The process exists."""
    ATTACHED = "attached"
    """The process has attached to its flow."""
    EXITED_OK = "exited_ok"
    """With status 0: done for good."""
    EXITED_BADLY = "exited_badly"
    """With any other status or by a signal, or it could not be started."""
    BACKOFF_OVER = "backoff_over"
    RESTART = "restart"
    """A person wants it ended and started again."""


def _bridge_table() -> Mapping[BridgeState, Mapping[BridgeEvent, BridgeState]]:
    state, event = BridgeState, BridgeEvent
    return {
        state.STOPPED: {
            event.WANTED: state.STARTING,
            event.RESTART: state.STARTING,
            event.ADOPTED: state.RUNNING,
            event.UNWANTED: state.STOPPED,
        },
        state.STARTING: {
            event.STARTED: state.STARTING,
            event.ADOPTED: state.RUNNING,
            event.ATTACHED: state.RUNNING,
            event.EXITED_OK: state.STOPPED,
            event.EXITED_BADLY: state.BACKOFF,
            event.WANTED: state.REPLACING,
            event.RESTART: state.REPLACING,
            event.UNWANTED: state.STOPPING,
        },
        state.RUNNING: {
            event.ATTACHED: state.RUNNING,
            event.EXITED_OK: state.STOPPED,
            event.EXITED_BADLY: state.BACKOFF,
            event.WANTED: state.REPLACING,
            event.RESTART: state.REPLACING,
            event.UNWANTED: state.STOPPING,
        },
        state.BACKOFF: {
            event.BACKOFF_OVER: state.STARTING,
            event.WANTED: state.STARTING,
            event.RESTART: state.STARTING,
            event.UNWANTED: state.STOPPED,
        },
        state.STOPPING: {
            event.STARTED: state.STOPPING,
            event.ATTACHED: state.STOPPING,
            event.EXITED_OK: state.STOPPED,
            event.EXITED_BADLY: state.STOPPED,
            event.WANTED: state.REPLACING,
            event.RESTART: state.STOPPING,
            event.UNWANTED: state.STOPPING,
        },
        state.REPLACING: {
            event.STARTED: state.REPLACING,
            event.ATTACHED: state.REPLACING,
            event.EXITED_OK: state.STARTING,
            event.EXITED_BADLY: state.STARTING,
            event.WANTED: state.REPLACING,
            event.RESTART: state.REPLACING,
            event.UNWANTED: state.STOPPING,
        },
    }


class FlowState(StrEnum):
    """Of a connection on one node."""

    WAITING = "Waiting"
    """It has no source."""
    FLOWING = "Flowing"
    FAILED = "Failed"
    """It could not be set up, for example for want of memory."""


class FlowEvent(StrEnum):
    """What can happen to a flow."""

    SOURCE_ATTACHED = "source_attached"
    SOURCE_LEFT = "source_left"
    FAILED = "failed"
    PLANNED = "planned"
    """A plan has been applied: what failed is tried again."""


def _flow_table() -> Mapping[FlowState, Mapping[FlowEvent, FlowState]]:
    state, event = FlowState, FlowEvent
    return {
        state.WAITING: {
            event.SOURCE_ATTACHED: state.FLOWING,
            event.FAILED: state.FAILED,
            event.PLANNED: state.WAITING,
        },
        state.FLOWING: {
            event.SOURCE_LEFT: state.WAITING,
            event.FAILED: state.FAILED,
            event.PLANNED: state.FLOWING,
        },
        state.FAILED: {
            event.SOURCE_LEFT: state.FAILED,
            event.FAILED: state.FAILED,
            event.PLANNED: state.WAITING,
        },
    }


class AttachmentState(StrEnum):
    """Of one client on an attach socket, as the hub sees it."""

    CONNECTED = "Connected"
    """The socket is open; the request has not come."""
    GREETING = "Greeting"
    """The request was granted; the memif handshake is under way."""
    ATTACHED = "Attached"
    ENDED = "Ended"


class AttachmentEvent(StrEnum):
    """What can happen to an attachment."""

    GRANTED = "granted"
    REFUSED = "refused"
    HANDSHAKE_DONE = "handshake_done"
    VIOLATED = "violated"
    """The client did what no client may do."""
    TIMED_OUT = "timed_out"
    LEFT = "left"
    """The client closed the socket, or died."""
    WITHDRAWN = "withdrawn"
    """The hub ends it: the plan has changed, a policy demands it, a person asked."""


def _attachment_table() -> Mapping[AttachmentState, Mapping[AttachmentEvent, AttachmentState]]:
    state, event = AttachmentState, AttachmentEvent
    ends = dict.fromkeys((event.VIOLATED, event.TIMED_OUT, event.LEFT, event.WITHDRAWN), state.ENDED)
    return {
        state.CONNECTED: {event.GRANTED: state.GREETING, event.REFUSED: state.ENDED, **ends},
        state.GREETING: {event.HANDSHAKE_DONE: state.ATTACHED, **ends},
        state.ATTACHED: ends,
        state.ENDED: {},
    }


BRIDGE = Machine(
    "bridge",
    "A bridge is a child process of the hub. It is started again after a bad end, and left alone after a good one.",
    BridgeState.STOPPED,
    _bridge_table(),
)
FLOW = Machine(
    "flow",
    "A flow waits for its source, and goes on waiting when that leaves. Its sinks may come and go in any state.",
    FlowState.WAITING,
    _flow_table(),
)
ATTACHMENT = Machine(
    "attachment",
    "An attachment lives as long as its socket. Whatever ends it ends nothing else.",
    AttachmentState.CONNECTED,
    _attachment_table(),
)
MACHINES: tuple[Machine[Any, Any], ...] = (FLOW, ATTACHMENT, BRIDGE)
