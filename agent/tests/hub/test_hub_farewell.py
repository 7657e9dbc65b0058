"""What a source sent before it left reaches a sink that must not lose anything, however long that takes."""

import contextlib
import select
import signal
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.application import Writer
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import flow, sink
from mediamesh_testing.rawclient import RawClient
from mediamesh_testing.waiting import PATIENCE, wait_until
from mediamesh_testing.watching import all_taken

import mediamesh
from mediamesh.errors import UnsuitableFile
from mediamesh_agent.hub import link
from mediamesh_agent.hub.attachment import Attachment
from mediamesh_agent.hub.errors import AttachmentEnded
from mediamesh_native.memif.messages import Ack, Disconnect, Message, encode
from mediamesh_native.pool import Pool

QUEUE = 4


@pytest.fixture(autouse=True)
def _one_blocking_sink(hub: HubUnderTest) -> None:
    hub.apply(flow(sinks=[sink(policy="block", queue=QUEUE)]))


def send_all_that_fits() -> int:
    """Send until every frame is on its way, leave; return how many that were: more than a full sink has."""
    writer = Writer(200)
    with mediamesh.open_source("cam") as feeding, contextlib.suppress(mediamesh.Timeout):
        while True:
            with feeding.acquire(timeout=PATIENCE if writer.sent <= QUEUE else 0.3) as frame:
                writer.fill(frame)
                frame.send()
            writer.sent += 1
    return writer.sent


def kill_source_after_it_sent(hub: HubUnderTest) -> int:
    """Have a process send until it is held, kill it; return how many it sent."""
    with acting(source()) as (victim,):
        wait_until(lambda: sink_is_full(hub), "the sink to be full")
        victim.kill()
    return hub.flow().frames


def sink_is_full(hub: HubUnderTest) -> bool:
    return any(one.role == "sink" and one.occupancy == QUEUE for one in hub.flow().attachments)


def has_source(hub: HubUnderTest) -> bool:
    return any(one.role == "source" for one in hub.flow().attachments)


def has_left(feeding: mediamesh.Source) -> bool:
    """Whether a source is detached, looking for frames as an application does that gives them back unsent."""
    with contextlib.suppress(mediamesh.Timeout):
        feeding.acquire(timeout=0).cancel()
    return not feeding.attached


def nothing(_hub: HubUnderTest) -> None:
    pass


def hand_over(hub: HubUnderTest) -> None:
    hub.succeed()


def hand_over_twice(hub: HubUnderTest) -> None:
    hub.succeed()
    hub.succeed()


MEANWHILE = pytest.mark.parametrize("meanwhile", [nothing, hand_over, hand_over_twice])


@MEANWHILE
def test_a_stopped_sink_gets_all_when_it_wakes_up(hub: HubUnderTest, meanwhile: Callable[[HubUnderTest], None]) -> None:
    with acting(taker()) as (taking,):
        with taking.stopped():
            sent = send_all_that_fits()
            assert sent > QUEUE
            assert has_source(hub)
            meanwhile(hub)
            assert has_source(hub)
        wait_until(lambda: not has_source(hub), "the end of the source")
        all_taken(hub, sent)
        report = taking.end()
        unharmed(report)
        assert (report["received"], report["last"], report["flagged"]) == (sent, sent - 1, [])
    wait_until(lambda: not hub.flow().attachments, "the end of the sink")
    assert not hub.observe().ended


@MEANWHILE
def test_a_sink_that_holds_its_frames_gets_all_when_it_lets_go(
    hub: HubUnderTest, meanwhile: Callable[[HubUnderTest], None]
) -> None:
    with mediamesh.open_sink("cam") as taking:
        with mediamesh.open_source("cam") as feeding:
            for _ in range(QUEUE):
                feeding.send(b"held", timeout=PATIENCE)
            held = [taking.receive(timeout=PATIENCE) for _ in range(QUEUE)]
            for number in range(QUEUE):
                feeding.send(b"%d" % number, timeout=PATIENCE)
        assert has_source(hub)
        meanwhile(hub)
        for frame in reversed(held):
            frame.release()
        for number in range(QUEUE):
            with taking.receive(timeout=PATIENCE) as frame:
                assert (frame.sequence, bytes(frame)) == (QUEUE + number, b"%d" % number)
        wait_until(lambda: not has_source(hub), "the end of the source")
    wait_until(lambda: not hub.flow().attachments, "the end of the sink")
    assert not hub.observe().ended


@MEANWHILE
def test_a_source_ends_when_the_sink_it_waits_for_is_killed(
    hub: HubUnderTest, meanwhile: Callable[[HubUnderTest], None]
) -> None:
    with acting(taker(), taker()) as (victim, stays):
        with victim.stopped():
            sent = send_all_that_fits()
            meanwhile(hub)
            assert has_source(hub)
            victim.kill()
        wait_until(lambda: len(hub.flow().attachments) == 1, "the end of both")
        all_taken(hub, sent)
        report = stays.end()
        unharmed(report)
        assert report["received"] == sent
    assert [(end.reason, end.endpoint) for end in hub.observe().ended] == [("PeerGone", "out")]
    with mediamesh.open_source("cam", timeout=PATIENCE) as feeding:
        assert feeding.next_sequence == sent
    wait_until(lambda: hub.flow().pool_free >= hub.flow().pool_frames - 1, "all frames to be back")


@MEANWHILE
def test_what_a_killed_source_had_sent_arrives_too_and_its_death_is_told(
    hub: HubUnderTest, meanwhile: Callable[[HubUnderTest], None]
) -> None:
    with acting(taker()) as (taking,):
        with taking.stopped():
            at_least = kill_source_after_it_sent(hub)
            meanwhile(hub)
        wait_until(lambda: not has_source(hub), "the end of the source")
        all_taken(hub)
        report = taking.end()
        unharmed(report)
        assert report["received"] >= at_least
    assert [(end.reason, end.endpoint) for end in hub.observe().ended] == [("PeerGone", "in")]


def test_a_frame_in_hand_when_the_hub_is_told_to_end_arrives(hub: HubUnderTest) -> None:
    with mediamesh.open_sink("cam") as taking, mediamesh.open_source("cam") as feeding:
        with feeding.acquire(timeout=PATIENCE) as frame:
            hub.process.send_signal(signal.SIGTERM)
            assert select.select([feeding._attention.control], [], [], PATIENCE)[0], "the hub says nothing"
            frame.send()
        wait_until(lambda: has_left(feeding), "the source to hear it")
        with taking.receive(timeout=PATIENCE) as received:
            assert received.sequence == 0
        assert hub.reap() == 0


def test_who_closes_in_order_is_not_booked(hub: HubUnderTest) -> None:
    for _ in range(10):
        with mediamesh.open_source("cam") as feeding, mediamesh.open_sink("cam") as taking:
            feeding.send(b"x", timeout=PATIENCE)
            taking.receive(timeout=PATIENCE).release()
        wait_until(lambda: not hub.flow().attachments, "both ends")
    assert not hub.observe().ended
    assert not [line for line in hub.log.splitlines() if "WARNING" in line and "event loop" not in line]
    assert "closed by the application" in hub.log


def test_who_leaves_because_of_an_error_says_which(hub: HubUnderTest) -> None:
    with pytest.raises(UnsuitableFile), mediamesh.open_sink("cam"):
        raise UnsuitableFile("the disk is full")
    with pytest.raises(ZeroDivisionError), mediamesh.open_sink("cam"):
        raise ZeroDivisionError
    wait_until(lambda: not hub.flow().attachments, "the end of both")
    assert "UnsuitableFile: the disk is full" in hub.log
    assert "closed by ZeroDivisionError" in hub.log
    assert not hub.observe().ended


def test_a_goodbye_counts_though_announcements_were_never_read(hub: HubUnderTest) -> None:
    with RawClient(hub.root) as client:
        client.attach("sink")
        wait_until(lambda: hub.flow().attachments, "the sink")
        with mediamesh.open_source("cam") as feeding:
            feeding.send(b"a pool that the sink is told of", timeout=PATIENCE)
        client.say(encode(Disconnect(0, "done")))
        client.socket.close()  # with the announcement unread: this resets the connection
        wait_until(lambda: not hub.flow().attachments, "the end")
    assert not hub.observe().ended


@pytest.mark.parametrize(("said", "reason"), [([Disconnect(0, "done")], "Left"), ([Ack(), Ack()], "PeerGone")])
def test_a_goodbye_is_heard_where_an_announcement_comes_too_late(said: list[Message], reason: str) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pool = Pool(1, 1)
    with ours:
        with theirs:
            for message in said:
                theirs.send(encode(message))
        attachment = SimpleNamespace(socket=ours, unacknowledged=[1, 2])
        with pytest.raises(AttachmentEnded) as ended:
            link.announce(cast("Attachment", attachment), 3, pool)
    pool.close()
    assert ended.value.reason == reason


def test_a_sink_gets_what_is_sent_after_it_was_opened(hub: HubUnderTest) -> None:
    with mediamesh.open_source("cam") as feeding:
        for number in range(50):
            feeding.send(b"before", timeout=PATIENCE)
            wait_until(lambda: hub.flow().frames == feeding.next_sequence, "the hub to have taken it")
            with mediamesh.open_sink("cam", start="next") as taking:
                sequence = feeding.send(b"%d" % number, timeout=PATIENCE)
                with taking.receive(timeout=PATIENCE) as frame:
                    assert (frame.sequence, bytes(frame)) == (sequence, b"%d" % number)
