"""Deaths and stops at bad moments; who is left goes on."""

import signal
from pathlib import Path

import pytest
from hub_rig import HubUnderTest, RawClient, flow, sink, wait_until
from hub_traffic import traffic

import mediamesh
from mediamesh_protos import plan_pb2


@pytest.fixture(autouse=True)
def _here(hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAMESH_DIR", str(hub.root))


def blocking() -> plan_pb2.FlowPlan:
    return flow(frames=200, sinks=[sink(policy="block", queue=8, max_attachments=20)])


def given(hub: HubUnderTest, sent: int) -> bool:
    return all(one.received >= sent for one in hub.flow().attachments if one.role == "sink")


def test_a_killed_sink_costs_the_others_nothing(hub: HubUnderTest) -> None:
    hub.apply(blocking())
    with traffic("sink", "source") as (stays, source):
        for _ in range(4):
            with traffic("sink") as (victim,):
                wait_until(lambda: len(hub.flow().attachments) == 3, "the victim")
                victim.kill()
            wait_until(lambda: len(hub.flow().attachments) == 2, "its end")
        sent = source.end()["sent"]
        wait_until(lambda: given(hub, sent), "all frames to be taken")
        seen = stays.end()
    assert (seen["gaps"], seen["discontinuities"], seen["received"]) == ([], 0, sent)


def test_a_killed_source_is_followed_by_another(hub: HubUnderTest) -> None:
    hub.apply(blocking())
    with traffic("sink") as (taking,):
        for generation in range(1, 4):
            with traffic("source") as (victim,):
                before = hub.flow().frames
                wait_until(lambda: hub.flow().frames > before + 20, "frames")  # noqa: B023
                victim.kill()
            wait_until(lambda: hub.flow().state == "Waiting", "its end")
            assert hub.flow().pool_generation == generation
        sent = hub.flow().frames
        wait_until(lambda: given(hub, sent), "all frames to be taken")
        seen = taking.end()
    assert (seen["gaps"], seen["received"]) == ([], sent)
    assert seen["discontinuities"] == 2


def test_a_source_comes_while_a_sink_holds_frames_of_the_last(hub: HubUnderTest) -> None:
    hub.apply(flow(sinks=[sink(policy="block")]))
    with mediamesh.open_sink("cam") as taking:
        with mediamesh.open_source("cam") as first:
            first.send(b"old", timeout=5)
            held = taking.receive(timeout=5)
        with mediamesh.open_source("cam", timeout=10) as second:
            second.send(b"new", timeout=5)
            with taking.receive(timeout=5) as frame:
                assert (bytes(frame), bytes(held)) == (b"new", b"old")
        size = 32 * (4096 + 65536)
        assert hub.flow().pool_bytes >= 2 * size
        held.release()
        wait_until(lambda: hub.flow().pool_bytes == 2 * size, "only the pool in use and the next one are left")


def test_frames_held_for_long_keep_a_source_out_only_as_long(hub: HubUnderTest) -> None:
    """Four pools at most: more would let region numbers come back to a sink that still has them."""
    hub.apply(flow(sinks=[sink(policy="block")]))
    held = []
    with mediamesh.open_sink("cam") as taking:
        for _ in range(4):
            with mediamesh.open_source("cam", timeout=10) as source:
                source.send(b"x", timeout=5)
                held.append(taking.receive(timeout=5))
            wait_until(lambda: hub.flow().state == "Waiting", "the source to leave")
        with RawClient(hub.root) as client:
            refusal = client.refusal("source")
            assert (refusal.reason, refusal.transient) == ("PoolsInUse", True)
        held.pop(0).release()
        with mediamesh.open_source("cam", timeout=10) as source:
            source.send(b"y", timeout=5)
            held.append(taking.receive(timeout=5))
        for frame in held:
            frame.release()


def test_a_killed_hub_costs_one_discontinuity(hub: HubUnderTest) -> None:
    hub.apply(flow(frames=80, sinks=[sink(queue=16)]))
    with traffic("sink", "source", pace=0.002) as (taking, source):
        wait_until(lambda: hub.flow().frames > 20, "frames")
        hub.kill()
        hub.restart()
        wait_until(lambda: len(hub.flow().attachments) == 2 and hub.flow().frames > 20, "frames again")
        assert hub.flow().next_sequence > 20
        source.end()
        seen = taking.end()
    assert seen["discontinuities"] == 1


def test_a_stopped_sink_that_may_be_dropped_does_not_hold_up_the_others(hub: HubUnderTest) -> None:
    hub.apply(flow(frames=80, sinks=[sink(queue=8)]))
    with traffic("sink", "sink", "source") as (stopped, _, source):
        stopped.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: any(one.dropped > 100 for one in hub.flow().attachments), "drops at the stopped one")
        assert min(one.dropped for one in hub.flow().attachments if one.role == "sink") < 100
        stopped.process.send_signal(signal.SIGCONT)
        source.end()


def test_a_stopped_sink_that_must_not_lag_is_ended(hub: HubUnderTest) -> None:
    hub.apply(flow(frames=80, sinks=[sink(queue=8, policy="disconnect")]))
    with traffic("sink", "source") as (stopped, source):
        stopped.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: hub.ended("SlowSink") == 1, "its end")
        stopped.process.send_signal(signal.SIGCONT)
        source.end()


def test_a_stopped_sink_that_must_have_all_holds_the_source(hub: HubUnderTest) -> None:
    hub.apply(blocking())
    with traffic("sink", "source") as (stopped, source):
        wait_until(lambda: hub.flow().frames > 10, "frames")
        stopped.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: any(one.occupancy == one.queue for one in hub.flow().attachments), "a full queue")
        stopped.process.send_signal(signal.SIGCONT)
        before = hub.flow().frames
        wait_until(lambda: hub.flow().frames > before + 50, "it to go on")
        sent = source.end()["sent"]
        wait_until(lambda: given(hub, sent), "all frames to be taken")
        assert stopped.end()["received"] == sent


def test_attaching_and_leaving_without_end_leaves_nothing(hub: HubUnderTest) -> None:
    hub.apply(blocking())
    table = Path(f"/proc/{hub.process.pid}/fd")
    with traffic("sink", "source") as (stays, source):
        wait_until(lambda: hub.flow().frames > 10, "frames")
        before = len(list(table.iterdir()))
        for _ in range(150):
            with RawClient(hub.root) as client:
                client.attach("sink")
        wait_until(lambda: len(hub.flow().attachments) == 2, "all to be gone")
        wait_until(lambda: len(list(table.iterdir())) <= before, "all their descriptors too")
        sent = source.end()["sent"]
        wait_until(lambda: given(hub, sent), "all frames to be taken")
        assert (stays.end()["gaps"]) == []


def test_a_polite_end_gives_sinks_what_is_under_way_and_says_goodbye(hub: HubUnderTest) -> None:
    hub.apply(blocking())
    with RawClient(hub.root) as client:
        client.attach("sink")
        wait_until(lambda: hub.flow().attachments, "the sink")
        assert hub.stop() == 0
        assert b"HubStopping" in client.hear()
    assert not list(hub.root.rglob("*.sock"))
