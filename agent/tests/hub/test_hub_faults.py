"""Deaths and stops at bad moments; who is left goes on."""

from pathlib import Path

from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import flow, sink
from mediamesh_testing.rawclient import RawClient
from mediamesh_testing.waiting import PATIENCE, wait_until
from mediamesh_testing.watching import all_taken

import mediamesh
from mediamesh_protos import plan_pb2


def blocking() -> plan_pb2.FlowPlan:
    return flow(frames=200, sinks=[sink(policy="block", queue=8, max_attachments=20)])


def test_a_killed_sink_costs_the_others_nothing(hub: HubUnderTest) -> None:
    hub.apply(blocking())
    with acting(taker(), source(wait_for_sinks=1)) as (stays, feeding):
        for _ in range(4):
            with acting(taker()) as (victim,):
                wait_until(lambda: len(hub.flow().attachments) == 3, "the victim")
                victim.kill()
            wait_until(lambda: len(hub.flow().attachments) == 2, "its end")
        sent = feeding.end()["sent"]
        all_taken(hub, sent)
        report = stays.end()
    unharmed(report)
    assert (report["received"], report["flagged"]) == (sent, [])


def test_a_killed_source_is_followed_by_another(hub: HubUnderTest) -> None:
    hub.apply(blocking())
    with acting(taker()) as (taking,):
        for generation in range(1, 4):
            with acting(source()) as (victim,):
                before = hub.flow().frames
                wait_until(lambda: hub.flow().frames > before + 20, "frames")  # noqa: B023
                victim.kill()
            wait_until(lambda: hub.flow().state == "Waiting", "its end")
            assert hub.flow().pool_generation == generation
        sent = hub.flow().frames
        all_taken(hub, sent)
        report = taking.end()
    unharmed(report)
    assert (report["received"], len(report["flagged"])) == (sent, 2)


def test_a_source_comes_while_a_sink_holds_frames_of_the_last(hub: HubUnderTest) -> None:
    hub.apply(flow(sinks=[sink(policy="block")]))
    with mediamesh.open_sink("cam") as taking:
        with mediamesh.open_source("cam") as first:
            first.send(b"old", timeout=PATIENCE)
            held = taking.receive(timeout=PATIENCE)
        with mediamesh.open_source("cam", timeout=PATIENCE) as second:
            second.send(b"new", timeout=PATIENCE)
            with taking.receive(timeout=PATIENCE) as frame:
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
            with mediamesh.open_source("cam", timeout=PATIENCE) as feeding:
                feeding.send(b"x", timeout=PATIENCE)
                held.append(taking.receive(timeout=PATIENCE))
            wait_until(lambda: hub.flow().state == "Waiting", "the source to leave")
        with RawClient(hub.root) as client:
            refusal = client.refusal("source")
            assert (refusal.reason, refusal.transient) == ("PoolsInUse", True)
        held.pop(0).release()
        with mediamesh.open_source("cam", timeout=PATIENCE) as feeding:
            feeding.send(b"y", timeout=PATIENCE)
            held.append(taking.receive(timeout=PATIENCE))
        for frame in held:
            frame.release()


def test_a_killed_hub_costs_one_discontinuity(hub: HubUnderTest) -> None:
    hub.apply(blocking())
    with acting(taker(), source(pace=0.002, wait_for_sinks=1)) as (taking, feeding):
        wait_until(lambda: hub.flow().frames > 20, "frames")
        hub.kill()
        hub.restart()
        wait_until(lambda: len(hub.flow().attachments) == 2 and hub.flow().frames > 20, "frames again")
        assert hub.flow().next_sequence > 20
        feeding.end()
        all_taken(hub)
        report = taking.end()
    assert len(report["flagged"]) == 1


def test_a_stopped_sink_that_may_be_dropped_does_not_hold_up_the_others(hub: HubUnderTest) -> None:
    hub.apply(flow(frames=80, sinks=[sink(queue=8)]))
    with acting(taker(), taker(), source()) as (sleeper, _, feeding):
        with sleeper.stopped():
            wait_until(lambda: any(one.dropped > 100 for one in hub.flow().attachments), "drops at the stopped one")
            before = max(one.received for one in hub.attachments("sink"))
            wait_until(
                lambda: max(one.received for one in hub.attachments("sink")) > before + 100, "the other's frames"
            )
        feeding.end()


def test_a_stopped_sink_that_must_not_lag_is_ended(hub: HubUnderTest) -> None:
    hub.apply(flow(frames=80, sinks=[sink(queue=8, policy="disconnect")]))
    with acting(taker(), source()) as (sleeper, feeding):
        with sleeper.stopped():
            wait_until(lambda: hub.ended("SlowSink"), "its end")
        feeding.end()


def test_a_stopped_sink_that_must_have_all_holds_the_source(hub: HubUnderTest) -> None:
    hub.apply(blocking())
    with acting(taker(), source(wait_for_sinks=1)) as (sleeper, feeding):
        wait_until(lambda: hub.flow().frames > 10, "frames")
        with sleeper.stopped():
            wait_until(lambda: any(one.occupancy == one.queue for one in hub.flow().attachments), "a full queue")
        before = hub.flow().frames
        wait_until(lambda: hub.flow().frames > before + 50, "it to go on")
        sent = feeding.end()["sent"]
        all_taken(hub, sent)
        assert sleeper.end()["received"] == sent


def test_attaching_and_leaving_without_end_leaves_nothing(hub: HubUnderTest) -> None:
    hub.apply(blocking())
    table = Path(f"/proc/{hub.process.pid}/fd")
    with acting(taker(), source(wait_for_sinks=1)) as (stays, feeding):
        wait_until(lambda: hub.flow().frames > 10, "frames")
        before = len(list(table.iterdir()))
        for _ in range(150):
            with RawClient(hub.root) as client:
                client.attach("sink")
        wait_until(lambda: len(hub.flow().attachments) == 2, "all to be gone")
        wait_until(lambda: len(list(table.iterdir())) <= before, "all their descriptors too")
        sent = feeding.end()["sent"]
        all_taken(hub, sent)
        unharmed(stays.end())


def test_a_polite_end_gives_sinks_what_is_under_way_and_says_goodbye(hub: HubUnderTest) -> None:
    hub.apply(blocking())
    with RawClient(hub.root) as client:
        client.attach("sink")
        wait_until(lambda: hub.flow().attachments, "the sink")
        assert hub.stop() == 0
        assert b"HubStopping" in client.hear()
    assert not list(hub.root.rglob("*.sock"))
