"""Hubs hand over a real DPDK under load: its links stay up, and its packets are counted and compared at both ends."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.dpdk import DpdkPeer, counted, dpdk_peer
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import receiving, sending
from mediamesh_testing.waiting import wait_until

import mediamesh

HANDOVERS = 3
SOME = 300
ROLES = [("client", "copy"), ("server", "copy"), ("server", "shared")]  # DPDK's, and what it does with our pool
NEVER_GIVE_UP = "set burst tx delay 10 retry 100000000"
COUNTER = 28  # where testpmd counts its packets: a byte of the source address, of many flows
COUNTS_TO = 256


def links(hub: HubUnderTest, name: str) -> list[int]:
    return [one.attachment for one in hub.flow(f"default/{name}").attachments if one.kind == "memif"]


def frames(hub: HubUnderTest, name: str) -> int:
    return hub.flow(f"default/{name}").frames


@contextmanager
def dpdk(
    hub: HubUnderTest, folder: Path, role: str, mode: str, *names: str, more: tuple[str, ...] = ()
) -> Iterator[tuple[DpdkPeer, Callable[[], None]]]:
    """Have testpmd at these flows, a port each; yield it, and what hands over under load and looks at the links."""
    paths = [str(hub.root / f"{name}.sock") for name in names]
    if role == "client":
        wait_until(lambda: all(Path(path).exists() for path in paths), "the sockets")
    with dpdk_peer(folder, role, *paths, mode=mode, more=("--no-flush-rx", *more)) as peer:
        wait_until(lambda: all(links(hub, name) for name in names), "the links")
        before = [links(hub, name) for name in names]
        peer.ask(f"set fwd {mode} retry")
        peer.ask(NEVER_GIVE_UP)
        said = len(peer.printed)  # with all that it has logged of the beginning: that comes another way than answers
        peer.ask("start")

        def hand_over() -> None:
            enough = frames(hub, names[0]) + SOME
            wait_until(lambda: frames(hub, names[0]) > enough, "frames before the hand-over")
            hub.succeed()
            assert [links(hub, name) for name in names] == before
            for port in range(len(names)):
                assert "Link status: up" in peer.ask(f"show port info {port}")

        yield peer, hand_over
        assert "isconnect" not in peer.printed[said:], peer.printed[said:]


class Counting:
    """A sink whose thread notes where testpmd's counter stands in every packet."""

    def __init__(self, taking: mediamesh.Sink) -> None:
        self.seen: list[int] = []
        self._taking = taking
        self._thread = threading.Thread(target=self._count)

    def __enter__(self) -> list[int]:
        self._thread.start()
        return self.seen

    def __exit__(self, *_: object) -> None:
        self._taking.interrupt()
        self._thread.join()

    def _count(self) -> None:
        with suppress(mediamesh.Interrupted):
            while True:
                with self._taking.receive() as frame, memoryview(frame) as view:
                    self.seen.append(view[COUNTER])


@pytest.mark.parametrize("role", ["client", "server"])
def test_what_dpdk_sends_comes_once_and_in_order(hub: HubUnderTest, free_dir: Path, role: str) -> None:
    hub.apply(receiving(role, name="b.sock"))
    with (
        mediamesh.open_sink("b") as taking,
        Counting(taking) as seen,
        dpdk(hub, free_dir, role, "txonly", "b", more=("--txonly-multi-flow",)) as (peer, hand_over),
    ):
        for _ in range(HANDOVERS):
            hand_over()
        peer.ask("stop")
        sent = counted(peer.ask("show port stats 0"), "TX-packets")
        wait_until(lambda: len(seen) >= sent, lambda: f"{sent} packets, {len(seen)} came")
        assert (len(seen), frames(hub, "b")) == (sent, sent)
        assert seen == [(seen[0] + number) % COUNTS_TO for number in range(sent)]


@pytest.mark.parametrize(("role", "access"), ROLES)
def test_dpdk_gets_everything_once_and_it_comes_back_unharmed(
    hub: HubUnderTest, free_dir: Path, role: str, access: str
) -> None:
    hub.apply(sending(role, name="a.sock", access=access), receiving(role, name="b.sock"))
    feed = source(connection="a", wait_for_sinks=1, size=3000)
    with (
        acting(taker(connection="b")) as (taking,),
        acting(feed) as (feeding,),
        dpdk(hub, free_dir, role, "io", "a", "b") as (peer, hand_over),
    ):
        for _ in range(HANDOVERS):
            hand_over()
        sent = feeding.end()["sent"]
        wait_until(lambda: frames(hub, "b") >= sent, lambda: f"{sent} frames: {hub.observe().flows}")
        stats = peer.ask("show port stats 0")
        assert [counted(stats, name) for name in ("RX-packets", "RX-missed", "RX-errors")] == [sent, 0, 0]
        sinks = [one for one in hub.flow("default/b").attachments if one.role == "sink"]
        assert [one.frames for one in sinks] == [sent]
        report = taking.end()
        unharmed(report)
        assert (frames(hub, "b"), report["flagged"]) == (sent, [])
