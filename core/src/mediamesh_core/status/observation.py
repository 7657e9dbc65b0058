"""What the node of a flow says about one connection, as far as its status needs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mediamesh_core.states import FlowState


@dataclass(frozen=True, slots=True)
class SeenAttachment:
    """An application, bridge or peer that is attached."""

    endpoint: str
    pod_uid: str = ""
    """Out of its folder; "" for bridges and peers."""
    frames: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class SeenBridge:
    """A bridge process, running or not."""

    endpoint: str
    state: str
    """As `states.BridgeState`."""
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """One connection on its node, now."""

    in_force: bool
    """The plan that the node carries out has this flow as it is planned now."""
    problem: str = ""
    """Why the node's plan as a whole is not in force."""
    reason: str = ""
    """Why the node could not set up the flow; "": it could."""
    message: str = ""
    state: str = ""
    """As `states.FlowState`; "": the node has no such flow."""
    rate: float | None = None
    """Frames per second lately; None: not known yet."""
    attachments: tuple[SeenAttachment, ...] = ()
    bridges: tuple[SeenBridge, ...] = ()
    ended: Mapping[str, str] = field(default_factory=dict)
    """The message with which an attachment last ended badly, by endpoint."""

    @property
    def flowing(self) -> bool:
        """Whether a source is attached."""
        return self.state == FlowState.FLOWING
