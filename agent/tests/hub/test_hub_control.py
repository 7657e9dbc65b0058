import socket
import struct
import subprocess
import sys
from collections.abc import Iterator

import pytest
from mediamesh_testing.control import ControlClient
from mediamesh_testing.hub import HubUnderTest, running_hub
from mediamesh_testing.plans import flow, node_plan
from mediamesh_testing.waiting import PATIENCE, wait_until

from mediamesh_protos import hub_pb2


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    with running_hub(tmp_path_factory.mktemp("hub") / "mesh") as running:
        yield running


def test_requests_are_answered_in_order(hub: HubUnderTest) -> None:
    with ControlClient(hub.root) as control:
        for _ in range(3):
            control.send(hub_pb2.HubRequest(observe=hub_pb2.Observe()).SerializeToString())
            control.send(hub_pb2.HubRequest(apply=node_plan(flow())).SerializeToString())
        for _ in range(3):
            for expected in ("observed", "applied"):
                reply = control.reply()
                assert reply is not None
                assert reply.WhichOneof("reply") == expected


def test_a_request_may_come_byte_by_byte(hub: HubUnderTest) -> None:
    data = hub_pb2.HubRequest(observe=hub_pb2.Observe()).SerializeToString()
    with ControlClient(hub.root) as control:
        for byte in struct.pack(">I", len(data)) + data:
            control.socket.send(bytes([byte]))
        reply = control.reply()
        assert reply is not None
        assert reply.observed.pid == hub.process.pid


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x09\0"])
def test_garbage_is_refused_and_ends_the_conversation(hub: HubUnderTest, data: bytes) -> None:
    with ControlClient(hub.root) as control:
        control.send(data)
        reply = control.reply()
        assert reply is not None
        assert reply.refused.reason == "BadRequest"
        assert control.reply() is None


def test_an_empty_request_is_refused_and_the_next_answered(hub: HubUnderTest) -> None:
    with ControlClient(hub.root) as control:
        control.send(b"")
        reply = control.reply()
        assert reply is not None
        assert reply.refused.reason == "BadRequest"
        assert control.ask(observe=hub_pb2.Observe()).HasField("observed")


@pytest.mark.parametrize("length", [(16 << 20) + 1, 0xFFFFFFFF])
def test_what_is_too_long_is_refused_before_it_is_read(hub: HubUnderTest, length: int) -> None:
    with ControlClient(hub.root) as control:
        control.socket.sendall(struct.pack(">I", length))
        reply = control.reply()
        assert reply is not None
        assert reply.refused.reason == "TooLong"
        assert control.reply() is None


def test_the_longest_request_is_taken(hub: HubUnderTest) -> None:
    filling = hub_pb2.HubRequest(apply=node_plan(flow(uid="x" * 1000)))
    data = filling.SerializeToString()
    unknown = b"\xfa\x3f"  # field 1023, bytes
    rest = (16 << 20) - len(data) - len(unknown) - 4
    size = bytes([rest & 0x7F | 0x80, rest >> 7 & 0x7F | 0x80, rest >> 14 & 0x7F | 0x80, rest >> 21])
    with ControlClient(hub.root) as control:
        control.send(data + unknown + size + b"x" * rest)
        reply = control.reply()
        assert reply is not None
        assert reply.HasField("applied")


def test_a_request_cut_off_is_refused(hub: HubUnderTest) -> None:
    with ControlClient(hub.root) as control:
        control.socket.sendall(b"\0\0\0\x40abc")
        control.socket.shutdown(socket.SHUT_WR)
        reply = control.reply()
        assert reply is not None
        assert reply.refused.reason == "BadRequest"


def test_half_a_request_is_not_waited_for(hub: HubUnderTest) -> None:
    with ControlClient(hub.root) as control:
        control.socket.sendall(b"\0\0\0\x40")
        reply = control.reply()
        assert reply is not None
        assert reply.refused.reason == "PeerSilent"


def test_clients_are_bounded_and_make_room_when_they_leave(hub: HubUnderTest) -> None:
    crowd = [ControlClient(hub.root) for _ in range(80)]
    try:
        wait_until(lambda: "is sent away" in hub.log, "the last to be sent away")
    finally:
        for client in crowd:
            client.socket.close()
    wait_until(lambda: _answers(hub), "an answer")


def _answers(hub: HubUnderTest) -> bool:
    try:
        return hub.ask(observe=hub_pb2.Observe()).HasField("observed")
    except (AssertionError, ConnectionError):
        return False


def test_another_version_of_handing_over_is_refused(hub: HubUnderTest) -> None:
    assert hub.ask(handover=hub_pb2.Handover(state_version=99)).refused.reason == "HandoverVersion"
    assert hub.observe().handovers == 0


def test_the_socket_is_for_its_owner_only(hub: HubUnderTest) -> None:
    assert (hub.root / "hub.sock").stat().st_mode & 0o777 == 0o600


# Connects as another user to a socket that everybody may open, so that only the hub's own look is left.
STRANGER = """
import os, socket, sys
os.chdir(sys.argv[1])
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
with socket.socket(socket.AF_UNIX) as client:
    client.connect("hub.sock")
    print(client.recv(1))
"""


def test_another_user_is_sent_away_even_where_the_socket_lets_it_in(hub: HubUnderTest) -> None:
    path = hub.root / "hub.sock"
    path.chmod(0o666)
    try:
        command = [sys.executable, "-c", STRANGER, str(hub.root)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    finally:
        path.chmod(0o600)
    assert done.stdout == "b''\n", done.stderr
    assert "a client of user 65534 is sent away" in hub.log
    assert hub.observe().pid == hub.process.pid


def test_a_shutdown_ends_it_and_leaves_no_socket(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("hub") / "mesh"
    with running_hub(root) as hub:
        assert hub.ask(shutdown=hub_pb2.Shutdown()).HasField("done")
        assert hub.reap() == 0
    assert not list(root.glob("*.sock"))
