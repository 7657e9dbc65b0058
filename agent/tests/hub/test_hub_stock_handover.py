"""A hub hands over stock memif peers: they keep their links, lose nothing, and can harm nobody on the way."""

import operator
import os
import signal
import socket
from pathlib import Path

import pytest
from hub_stock_scene import fed_and_feeding, feeding_client, held, passes, peers, taking_client
from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.control import ControlClient
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import receiving, sending
from mediamesh_testing.stockclient import StockClient
from mediamesh_testing.waiting import PATIENCE, wait_until

import mediamesh
from mediamesh_agent.hub import handover
from mediamesh_native.memif.messages import M2S, MESSAGE_SIZE, Disconnect, Hello, decode
from mediamesh_protos import handover_pb2, hub_pb2


def both_linked(hub: HubUnderTest) -> tuple[list[int], list[int]]:
    """Wait for the link between flow a and flow b; return the attachments at its ends."""
    wait_until(lambda: peers(hub, "default/a") and peers(hub, "default/b"), "both ends")
    return peers(hub, "default/a"), peers(hub, "default/b")


def received(hub: HubUnderTest) -> int:
    """Return how many frames of flow b its sink says that it has taken."""
    return sum(one.received for one in hub.flow("default/b").attachments if one.role == "sink")


ROLES = {"the sink's peer is client": ("client", "server"), "the sink's peer is server": ("server", "client")}


@pytest.mark.parametrize(
    ("to", "by", "access"), [*((*one, "copy") for one in ROLES.values()), ("server", "client", "shared")]
)
def test_a_link_goes_on_through_a_row_of_handovers(hub: HubUnderTest, to: str, by: str, access: str) -> None:
    hub.apply(sending(to, access=access, secret="psst"), receiving(by, secret="psst"))
    feed = source(connection="a", size=3000, wait_for_sinks=1)
    with acting(taker(connection="b")) as (taking,), acting(feed) as (feeding,):
        before = both_linked(hub)
        for _ in range(4):
            frames = hub.flow("default/b").frames
            hub.succeed()
            wait_until(lambda: hub.flow("default/b").frames > frames + 50, "frames after the hand-over")  # noqa: B023
            assert both_linked(hub) == before
        sent = feeding.end()["sent"]
        wait_until(lambda: received(hub) >= sent, lambda: f"{sent} frames: {hub.observe().flows}")
        report = taking.end()
        unharmed(report)
        assert (report["received"], report["flagged"]) == (sent, [])
    assert hub.observe().handovers == 4


def test_memory_of_peers_and_pools_is_counted_on(hub: HubUnderTest) -> None:
    hub.apply(sending("client"), receiving("server"))
    both_linked(hub)
    before = hub.observe()
    for _ in range(3):
        hub.succeed()
        wait_until(lambda: hub.observe().memory_bytes == before.memory_bytes, "the old pool to be given back")
        assert [one.pool_bytes for one in hub.observe().flows] == [one.pool_bytes for one in before.flows]


def test_a_successor_leaves_no_more_than_it_got(hub: HubUnderTest) -> None:
    hub.apply(sending("client"), receiving("server"))
    both_linked(hub)

    def belongings() -> tuple[int, int]:
        process = Path(f"/proc/{hub.process.pid}")
        return len(list((process / "fd").iterdir())), (process / "maps").read_text().count("/memfd:")

    hub.succeed()
    first = belongings()  # perhaps with the last of the hand-over itself, hence not exactly as much in the end
    for _ in range(5):
        hub.succeed()
    wait_until(lambda: all(map(operator.le, belongings(), first)), "no more than the first successor had")


@pytest.fixture
def fed(hub: HubUnderTest) -> HubUnderTest:
    return fed_and_feeding(hub)


@pytest.mark.parametrize("step", ["before READY", "before TAKEN", "before GO"])
def test_a_successor_that_fails_leaves_the_peer_with_the_old_hub(fed: HubUnderTest, step: str) -> None:
    with feeding_client(fed) as client, mediamesh.open_sink("b") as taking:
        passes(client, taking, 0)
        before, memory = peers(fed, "default/b"), fed.observe().memory_bytes
        for turn in range(3):
            fail_at(step, fed)
            passes(client, taking, turn + 1)
        assert (peers(fed, "default/b"), fed.observe().memory_bytes) == (before, memory)
        assert client.connected
    assert fed.observe().handovers == 0


def fail_at(step: str, hub: HubUnderTest) -> None:
    with ControlClient(hub.root) as control:
        fds = held(control)
        try:
            if step == "before READY":
                return
            handover.say(control.socket, handover.Step.READY)
            if step == "before GO":
                assert handover.receive(control.socket, handover_pb2.EngineState).state
                control.socket.shutdown(socket.SHUT_RDWR)
        finally:
            for fd in fds:
                os.close(fd)


def test_who_comes_during_a_handover_waits_in_the_sockets_queue(fed: HubUnderTest) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as late:
        with ControlClient(fed.root) as control:
            for fd in held(control):
                os.close(fd)
            late.connect(str(fed.root / "m.sock"))
        late.settimeout(PATIENCE)
        assert isinstance(decode(late.recv(MESSAGE_SIZE)), Hello)


def test_who_comes_while_no_hub_runs_is_let_in_by_the_successor(fed: HubUnderTest) -> None:
    fed.process.send_signal(signal.SIGSTOP)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as late:
        late.connect(str(fed.root / "m.sock"))
        successor = fed.launch("--take-over")
        fed.process.send_signal(signal.SIGCONT)
        late.settimeout(PATIENCE)
        assert isinstance(decode(late.recv(MESSAGE_SIZE)), Hello)
        fed.await_ready(successor)
        fed.reap()
        fed.process = successor


def test_who_is_half_way_and_silent_does_not_hold_it_up(fed: HubUnderTest) -> None:
    with StockClient(fed.root / "m.sock") as silent:
        fed.succeed()
        answer = silent.hear()
        assert answer is None or isinstance(answer, Disconnect)
    with feeding_client(fed), mediamesh.open_sink("b"):
        pass


def test_a_successor_that_does_not_know_stock_peers_has_them_connect_anew(fed: HubUnderTest) -> None:
    with feeding_client(fed) as client:
        with ControlClient(fed.root) as control:
            asked = hub_pb2.Handover(state_version=handover.STATE_VERSION)
            control.send(hub_pb2.HubRequest(handover=asked).SerializeToString())
            reply = control.reply()
            assert reply is not None
            state = handover.receive(control.socket, handover_pb2.HandoverState)
            for fd in handover.receive_fds(control.socket, state.descriptors):
                os.close(fd)
        assert not state.stock_doors
        assert not any(flow.attachments for flow in state.flows)
        farewell = client.hear()
        assert isinstance(farewell, Disconnect)
        assert "EndpointChanged" in farewell.reason
    wait_until((fed.root / "m.sock").exists, "the socket")
    with feeding_client(fed) as client, mediamesh.open_sink("b") as taking:
        passes(client, taking, 0, anew=True)


def test_a_sink_goes_on_and_has_nothing_twice(fed: HubUnderTest) -> None:
    with taking_client(fed) as client, mediamesh.open_source("a") as feeding:
        taken = 0
        for turn in range(3):
            for number in range(5):
                feeding.send(b"%d of %d" % (number, turn), timeout=PATIENCE)
            fed.succeed()
            for number in range(5):
                wait_until(lambda: client.rings[M2S].tail.value != taken, "a packet")  # noqa: B023
                expected = b"%d of %d" % (number, turn)
                assert client.rings[M2S][taken].length == len(expected)
                assert os.pread(client.areas[0], len(expected), client.rings[M2S][taken].offset) == expected
                taken += 1
        assert client.rings[M2S].tail.value == taken
