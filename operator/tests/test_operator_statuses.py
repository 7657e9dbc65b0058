import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from operator_bodies import connection
from operator_scenes import CAM, Scene

from mediamesh_operator.errors import ApiUnreachable
from mediamesh_operator.events import Recorder
from mediamesh_operator.objects import Connection
from mediamesh_operator.statuses import Statuses


class Store:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, str]] = []
        self.status: dict[str, Any] = {}
        self.down = False

    async def write_connection_status(self, namespace: str, name: str, uid: str, status: dict[str, Any]) -> None:
        if self.down:
            raise ApiUnreachable("away")
        self.written.append((namespace, name, uid))
        self.status = status

    async def post(self, namespace: str, body: Any) -> None:
        """Events are not looked at here."""


def now() -> datetime:
    return datetime(2026, 11, 1, tzinfo=UTC)


class Stage:
    """A furnished scene and what writes its statuses."""

    def __init__(self) -> None:
        self.scene, self.store = Scene(), Store()
        self.scene.furnish()
        recorder = Recorder(self.store, "op", now)
        self.statuses = Statuses(self.scene.world, self.scene.outlook, self.store, recorder, now)
        self.scene.outlook.plan()

    def echo(self, version: str) -> None:
        """Let the watch tell of what was written."""
        self.scene.world.put_connection(connection(resourceVersion=version) | {"status": self.store.status})


def condition(status: dict[str, Any], kind: str) -> tuple[str, str]:
    (found,) = [each for each in status["conditions"] if each["type"] == kind]
    return found["status"], found["reason"]


def test_a_peer_that_can_write_the_pool_is_told_of() -> None:
    async def play() -> None:
        stage, body = Stage(), connection(generation=2, resourceVersion="2")
        memif = {"role": "server", "socket": "vpp.sock", "access": "shared", "nodeName": "node-a"}
        body["spec"]["sinks"] = [{"name": "vpp", "memif": memif}]
        stage.scene.world.put_connection(body)
        session = stage.scene.connect()
        stage.scene.outlook.plan()
        stage.scene.report(session)
        stage.scene.outlook.offer(["node-a"])
        stage.scene.report(session, (await session.next_plan()).digest)
        stage.scene.outlook.hear("node-a")
        assert await stage.statuses.write(CAM)
        assert condition(stage.store.status, "Ready") == ("True", "Flowing")
        (ready,) = [each for each in stage.store.status["conditions"] if each["type"] == "Ready"]
        assert ready["message"].endswith("; the pool is not sealed: vpp can write it (access: shared)")

    asyncio.run(play())


def test_a_status_is_written_once() -> None:
    async def play() -> None:
        stage = Stage()
        assert await stage.statuses.write(CAM)
        assert stage.store.written == [("studio", "cam1", "uid-cam1")]
        assert condition(stage.store.status, "Accepted") == ("True", "Accepted")
        assert not await stage.statuses.write(CAM)
        stage.echo("2")
        assert not await stage.statuses.write(CAM)
        assert len(stage.store.written) == 1

    asyncio.run(play())


def test_a_status_that_somebody_else_spoils_is_put_right() -> None:
    async def play() -> None:
        stage = Stage()
        await stage.statuses.write(CAM)
        stage.echo("2")
        stage.scene.world.put_connection(connection(resourceVersion="3") | {"status": {"node": "somewhere"}})
        assert await stage.statuses.write(CAM)

    asyncio.run(play())


def test_a_flow_that_flows_is_ready_and_then_writes_nothing() -> None:
    async def play() -> None:
        stage, scene = Stage(), None
        scene = stage.scene
        session = scene.connect()
        scene.outlook.plan()
        scene.report(session)
        scene.outlook.offer(scene.world.nodes)
        digest = (await session.next_plan()).digest
        for number in range(20):
            scene.now += 5
            scene.report(session, digest, frames=300 * number + number % 3)
            scene.outlook.hear("node-a")
            await stage.statuses.write(CAM)
            stage.echo(str(number + 2))
        assert condition(stage.store.status, "Ready") == ("True", "Flowing")
        assert stage.store.status["rate"] == "60/s"
        assert len(stage.store.written) == 2  # that it flows, and how fast

    asyncio.run(play())


def test_what_could_not_be_written_is_still_to_be_written() -> None:
    async def play() -> None:
        stage = Stage()
        stage.store.down = True
        with pytest.raises(ApiUnreachable):
            await stage.statuses.write(CAM)
        stage.store.down = False
        assert await stage.statuses.write(CAM)

    asyncio.run(play())


def test_what_is_gone_needs_no_status() -> None:
    async def play() -> None:
        stage = Stage()
        await stage.statuses.write(CAM)
        stage.scene.world.drop_connection(connection())
        assert not await stage.statuses.write(CAM)
        assert stage.statuses._written == {}

    asyncio.run(play())


def test_a_connection_that_is_wrong_gets_its_status_too() -> None:
    async def play() -> None:
        stage = Stage()
        wrong = connection(generation=2, resourceVersion="9")
        wrong["spec"]["sinks"][0]["delivery"] = {"queue": 0}
        stage.scene.world.put_connection(wrong)
        assert await stage.statuses.write(CAM)
        assert condition(stage.store.status, "Accepted") == ("False", "InvalidSpec")
        assert stage.store.status["observedGeneration"] == 2
        kept: Connection = stage.scene.world.connections[CAM]
        assert kept.spec is None

    asyncio.run(play())
