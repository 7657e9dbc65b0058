import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from operator_bodies import media_node, node
from operator_scenes import CAM, Scene

from mediamesh_core.kinds.node import NodeStatus
from mediamesh_operator.nodes import MediaNodes, node_status
from mediamesh_operator.sessions import GRACE, Heard
from mediamesh_protos import agents_pb2, hub_pb2

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HELLO = agents_pb2.Hello(
    node="node-a",
    version="1.2",
    facts=agents_pb2.NodeFacts(kernel="6.18", cpus=8, memory_bytes=2**34, bridges=["file"], sockets="hostPath"),
)


def heard(hub: hub_pb2.Observed | None = None, problem: str = "", hello: agents_pb2.Hello = HELLO) -> Heard:
    return Heard(hello, agents_pb2.Report(hub=hub, problem=problem), connected=True)


def hub(**fields: Any) -> hub_pb2.Observed:
    made: dict[str, Any] = {"version": "1.2", "started": 1.8e9, "memory_bytes": 100} | fields
    return hub_pb2.Observed(**made)


def said(status: NodeStatus) -> tuple[str, str]:
    (ready,) = status.conditions
    return ready.status, ready.reason


def made(of: Heard | None, before: NodeStatus | None = None, connections: tuple[str, ...] = ()) -> NodeStatus:
    return node_status(of, connections, before or NodeStatus(), NOW)


def test_what_a_node_has_and_runs() -> None:
    status = made(heard(hub()), connections=("b/two", "a/one"))
    assert said(status) == ("True", "Ready")
    assert (status.kernel, status.cpus, status.agent_version, status.sockets) == ("6.18", 8, "1.2", "hostPath")
    assert (status.flows, status.connections, status.bridges) == (2, ("a/one", "b/two"), ("file",))
    assert status.hub.started == "2027-01-15T08:00:00Z"


def test_counters_alone_change_nothing() -> None:
    first = made(heard(hub()))
    assert made(heard(hub(memory_bytes=10**9)), first) is first
    assert made(heard(hub(handovers=1)), first) is not first


def test_what_was_known_stays_when_the_agent_goes() -> None:
    first = made(heard(hub()))
    gone = made(None, first)
    assert said(gone) == ("False", "NoAgent")
    assert (gone.kernel, gone.hub) == (first.kernel, first.hub)


def test_a_hub_that_does_not_answer_is_told() -> None:
    status = made(heard(None, "it has crashed"))
    assert said(status) == ("False", "NoHub")
    assert status.conditions[0].message == "it has crashed"


def test_an_agent_that_has_said_nothing_yet_is_unknown() -> None:
    assert said(made(Heard(HELLO, None, connected=True))) == ("Unknown", "NotReported")


def test_nothing_that_an_agent_says_breaks_the_schema() -> None:
    facts = agents_pb2.NodeFacts(memory_bytes=2**64 - 1, sockets="other", bridges=["x" * 200])
    hello = agents_pb2.Hello(version="v" * 999, facts=facts)
    status = made(heard(hub(started=1e300, memory_limit_bytes=2**64 - 1), hello=hello))
    NodeStatus.model_validate(status.model_dump(mode="json", by_alias=True, exclude_none=True))
    assert (status.sockets, status.hub.started) == ("", None)


class Store:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []
        self.statuses: list[Mapping[str, Any]] = []

    async def write_media_node(self, name: str, owner_uid: str) -> None:
        self.made.append((name, owner_uid))

    async def write_media_node_status(self, name: str, status: Mapping[str, Any]) -> None:
        assert name == "node-a"
        self.statuses.append(status)


class Stage:
    def __init__(self) -> None:
        self.scene, self.store = Scene(), Store()
        self.scene.furnish()
        self.computed = 0
        self.nodes = MediaNodes(self.scene.world, self.scene.sessions, self.scene.outlook, self.store, self.now)

    def now(self) -> datetime:
        """Return the time, which is asked for whenever a status is computed."""
        self.computed += 1
        return NOW

    def echo(self) -> None:
        """Let the watch tell of what was written."""
        self.scene.world.put_media_node(media_node() | {"status": dict(self.store.statuses[-1])})


def test_a_media_node_is_made_once_its_agent_is_heard_and_belongs_to_its_node() -> None:
    async def play() -> None:
        stage = Stage()
        assert not await stage.nodes.write("node-a")
        session = stage.scene.connect()
        stage.scene.report(session)
        stage.scene.outlook.plan()
        assert await stage.nodes.write("node-a")
        assert stage.store.made == [("node-a", "uid-node-a")]
        assert stage.store.statuses[-1]["connections"] == [CAM]
        assert not await stage.nodes.write("node-a")
        stage.echo()
        written = len(stage.store.statuses)
        assert not await stage.nodes.write("node-a")
        assert len(stage.store.statuses) == written

    asyncio.run(play())


def test_reports_that_say_nothing_new_cost_no_status() -> None:
    async def play() -> None:
        stage = Stage()
        session = stage.scene.connect()
        stage.scene.report(session)
        await stage.nodes.write("node-a")
        stage.echo()
        assert not await stage.nodes.write("node-a")
        computed = stage.computed
        stage.scene.now += 5
        stage.scene.report(session, frames=300)
        assert not await stage.nodes.write("node-a")
        assert stage.computed == computed
        assert session.report is not None
        session.report.hub.handovers = 1
        assert await stage.nodes.write("node-a")
        stage.scene.world.put_media_node(media_node())
        assert await stage.nodes.write("node-a")

    asyncio.run(play())


def test_a_new_leader_leaves_it_as_it_is_until_agents_had_time_to_come() -> None:
    async def play() -> None:
        stage = Stage()
        stage.scene.world.put_media_node(media_node())
        assert not await stage.nodes.write("node-a")
        stage.scene.settle()
        assert await stage.nodes.write("node-a")
        assert stage.store.statuses[-1]["conditions"][0]["reason"] == "NoAgent"
        assert stage.store.made == []

    asyncio.run(play())


def test_a_short_break_of_the_stream_is_not_written() -> None:
    async def play() -> None:
        stage = Stage()
        session = stage.scene.connect()
        stage.scene.report(session)
        await stage.nodes.write("node-a")
        stage.echo()
        stage.scene.sessions.close(session)
        assert not await stage.nodes.write("node-a")
        stage.scene.settle()
        stage.scene.now += GRACE
        assert await stage.nodes.write("node-a")

    asyncio.run(play())


def test_a_node_that_was_made_again_owns_it_anew_and_one_that_is_gone_nothing() -> None:
    async def play() -> None:
        stage = Stage()
        session = stage.scene.connect()
        stage.scene.report(session)
        stage.scene.world.put_media_node(media_node())
        stage.scene.world.put_node(node(uid="again", creationTimestamp="2027-01-01T00:00:00Z"))
        assert await stage.nodes.write("node-a")
        assert stage.store.made == [("node-a", "again")]
        stage.scene.world.drop_node(node(uid="again"))
        assert not await stage.nodes.write("node-a")

    asyncio.run(play())
