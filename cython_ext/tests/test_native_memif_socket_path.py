"""Reaching a socket in a folder that somebody else can write: links and other traps are named, never followed."""

import os
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from memif_ends import open_descriptors, owned

from mediamesh_native.memif.errors import SocketRefused
from mediamesh_native.memif.socket_path import (
    connect_abstract,
    connect_path,
    listen_abstract,
    listen_in_folder,
    open_socket_path,
)


@pytest.fixture
def root(free_dir: Path) -> Path:
    (free_dir / "pods" / "one").mkdir(parents=True)
    return free_dir


@pytest.fixture
def server(root: Path) -> Iterator[socket.socket]:
    with owned(lambda: os.open(root / "pods" / "one", os.O_PATH)) as folder, listen_in_folder(folder, "m.sock") as sock:
        yield sock


def refused(call: Callable[[], object]) -> str:
    before = open_descriptors()
    with pytest.raises(SocketRefused) as caught:
        call()
    assert open_descriptors() == before
    return caught.value.reason


def reached(root: int | str, folder: str, name: str) -> bool:
    with owned(lambda: open_socket_path(root, folder, name)) as path, connect_path(path) as sock:
        return sock.getpeername() is not None and not sock.getblocking()


def test_a_server_is_reached_by_folder_and_name(root: Path, server: socket.socket) -> None:
    assert reached(str(root), "pods/one", "m.sock")
    assert reached(str(root / "pods/one"), "", "m.sock")
    with owned(lambda: os.open(root, os.O_PATH)) as fd:
        assert reached(fd, "pods/one", "m.sock")


def test_the_root_itself_may_be_reached_by_a_link_because_it_is_trusted(root: Path, server: socket.socket) -> None:
    (root / "link").symlink_to(root)
    assert reached(str(root / "link"), "pods/one", "m.sock")


def test_paths_longer_than_socket_addresses_work(root: Path) -> None:
    deep = root / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    with owned(lambda: os.open(deep, os.O_PATH)) as folder, listen_in_folder(folder, "m.sock"):
        assert reached(str(root), f"{'d' * 100}/{'e' * 100}", "m.sock")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.symlink_to("pods/one/m.sock"), "SocketPathIsLink"),
        (lambda path: path.symlink_to("/proc/self/fd/0"), "SocketPathIsLink"),
        (os.mkfifo, "SocketPathIsFifo"),
        (Path.touch, "SocketPathIsFile"),
        (Path.mkdir, "SocketPathIsFolder"),
        (lambda path: None, "SocketMissing"),
    ],
    ids=["link to a socket", "magic link", "FIFO", "file", "folder", "nothing"],
)
def test_what_is_no_socket_is_named(
    root: Path, server: socket.socket, make: Callable[[Path], object], reason: str
) -> None:
    make(root / "trap")
    assert refused(lambda: open_socket_path(str(root), "", "trap")) == reason


def test_a_device_is_named() -> None:
    assert refused(lambda: open_socket_path("/dev", "", "null")) == "SocketPathIsOther"


def test_links_among_the_folders_are_not_followed(root: Path, server: socket.socket) -> None:
    (root / "pods" / "two").symlink_to("one")
    (root / "away").symlink_to("/")
    assert refused(lambda: open_socket_path(str(root), "pods/two", "m.sock")) == "SocketPathIsLink"
    assert refused(lambda: open_socket_path(str(root), f"away{root}/pods/one", "m.sock")) == "SocketPathIsLink"


def test_a_socket_or_a_file_is_no_folder(root: Path, server: socket.socket) -> None:
    (root / "file").touch()
    assert refused(lambda: open_socket_path(str(root), "pods/one/m.sock", "x")) == "SocketPathIsSocket"
    assert refused(lambda: open_socket_path(str(root), "file", "x")) == "SocketPathIsFile"
    assert refused(lambda: open_socket_path(str(root), "nothing", "x")) == "SocketMissing"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("..", "m"),
        ("a/../..", "m"),
        ("/etc", "m"),
        ("", "../m"),
        ("", ".."),
        ("", "."),
        ("", ""),
        ("a", "b/c"),
        ("", "a\0b"),
    ],
)
def test_names_that_lead_out_are_refused_before_anything_is_opened(root: Path, folder: str, name: str) -> None:
    assert refused(lambda: open_socket_path(str(root), folder, name)) == "SocketPathOutside"


def test_the_connection_goes_to_the_socket_that_was_looked_at(root: Path, server: socket.socket) -> None:
    path = root / "pods" / "one" / "m.sock"
    with owned(lambda: open_socket_path(str(root), "pods/one", "m.sock")) as found:
        path.rename(path.with_name("moved"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as impostor:
            impostor.bind(str(path))
            impostor.listen()
            impostor.setblocking(False)
            with connect_path(found), server.accept()[0], pytest.raises(BlockingIOError):
                impostor.accept()


def test_a_socket_nobody_listens_on_says_so(root: Path, server: socket.socket) -> None:
    server.close()
    with owned(lambda: open_socket_path(str(root), "pods/one", "m.sock")) as found:
        with pytest.raises(SocketRefused, match=r"^[^/]*'m\.sock': Connection refused"):
            connect_path(found)
        assert refused(lambda: connect_path(found)) == "NobodyListens"


def test_a_stream_socket_is_of_the_wrong_type(root: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.bind(str(root / "stream"))
        stream.listen()
        with owned(lambda: open_socket_path(str(root), "", "stream")) as found:
            assert refused(lambda: connect_path(found)) == "SocketTypeMismatch"


def test_a_server_that_does_not_accept_does_not_hold_us_up(root: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as lazy:
        lazy.bind(str(root / "lazy"))
        lazy.listen(0)
        with owned(lambda: open_socket_path(str(root), "", "lazy")) as found, connect_path(found):
            assert refused(lambda: connect_path(found)) == "PeerBusy"


def test_a_name_is_not_taken_twice(root: Path, server: socket.socket) -> None:
    with owned(lambda: os.open(root / "pods" / "one", os.O_PATH)) as folder:
        assert refused(lambda: listen_in_folder(folder, "m.sock")) == "SocketNameTaken"
        assert refused(lambda: listen_in_folder(folder, "../m.sock")) == "SocketPathOutside"


def test_abstract_addresses_are_compared_to_the_last_byte() -> None:
    name = f"@mediamesh-test-{uuid.uuid4()}"
    with listen_abstract(name) as server, connect_abstract(name.removeprefix("@")) as client:
        assert client.getpeername() == b"\0" + name[1:].encode() == server.getsockname()
        assert refused(lambda: connect_abstract(name + "x")) == "NobodyListens"
        assert refused(lambda: listen_abstract(name)) == "SocketNameTaken"


def test_an_abstract_name_that_is_too_long_says_so() -> None:
    assert refused(lambda: connect_abstract("@" + "x" * 200)) == "SocketNameTooLong"
