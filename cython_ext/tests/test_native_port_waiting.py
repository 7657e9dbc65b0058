"""Sleeping and waking: time-outs, control messages, several threads, signals, and one's own event loop."""

import asyncio
import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from mediamesh_testing.waiting import PATIENCE, wait_until
from memif_ends import open_descriptors
from native_peers import PATIENCE_NS, Node, PortArguments, Sink, Source, acquire, port_arguments, receive, send, take
from native_sleepers import asleep, in_thread

from mediamesh_native.pool import RingRegion
from mediamesh_native.port import SinkPort, Wait, live_objects

MILLISECOND = 1_000_000


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


@pytest.fixture
def pair(node: Node) -> tuple[Source, Sink]:
    flow = node.flow()
    return node.source(flow), node.sink(flow)


def test_a_wait_ends_at_its_time(pair: tuple[Source, Sink]) -> None:
    _, sink = pair
    start = time.monotonic_ns()
    assert sink.port.wait(5 * MILLISECOND) is Wait.TIMEOUT
    assert time.monotonic_ns() - start >= 5 * MILLISECOND
    assert sink.port.wait(0) is Wait.TIMEOUT


def test_a_frame_that_is_there_ends_a_wait_at_once(pair: tuple[Source, Sink], node: Node) -> None:
    source, sink = pair
    send(source, 1)
    node.sent(source.flow, 1)
    for timeout in (0, MILLISECOND, -1):
        assert sink.port.wait(timeout) is Wait.READY
    assert receive(sink) == 1


def test_a_control_message_ends_a_wait_until_it_is_read(pair: tuple[Source, Sink]) -> None:
    source, sink = pair
    in_hand = [acquire(source) for _ in range(8)]
    for client in (source, sink):
        client.control.send(b"read me")
        assert [client.port.wait(PATIENCE_NS) for _ in range(2)] == [Wait.CONTROL] * 2
    for frame in in_hand:
        frame.cancel()


def test_a_hub_that_hangs_up_ends_a_wait(pair: tuple[Source, Sink]) -> None:
    _, sink = pair
    sink.control.close()
    assert sink.port.wait(-1) is Wait.CONTROL


def test_a_frame_in_a_region_not_yet_known_waits_for_the_message_about_it(node: Node) -> None:
    flow = node.flow()
    source = node.source(flow)
    rings = node.own(RingRegion(8))
    port, control = node.port(SinkPort, rings, flow.capacity)
    node.engine.add_sink(flow.number, rings, queue=8, policy="block", newest=False)
    send(source, 1)
    node.sent(flow, 1)
    assert port.take() is None
    assert port.wait(MILLISECOND) is Wait.TIMEOUT
    control.send(b"the region")
    assert port.wait(PATIENCE_NS) is Wait.CONTROL
    port.add_region(1, flow.pool.fd, flow.pool.size)
    frame = port.take()
    assert frame is not None
    assert frame.sequence == 0


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_closing_a_port_wakes_all_who_wait(pair: tuple[Source, Sink], threads: int) -> None:
    _, sink = pair
    waits = [in_thread(lambda: sink.port.wait(-1)) for _ in range(threads)]
    asleep(threads)
    sink.port.close()
    for wait in waits:
        with pytest.raises(ValueError, match="closed"):
            wait.result(PATIENCE)
    assert sink.port.closed


def test_two_threads_that_wait_are_both_woken_for_two_frames(pair: tuple[Source, Sink]) -> None:
    source, sink = pair
    for number in range(0, 40, 2):
        waits = [in_thread(lambda: take(sink).sequence) for _ in range(2)]
        asleep(2)
        send(source, number)
        send(source, number + 1)
        assert sorted(wait.result(PATIENCE) for wait in waits) == [number, number + 1]  # type: ignore[type-var]


def test_a_thread_that_still_waits_is_woken_after_another_went_its_way(pair: tuple[Source, Sink]) -> None:
    source, sink = pair
    waits = [in_thread(lambda: take(sink).sequence) for _ in range(2)]
    asleep(2)
    send(source, 0)
    wait_until(lambda: any(wait.done() for wait in waits))
    send(source, 1)
    assert sorted(wait.result(PATIENCE) for wait in waits) == [0, 1]  # type: ignore[type-var]


def test_threads_share_a_port_and_every_frame_comes_once(pair: tuple[Source, Sink], node: Node) -> None:
    source, _ = pair
    sink = node.sink(source.flow, 8, "block")
    taken: list[int] = []

    def work() -> None:
        while len(taken) < 400:
            if (frame := sink.port.take()) is not None:
                taken.append(frame.sequence)
                frame.release()
            else:
                sink.port.wait(MILLISECOND)

    workers = [in_thread(work) for _ in range(4)]
    for number in range(400):
        send(source, number)
    for worker in workers:
        worker.result(PATIENCE)
    assert sorted(taken) == list(range(400))


def test_signals_are_handled_and_the_wait_goes_on(pair: tuple[Source, Sink]) -> None:
    source, sink = pair
    heard = threading.Event()
    old = signal.signal(signal.SIGUSR1, lambda *_: heard.set())
    main = threading.get_ident()

    def disturb_and_send() -> None:
        disturb(main)
        assert heard.wait(PATIENCE)
        send(source, 1)

    try:
        disturbance = in_thread(disturb_and_send)
        assert sink.port.wait(PATIENCE_NS) is Wait.READY
        disturbance.result(PATIENCE)
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert heard.is_set()


def disturb(thread: int) -> None:
    asleep()
    signal.pthread_kill(thread, signal.SIGUSR1)


def disturb_by_another_thread(_thread: int) -> None:
    asleep()
    signal.raise_signal(signal.SIGUSR1)  # here; it wakes nobody


class Interrupted(Exception):
    """What a signal handler raises."""


@pytest.mark.parametrize("disturb", [disturb, disturb_by_another_thread])
@pytest.mark.parametrize("descriptors", [False, True])
def test_an_exception_from_a_signal_handler_ends_the_wait(
    pair: tuple[Source, Sink], disturb: Callable[[int], None], descriptors: bool
) -> None:
    _, sink = pair
    if descriptors:
        sink.port.fileno()

    def interrupt(*_: object) -> None:
        raise Interrupted

    old = signal.signal(signal.SIGUSR1, interrupt)
    main = threading.get_ident()
    try:
        disturbance = in_thread(lambda: disturb(main))
        with pytest.raises(Interrupted):
            sink.port.wait(-1)
        disturbance.result(PATIENCE)
    finally:
        signal.signal(signal.SIGUSR1, old)


def readable(selector: selectors.BaseSelector, timeout: float = 0) -> bool:
    return bool(selector.select(timeout))


def test_fileno_is_readable_while_there_is_something(pair: tuple[Source, Sink], node: Node) -> None:
    source, sink = pair
    with selectors.DefaultSelector() as selector:
        selector.register(sink.port.fileno(), selectors.EVENT_READ)
        assert not readable(selector)
        for number in range(50):
            send(source, 2 * number)
            send(source, 2 * number + 1)
            assert readable(selector, PATIENCE)
            assert receive(sink) == 2 * number
            assert readable(selector, PATIENCE)  # level: there is one more
            assert receive(sink) == 2 * number + 1
            node.sent(source.flow, 2 * number + 2)  # a frame is there before its signal
            assert sink.port.take() is None
            assert not readable(selector)
        sink.control.send(b"read me")
        assert readable(selector)
        assert readable(selector)


def test_fileno_says_that_a_frame_was_there_already(pair: tuple[Source, Sink], node: Node) -> None:
    source, sink = pair
    send(source, 1)
    node.sent(source.flow, 1)
    with selectors.DefaultSelector() as selector:
        selector.register(sink.port.fileno(), selectors.EVENT_READ)
        assert readable(selector, PATIENCE)


def test_fileno_tells_a_source_of_frames_to_fill(node: Node) -> None:
    flow = node.flow(frames=3)
    source, sink = node.source(flow, 2), node.sink(flow, 4)
    with selectors.DefaultSelector() as selector:
        selector.register(source.port.fileno(), selectors.EVENT_READ)
        assert readable(selector, PATIENCE)
        send(source, 0)
        send(source, 1)
        held = [take(sink), take(sink)]
        acquired = acquire(source)
        node.sent(flow, 2)  # a frame is there before its signal
        assert source.port.acquire() is None
        assert not readable(selector)
        for frame in held:
            frame.release()
        assert readable(selector, PATIENCE)
        acquired.cancel()


def test_waiting_and_polling_mix(pair: tuple[Source, Sink]) -> None:
    source, sink = pair
    sink.port.fileno()
    for number in range(50):
        send(source, number)
        assert sink.port.wait(PATIENCE_NS) is Wait.READY
        assert receive(sink) == number
        assert sink.port.wait(0) is Wait.TIMEOUT


def test_an_asyncio_loop_is_told_of_every_frame(pair: tuple[Source, Sink]) -> None:
    source, sink = pair

    async def collect() -> list[int]:
        loop, found, came = asyncio.get_running_loop(), list[int](), asyncio.Event()

        def take_all() -> None:
            while (frame := sink.port.take()) is not None:
                found.append(frame.sequence)
                frame.release()
                came.set()

        loop.add_reader(sink.port.fileno(), take_all)
        for number in range(100):
            came.clear()
            send(source, number)
            async with asyncio.timeout(PATIENCE):
                await came.wait()
        loop.remove_reader(sink.port.fileno())
        return found

    assert asyncio.run(collect()) == list(range(100))


def test_a_closed_port_does_nothing_any_more(pair: tuple[Source, Sink]) -> None:
    source, sink = pair
    uses: list[Callable[[], object]] = [sink.port.take, source.port.acquire]
    for client in pair:
        client.port.close()
        client.port.close()
        uses += [lambda port=client.port: port.wait(0), client.port.fileno]  # type: ignore[misc]
    for use in uses:
        with pytest.raises(ValueError, match="closed"):
            use()


def test_a_port_dropped_open_warns_and_closes(node: Node) -> None:
    rings = node.own(RingRegion(8))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        before = open_descriptors()
        with pytest.warns(ResourceWarning, match="a port was dropped open"):
            SinkPort(socket=theirs.fileno(), **port_arguments(rings, 4096))
        assert open_descriptors() == before
        assert "port" not in live_objects()


def open_port(control: int, arguments: PortArguments, change: dict[str, int]) -> SinkPort:
    values: dict[str, Any] = {"socket": control, **arguments, **change}
    return SinkPort(**values)


WRONG: list[dict[str, int]] = [
    {"rings_size": 1 << 20},
    {"rings_size": 4096},
    {"s2m_offset": -64},
    {"s2m_offset": 4096},
    {"m2s_offset": 1 << 40},
    {"m2s_offset": 0},
    {"m2s_offset": 8192},
    {"s2m_log2": 15},
    {"m2s_log2": 15},
    {"s2m_log2": -1},
    {"s2m_log2": 1 << 20},
    {"header_size": 0},
    {"header_size": 4097},
    {"capacity": 0},
]


@pytest.mark.parametrize("change", WRONG)
def test_what_a_hub_announces_wrongly_is_refused(node: Node, change: dict[str, int]) -> None:
    rings = node.own(RingRegion(8))
    ours, theirs = socket.socketpair()
    before = live_objects()
    with ours, theirs:
        arguments = port_arguments(rings, 4096)
        with pytest.raises(ValueError, match=r"announced|agreed|not one of ours"):
            open_port(theirs.fileno(), arguments, change)
        os.close(arguments["s2m_event"])
        os.close(arguments["m2s_event"])
    assert live_objects() == before


@pytest.mark.parametrize("bad", ["socket", "s2m_event", "rings"])
def test_descriptors_that_are_none_are_refused(node: Node, bad: str) -> None:
    rings = node.own(RingRegion(8))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        arguments = port_arguments(rings, 4096)
        with pytest.raises(OSError, match="Bad file descriptor"):
            open_port(theirs.fileno(), arguments, {bad: 10_000})
        os.close(arguments["s2m_event"])
        os.close(arguments["m2s_event"])


def test_a_region_smaller_than_announced_is_refused(pair: tuple[Source, Sink]) -> None:
    _, sink = pair
    with pytest.raises(ValueError, match="smaller than announced"):
        sink.port.add_region(2, sink.flow.pool.fd, sink.flow.pool.size + 1)
    with pytest.raises(IndexError):
        sink.port.add_region(256, sink.flow.pool.fd, sink.flow.pool.size)


HUB_WRITES = [
    {"offset": 1},
    {"offset": 4096},
    {"offset": 0xFFFFE000},
    {"length": 0},
    {"length": 4095},
    {"length": 8193},
    {"length": 0xFFFFFFFF},
]


@pytest.mark.parametrize("change", HUB_WRITES)
def test_a_hub_that_describes_what_is_no_frame_is_found_out(node: Node, change: dict[str, int]) -> None:
    flow = node.flow()
    rings = node.own(RingRegion(8))
    port, _ = node.port(SinkPort, rings, flow.capacity)
    port.add_region(1, flow.pool.fd, flow.pool.size)
    with closing(node.hub_side(rings)) as hub:
        descriptor = hub.s2m[0]
        descriptor.region, descriptor.offset, descriptor.length = 1, 0, 8192
        for name, value in change.items():
            setattr(descriptor, name, value)
        del descriptor
        hub.s2m.head.value = 1
        with pytest.raises(ValueError, match="outside its pool"):
            port.take()
