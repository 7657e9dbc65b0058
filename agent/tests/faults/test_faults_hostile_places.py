"""Traps in the folders of pods, where the hub looks for the sockets of stock servers, beside a healthy flow."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from faults_beset import PLAN, beset_hub, logged
from faults_stage import Chance
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import flow, sink
from mediamesh_testing.waiting import wait_until

from mediamesh_protos import plan_pb2

Trap = Callable[[Path, ExitStack], None]
TRAPPED = "default/trapped"


def link_to_a_file(place: Path, _: ExitStack) -> None:
    place.with_name("secret").touch()
    place.symlink_to(place.with_name("secret"))


def link_to_our_own_socket(place: Path, _: ExitStack) -> None:
    place.symlink_to(place.parents[2] / "attach.sock")


def folder_that_is_a_link(place: Path, _: ExitStack) -> None:
    place.parent.rmdir()
    place.parent.symlink_to(place.parents[2])


def listening(place: Path, opened: ExitStack, kind: int) -> None:
    server = opened.enter_context(socket.socket(socket.AF_UNIX, kind))
    server.bind(str(place))
    server.listen()


TRAPS: list[tuple[Trap, str]] = [
    (lambda place, _: None, "SocketMissing"),
    (link_to_a_file, "SocketPathIsLink"),
    (link_to_our_own_socket, "SocketPathIsLink"),
    (folder_that_is_a_link, "SocketPathIsLink"),
    (lambda place, _: os.mkfifo(place), "SocketPathIsFifo"),
    (lambda place, _: place.touch(), "SocketPathIsFile"),
    (lambda place, _: place.mkdir(), "SocketPathIsFolder"),
    (lambda place, opened: listening(place, opened, socket.SOCK_STREAM), "SocketTypeMismatch"),
    (lambda place, opened: listening(place, opened, socket.SOCK_SEQPACKET), "PeerSilent"),
]


def stock(number: int) -> plan_pb2.SinkPlan:
    folder = f"pods/trap-{number}"
    memif = plan_pb2.MemifPlan(role="server", socket="m.sock", folder=folder, id=7, access="copy", rings=1)
    return sink(f"stock-{number}", endpoint=plan_pb2.EndpointPlan(kind="memif", memif=memif))


@pytest.fixture
def trapped(root: Path) -> Iterator[HubUnderTest]:
    """A hub that looks for a stock server in every trap."""
    with beset_hub(root) as hub, ExitStack() as opened:
        opened.callback(shutil.rmtree, root / "pods")
        for number, (trap, _) in enumerate(TRAPS):
            folder = root / "pods" / f"trap-{number}"
            folder.mkdir(parents=True)
            trap(folder / "m.sock", opened)
        hub.apply(*PLAN, flow(TRAPPED, sinks=[stock(number) for number in range(len(TRAPS))]), revision=2)
        yield hub
        hub.apply(*PLAN, revision=3)


def test_traps_in_place_of_stock_servers_are_not_touched(trapped: HubUnderTest) -> None:
    expected = {f"stock-{number}": reason for number, (_, reason) in enumerate(TRAPS)}
    wait_until(lambda: reasons(trapped) == expected, "a reason for each")
    assert set(expected.values()) <= logged(trapped)
    Chance(trapped, 0).moment()
    assert not trapped.flow(TRAPPED).attachments


def reasons(hub: HubUnderTest) -> dict[str, str]:
    return {end.endpoint: end.reason for end in hub.observe().ended if end.connection == TRAPPED}
