"""What one node should run, as data: the full desired state, made of instructions.

The classes have exactly the fields of `plan.proto`, so that
`plan_pb2.NodePlan(**dataclasses.asdict(plan))` is the whole
conversion. Nothing here knows how a plan is made (`planner`) or carried out (the hub).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemifPlan:
    """How the hub and a stock memif peer find each other, and what the peer may touch."""

    role: str
    """Of the peer: "server" (the hub connects) or "client" (the hub listens)."""
    socket: str
    """File name below `folder`, or "@name" for an abstract socket."""
    folder: str = ""
    """Below the root; "" is the root itself."""
    id: int = 0
    """Of the interface on that socket."""
    secret: str = ""
    access: str = "copy"
    """"copy", or "shared": the peer maps the pool."""
    chunk: int = 0
    """Most bytes per descriptor; 0 chooses by the peer's name."""
    rings: int = 1


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """Who may stand at one end of a flow."""

    kind: str
    """"pod", "bridge" or "memif"."""
    folders: tuple[str, ...] = ()
    """Pod: folders below the root whose socket may attach; "" is the root itself."""
    bridge: str = ""
    """Bridge: name of its entry point."""
    config: str = ""
    """Bridge: its settings as canonical JSON."""
    memif: MemifPlan | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """The producer of a flow."""

    name: str
    queue: int
    """Frames it may have in hand."""
    endpoint: EndpointPlan
    wait_for_sinks: int = 0
    """It gets no frame to fill before so many sinks are attached."""


@dataclass(frozen=True, slots=True)
class SinkPlan:
    """A sink of a flow: as many attachments as `max_attachments`, each with its own queue."""

    name: str
    policy: str
    """"dropOldest", "block" or "disconnect"."""
    queue: int
    """Frames one attachment may have at once, waiting or in hand."""
    start: str
    """"newest" or "next"."""
    max_attachments: int
    endpoint: EndpointPlan


@dataclass(frozen=True, slots=True)
class FlowPlan:
    """One connection on this node."""

    connection: str
    """"namespace/name"."""
    uid: str
    payload: str
    """`spec.payload` as canonical JSON."""
    capacity: int
    """Payload bytes a frame can hold."""
    frames: int
    """In the pool."""
    huge_pages: bool
    polling: bool
    source: SourcePlan
    sinks: tuple[SinkPlan, ...]


@dataclass(frozen=True, slots=True)
class NodePlan:
    """Everything one node should run."""

    node: str
    revision: int
    flows: tuple[FlowPlan, ...]
    digest: str = ""
    """Of the message without revision and digest; set by who sends it, and echoed by the hub."""
    pods: tuple[str, ...] = ()
    """Uids of the pods on the node that mount our volume."""
    cluster: bool = False
    """`pods` is complete: folders of other pods may go."""
