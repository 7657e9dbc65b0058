"""A hub with stock clients at both ends of flows, and a hand-over that stands still where a test wants it to."""

from collections.abc import Iterator
from contextlib import contextmanager

from mediamesh_testing.control import ControlClient
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import CAPACITY, flow, receiving, sink, stock
from mediamesh_testing.stockclient import LOG2, StockClient
from mediamesh_testing.waiting import PATIENCE, wait_until

import mediamesh
from mediamesh_agent.hub import handover
from mediamesh_native.memif.messages import M2S, Connected
from mediamesh_protos import handover_pb2, hub_pb2


def peers(hub: HubUnderTest, connection: str) -> list[int]:
    """Return the numbers of the stock peers' attachments."""
    return [one.attachment for one in hub.flow(connection).attachments if one.kind == "memif"]


def fed_and_feeding(hub: HubUnderTest) -> HubUnderTest:
    """Have a hub wait for a stock source at flow b, and for a stock sink at flow a beside one of ours."""
    wire = sink("wire", policy="block", endpoint=stock("client", name="out.sock"))
    hub.apply(flow("default/a", frames=64, sinks=[wire, sink(policy="block")]), receiving("client"))
    wait_until((hub.root / "m.sock").exists, "the socket")
    wait_until((hub.root / "out.sock").exists, "the socket")
    return hub


@contextmanager
def feeding_client(hub: HubUnderTest) -> Iterator[StockClient]:
    """A stock source at flow b that owns its memory: region 1 is its buffers."""
    with StockClient(hub.root / "m.sock") as client:
        assert isinstance(client.connect((client.memory(CAPACITY), CAPACITY)), Connected)
        wait_until(lambda: peers(hub, "default/b"), "the link")
        yield client


@contextmanager
def taking_client(hub: HubUnderTest) -> Iterator[StockClient]:
    """A stock sink at flow a that has posted every buffer of its ring."""
    with StockClient(hub.root / "out.sock") as client:
        size = 2048 << LOG2
        assert isinstance(client.connect((client.memory(size), size)), Connected)
        for index in range(1 << LOG2):
            client.describe(M2S, index, 1, 2048 * index, 2048)
        client.publish(M2S, 1 << LOG2)
        wait_until(lambda: peers(hub, "default/a"), "the link")
        yield client


def passes(client: StockClient, taking: mediamesh.Sink, sequence: int, *, anew: bool = False) -> None:
    """Send a packet and see its frame come; `anew`: it is the first of a source that is not the first."""
    client.publish_packet(1, 64, 100)
    with taking.receive(timeout=PATIENCE) as frame:
        assert (frame.sequence, len(frame)) == (sequence, 100)
        assert bool(frame.flags & mediamesh.Flags.DISCONTINUITY) == anew


def held(control: ControlClient) -> list[int]:
    """Ask for everything as a successor does that takes stock peers, and say nothing more."""
    asked = hub_pb2.Handover(state_version=handover.STATE_VERSION, stock=True)
    control.send(hub_pb2.HubRequest(handover=asked).SerializeToString())
    reply = control.reply()
    assert reply is not None
    assert reply.HasField("done"), reply
    state = handover.receive(control.socket, handover_pb2.HandoverState)
    assert len(state.stock_doors) == 2
    return handover.receive_fds(control.socket, state.descriptors)
