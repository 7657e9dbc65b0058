"""Sleeping on the bell: who is woken by what, what the lookout hears, and what becomes of it when a process forks."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from mediamesh_testing.rings import BELL_ASLEEP, BELL_AWAKE, BELL_OFFERED
from mediamesh_testing.waiting import PATIENCE, wait_until
from native_peers import PATIENCE_NS, Node, Sink, Source, acquire, port_arguments, receive, send, take
from native_sleepers import asleep, in_thread, lookouts

from mediamesh_native.pool import RingRegion
from mediamesh_native.port import SinkPort, Wait

MILLISECOND = 1_000_000


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


@pytest.fixture
def pair(node: Node) -> tuple[Source, Sink]:
    flow = node.flow()
    return node.source(flow), node.sink(flow)


def bell(client: Source | Sink) -> int:
    """Return what the client's bell says."""
    with closing(Node.hub_side(client.rings)) as side:
        return side.bell.value


def set_bell(client: Source | Sink, value: int) -> None:
    with closing(Node.hub_side(client.rings)) as side:
        side.bell.value = value


def test_a_hub_offers_a_bell_and_a_sleeper_takes_it(pair: tuple[Source, Sink]) -> None:
    source, sink = pair
    assert bell(sink) == bell(source) == BELL_OFFERED
    wait = in_thread(lambda: receive(sink))
    asleep()
    assert bell(sink) == BELL_ASLEEP
    send(source, 7)
    assert wait.result(PATIENCE) == 7
    assert bell(sink) == BELL_AWAKE


def test_a_sleeper_is_woken_by_the_bell_and_not_on_its_socket(pair: tuple[Source, Sink], node: Node) -> None:
    source, sink = pair
    sink.port.wait(MILLISECOND)
    before = node.engine.engine_counters().signals
    for number in range(20):
        wait = in_thread(lambda: receive(sink))
        asleep()
        send(source, number)
        assert wait.result(PATIENCE) == number
    wait_until(lambda: node.engine.engine_counters().signals == before + 20, "as many signals")  # counted when given
    with socket.socket(fileno=os.dup(sink.rings.s2m_event)) as end, pytest.raises(BlockingIOError):
        end.recv(1, socket.MSG_DONTWAIT)


def test_who_is_awake_is_not_woken(pair: tuple[Source, Sink], node: Node) -> None:
    source, sink = pair
    assert sink.port.wait(MILLISECOND) is Wait.TIMEOUT
    before = node.engine.engine_counters().signals
    for number in range(8):
        send(source, number)
    node.sent(source.flow, 8)
    assert node.engine.engine_counters().signals == before
    assert [receive(sink) for _ in range(8)] == list(range(8))


def test_a_source_sleeps_on_its_bell_for_a_free_frame(node: Node) -> None:
    flow = node.flow(frames=2)
    source, sink = node.source(flow, 1), node.sink(flow, 2)
    send(source, 0)
    held = take(sink)
    acquire(source).cancel()
    send(source, 1)
    wait = in_thread(lambda: acquire(source))
    asleep()
    assert bell(source) == BELL_ASLEEP
    held.release()
    frame = wait.result(PATIENCE)
    frame.cancel()  # type: ignore[attr-defined]


def test_a_mere_look_needs_no_thread(pair: tuple[Source, Sink]) -> None:
    _, sink = pair
    assert sink.port.wait(0) is Wait.TIMEOUT
    assert (lookouts(), bell(sink)) == (0, BELL_OFFERED)
    assert sink.port.wait(MILLISECOND) is Wait.TIMEOUT
    assert (lookouts(), bell(sink)) == (1, BELL_AWAKE)
    assert sink.port.wait(0) is Wait.TIMEOUT
    assert lookouts() == 1
    sink.port.close()
    wait_until(lambda: lookouts() == 0)


def test_a_hub_without_bells_wakes_on_the_socket(pair: tuple[Source, Sink]) -> None:
    source, sink = pair
    set_bell(sink, 0)
    wait = in_thread(lambda: receive(sink))
    asleep()
    assert (lookouts(), bell(sink)) == (0, 0)
    send(source, 1)
    assert wait.result(PATIENCE) == 1


def test_an_older_hub_that_takes_over_wakes_who_sleeps_on_the_bell(pair: tuple[Source, Sink]) -> None:
    source, sink = pair
    for number in range(50):  # more signals than there is room for
        wait = in_thread(lambda: receive(sink))
        asleep()
        set_bell(sink, BELL_OFFERED)  # as good as a hub that never looks there: it uses the socket
        send(source, number)
        assert wait.result(PATIENCE) == number


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "act", [lambda client: client.control.send(b"read me"), lambda client: client.control.close()], ids=["says", "ends"]
)
def test_the_lookout_hears_the_hub(pair: tuple[Source, Sink], act: Callable[[Sink], object], threads: int) -> None:
    _, sink = pair
    waits = [in_thread(lambda: sink.port.wait(-1)) for _ in range(threads)]
    asleep(threads)
    act(sink)
    assert [wait.result(PATIENCE) for wait in waits] == [Wait.CONTROL] * threads
    assert sink.port.wait(0) is Wait.CONTROL


def test_the_lookout_goes_on_after_somebody_has_looked(node: Node) -> None:
    flow = node.flow()
    rings = node.own(RingRegion(8))
    ours, theirs = socket.socketpair()
    with ours, theirs, closing(SinkPort(socket=theirs.fileno(), **port_arguments(rings, flow.capacity))) as port:
        for _ in range(20):
            wait = in_thread(lambda: port.wait(-1))
            asleep()
            ours.send(b"x")
            assert wait.result(PATIENCE) is Wait.CONTROL
            assert theirs.recv(1) == b"x"
            assert port.wait(0) is Wait.TIMEOUT


def test_asking_for_a_descriptor_moves_who_sleeps_on_the_bell(pair: tuple[Source, Sink]) -> None:
    source, sink = pair
    wait = in_thread(lambda: receive(sink))
    asleep()
    sink.port.fileno()
    wait_until(lambda: bell(sink) == BELL_OFFERED)
    send(source, 1)
    assert wait.result(PATIENCE) == 1
    assert bell(sink) == BELL_OFFERED


def test_handlers_run_also_where_system_calls_are_restarted(pair: tuple[Source, Sink]) -> None:
    source, sink = pair
    heard = threading.Event()
    old = signal.signal(signal.SIGUSR1, lambda *_: heard.set())
    signal.siginterrupt(signal.SIGUSR1, False)
    main = threading.get_ident()

    def disturb_and_send() -> None:
        asleep()
        signal.pthread_kill(main, signal.SIGUSR1)
        assert heard.wait(PATIENCE)
        send(source, 1)

    try:
        disturbance = in_thread(disturb_and_send)
        assert sink.port.wait(-1) is Wait.READY
        disturbance.result(PATIENCE)
    finally:
        signal.signal(signal.SIGUSR1, old)


def test_a_child_of_a_fork_neither_ends_nor_waits_for_its_parents_lookout(pair: tuple[Source, Sink]) -> None:
    source, sink = pair
    assert sink.port.wait(MILLISECOND) is Wait.TIMEOUT
    child = os.fork()
    if child == 0:
        sink.port.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    wait = in_thread(lambda: receive(sink))
    asleep()
    send(source, 1)
    assert wait.result(PATIENCE) == 1
    sink.control.send(b"read me")
    assert sink.port.wait(PATIENCE_NS) is Wait.CONTROL


def test_a_child_of_a_fork_hears_the_hub_itself(pair: tuple[Source, Sink]) -> None:
    _, sink = pair
    assert sink.port.wait(MILLISECOND) is Wait.TIMEOUT
    child = os.fork()
    if child == 0:
        os._exit(int(sink.port.wait(PATIENCE_NS)))
    sink.control.send(b"read me")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == Wait.CONTROL
