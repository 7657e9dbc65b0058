import os
import socket

import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import CAPACITY, flow, pod, sink
from mediamesh_testing.rawclient import RawClient
from mediamesh_testing.waiting import PATIENCE, wait_until

import mediamesh
from mediamesh_native.memif.messages import Disconnect, encode
from mediamesh_native.pool import HEADER_SIZE
from mediamesh_protos import attach_pb2, plan_pb2


def test_a_sink_gets_the_place_it_asked_for(hub: HubUnderTest) -> None:
    hub.apply(flow())
    with RawClient(hub.root) as client:
        attached = client.attach("sink", queue=2)
        assert attached.connection == "default/cam"
        assert attached.endpoint == "out"
        assert attached.capacity == CAPACITY
        assert attached.header_size == HEADER_SIZE
        assert attached.queue == 2
        assert attached.policy == "dropOldest"
        seen = hub.flow().attachments
        assert [(one.attachment, one.role, one.client, one.pid) for one in seen] == [
            (attached.attachment, "sink", "raw", os.getpid())
        ]


def test_a_queue_that_is_longer_than_planned_is_refused(hub: HubUnderTest) -> None:
    hub.apply(flow())
    with RawClient(hub.root) as client:
        refusal = client.refusal("sink", queue=400)
    assert refusal.reason == "QueueTooLong"
    assert refusal.message == "queue 400 is more than the 4 frames that the plan gives 'out' of default/cam"


def test_a_source_gets_its_pool_and_the_flow_flows(hub: HubUnderTest) -> None:
    hub.apply(flow())
    assert hub.flow().state == "Waiting"
    with RawClient(hub.root) as client:
        client.attach("source")
        wait_until(lambda: hub.flow().state == "Flowing", "the flow to flow")
        assert set(client.regions) == {0, 1}
        assert hub.flow().sealed
    wait_until(lambda: hub.flow().state == "Waiting", "the source to be gone")


def test_every_source_has_its_pool_as_region_one(hub: HubUnderTest) -> None:
    hub.apply(flow())
    for generation in range(1, 20):
        with RawClient(hub.root) as client:
            client.attach("source")
            assert set(client.regions) == {0, 1}
            wait_until(lambda: hub.flow().pool_generation == generation, "the pool")  # noqa: B023
        wait_until(lambda: not hub.flow().attachments, "the source to be gone")


@pytest.mark.parametrize(
    ("asked", "reason", "transient"),
    [
        ({"api_version": 2}, "UnsupportedVersion", False),
        ({"role_number": 9}, "BadRole", False),
        ({"connection": "nowhere"}, "NoSuchConnection", True),
        ({"connection": "other/cam"}, "NoSuchConnection", True),
        ({"endpoint": "nobody"}, "NoSuchEndpoint", True),
        ({"endpoint": "in"}, "WrongRole", False),
        ({"endpoint": "locked"}, "WrongToken", False),
        ({"endpoint": "locked", "token": "almost"}, "WrongToken", False),
        ({"endpoint": "elsewhere"}, "NotYourEndpoint", True),
        ({"endpoint": "recorder"}, "NotYourEndpoint", False),
    ],
)
def test_refusals(hub: HubUnderTest, asked: dict[str, object], reason: str, transient: bool) -> None:
    recorder = plan_pb2.EndpointPlan(kind="bridge", bridge="no-such-bridge", config="{}")
    others = [
        sink("locked", endpoint=pod(token="right")),
        sink("elsewhere", endpoint=pod("pods/other")),
        sink("recorder", endpoint=recorder),
    ]
    hub.apply(flow(frames=80, sinks=[sink(), *others]))
    with RawClient(hub.root) as client:
        asked = {"api_version": 1, "connection": "cam", "role": attach_pb2.ROLE_SINK, **asked}
        asked["role"] = asked.pop("role_number", asked["role"])
        client.say(attach_pb2.AttachRequest(**asked).SerializeToString())  # type: ignore[arg-type]
        refusal = attach_pb2.AttachReply.FromString(client.hear()).refusal
        assert (refusal.reason, refusal.transient) == (reason, transient)
        assert refusal.message
        assert client.hear() == b""
    assert hub.ended(reason) == 1


def test_an_endpoint_need_not_be_named_where_one_fits(hub: HubUnderTest) -> None:
    hub.apply(flow(sinks=[sink("mine"), sink("theirs", endpoint=pod("pods/b"))]))
    with RawClient(hub.root) as here, RawClient(hub.root, "pods/b") as there:
        assert here.attach("sink").endpoint == "mine"
        assert there.attach("sink").endpoint == "theirs"
        assert {one.endpoint: one.folder for one in hub.flow().attachments} == {"mine": "", "theirs": "pods/b"}


def test_several_that_fit_have_to_be_named(hub: HubUnderTest) -> None:
    hub.apply(flow(sinks=[sink("a"), sink("b")]))
    with RawClient(hub.root) as client:
        refusal = client.refusal("sink")
        assert refusal.reason == "AmbiguousEndpoint"
        assert refusal.message.endswith("; name one of them as the endpoint: a, b")


def test_a_token_lets_in(hub: HubUnderTest) -> None:
    hub.apply(flow(sinks=[sink(endpoint=pod(token="right"))]))
    with RawClient(hub.root) as client:
        assert client.attach("sink", token="right").endpoint == "out"


def test_there_is_one_source(hub: HubUnderTest) -> None:
    hub.apply(flow())
    with RawClient(hub.root) as first, RawClient(hub.root) as second:
        assert first.request("source").HasField("attached")  # half-way counts
        refusal = second.refusal("source")
        assert (refusal.reason, refusal.transient) == ("SourceBusy", True)


def test_attachments_are_counted_while_they_shake_hands(hub: HubUnderTest) -> None:
    hub.apply(flow(sinks=[sink(max_attachments=2)]))
    with RawClient(hub.root) as first, RawClient(hub.root) as second, RawClient(hub.root) as third:
        assert first.request("sink").HasField("attached")
        assert second.request("sink").HasField("attached")
        refusal = third.refusal("sink")
        assert (refusal.reason, refusal.transient) == ("TooManyAttachments", True)


def test_the_pool_is_shared_out_only_once(hub: HubUnderTest) -> None:
    hub.apply(flow(frames=1 + 4 + 6))
    with RawClient(hub.root) as first, RawClient(hub.root) as second, RawClient(hub.root) as third:
        first.attach("sink", queue=4)
        refusal = second.refusal("sink", queue=4)
        assert (refusal.reason, refusal.transient) == ("PoolShares", True)
        assert third.attach("sink", queue=2).queue == 2


def test_a_goodbye_is_not_a_failure(hub: HubUnderTest) -> None:
    hub.apply(flow())
    with RawClient(hub.root) as client:
        client.attach("sink")
        wait_until(lambda: hub.flow().attachments, "the sink")
        client.say(encode(Disconnect(0, "done")))
        wait_until(lambda: not hub.flow().attachments, "the end")
    assert not hub.observe().ended


def test_a_client_that_vanishes_is_noticed(hub: HubUnderTest) -> None:
    hub.apply(flow())
    with RawClient(hub.root) as client:
        client.attach("sink")
    wait_until(lambda: hub.ended("PeerGone") == 1, "the end")
    assert not hub.flow().attachments


def test_folders_have_their_own_sockets_while_the_plan_has_them(hub: HubUnderTest) -> None:
    deep = "pods/" + "c0ffee00-" * 9 + "1"  # with the root longer than sun_path
    hub.apply(flow(sinks=[sink(endpoint=pod("", deep))]))
    folder = os.open(hub.root / deep, os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(f"/proc/self/fd/{folder}/attach.sock")
        assert (hub.root / deep / "attach.sock").stat().st_mode & 0o777 == 0o666
        assert (hub.root / "attach.sock").stat().st_mode & 0o777 == 0o600
        hub.apply(flow(), revision=2)
        assert not (hub.root / deep / "attach.sock").exists()
    finally:
        os.close(folder)


def test_frames_flow(hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.apply(flow(sinks=[sink(policy="block")]))
    monkeypatch.setenv("MEDIAMESH_DIR", str(hub.root))
    with mediamesh.open_source("cam") as source, mediamesh.open_sink("cam") as taking:
        for number in range(100):
            source.send(b"%d" % number, timeout=PATIENCE)
            with taking.receive(timeout=PATIENCE) as frame:
                assert (frame.sequence, bytes(frame)) == (number, b"%d" % number)
        seen = hub.flow()
        assert (seen.frames, seen.next_sequence) == (100, 100)
        assert {one.role: one.frames for one in seen.attachments} == {"source": 100, "sink": 100}


@pytest.mark.parametrize(("planned", "asked"), [(0, 2), (2, 0), (2, 1)])
def test_a_source_can_wait_for_its_sinks(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch, planned: int, asked: int
) -> None:
    monkeypatch.setenv("MEDIAMESH_DIR", str(hub.root))
    plan = flow()
    plan.source.wait_for_sinks = planned
    hub.apply(plan)
    with mediamesh.open_source("cam", wait_for_sinks=asked) as source, mediamesh.open_sink("cam") as first:
        with pytest.raises(mediamesh.Timeout):
            source.acquire(timeout=0)
        with mediamesh.open_sink("cam") as second:
            source.send(b"for both", timeout=PATIENCE)
            for taking in (first, second):
                with taking.receive(timeout=PATIENCE) as frame:
                    assert bytes(frame) == b"for both"
