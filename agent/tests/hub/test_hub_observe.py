"""What the hub says of a flow: who holds its source back, and how much each end had."""

import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import flow, sink
from mediamesh_testing.waiting import wait_until

import mediamesh


@pytest.fixture(autouse=True)
def here(hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAMESH_DIR", str(hub.root))


def test_a_block_sink_without_room_is_named_while_the_source_waits(hub: HubUnderTest) -> None:
    hub.apply(flow(frames=64, sinks=[sink("archive", policy="block"), sink("vault", policy="block"), sink("screen")]))
    with (
        mediamesh.open_sink("cam", endpoint="archive", timeout=30) as archive,
        mediamesh.open_sink("cam", endpoint="screen", timeout=30),
        mediamesh.open_source("cam", timeout=30) as source,
    ):
        for _ in range(4):
            source.send(b"taken", timeout=30)
        wait_until(lambda: hub.flow().frames == 4, "the frames that archive has room for")
        assert not hub.flow().held_back_by, "it is full, but nobody waits"
        source.send(b"kept", timeout=30)
        wait_until(lambda: list(hub.flow().held_back_by) == ["archive"], "archive to hold the source back")
        archive.receive(30).release()
        wait_until(lambda: hub.flow().frames == 5, "the frame that waited")
        assert not hub.flow().held_back_by


def test_bytes_are_counted_for_each_end(hub: HubUnderTest) -> None:
    hub.apply(flow(sinks=[sink("early"), sink("late")]))
    with (
        mediamesh.open_sink("cam", endpoint="early", timeout=30),
        mediamesh.open_source("cam", timeout=30) as source,
    ):
        source.send(bytes(1000), timeout=30)
        wait_until(lambda: hub.flow().frames == 1, "the first frame")
        with mediamesh.open_sink("cam", endpoint="late", timeout=30):
            source.send(bytes(10), timeout=30)
            wait_until(lambda: hub.flow().frames == 2, "the second frame")
            counted = {one.endpoint: one.bytes for one in hub.flow().attachments}
        assert counted == {"in": 1010, "early": 1010, "late": 10}
        hub.succeed()
        assert {one.endpoint: one.bytes for one in hub.flow().attachments if one.role == "source"} == {"in": 1010}


def test_damaged_frames_are_counted_where_they_are_received(hub: HubUnderTest) -> None:
    hub.apply(flow())
    with mediamesh.open_sink("cam", timeout=30) as taking, mediamesh.open_source("cam", timeout=30) as source:
        for status in (mediamesh.Status.PARTIAL, mediamesh.Status.COMPLETE, mediamesh.Status.CORRUPT):
            source.send(b"picture", status=status, timeout=30)
            with taking.receive(30) as frame:
                assert frame.status == status
        assert [one.damaged for one in hub.attachments("sink")] == [2]
