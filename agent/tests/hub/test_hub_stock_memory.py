"""The memory of stock memif clients: whatever they announce or take away, the hub pays for what it granted, no more."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mediamesh_testing.hub import HubUnderTest, running_hub
from mediamesh_testing.plans import flow, sink
from mediamesh_testing.stockclient import LOG2, RING_REGION, StockClient
from mediamesh_testing.waiting import PATIENCE, wait_until

import mediamesh
from mediamesh_native.memif.messages import M2S, S2M, Connected, Disconnect
from mediamesh_protos import plan_pb2

GIB = 1 << 30
LIMIT = 64 << 20
NOT_SEALABLE = 0


def stock(name: str) -> plan_pb2.EndpointPlan:
    memif = plan_pb2.MemifPlan(role="client", socket=name, id=7, access="copy", rings=1)
    return plan_pb2.EndpointPlan(kind="memif", memif=memif)


FED = flow("default/b", source=plan_pb2.SourcePlan(name="wire", queue=4, endpoint=stock("b.sock")))
TAPPED = flow("default/a", sinks=[sink("wire", policy="block", endpoint=stock("a.sock"))])


@pytest.fixture
def hub(root: Path) -> Iterator[HubUnderTest]:
    with running_hub(root, "--memory-limit", str(LIMIT)) as running:
        running.apply(FED, TAPPED)
        wait_until(lambda: all((running.root / name).exists() for name in ("a.sock", "b.sock")), "the sockets")
        yield running


def feeding(hub: HubUnderTest, name: str = "stock client") -> StockClient:
    return StockClient(hub.root / "b.sock", name=name)


def tapping(hub: HubUnderTest) -> StockClient:
    return StockClient(hub.root / "a.sock")


def resident(hub: HubUnderTest) -> int:
    """Return the bytes that the hub has in memory."""
    status = Path(f"/proc/{hub.process.pid}/status").read_text()
    return 1024 * sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def refused(client: StockClient, *regions: tuple[int, int], rings: int | None = None) -> str:
    answer = client.connect(*regions, rings=rings)
    assert isinstance(answer, Disconnect)
    return answer.reason


def serves_others(hub: HubUnderTest) -> bool:
    with feeding(hub) as client:
        return isinstance(client.connect(), Connected)


@pytest.mark.parametrize("opened", [feeding, tapping])
def test_sparse_memory_is_not_granted_beyond_the_limit(
    hub: HubUnderTest, opened: Callable[[HubUnderTest], StockClient]
) -> None:
    with opened(hub) as client:
        assert f"of the hub's {LIMIT} are taken" in refused(client, (client.memory(LIMIT), LIMIT))
    assert hub.ended("OutOfMemory") == 1
    with opened(hub) as client:
        hole = client.memory(4 * GIB)
        assert "at most are taken" in refused(client, *[(hole, 4 * GIB)] * 200)
    assert hub.ended("PeerMemory") == 1
    assert serves_others(hub)


def test_what_was_granted_comes_back_with_the_end(hub: HubUnderTest) -> None:
    half = LIMIT // 2
    for _ in range(3):
        with feeding(hub) as first:
            assert isinstance(first.connect((first.memory(half), half)), Connected)
            with tapping(hub) as second:
                assert "stock peer's memory" in refused(second, (second.memory(half), half))
        wait_until(lambda: not hub.flow("default/b").attachments, "the first peer's end")


def test_a_source_of_unsealed_holes_costs_the_hub_nothing(hub: HubUnderTest) -> None:
    with feeding(hub) as client, mediamesh.open_sink("b") as taking:
        hole = client.memory(4 * GIB, flags=NOT_SEALABLE)
        assert isinstance(client.connect(*[(hole, 4 * GIB)] * 8), Connected)
        client.publish_packet(1, 0, 4096)
        taking.receive(timeout=PATIENCE).release()
        before = resident(hub)
        for number in range(1, 1000):
            client.publish_packet(1 + number % 8, number * 4_000_000, 60_000)
            with taking.receive(timeout=PATIENCE) as frame:
                assert bytes(frame) == bytes(60_000)
        assert os.fstat(hole).st_blocks == 0
        assert resident(hub) - before < 8 << 20


def test_vpp_seals_nothing_and_is_sealed(hub: HubUnderTest) -> None:
    with feeding(hub, "VPP 26.06") as client, mediamesh.open_sink("b") as taking:
        rings = client.memory(RING_REGION, seals=0)
        assert isinstance(client.connect((client.memory(1 << 20, seals=0), 1 << 20), rings=rings), Connected)
        client.publish_packet(1, 4096, 3000)
        with taking.receive(timeout=PATIENCE) as frame:
            assert len(frame) == 3000
        with pytest.raises(PermissionError):
            os.ftruncate(rings, 0)


@pytest.mark.parametrize("opened", [feeding, tapping])
def test_rings_that_cannot_be_sealed_are_refused_with_the_cause(
    hub: HubUnderTest, opened: Callable[[HubUnderTest], StockClient]
) -> None:
    with opened(hub) as client:
        reason = refused(client, rings=client.memory(RING_REGION, flags=NOT_SEALABLE))
        assert "region 0 holds a ring, and can neither be sealed against shrinking" in reason
    assert hub.ended("RegionNotSealed") == 1
    assert serves_others(hub)


def test_a_source_that_takes_its_memory_away_ends_and_the_hub_does_not(hub: HubUnderTest) -> None:
    with feeding(hub) as client:
        area = client.memory(1 << 20, flags=NOT_SEALABLE)
        client.connect((area, 1 << 20))
        os.ftruncate(area, 0)
        client.publish_packet(1, 4096, 3000)
        wait_until(lambda: hub.ended("ForeignBuffer") == 1, "its end")
    assert serves_others(hub)


def test_a_sink_that_takes_its_memory_away_ends_and_the_hub_does_not(hub: HubUnderTest) -> None:
    with tapping(hub) as client, mediamesh.open_source("a") as source:
        area = client.memory(1 << 20, flags=NOT_SEALABLE)
        client.connect((area, 1 << 20))
        for index in range(1 << LOG2):
            client.describe(M2S, index, 1, index * 4096, 4096)
        client.publish(M2S, 1 << LOG2)
        source.send(b"whole", timeout=PATIENCE)
        wait_until(lambda: client.rings[M2S].tail.value == 1, "the frame")
        assert os.pread(area, 5, 0) == b"whole"
        os.ftruncate(area, 0)
        source.send(b"x" * 5000, timeout=PATIENCE)
        wait_until(lambda: hub.ended("ForeignBuffer") == 1, "its end")
    assert serves_others(hub)


def test_packets_that_never_end_well_end_the_peer(hub: HubUnderTest) -> None:
    with feeding(hub) as client:
        client.connect((client.memory(1 << 20), 1 << 20))
        for index in range(3):
            client.describe(S2M, index, 1, 0, 64, flags=1)
        client.publish(S2M, 3)
        wait_until(lambda: hub.ended("BadChain") == 1, "its end")
    with feeding(hub) as client:
        client.connect((client.memory(1 << 20), 1 << 20))
        client.publish_packet(1, 0, 100_000)
        wait_until(lambda: hub.ended("BadLength") == 1, "its end")
    assert serves_others(hub)
