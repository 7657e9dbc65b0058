"""Against a real peer: dpdk-testpmd as server of our slave and as client of our master."""

import mmap
import os
import select
import socket
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from mediamesh_testing.dpdk import INTERFACE, DpdkPeer, dpdk_peer
from mediamesh_testing.rings import RingView
from mediamesh_testing.waiting import PATIENCE
from memif_attachment import Attachment, SlaveMemory, master_attachment, slave_attachment
from memif_ends import owned

from mediamesh_native.memif import ring_layout
from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.events import ConnectRequested, PeerHello, PeerInit, RegionAdded, RingAdded
from mediamesh_native.memif.messages import S2M
from mediamesh_native.memif.socket_path import (
    connect_abstract,
    connect_path,
    listen_abstract,
    listen_in_folder,
    open_socket_path,
)

ADDRESSES = ["path", "abstract"]


@pytest.fixture
def address(request: pytest.FixtureRequest, free_dir: Path) -> str:
    if getattr(request, "param", "path") == "abstract":
        return f"@mediamesh-{uuid.uuid4()}"
    return str(free_dir / "m.sock")


@pytest.fixture
def memory() -> Iterator[SlaveMemory]:
    with closing(SlaveMemory()) as memory:
        yield memory


def connect(address: str) -> socket.socket:
    if address.startswith("@"):
        return connect_abstract(address)
    folder, name = os.path.split(address)
    with owned(lambda: open_socket_path(folder, "", name)) as path:
        return connect_path(path)


def listen(address: str) -> socket.socket:
    if address.startswith("@"):
        return listen_abstract(address)
    folder, name = os.path.split(address)
    with owned(lambda: os.open(folder, os.O_PATH)) as fd:
        return listen_in_folder(fd, name)


def link_is(state: str, peer: DpdkPeer) -> None:
    peer.ask_until("show port info 0", lambda answer: f"Link status: {state}" in answer)


def received_packets(peer: DpdkPeer, count: int) -> None:
    peer.ask_until("show port stats 0", lambda answer: f"RX-packets: {count} " in answer)


@pytest.mark.parametrize("address", ADDRESSES, indirect=True)
def test_our_slave_connects_to_a_server_and_its_packets_arrive(
    free_dir: Path, address: str, memory: SlaveMemory
) -> None:
    with dpdk_peer(free_dir, "server", address, secret="open sesame") as peer:
        with slave_attachment(connect(address), memory, id=INTERFACE, secret=b"open sesame") as ours:
            ours.run_until(lambda: ours.machine.connected)
            (hello,) = [event for event in ours.events if isinstance(event, PeerHello)]
            assert hello.name.startswith("DPDK")
            link_is("up", peer)
            peer.ask("start")
            for number in range(300):
                memory.send(number.to_bytes(64, "big"))
            received_packets(peer, 300)
            assert memory.s2m.tail.value == 300
            peer.ask("stop")  # DPDK unmaps the regions of a peer that leaves while another thread still reads the rings
            ours.machine.disconnect("done")
            ours.run_until(lambda: True)
        link_is("down", peer)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": INTERFACE, "secret": b"wrong"}, "Incorrect secret"),
        ({"id": INTERFACE + 1, "secret": b"right"}, "ID not found"),
        ({"id": INTERFACE, "secret": b"right", "mode": 1}, "Only ethernet mode supported"),
    ],
)
def test_a_server_refuses_our_slave_in_its_own_words(
    free_dir: Path, address: str, memory: SlaveMemory, changes: dict[str, object], words: str
) -> None:
    with (
        dpdk_peer(free_dir, "server", address, secret="right"),
        slave_attachment(connect(address), memory, **changes) as ours,
    ):
        ours.run_until(lambda: ours.machine.closed)
        assert ours.ended == words


def test_a_server_takes_us_again_and_again(free_dir: Path, address: str, memory: SlaveMemory) -> None:
    with dpdk_peer(free_dir, "server", address) as peer:
        for _ in range(20):
            with slave_attachment(connect(address), memory, id=INTERFACE) as ours:
                ours.run_until(lambda: ours.machine.connected)
                link_is("up", peer)
            link_is("down", peer)


@contextmanager
def client_of_ours(folder: Path, address: str, mode: str, **changes: object) -> Iterator[tuple[DpdkPeer, Attachment]]:
    """Start a testpmd client that talks to a master of ours; a client connects once in its life."""
    with listen(address) as listener, dpdk_peer(folder, "client", address, mode=mode, secret="right") as peer:
        assert select.select([listener], [], [], PATIENCE)[0]
        accepted, _ = listener.accept()
        accepted.setblocking(False)
        with master_attachment(accepted, **{"id": INTERFACE, "secret": b"right", **changes}) as ours:
            yield peer, ours


@pytest.mark.parametrize("address", ADDRESSES, indirect=True)
def test_our_master_accepts_a_client_and_sees_its_packets(free_dir: Path, address: str) -> None:
    with client_of_ours(free_dir, address, "txonly") as (peer, ours):
        ours.run_until(lambda: ours.machine.connected)
        assert [type(event) for event in ours.events] == [PeerInit, RegionAdded, RingAdded, RingAdded, ConnectRequested]
        link_is("up", peer)
        region = next(event for event in ours.events if isinstance(event, RegionAdded))
        s2m = next(event for event in ours.events if isinstance(event, RingAdded) and event.flags == S2M)
        with mmap.mmap(region.fd, region.size) as memory:
            ring = RingView(memory, s2m.offset, 1 << s2m.log2)
            assert ring.cookie.value == ring_layout.COOKIE
            ring.flags.value = 0  # we want to be woken
            peer.ask("start")
            _wait_for_packets(ring, s2m.fd, 100)
            first = ring[0]
            assert (first.flags, first.region, first.length) == (0, 0, 64)
            assert first.offset + first.length <= region.size
            peer.ask("stop")
            del ring, first


def test_a_client_with_the_wrong_secret_is_refused_and_hears_why(free_dir: Path, address: str) -> None:
    with client_of_ours(free_dir, address, "rxonly", secret=b"left") as (peer, ours):
        with pytest.raises(ProtocolViolation, match="WrongSecret"):
            ours.run_until(lambda: ours.machine.connected)
        peer.read_until("incorrect secret")


def test_a_client_of_another_interface_is_refused_and_hears_why(free_dir: Path, address: str) -> None:
    with client_of_ours(free_dir, address, "rxonly", id=INTERFACE + 1) as (peer, ours):
        with pytest.raises(ProtocolViolation, match="UnknownInterface"):
            ours.run_until(lambda: ours.machine.connected)
        peer.read_until("unmatched interface id")


def test_a_client_sees_us_leave(free_dir: Path, address: str) -> None:
    with client_of_ours(free_dir, address, "rxonly") as (peer, ours):
        ours.run_until(lambda: ours.machine.connected)
        link_is("up", peer)
        ours.machine.disconnect("maintenance")
        ours.run_until(lambda: True)
        peer.read_until("maintenance")
        link_is("down", peer)


def _wait_for_packets(ring: RingView, signal: int, count: int) -> None:
    while ring.head.value < count:
        assert select.select([signal], [], [], PATIENCE)[0], ring.head.value
        os.eventfd_read(signal)
