"""What is said of a wait: in the error when its time is up, in the log when it would last for ever."""

import asyncio
import logging
import math
import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.waiting import wait_until
from sdk_plans import QUEUE, connection

import mediamesh
from mediamesh import aio, deadline
from mediamesh.deadline import Impatience

NOTHING_YET = "the first one has not come yet; `mediamesh list` shows whether there is a source"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "mediamesh")
    monkeypatch.setattr(deadline, "PATIENCE", 0.01)
    monkeypatch.setattr(aio, "PATIENCE", 0.01)


def ended_by(end: mediamesh.Sink | mediamesh.Source, wait: Callable[[], object], done: Callable[[], bool]) -> None:
    """Wait in a thread until something is done, then interrupt the wait."""
    ended = threading.Event()

    def work() -> None:
        with pytest.raises(mediamesh.Interrupted):
            wait()
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(done)
    end.interrupt()
    thread.join()
    assert ended.is_set()


def until_refused(end: mediamesh.Sink | mediamesh.Source) -> None:
    """Wait for the hub's first answer, which may take longer than the patience."""
    wait_until(lambda: not end._poll_open() and end._tether.failure is not None)


def until_no_hub_answers(sink: mediamesh.Sink) -> None:
    """Wait until the sink has not only lost its hub but tried to come back, which may take longer than the patience."""

    def tried() -> bool:
        with pytest.raises(mediamesh.Timeout) as raised:
            sink.receive(0)
        return "no hub answers" in str(raised.value)

    wait_until(tried)


def test_impatience_complains_once_and_then_waits_for_ever() -> None:
    said: list[str] = []
    impatience = Impatience(lambda: said.append("why"))
    assert not impatience.endless
    first = impatience.nanoseconds()
    assert 0 <= first <= 10_000_000 or said
    wait_until(lambda: impatience.nanoseconds() == -1)
    assert (said, impatience.seconds(), impatience.over(), impatience.endless) == (["why"], None, False, True)
    assert deadline.Deadline(math.inf).endless


def test_who_waits_for_a_hub_is_told(free_dir: object, caplog: pytest.LogCaptureFixture) -> None:
    with mediamesh.Sink("cam", root=f"{free_dir}") as sink:
        ended_by(sink, sink.open, lambda: bool(caplog.messages))
    (message,) = caplog.messages
    assert message.startswith(f"waiting to attach to cam: no hub answers at {free_dir}/attach.sock")
    assert message.endswith("is `mediamesh up` running?")


def test_who_has_no_hub_in_a_pod_is_pointed_to_the_node(free_dir: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with pytest.raises(mediamesh.Timeout, match=r"no hub answers at .*; does `kubectl get medianodes` say Ready"):
        mediamesh.open_sink("cam", root=f"{free_dir}", timeout=0)


def test_who_waits_for_a_plan_or_a_place_is_told(hub: HubUnderTest, caplog: pytest.LogCaptureFixture) -> None:
    hub.apply(connection("taken"))
    with mediamesh.Sink("absent", wait=True) as sink:
        until_refused(sink)
        ended_by(sink, sink.open, lambda: bool(caplog.messages))
    with mediamesh.open_source("taken", timeout=30), mediamesh.Source("taken") as second:
        until_refused(second)
        ended_by(second, second.open, lambda: len(caplog.messages) == 2)
    assert "waiting to attach to absent: there is no connection 'default/absent'" in caplog.messages[0]
    assert "default/taken has a source already" in caplog.messages[1]


def test_who_waits_for_the_first_frame_is_told_once(hub: HubUnderTest, caplog: pytest.LogCaptureFixture) -> None:
    hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        waiting = threading.Thread(target=lambda: sink.receive().release())
        waiting.start()
        wait_until(lambda: caplog.messages)
        source.send(b"1", timeout=30)  # for ever, it might be told what for
        waiting.join()
        ended_by(sink, sink.receive, lambda: sink._complaint != "")
    assert caplog.messages == [f"waiting for a frame of default/cam: {NOTHING_YET}"]


def test_a_hub_that_went_away_is_told_and_told_again(own_hub: HubUnderTest, caplog: pytest.LogCaptureFixture) -> None:
    own_hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink:
        for number in (1, 2):
            own_hub.kill()
            until_no_hub_answers(sink)
            waiting = threading.Thread(target=lambda: sink.receive().release())
            waiting.start()
            wait_until(lambda: sum("no hub answers" in text for text in caplog.messages) == number)  # noqa: B023
            own_hub.restart()
            with mediamesh.open_source("cam", timeout=30, wait_for_sinks=1) as source:
                source.send(b"1")
                waiting.join()


def test_a_source_whose_frames_are_all_in_hand_is_told_so(hub: HubUnderTest, caplog: pytest.LogCaptureFixture) -> None:
    hub.apply(connection())
    with mediamesh.open_source("cam", timeout=30) as source, ExitStack() as stack:
        for _ in range(QUEUE):
            stack.enter_context(source.acquire(30))
        with pytest.raises(mediamesh.Timeout) as raised:
            source.acquire(0.01)
        assert str(raised.value) == (
            "default/cam: no frame within 0.01 s: all 4 frames are in your hand: send or cancel one"
        )
        ended_by(source, source.acquire, lambda: bool(caplog.messages))
        assert caplog.messages[-1].endswith("default/cam: all 4 frames are in your hand: send or cancel one")


def test_a_sink_whose_frames_are_all_in_hand_is_told_so(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with (
        mediamesh.open_sink("cam", timeout=30) as sink,
        mediamesh.open_source("cam", timeout=30) as source,
        ExitStack() as stack,
    ):
        for _ in range(QUEUE):
            source.send(b"1")
            stack.enter_context(sink.receive(30))
        with pytest.raises(mediamesh.Timeout, match="all 4 frames are in your hand: release one, and all views"):
            sink.receive(0.01)


def test_a_source_that_is_held_back_is_told_what_by(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with (
        mediamesh.open_source("cam", timeout=30, wait_for_sinks=2) as source,
        pytest.raises(mediamesh.Timeout, match=r"fewer than 2 sinks are attached \(wait_for_sinks\), or a sink"),
    ):
        source.acquire(0.01)
    with mediamesh.open_sink("cam", timeout=30), mediamesh.open_source("cam", timeout=30) as source:
        for _ in range(QUEUE):
            source.send(b"1", timeout=30)
        for _ in range(QUEUE):
            source.acquire(30).send()
        with pytest.raises(mediamesh.Timeout, match="probably a sink with the delivery policy block is full"):
            source.acquire(0.01)


def test_a_queue_beyond_the_plan_is_refused_with_the_bound(hub: HubUnderTest) -> None:
    hub.apply(connection())
    for opening in (mediamesh.open_source, mediamesh.open_sink):
        with pytest.raises(mediamesh.Refused, match="queue 9999 is more than the 4 frames that the plan") as raised:
            opening("cam", queue=9999, timeout=30)
        assert raised.value.reason == "QueueTooLong"


def test_tasks_that_wait_are_told_as_well(hub: HubUnderTest, caplog: pytest.LogCaptureFixture) -> None:
    hub.apply(connection())

    async def main() -> None:
        async with aio.open_sink("cam", timeout=30) as sink:
            waiting = asyncio.create_task(sink.receive())
            await asyncio.to_thread(wait_until, lambda: caplog.messages)
            sink.interrupt()
            with pytest.raises(mediamesh.Interrupted):
                await waiting

    asyncio.run(main())
    assert "default/cam: the first one has not come yet" in caplog.messages[0]
