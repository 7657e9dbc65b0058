"""Stock peers that die, misbehave or are not to be had while a hub hands over: each ends alone."""

import fcntl
import os
import select
import signal
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from hub_stock_scene import fed_and_feeding, feeding_client, held, passes, peers, taking_client
from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.control import ControlClient
from mediamesh_testing.hub import HubUnderTest, running_hub
from mediamesh_testing.plans import CAPACITY, flow, receiving
from mediamesh_testing.stockclient import StockClient
from mediamesh_testing.waiting import PATIENCE, wait_until
from mediamesh_testing.watching import all_taken

import mediamesh
from mediamesh_agent.hub.memory import pool_bytes
from mediamesh_native.memif.messages import M2S, Connected, Disconnect

FUTURE_WRITE = 0x10  # F_SEAL_FUTURE_WRITE


@pytest.fixture
def fed(hub: HubUnderTest) -> HubUnderTest:
    return fed_and_feeding(hub)


def test_a_peer_that_dies_meanwhile_is_missed_afterwards(fed: HubUnderTest) -> None:
    with feeding_client(fed) as client:
        with ControlClient(fed.root) as control:
            for fd in held(control):
                os.close(fd)
            client.socket.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: not peers(fed, "default/b"), "its end")
    with feeding_client(fed) as client:
        fed.process.send_signal(signal.SIGSTOP)
        successor = fed.launch("--take-over")
        client.socket.shutdown(socket.SHUT_RDWR)
        fed.process.send_signal(signal.SIGCONT)
        fed.await_ready(successor)
        fed.reap()
        fed.process = successor
        wait_until(lambda: not peers(fed, "default/b"), "its end")
    with feeding_client(fed) as client, mediamesh.open_sink("b") as taking:
        passes(client, taking, 0, anew=True)


def test_a_peer_that_forbids_to_map_its_memory_ends_alone(fed: HubUnderTest) -> None:
    with feeding_client(fed) as client, acting(taker(connection="a"), source(connection="a")) as (taking, feeding):
        fcntl.fcntl(client.areas[1], fcntl.F_ADD_SEALS, FUTURE_WRITE)
        fed.succeed()
        wait_until(lambda: fed.ended("RingsLost") == 1, "its end")
        farewell = client.hear()
        assert isinstance(farewell, Disconnect)
        assert "RingsLost" in farewell.reason
        all_taken(fed, feeding.end()["sent"], "default/a")
        unharmed(taking.end())
    with feeding_client(fed) as client, mediamesh.open_sink("b") as taking_b:
        passes(client, taking_b, 0, anew=True)


def test_a_peer_that_makes_the_engine_hang_meanwhile_ends_alone(fed: HubUnderTest) -> None:
    with taking_client(fed) as client, mediamesh.open_source("a") as feeding, mediamesh.open_sink("a") as taking:
        with ControlClient(fed.root) as control:
            for fd in held(control):
                os.close(fd)
            with suppress(BlockingIOError):
                os.eventfd_read(client.signals[M2S])
            os.eventfd_write(client.signals[M2S], 2**64 - 2)
            os.set_blocking(client.signals[M2S], True)
            for number in range(3):
                feeding.send(b"%d" % number, timeout=PATIENCE)
                with taking.receive(timeout=PATIENCE) as frame:
                    assert frame.sequence == number
            assert not select.select([control.socket], [], [], 0)[0], "the frames came when the hub had given up"
        wait_until(lambda: fed.ended("EventBlocked") == 1, "its end")


def test_a_source_for_whose_pool_there_is_no_memory_ends_alone(root: Path) -> None:
    size = pool_bytes(32, CAPACITY)
    with running_hub(root, f"--memory-limit={4 * size + (1 << 20)}") as hub:
        other = receiving("client", connection="default/c", name="other.sock")
        hub.apply(receiving("client"), other, flow(sinks=[]))
        wait_until((hub.root / "other.sock").exists, "the sockets")
        with feeding_client(hub), StockClient(hub.root / "other.sock") as second:
            assert isinstance(second.connect((second.memory(CAPACITY), CAPACITY)), Connected)
            wait_until(lambda: peers(hub, "default/c"), "the link")
            with mediamesh.open_source("cam"):
                hub.succeed()
                assert sorted(map(len, (peers(hub, "default/b"), peers(hub, "default/c")))) == [0, 1]
                assert hub.ended("OutOfMemory") == 1


def test_old_pools_that_a_sink_holds_on_to_end_the_source_at_last(fed: HubUnderTest) -> None:
    with feeding_client(fed) as client, mediamesh.open_sink("b") as taking:
        held_frames = []
        for _ in range(4):
            client.publish_packet(1, 64, 100)
            held_frames.append(taking.receive(timeout=PATIENCE))
            fed.succeed()
        assert fed.ended("PoolsInUse") == 1
        assert [len(frame) for frame in held_frames] == [100] * 4
        for frame in held_frames:
            frame.release()
    with feeding_client(fed) as client, mediamesh.open_sink("b") as taking:
        passes(client, taking, 4, anew=True)
