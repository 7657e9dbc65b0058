"""Stock memif endpoints: the hub is its own peer here, in both roles; and dpdk-testpmd is one."""

import os
import resource
import select
import socket
import uuid
from pathlib import Path

import pytest
from mediamesh_testing.dpdk import counted, dpdk_peer
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import CAPACITY, flow, receiving, sending, sink, stock
from mediamesh_testing.rawclient import RawClient
from mediamesh_testing.waiting import PATIENCE, wait_until

import mediamesh
from mediamesh_agent.hub.stock_handshake import LONGEST_CHUNK, SAFE_CHUNK, chunk_for, log2_for
from mediamesh_protos import plan_pb2

A_CHAIN = b"0123456789abcdef" * (CAPACITY // 16)


def linked(hub: HubUnderTest, connection: str) -> bool:
    return any(one.kind == "memif" for one in hub.flow(connection).attachments)


ROLES = {"the sink's peer is client": ("client", "server"), "the sink's peer is server": ("server", "client")}


@pytest.mark.parametrize(("to", "by"), ROLES.values(), ids=ROLES.keys())
@pytest.mark.parametrize("name", ["path", "abstract"])
def test_frames_cross_a_stock_link_whole(hub: HubUnderTest, to: str, by: str, name: str) -> None:
    address = "m.sock" if name == "path" else f"@mediamesh-{uuid.uuid4()}"
    hub.apply(sending(to, name=address, secret="psst"), receiving(by, name=address, secret="psst"))
    wait_until(lambda: linked(hub, "default/a") and linked(hub, "default/b"), "both ends")
    with mediamesh.open_source("a") as source, mediamesh.open_sink("b") as taking:
        for number, payload in enumerate([b"x", b"y" * 2048, b"z" * 2049, A_CHAIN, b"end"]):
            source.send(payload, timeout=PATIENCE)
            with taking.receive(timeout=PATIENCE) as frame:
                assert (frame.sequence, bytes(frame) == payload) == (number, True)
    assert hub.observe().bytes_copied > len(A_CHAIN)


def test_endpoints_share_a_socket_by_their_ids(hub: HubUnderTest) -> None:
    flows = [*two_ways("left", 7), *two_ways("right", 8)]
    hub.apply(*flows)
    wait_until(lambda: all(linked(hub, one.connection) for one in flows), "all four ends")
    before = {one.connection: numbers(hub, one.connection) for one in flows}
    with mediamesh.open_sink("left-in") as left, mediamesh.open_sink("right-in") as right:
        for name, taking in (("left", left), ("right", right)):
            with mediamesh.open_source(f"{name}-out") as source:
                source.send(name.encode(), timeout=PATIENCE)
                with taking.receive(timeout=PATIENCE) as frame:
                    assert bytes(frame) == name.encode()
    hub.apply(*flows[:2], revision=2)
    wait_until(lambda: len(hub.observe().flows) == 2, "the right ones to be gone")
    assert [numbers(hub, one.connection) for one in flows[:2]] == [before[one.connection] for one in flows[:2]]
    hub.apply(*flows, revision=3)
    wait_until(lambda: all(linked(hub, one.connection) for one in flows), "the right ones again")


def two_ways(name: str, number: int) -> list[plan_pb2.FlowPlan]:
    """Two flows that a stock link joins, with that interface id."""
    out = flow(
        f"default/{name}-out", frames=64, sinks=[sink("wire", policy="block", endpoint=stock("client", id=number))]
    )
    source = plan_pb2.SourcePlan(name="wire", queue=4, endpoint=stock("server", id=number))
    return [out, flow(f"default/{name}-in", source=source, sinks=[sink(policy="block")])]


def numbers(hub: HubUnderTest, connection: str) -> set[int]:
    return {one.attachment for one in hub.flow(connection).attachments if one.kind == "memif"}


def test_a_peer_of_an_unknown_id_is_sent_away_and_disturbs_nobody(hub: HubUnderTest) -> None:
    left, right = two_ways("left", 7), two_ways("right", 9)
    hub.apply(*left, *two_ways("other", 8)[:1], right[1])
    wait_until(lambda: hub.ended("UnknownInterface"), "the refusal")
    wait_until(lambda: linked(hub, "default/left-out") and linked(hub, "default/left-in"), "both ends")


def test_a_shared_pool_is_sent_from_without_a_copy(hub: HubUnderTest) -> None:
    hub.apply(sending("server", access="shared"), receiving("client"))
    with mediamesh.open_sink("b") as taking:
        for turn in range(2):  # the second source has a pool of its own, which the peer gets by connecting anew
            with mediamesh.open_source("a") as source:
                wait_until(lambda: linked(hub, "default/a") and linked(hub, "default/b"), "both ends")
                for payload in (b"small", A_CHAIN):
                    before = hub.observe().bytes_copied
                    source.send(payload, timeout=PATIENCE)
                    with taking.receive(timeout=PATIENCE) as frame:
                        assert bytes(frame) == payload, turn
                    assert hub.observe().bytes_copied == before + len(payload)  # by the flow that receives
                    assert not hub.flow("default/a").sealed
            wait_until(lambda: not any(one.role == "source" for one in hub.flow("default/a").attachments), "its end")


def test_a_wrong_secret_is_told_and_tried_again(hub: HubUnderTest) -> None:
    hub.apply(sending("client", secret="right"), receiving("server", secret="wrong"))
    wait_until(lambda: hub.ended("WrongSecret"), "the refusal")
    hub.apply(sending("client", secret="right"), receiving("server", secret="right"), revision=2)
    wait_until(lambda: linked(hub, "default/a") and linked(hub, "default/b"), "both ends")


def test_a_link_comes_back_when_its_peer_does(hub: HubUnderTest) -> None:
    hub.apply(receiving("server"))
    wait_until(lambda: hub.ended("SocketMissing"), "nobody to be there")
    hub.apply(sending("client"), receiving("server"), revision=2)
    wait_until(lambda: linked(hub, "default/b"), "the link")
    hub.apply(receiving("server"), revision=3)
    wait_until(lambda: not linked(hub, "default/b"), "its end")


def test_only_the_peers_end_of_the_plan_is_linked(hub: HubUnderTest) -> None:
    hub.apply(sending("client"), receiving("server"))
    wait_until(lambda: linked(hub, "default/b"), "the link")
    with RawClient(hub.root) as client:
        assert client.refusal("sink", "a", endpoint="wire").reason == "NotYourEndpoint"
    with RawClient(hub.root) as client:
        assert client.refusal("source", "b").reason == "NotYourEndpoint"


@pytest.mark.parametrize("trap", ["link", "fifo", "file", "folder", "stream"])
def test_what_is_no_memif_socket_is_not_touched(hub: HubUnderTest, free_dir: Path, trap: str) -> None:
    place = hub.root / "m.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        if trap == "link":
            place.symlink_to(free_dir / "victim")
        elif trap == "fifo":
            os.mkfifo(place)
        elif trap == "file":
            place.write_text("precious")
        elif trap == "folder":
            place.mkdir()
        else:
            stream.bind(str(place))
            stream.listen()
        hub.apply(receiving("server"))
        wait_until(lambda: any(end.connection == "default/b" for end in hub.observe().ended), "a reason")
        assert hub.apply(flow(), revision=2).revision == 2


def test_a_server_that_sends_the_hub_away_is_told_of_once(hub: HubUnderTest) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(str(hub.root / "m.sock"))
        server.listen()
        server.settimeout(PATIENCE)
        hub.apply(receiving("server"))
        for _ in range(3):
            server.accept()[0].close()
        wait_until(lambda: hub.observe().ended, "a reason")
    assert [end.count for end in hub.observe().ended] == [1]


def test_a_listener_outlives_a_lack_of_descriptors(hub: HubUnderTest) -> None:
    hub.apply(sending("client"))
    wait_until((hub.root / "m.sock").exists, "the socket")
    before = resource.prlimit(hub.process.pid, resource.RLIMIT_NOFILE)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
        resource.prlimit(hub.process.pid, resource.RLIMIT_NOFILE, (4, before[1]))
        peer.connect(str(hub.root / "m.sock"))
        wait_until(lambda: "Too many open files" in hub.log, "the lack to be told")
        resource.prlimit(hub.process.pid, resource.RLIMIT_NOFILE, before)
        peer.settimeout(PATIENCE)
        assert peer.recv(1024), "a HELLO once there is room"


def test_a_server_may_think_for_longer_than_a_client(hub: HubUnderTest) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(str(hub.root / "late.sock"))
        server.listen()
        server.settimeout(PATIENCE)
        hub.apply(sending("server", name="late.sock"), receiving("client"))
        accepted, _ = server.accept()
        with accepted, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.settimeout(PATIENCE)
            wait_until((hub.root / "m.sock").exists, "the socket")
            client.connect(str(hub.root / "m.sock"))
            while client.recv(1024):
                pass
            assert not select.select([accepted], [], [], 0)[0], "the hub has left the server"
    (hub.root / "late.sock").unlink()


def test_a_peer_that_connects_and_says_nothing_is_sent_away(hub: HubUnderTest) -> None:
    hub.apply(sending("client"))
    wait_until((hub.root / "m.sock").exists, "the socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as silent:
        silent.connect(str(hub.root / "m.sock"))
        silent.settimeout(PATIENCE)
        while silent.recv(1024):
            pass
    assert hub.ended("PeerSilent") == 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as garbage:
        garbage.connect(str(hub.root / "m.sock"))
        garbage.settimeout(PATIENCE)
        garbage.send(b"no memif")
        while garbage.recv(1024):
            pass
    assert hub.ended("MessageLength") == 1


@pytest.mark.parametrize(
    ("name", "planned", "capacity", "chunk"),
    [
        ("DPDK 22.11.11", 0, 1 << 23, LONGEST_CHUNK),
        ("DPDK 22.11.11", 0, 3000, 3008),
        ("DPDK 23.03.0", 0, 1 << 23, SAFE_CHUNK),
        ("DPDK 24.11.1", 0, 100, SAFE_CHUNK),
        ("VPP 26.06", 0, 1 << 23, SAFE_CHUNK),
        ("libmemif app", 0, 1 << 23, LONGEST_CHUNK),
        ("", 0, 1, SAFE_CHUNK),
        ("anything", 9000, 1, 9000),
        ("anything", 1 << 20, 1, LONGEST_CHUNK),
    ],
)
def test_a_descriptor_is_what_the_peer_can_digest(name: str, planned: int, capacity: int, chunk: int) -> None:
    assert chunk_for(name, planned, capacity) == chunk


@pytest.mark.parametrize(
    ("capacity", "chunk", "log2"), [(1, 2048, 8), (1 << 20, 2048, 10), (1 << 23, 65472, 9), (1 << 30, 2048, 14)]
)
def test_two_frames_fit_into_a_ring_if_they_can(capacity: int, chunk: int, log2: int) -> None:
    assert log2_for(capacity, chunk) == log2


def test_dpdk_sends_as_client_and_its_packets_are_frames(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(receiving("client"))
    wait_until((hub.root / "m.sock").exists, "the socket")
    for _ in range(2):
        with (
            dpdk_peer(free_dir, "client", str(hub.root / "m.sock"), mode="txonly") as peer,
            mediamesh.open_sink("b") as taking,
        ):
            peer.ask("start")
            for _ in range(100):
                with taking.receive(timeout=PATIENCE) as frame:
                    assert len(frame) == 64
            assert any(one.client.startswith("DPDK") for one in hub.flow("default/b").attachments)
        wait_until(lambda: not linked(hub, "default/b"), "its end")


def test_dpdk_receives_as_server_and_returns(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(sending("server"))
    for _ in range(2):
        with dpdk_peer(free_dir, "server", str(hub.root / "m.sock")) as peer:
            wait_until(lambda: linked(hub, "default/a"), "the link")
            peer.ask("start")
            with mediamesh.open_source("a") as source:
                for _ in range(300):
                    source.send(b"x" * 1500, timeout=PATIENCE)
            peer.ask_until("show port stats 0", lambda answer: counted(answer, "RX-packets") == 300)
        wait_until(lambda: not linked(hub, "default/a"), "its end")
        (hub.root / "m.sock").unlink()  # a killed testpmd leaves it, and would not start over it


@pytest.mark.parametrize("role", ["client", "server"])
def test_dpdk_at_abstract_sockets_with_a_secret_gives_back_what_it_gets(
    hub: HubUnderTest, free_dir: Path, role: str
) -> None:
    out, back = (f"@mediamesh-{uuid.uuid4()}" for _ in range(2))
    hub.apply(sending(role, name=out, secret="open sesame"), receiving(role, name=back, secret="open sesame"))
    if role == "client":
        wait_until(lambda: listened_at(out) and listened_at(back), "the sockets")
    with dpdk_peer(free_dir, role, out, back, mode="io", secret="open sesame") as peer:
        wait_until(lambda: linked(hub, "default/a") and linked(hub, "default/b"), "both ends")
        peer.ask("start")
        with mediamesh.open_sink("b") as taking, mediamesh.open_source("a") as source:
            for payload in (os.urandom(64), os.urandom(1500), os.urandom(3000)):
                source.send(payload, timeout=PATIENCE)
                with taking.receive(timeout=PATIENCE) as frame:
                    assert bytes(frame) == payload


def listened_at(abstract: str) -> bool:
    return abstract in Path("/proc/net/unix").read_text()
