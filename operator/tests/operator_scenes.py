"""A world with sessions and their outlook, on a clock that stands until it is set."""

from dataclasses import dataclass, field

from operator_bodies import AGENTS, ROOT, agent_pod, connection, node, pod

from mediamesh_operator.identity import AgentIdentity
from mediamesh_operator.landscape import HEARING
from mediamesh_operator.outlook import Outlook
from mediamesh_operator.sessions import Session, Sessions
from mediamesh_operator.world import World
from mediamesh_protos import agents_pb2, hub_pb2

CAM = "studio/cam1"


@dataclass(slots=True)
class Scene:
    """Make inside of a running loop."""

    world: World = field(default_factory=lambda: World(AGENTS, ROOT))
    now: float = 1000.0
    sessions: Sessions = field(init=False)
    outlook: Outlook = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(lambda: self.now, self.world.created, lambda *_: None)
        self.outlook = Outlook(self.world, self.sessions, lambda: self.now)
        self.outlook.begin()

    def furnish(self) -> None:
        """Put in one connection with its pods on node-a, and a second node."""
        self.world.put_connection(connection())
        for name in ("node-a", "node-b"):
            self.world.put_node(node(name))
            self.world.put_pod(agent_pod(name))
        self.world.put_pod(pod("camera-0"))
        self.world.put_pod(pod("wall-0", app="wall"))

    def settle(self) -> None:
        """Let the time pass in which a new leader waits for agents."""
        self.now += HEARING

    def connect(self, name: str = "node-a") -> Session:
        identity = AgentIdentity(name, f"uid-agent-{name}", f"agent-{name}", 1e12)
        return self.sessions.open(identity, agents_pb2.Hello(node=name))

    def report(self, session: Session, digest: str = "", state: str = "Flowing", frames: int = 0) -> None:
        """Report that the hub has the plan with that digest, and its connection's source attached."""
        hub = hub_pb2.Observed(digest=digest, clock=self.now, revision=4)
        if digest:
            flow = hub.flows.add(connection=CAM, state=state, frames=frames)
            flow.attachments.add(endpoint="camera", folder="pods/uid-camera-0")
        self.sessions.reported(session, agents_pb2.Report(hub=hub))
