import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from operator_bodies import agent_pod, connection, node, pod
from operator_scenes import CAM, Scene

from mediamesh_operator.sessions import GRACE


def furnished(test: Callable[[Scene], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    async def play() -> None:
        scene = Scene()
        scene.furnish()
        await test(scene)

    def run() -> None:
        asyncio.run(play())

    run.__name__ = test.__name__
    return run


@furnished
async def test_an_agent_that_comes_gets_its_plan_when_it_has_reported(scene: Scene) -> None:
    session = scene.connect()
    assert _looks(scene) == {CAM}
    scene.report(session)
    scene.outlook.offer(["node-a"])
    sent = await session.next_plan()
    assert [flow.connection for flow in sent.flows] == [CAM]
    assert sent.flows[0].source.endpoint.folders == ["pods/uid-camera-0"]
    assert sorted(sent.pods) == ["uid-camera-0", "uid-wall-0"]


@furnished
async def test_without_a_change_nothing_is_planned(scene: Scene) -> None:
    assert scene.outlook.plan() is not None
    assert scene.outlook.plan() is None
    scene.world.put_connection(connection() | {"status": {"node": "node-a"}})
    assert scene.outlook.plan() is None


@furnished
async def test_of_a_change_only_those_whom_it_touches_are_told(scene: Scene) -> None:
    scene.world.put_connection(connection("cam2") | {"spec": _spec_with("camera2")})
    scene.world.put_pod(pod("camera2-0", app="camera2", on="node-b"))
    a, b = scene.connect("node-a"), scene.connect("node-b")
    scene.outlook.plan()
    scene.report(a)
    scene.report(b)
    scene.outlook.offer(scene.world.nodes)
    await a.next_plan()
    await b.next_plan()
    scene.world.put_pod(pod("wall-1", app="wall"))
    assert _looks(scene) == {CAM, "studio/cam2"}  # its sinks are on another node, and there is one more
    scene.outlook.offer(scene.world.nodes)
    assert len((await a.next_plan()).flows[0].sinks[0].endpoint.folders) == 2
    waiting = asyncio.create_task(b.next_plan())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


def _spec_with(app: str) -> dict[str, Any]:
    spec: dict[str, Any] = connection()["spec"]
    spec["source"]["pod"]["matchLabels"]["app"] = app
    return spec


@furnished
async def test_a_connection_that_is_wrong_has_its_verdict_and_the_others_run(scene: Scene) -> None:
    wrong = connection("wrong")
    wrong["spec"]["payload"] = {"blob": {"maxSize": -1}}
    scene.world.put_connection(wrong)
    scene.connect()
    scene.outlook.plan()
    verdict = scene.outlook.verdict("studio/wrong")
    assert verdict is not None
    assert (verdict.accepted, verdict.reason) == (False, "InvalidSpec")
    assert "maxSize" in verdict.message
    assert scene.outlook.connections_of("node-a") == {CAM}
    assert scene.outlook.seen("studio/wrong") is None
    assert scene.outlook.verdict("studio/unheard-of") is None


@furnished
async def test_what_a_node_says_is_seen_and_told_once(scene: Scene) -> None:
    session = scene.connect()
    scene.outlook.plan()
    assert scene.outlook.seen(CAM) is None
    digest = _digest(scene)
    scene.report(session, digest)
    assert scene.outlook.hear("node-a") == {CAM}
    seen = scene.outlook.seen(CAM)
    assert seen is not None
    assert (seen.in_force, seen.flowing) == (True, True)
    scene.now += 1
    scene.report(session, digest, frames=60)
    assert scene.outlook.hear("node-a") == set()
    scene.report(session, digest, state="Waiting")
    assert scene.outlook.hear("node-a") == {CAM}


def _digest(scene: Scene) -> str:
    """Return the digest of node-a's plan."""
    message = scene.outlook._messages.of("node-a")
    assert message is not None
    return message.digest


def _looks(scene: Scene) -> frozenset[str]:
    """Plan, and return the connections to be looked at."""
    changed = scene.outlook.plan()
    return changed.connections if changed else frozenset()


@furnished
async def test_another_plan_is_not_in_force_until_the_node_says_so(scene: Scene) -> None:
    session = scene.connect()
    scene.outlook.plan()
    scene.report(session, _digest(scene))
    scene.outlook.hear("node-a")
    scene.world.put_pod(pod("wall-1", app="wall"))
    assert _looks(scene) == {CAM}
    seen = scene.outlook.seen(CAM)
    assert seen is not None
    assert not seen.in_force
    scene.report(session, _digest(scene))
    assert scene.outlook.hear("node-a") == {CAM}


@furnished
async def test_a_new_leader_says_nothing_of_nodes_it_has_not_heard_yet(scene: Scene) -> None:
    scene.outlook.plan()
    verdict = scene.outlook.verdict(CAM)
    assert verdict is not None
    assert verdict.reason == ""
    assert scene.outlook.seen(CAM) is None
    scene.settle()
    assert _looks(scene) == {CAM}
    verdict = scene.outlook.verdict(CAM)
    assert verdict is not None
    assert (verdict.reason, verdict.node) == ("NoAgent", "node-a")


@furnished
async def test_a_replica_that_has_waited_long_gives_agents_their_time_when_it_leads(scene: Scene) -> None:
    scene.settle()
    assert not scene.outlook.beginning
    scene.outlook.begin()
    scene.outlook.plan()
    verdict = scene.outlook.verdict(CAM)
    assert verdict is not None
    assert verdict.reason == ""


@furnished
async def test_a_short_break_of_a_stream_is_not_told(scene: Scene) -> None:
    scene.settle()
    session = scene.connect()
    scene.outlook.plan()
    scene.report(session, _digest(scene))
    scene.outlook.hear("node-a")
    scene.sessions.close(session)
    assert scene.outlook.plan() is None
    assert scene.outlook.hear("node-a") == set()
    scene.now += GRACE
    assert CAM in _looks(scene)
    scene.outlook.hear("node-a")
    assert scene.outlook.seen(CAM) is None


@furnished
async def test_a_connection_stays_where_its_status_says(scene: Scene) -> None:
    body = connection("film")
    body["spec"]["source"] = {"name": "film", "memif": {"role": "server", "socket": "film.sock"}}
    body["spec"]["sinks"] = []
    scene.connect("node-a")
    scene.connect("node-b")
    scene.settle()
    scene.world.put_connection(body | {"status": {"node": "node-b"}})
    scene.outlook.plan()
    assert scene.outlook.connections_of("node-b") == {"studio/film"}


@furnished
async def test_a_node_that_goes_takes_its_view_with_it(scene: Scene) -> None:
    session = scene.connect()
    scene.outlook.plan()
    scene.report(session, _digest(scene))
    scene.outlook.hear("node-a")
    scene.world.drop_node(node("node-a"))
    scene.world.drop_pod(agent_pod("node-a"))
    assert CAM in _looks(scene)
    assert scene.outlook.connections_of("node-a") == frozenset()
    assert scene.outlook.seen(CAM) is None
