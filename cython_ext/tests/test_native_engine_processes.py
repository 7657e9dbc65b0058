"""Clients in processes of their own, hammering, and killed in the middle of it."""

import random
import signal
from contextlib import ExitStack

import pytest
from mediamesh_testing.waiting import wait_until
from native_peers import Node, Policy, receive, send
from native_remote import remote

MOMENTS = random.Random(2)


def test_frames_are_stable_and_never_come_twice_under_load() -> None:
    with Node() as node, ExitStack() as running:
        flow = node.flow(frames=1 + 8 + 3 * 8, capacity=64)
        policies: list[Policy] = ["dropOldest", "dropOldest", "block"]
        sinks = [running.enter_context(remote(node, flow, "sink", policy=policy)) for policy in policies]
        source = running.enter_context(remote(node, flow, "source"))
        sinks[2].is_alive(30)
        dropped = [node.engine.counters(sink.number).dropped for sink in sinks]
        assert dropped[2] == 0
        assert [client.finish() for client in (source, *sinks)] == [0] * 4


def test_a_sleeper_that_is_withdrawn_from_while_it_takes_loses_only_in_order() -> None:
    with Node() as node, ExitStack() as running:
        flow = node.flow(frames=1 + 8 + 5, capacity=64)
        sink = running.enter_context(remote(node, flow, "sink", queue=5))
        source = running.enter_context(remote(node, flow, "source"))
        while node.engine.counters(sink.number).dropped < 100:
            sink.is_alive()
        assert [client.finish() for client in (source, sink)] == [0, 0]


@pytest.mark.parametrize("policy", ["dropOldest", "block"])
def test_a_sink_killed_under_load_leaves_nothing_taken(policy: Policy) -> None:
    with Node() as node, ExitStack() as running:
        flow = node.flow(frames=1 + 8 + 2 * 8, capacity=64)
        witness = running.enter_context(remote(node, flow, "sink", policy="block"))
        source = running.enter_context(remote(node, flow, "source"))
        for _ in range(4):
            with remote(node, flow, "sink", policy=policy) as victim:
                victim.is_alive(MOMENTS.randrange(1, 4))
                victim.kill()
                node.engine.remove(victim.number)
            witness.is_alive(2)
        assert [client.finish() for client in (source, witness)] == [0, 0]
        for client in (source, witness):
            node.engine.remove(client.number)
        assert node.free(flow) == flow.pool.frames - 1  # the newest stays for whoever comes


def test_a_source_killed_under_load_leaves_nothing_taken() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 8 + 8, capacity=64)
        witness = node.sink(flow, 8)
        for _ in range(4):
            with remote(node, flow, "source") as victim:
                victim.is_alive(MOMENTS.randrange(1, 4))
                victim.kill()
                node.engine.remove(victim.number)
            while (frame := witness.port.take()) is not None:
                frame.release()
            wait_until(lambda: node.engine.counters(witness.number).occupancy == 0)
            assert node.free(flow) == flow.pool.frames - 1
        send(node.source(flow, 8), 5)
        assert receive(witness) == 5


@pytest.mark.parametrize("policy", ["dropOldest", "disconnect"])
def test_a_stopped_sink_holds_up_nobody(policy: Policy) -> None:
    with Node() as node, ExitStack() as running:
        flow = node.flow(frames=1 + 8 + 2 * 8, capacity=64)
        witness = running.enter_context(remote(node, flow, "sink", policy="block"))
        stopped = running.enter_context(remote(node, flow, "sink", policy=policy))
        stopped.process.send_signal(signal.SIGSTOP)
        source = running.enter_context(remote(node, flow, "source"))
        witness.is_alive(10)
        if policy == "disconnect":
            assert node.ended() == (stopped.number, "SlowSink")
        else:
            stopped.process.send_signal(signal.SIGCONT)
            stopped.is_alive(3)
        assert [client.finish() for client in (source, witness)] == [0, 0]
