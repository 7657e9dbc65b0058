import contextlib
import selectors
import threading
import time

import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.waiting import wait_until
from sdk_plans import QUEUE, connection
from test_sdk_waiting import until_refused

import mediamesh


def sent(source: mediamesh.Source, data: bytes) -> int:
    """Send until a hub is there that takes it, as an application would."""
    while True:
        with contextlib.suppress(mediamesh.Detached):
            return source.send(data, timeout=30)


def test_both_ends_survive_a_killed_hub(own_hub: HubUnderTest) -> None:
    own_hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        for round_ in range(3):
            last = sent(source, b"before")
            with sink.receive(30) as frame:
                assert frame.sequence == last
            own_hub.kill()
            with pytest.raises(mediamesh.Timeout, match="no attachment within"):
                sink.receive(0.05)
            assert not sink.attached
            own_hub.restart()
            wait_until(lambda: attach_by_polling(sink), "the sink's return")
            assert sent(source, b"after %d" % round_) == last + 1
            with sink.receive(30) as frame:
                assert bytes(frame) == b"after %d" % round_
                assert frame.sequence == last + 1
                assert frame.flags & mediamesh.Flags.DISCONTINUITY
            with contextlib.suppress(mediamesh.Timeout):
                sink.receive(0)


def attach_by_polling(sink: mediamesh.Sink) -> bool:
    with pytest.raises(mediamesh.Timeout):
        sink.receive(0)
    return sink.attached


def test_frames_of_a_dead_hub_stay_readable_and_cannot_be_sent(own_hub: HubUnderTest) -> None:
    own_hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        source.send(b"kept", timeout=30)
        kept = sink.receive(30)
        filled = source.acquire(30)
        own_hub.kill()
        wait_until(lambda: detached(sink, sink.receive))
        wait_until(lambda: detached(source, source.acquire))
        assert bytes(kept) == b"kept"
        kept.release()
        with pytest.raises(mediamesh.Detached) as raised:
            filled.send()
        assert raised.value.reason == "Detached"
        filled.cancel()
        own_hub.restart()
        again = source.acquire(30)
        assert again.send() == 1


def detached(end: mediamesh.Source | mediamesh.Sink, call: object) -> bool:
    with pytest.raises(mediamesh.Timeout):
        call(0)  # type: ignore[operator]
    return not end.attached


def test_a_gap_after_the_return_is_a_discontinuity(own_hub: HubUnderTest) -> None:
    own_hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink:
        with mediamesh.open_source("cam", timeout=30) as source:
            for _ in range(QUEUE):
                source.send(b"x", timeout=30)
                sink.receive(30).release()
        own_hub.kill()
        own_hub.restart()
        wait_until(lambda: attach_by_polling(sink), "the sink's return")
        with mediamesh.open_source("cam", timeout=30) as source:
            source.send(b"a program that was started anew", timeout=30)
            with sink.receive(30) as frame:
                assert frame.sequence < QUEUE
                assert frame.flags & mediamesh.Flags.DISCONTINUITY
            source.send(b"x", timeout=30)
            with sink.receive(30) as frame:
                assert not frame.flags & mediamesh.Flags.DISCONTINUITY
        assert sink.dropped == 0


def test_one_fileno_through_the_lives_of_hubs(own_hub: HubUnderTest) -> None:
    own_hub.apply(connection())
    with (
        mediamesh.open_sink("cam", timeout=30) as sink,
        mediamesh.open_source("cam", timeout=30) as source,
        selectors.DefaultSelector() as selector,
    ):
        selector.register(sink.fileno(), selectors.EVENT_READ)
        own_hub.kill()
        assert select_until(selector, sink, lambda: not sink.attached) == []
        own_hub.restart()
        assert select_until(selector, sink, lambda: sink.attached) == []
        sent(source, b"after")
        received: list[bytes] = []
        received += select_until(selector, sink, lambda: sink.last_sequence >= 0)
        assert received == [b"after"]


def select_until(selector: selectors.BaseSelector, sink: mediamesh.Sink, condition: object) -> list[bytes]:
    """Receive as an event loop does: only when the selector says so."""
    received = []
    end = time.monotonic() + 30
    while not condition():  # type: ignore[operator]
        assert selector.select(end - time.monotonic())
        with contextlib.suppress(mediamesh.Timeout):
            while True:
                with sink.receive(0) as frame:
                    received.append(bytes(frame))
    return received


def test_a_second_source_stands_by(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with mediamesh.open_source("cam", timeout=30) as first:
        last = first.send(b"x", timeout=30)
        with mediamesh.Source("cam") as refused:
            until_refused(refused)
            with pytest.raises(mediamesh.Timeout, match="has a source already"):
                refused.open(0)
        opened: list[mediamesh.Source] = []
        standby = threading.Thread(target=lambda: opened.append(mediamesh.open_source("cam", timeout=30)))
        standby.start()
        first.close()
        standby.join()
    with opened[0] as second:
        assert second.send(b"x", timeout=30) == last + 1


def test_unknown_connections_are_refused_unless_waited_for(hub: HubUnderTest) -> None:
    hub.apply()
    with pytest.raises(mediamesh.RefusedForNow, match=r"no connection 'default/late' .*; check the name") as raised:
        mediamesh.open_sink("late")
    assert raised.value.reason == "NoSuchConnection"
    with mediamesh.Sink("late", wait=True) as waiting:
        until_refused(waiting)
        with pytest.raises(mediamesh.Timeout, match="no connection 'default/late'"):
            waiting.open(0)
    planner = threading.Timer(0.05, hub.apply, [connection("late")])
    planner.start()
    with mediamesh.open_sink("late", wait=True, timeout=30) as sink:
        assert sink.name == "default/late"
    planner.join()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"endpoint": "camera"}, "WrongRole"),
        ({"endpoint": "sink0", "token": "wrong"}, "WrongToken"),
        ({}, "AmbiguousEndpoint"),
    ],
)
def test_final_refusals_have_the_hubs_reason(hub: HubUnderTest, options: dict[str, str], reason: str) -> None:
    hub.apply(connection(policies=("block", "block"), token="right"))
    with pytest.raises(mediamesh.Refused) as raised:
        mediamesh.open_sink("cam", **options)  # type: ignore[arg-type]
    assert raised.value.reason == reason


def test_a_hub_that_comes_late_is_found(own_hub: HubUnderTest) -> None:
    own_hub.apply(connection())
    own_hub.kill()
    with pytest.raises(mediamesh.Timeout, match=r"no hub answers at .*attach\.sock .*is `mediamesh up` running?"):
        mediamesh.open_sink("cam", timeout=0)
    starter = threading.Thread(target=own_hub.restart)
    starter.start()
    with mediamesh.open_sink("cam", timeout=30) as sink:
        assert sink.attached
    starter.join()


def test_a_refusal_after_the_return_is_raised(own_hub: HubUnderTest) -> None:
    own_hub.apply(connection())
    with mediamesh.open_sink("cam", endpoint="sink0", timeout=30) as sink:
        own_hub.kill()
        own_hub.restart()
        own_hub.apply(connection(token="now it has one"))
        with pytest.raises(mediamesh.Refused) as raised:
            sink.receive(30)
        assert raised.value.reason == "WrongToken"
        own_hub.apply(connection())
        with mediamesh.open_source("cam", timeout=30) as source:
            wait_until(lambda: attach_by_polling(sink), "the sink's return")
            source.send(b"x", timeout=30)
            sink.receive(30).release()


def test_who_closes_says_goodbye(hub: HubUnderTest) -> None:
    hub.apply(connection())
    before = len(hub.observe().ended)
    for _ in range(5):
        with mediamesh.open_sink("cam", timeout=30), mediamesh.open_source("cam", timeout=30) as source:
            source.send(b"a pool that the sink was told of and did not hear", timeout=30)
        wait_until(lambda: not hub.attachments("sink") and not hub.attachments("source"), "both ends")
    sink = mediamesh.open_sink("cam", timeout=30)
    with pytest.warns(ResourceWarning):
        del sink
    wait_until(lambda: not hub.attachments("sink"), "the end of the one that was dropped")
    assert len(hub.observe().ended) == before
