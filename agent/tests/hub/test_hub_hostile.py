"""Clients that mean harm: each ends with a reason, and a well-behaved one beside them notices nothing."""

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from mediamesh_testing.hub import HubUnderTest, running_hub
from mediamesh_testing.plans import flow, sink
from mediamesh_testing.rawclient import RawClient
from mediamesh_testing.waiting import wait_until

import mediamesh
from mediamesh_agent.hub.link import MOST_UNACKNOWLEDGED
from mediamesh_native.memif.messages import Ack, Connected, Disconnect, Hello, Init, Message, encode
from mediamesh_protos import attach_pb2


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    with running_hub(tmp_path_factory.mktemp("hub") / "mesh") as running:
        running.apply(flow(frames=2000, sinks=[sink(max_attachments=400)]))
        yield running


def serves_others(hub: HubUnderTest) -> bool:
    with RawClient(hub.root) as client:
        return client.attach("sink").endpoint == "out"


GARBAGE = {
    "a zero": b"\0",
    "no protobuf": b"\xff" * 60,
    "cut off": attach_pb2.AttachRequest(api_version=1, connection="cam" * 30).SerializeToString()[:-1],
    "not text": b"\x12\x04\xff\xfe\xfd\xfc",
    "a memif message": encode(Hello("too early")),
    "too long": attach_pb2.AttachRequest(api_version=1, client="x" * 5000).SerializeToString(),
    "field of a wrong type": b"\x0d\x01\x02\x03\x04\x12\x03cam",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_a_first_message_that_makes_no_sense_is_refused(hub: HubUnderTest, data: bytes) -> None:
    with RawClient(hub.root) as client:
        client.say(data)
        refusal = attach_pb2.AttachReply.FromString(client.hear()).refusal
        assert refusal.reason in {"BadRequest", "UnsupportedVersion", "NoSuchConnection"}
        assert client.hear() == b""
    assert serves_others(hub)


@pytest.mark.parametrize("name", ["", "/", "//", "a/b/c", "../cam", "cam\0", "x" * 3000, "\N{PILE OF POO}"], ids=ascii)
def test_names_that_make_no_sense_are_unknown(hub: HubUnderTest, name: str) -> None:
    with RawClient(hub.root) as client:
        assert client.refusal("sink", name).reason == "NoSuchConnection"


def test_silence_is_not_waited_for(hub: HubUnderTest) -> None:
    with RawClient(hub.root) as client:
        assert attach_pb2.AttachReply.FromString(client.hear()).refusal.reason == "PeerSilent"


def test_silence_in_the_handshake_is_not_waited_for(hub: HubUnderTest) -> None:
    before = hub.ended("PeerSilent")
    with RawClient(hub.root) as client:
        assert client.request("sink").HasField("attached")
        assert b"PeerSilent" in client.hear()
        assert client.hear() == b""
    assert hub.ended("PeerSilent") == before + 1


WRONG: dict[str, Message | bytes] = {
    "ack instead of hello": Ack(),
    "connected instead of hello": Connected("now"),
    "a slave's message": Init(0x0200, 0, 0, b"", "me"),
    "too short": b"\x02\0",
    "unknown type": b"\x63\0".ljust(128, b"\0"),
    "too long": encode(Hello("x")) + b"\0",
    "no region allowed": Hello("x", max_region=0xFFFF, max_log2_ring_size=0),
    "another version": Hello("x", 0x0300, 0x0300),
}


@pytest.mark.parametrize("message", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_word_in_the_handshake_ends_it(hub: HubUnderTest, message: Message | bytes) -> None:
    wait_until(lambda: not hub.flow().attachments, "earlier clients to be gone")
    with RawClient(hub.root) as client:
        assert client.request("sink").HasField("attached")
        client.say(message if isinstance(message, bytes) else encode(message))
        said = client.hear()
        assert said[:2] == struct.pack("=H", 8), "a DISCONNECT"
        assert client.hear() == b""
    assert not hub.flow().attachments
    assert serves_others(hub)


LATE: dict[str, Message | bytes] = {
    "an ack for nothing": Ack(),
    "hello again": Hello("x"),
    "connected again": Connected("x"),
    "a slave's message": Init(0x0200, 0, 0, b"", "me"),
    "garbage": b"garbage",
    "too long": b"\1" * 4000,
}


@pytest.mark.parametrize("message", LATE.values(), ids=LATE.keys())
def test_a_wrong_word_while_serving_ends_it(hub: HubUnderTest, message: Message | bytes) -> None:
    with RawClient(hub.root) as client:
        client.attach("sink")
        client.say(message if isinstance(message, bytes) else encode(message))
        assert client.hear()[:2] == struct.pack("=H", 8), "a DISCONNECT"
        assert client.hear() == b""
    assert serves_others(hub)


def test_descriptors_nobody_asked_for_are_not_kept(hub: HubUnderTest) -> None:
    """They come with the request, in the handshake and while serving; the hub's table does not grow."""
    table = Path(f"/proc/{hub.process.pid}/fd")
    wait_until(lambda: not hub.flow().attachments, "earlier clients to be gone")
    before = len(list(table.iterdir()))
    request = attach_pb2.AttachRequest(api_version=1, connection="cam", role=attach_pb2.ROLE_SINK)
    for _ in range(20):
        with RawClient(hub.root) as client:
            socket.send_fds(client.socket, [request.SerializeToString()], [0] * 50)
            assert attach_pb2.AttachReply.FromString(client.hear()).HasField("attached")
            client.shake_hands()
            socket.send_fds(client.socket, [encode(Ack())], [0] * 3)
            assert client.hear()[:2] == struct.pack("=H", 8)
    wait_until(lambda: len(list(table.iterdir())) <= before, "the descriptors to be closed")


def test_a_crowd_that_says_nothing_hurts_nobody(hub: HubUnderTest) -> None:
    crowd = []
    try:
        for _ in range(3000):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            client.connect(str(hub.root / "attach.sock"))
            crowd.append(client)
        assert serves_others(hub)
        wait_until(lambda: hub.ended("PushedOut") > 1000, "the oldest to be pushed out")
    finally:
        for client in crowd:
            client.close()
    assert serves_others(hub)


def test_a_sink_that_does_not_answer_to_new_pools_is_ended(hub: HubUnderTest) -> None:
    """It is not waited for, and the others go on."""
    with RawClient(hub.root) as deaf:
        deaf.attach("sink")
        for _ in range(MOST_UNACKNOWLEDGED + 1):
            with RawClient(hub.root) as source:
                source.attach("source")
            wait_until(lambda: all(one.role != "source" for one in hub.flow().attachments), "the source to leave")
        wait_until(lambda: hub.ended("ControlBacklog") == 1, "the deaf sink to be ended")


def test_a_source_that_locks_the_seals_gets_nowhere(hub: HubUnderTest) -> None:
    import fcntl

    from mediamesh_native.memif.handshake import MasterHandshake

    with RawClient(hub.root) as client:
        assert client.request("source").HasField("attached")
        client.machine = MasterHandshake(name="locksmith", now=0.0, patience=1e9)
        client.flush()
        while not client.machine.connected:
            before = set(client.regions)
            client.step()
            for region in set(client.regions) - before - {0}:
                fd = client.regions[region].fd
                if not fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SEAL:
                    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL)
        assert b"SealRefused" in client.hear()
    assert hub.ended("SealRefused") == 1


def test_a_pool_that_a_failed_source_has_seen_is_never_given_to_another(hub: HubUnderTest) -> None:
    """The first may have mapped it, and could write into the frames of the second."""

    def inode(client: RawClient) -> int:
        return os.fstat(client.regions[max(client.regions)].fd).st_ino

    with RawClient(hub.root) as first:
        first.attach("source")
        wait_until(lambda: hub.flow().state == "Flowing", "the source")
        seen = inode(first)
    wait_until(lambda: hub.flow().state == "Waiting", "the source to leave")
    with RawClient(hub.root) as second:
        second.attach("source")
        assert inode(second) != seen


def test_a_consumer_cannot_write_the_pool(hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    import mmap

    monkeypatch.setenv("MEDIAMESH_DIR", str(hub.root))
    with mediamesh.open_source("cam"), RawClient(hub.root) as client:
        client.attach("sink")
        client.step()
        pool = client.regions[max(client.regions)]
        with pytest.raises(PermissionError):
            mmap.mmap(pool.fd, pool.size)
        with pytest.raises(PermissionError):
            os.write(pool.fd, b"mine")
        with pytest.raises(PermissionError):
            os.ftruncate(pool.fd, 0)
        again = os.open(f"/proc/self/fd/{pool.fd}", os.O_RDWR)
        try:
            with pytest.raises(PermissionError):
                mmap.mmap(again, pool.size)
        finally:
            os.close(again)


def test_the_last_word_of_the_peer_stands_in_the_log_as_one_line(hub: HubUnderTest) -> None:
    with RawClient(hub.root) as client:
        client.attach("sink")
        client.say(encode(Disconnect(0, "line\nbreak\x1b[31m")))
        while client.hear():
            pass
    wait_until(lambda: "ended: line" in hub.log, "its word in the log")
    (line,) = (line for line in hub.log.splitlines() if "ended: line" in line)
    assert line.endswith("ended: line\ufffdbreak\ufffd[31m")


def test_a_client_cannot_write_lines_of_the_log(hub: HubUnderTest) -> None:
    name = "x\n2026-01-01 hub[1] WARNING forged \x1b[2J"
    with RawClient(hub.root) as client:
        client.attach("sink", client=name)
        (seen,) = wait_until(lambda: hub.attachments("sink"), "the attachment")
        assert seen.client == "x\ufffd2026-01-01 hub[1] WARNING forged \ufffd[2J"
    with RawClient(hub.root) as client:
        client.refusal("sink", endpoint="none", client=name)
    assert "forged" in hub.log
    assert not [line for line in hub.log.splitlines() if line.startswith("2026-01-01") or "\x1b" in line]
