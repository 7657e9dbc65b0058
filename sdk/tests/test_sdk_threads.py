import threading
import time
from collections.abc import Callable

import pytest
from mediamesh_testing.hub import HubUnderTest
from sdk_plans import connection

import mediamesh


def together(*calls: object) -> None:
    """Run calls in threads of their own; raise what any of them raised."""
    errors: list[BaseException] = []

    def guarded(call: object) -> None:
        try:
            call()  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    for error in errors:
        raise error


def interrupted(call: Callable[[], object]) -> None:
    with pytest.raises(mediamesh.Interrupted):
        call()


def test_threads_share_a_source_and_a_sink(hub: HubUnderTest) -> None:
    hub.apply(connection())
    sent: list[int] = []
    seen: list[tuple[int, bytes]] = []
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:

        def send() -> None:
            sent.extend(source.send(b"%d" % number, timeout=30) for number in range(500))

        def receive() -> None:
            for _ in range(500):
                with sink.receive(30) as frame:
                    seen.append((frame.sequence, bytes(frame)))

        together(send, send, receive, receive)
        assert sorted(sequence for sequence, _ in seen) == sorted(sent)
        assert sorted(data for _, data in seen) == sorted(2 * [b"%d" % number for number in range(500)])
        assert sink.dropped == 0


def test_frames_are_given_back_by_another_thread(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        for _ in range(100):
            source.send(b"x", timeout=30)
            frame = sink.receive(30)
            together(frame.release)


def test_others_run_while_a_call_waits(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        waits = threading.Thread(target=lambda: sink.receive(30).release())
        waits.start()
        turns = 0
        while turns < 1000:  # would take for ever if the waiting call kept the interpreter
            turns += 1
            time.sleep(0)
        assert waits.is_alive()
        source.send(b"x", timeout=30)
        waits.join()


@pytest.mark.parametrize(("stop", "error"), [("interrupt", mediamesh.Interrupted), ("close", mediamesh.Closed)])
def test_waiting_calls_end_when_told(hub: HubUnderTest, stop: str, error: type[mediamesh.Error]) -> None:
    hub.apply(connection())
    sink = mediamesh.open_sink("cam", timeout=30)
    started = threading.Barrier(3)

    def wait() -> None:
        started.wait()
        with pytest.raises(error):
            sink.receive()

    def end() -> None:
        started.wait()
        getattr(sink, stop)()

    together(wait, wait, end)
    with pytest.raises(error):
        sink.receive(0)
    assert list(sink) == []
    sink.close()
    with pytest.raises(mediamesh.Closed, match="this sink was closed"):
        sink.fileno()


def test_a_call_that_waits_for_a_hub_ends_when_told(hub: HubUnderTest) -> None:
    hub.apply()
    sink = mediamesh.Sink("absent", wait=True)
    opening = threading.Thread(target=interrupted, args=[sink.open])
    opening.start()
    sink.interrupt()
    opening.join(30)
    assert not opening.is_alive()
    sink.close()


def test_threads_queue_for_a_sink_only_as_long_as_they_said(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink:
        long = threading.Thread(target=interrupted, args=[sink.receive])
        long.start()
        for timeout in (0, 0.02):
            with pytest.raises(mediamesh.Timeout):
                sink.receive(timeout)
        sink.interrupt()
        long.join(30)
        assert not long.is_alive()
