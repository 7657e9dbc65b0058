"""Bridges that are done for good, under hubs that are not their parents."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mediamesh_testing.hub import HubUnderTest, running_hub
from mediamesh_testing.plans import bridge, flow, sink
from mediamesh_testing.waiting import PATIENCE, wait_until

import mediamesh
from mediamesh_core import formats
from mediamesh_protos import hub_pb2, plan_pb2

PICTURES = 40
FORMAT = formats.from_spec({"video": {"width": 16, "height": 16, "frameRate": 1000, "pixelFormat": "yuv420p"}})


@pytest.fixture
def cinema(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubUnderTest]:
    """A hub whose film is stuck, because its only sink takes nothing yet."""
    picture = b"FRAME\n" + bytes(FORMAT.capacity)
    (tmp_path / "film.y4m").write_bytes(b"YUV4MPEG2 W16 H16 F1000:1 Ip C420jpeg\n" + PICTURES * picture)
    monkeypatch.setenv("MEDIAMESH_DIR", str(root))
    with running_hub(root, environment={"MEDIAMESH_MEDIA": str(tmp_path)}) as hub:
        hub.apply(film())
        yield hub


def film() -> plan_pb2.FlowPlan:
    player = bridge("file", '{"loop":false,"path":"film.y4m"}')
    return flow(
        payload=formats.to_json(FORMAT),
        capacity=FORMAT.capacity,
        source=plan_pb2.SourcePlan(name="in", queue=4, endpoint=player, wait_for_sinks=1),
        sinks=[sink(policy="block")],
    )


def player_of(hub: HubUnderTest) -> hub_pb2.ObservedBridge:
    return hub.observe().bridges[0]


def show_the_rest(hub: HubUnderTest, taking: mediamesh.Sink) -> int:
    """Take frames until the bridge has ended and nothing is left."""
    shown = 0
    while True:
        ended = player_of(hub).state == "Stopped" and not any(one.role == "source" for one in hub.flow().attachments)
        try:
            with taking.receive(0 if ended else 0.05):
                shown += 1
        except mediamesh.Timeout:
            if ended:
                return shown


def test_a_film_that_ends_after_a_handover_has_ended(cinema: HubUnderTest) -> None:
    with mediamesh.open_sink("cam", timeout=PATIENCE) as taking:
        wait_until(lambda: any(one.occupancy == 4 for one in cinema.flow().attachments), "the film to be stuck")
        before = player_of(cinema)
        cinema.succeed()
        assert player_of(cinema).pid == before.pid
        assert show_the_rest(cinema, taking) == PICTURES
    after = player_of(cinema)
    assert (after.state, after.pid, after.restarts, after.last_error) == ("Stopped", 0, 0, "")
    cinema.succeed()
    cinema.apply(film(), revision=2)
    assert player_of(cinema) == after
    assert cinema.log.count("started process") == 1
    assert not cinema.observe().ended


def test_a_film_that_ends_after_the_death_of_its_hub_has_ended(cinema: HubUnderTest) -> None:
    with mediamesh.open_sink("cam", timeout=PATIENCE) as taking:
        wait_until(lambda: any(one.occupancy == 4 for one in cinema.flow().attachments), "the film to be stuck")
        before = player_of(cinema)
        cinema.kill()
        cinema.restart()
        assert player_of(cinema).pid == before.pid
        assert show_the_rest(cinema, taking) > 0
    cinema.kill()
    cinema.restart()
    after = player_of(cinema)
    assert (after.state, after.pid, after.restarts) == ("Stopped", 0, 0)
    assert cinema.log.count("started process") == 1


def test_a_restart_by_hand_shows_it_again(cinema: HubUnderTest) -> None:
    with mediamesh.open_sink("cam", timeout=PATIENCE) as taking:
        cinema.succeed()
        assert show_the_rest(cinema, taking) == PICTURES
        cinema.ask(restart=hub_pb2.Restart(connection="default/cam", endpoint="in"))
        with taking.receive(timeout=PATIENCE) as frame:
            assert frame.sequence == PICTURES
