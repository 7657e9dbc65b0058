import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from mediamesh_testing.hub import HubUnderTest

from mediamesh_agent.hub.errors import HubError
from mediamesh_agent.hub.root import ATTACH_SOCKET, CONTROL_SOCKET, Root, components


@pytest.fixture
def taken(root: Path) -> Iterator[Root]:
    taken = Root.take(root)
    yield taken
    taken.close()


def connect(folder: Path, name: str = ATTACH_SOCKET) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(str(folder / name))


def test_a_root_has_one_hub(root: Path, taken: Root) -> None:
    with pytest.raises(HubError) as refused:
        Root.take(root)
    assert refused.value.reason == "RootTaken"


def test_a_second_hub_says_so_and_the_first_goes_on(hub: HubUnderTest) -> None:
    second = hub.launch()
    assert second.stdout is not None
    with second.stdout:
        assert second.stdout.read() == b""
        assert second.wait(20) == 1
    assert [line for line in hub.log.splitlines() if line.startswith("RootTaken: another hub runs")]
    assert hub.observe().pid == hub.process.pid


def test_a_dead_hubs_sockets_are_in_nobodys_way(hub: HubUnderTest) -> None:
    hub.kill()
    assert (hub.root / CONTROL_SOCKET).exists()
    hub.restart()
    assert hub.observe().pid == hub.process.pid


def test_nothing_to_take_over_is_said(root: Path) -> None:
    root.mkdir()
    process = HubUnderTest.__new__(HubUnderTest)
    process.root, process._options, process._environment = root, (), dict(os.environ)
    process.log_file = root.with_name("log")
    lonely = process.launch("--take-over")
    assert lonely.stdout is not None
    with lonely.stdout:
        assert lonely.wait(20) == 1
    assert "NoHub" in process.log


def test_sockets_have_exactly_their_rights_whatever_the_umask(root: Path, taken: Root) -> None:
    before = os.umask(0o077)
    try:
        with taken.listen("", ATTACH_SOCKET, 0o666, 1), taken.listen("", CONTROL_SOCKET, 0o600, 1):
            assert (root / ATTACH_SOCKET).stat().st_mode & 0o777 == 0o666
            assert (root / CONTROL_SOCKET).stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


def test_a_socket_takes_the_place_of_whatever_has_its_name(root: Path, taken: Root, free_dir: Path) -> None:
    victim = free_dir / "victim"
    victim.write_text("precious")
    (root / ATTACH_SOCKET).symlink_to(victim)
    with taken.listen("", ATTACH_SOCKET, 0o666, 1, socket.SOCK_SEQPACKET):
        connect(root)
    assert victim.read_text() == "precious"
    taken.unlink("", ATTACH_SOCKET)
    assert not (root / ATTACH_SOCKET).exists()


def test_no_link_leads_out_of_the_root(root: Path, taken: Root, free_dir: Path) -> None:
    (root / "pods").mkdir()
    (root / "pods" / "evil").symlink_to(free_dir)
    with pytest.raises(NotADirectoryError):
        taken.listen("pods/evil", ATTACH_SOCKET, 0o666, 1)
    assert not (free_dir / ATTACH_SOCKET).exists()


@pytest.mark.parametrize(
    "folder", ["..", "a/../b", "/etc", "a//b", ".hidden", "a/b/c/d/e", "a\0b", "x" * 300, "a/"], ids=ascii
)
def test_only_plain_folders_below_the_root(folder: str) -> None:
    with pytest.raises(HubError) as refused:
        components(folder)
    assert refused.value.reason == "BadFolder"


def test_the_root_itself_is_a_folder() -> None:
    assert components("") == []
    assert components("pods/0c-1") == ["pods", "0c-1"]


def test_removing_what_is_gone_is_fine(taken: Root) -> None:
    taken.unlink("pods/gone", ATTACH_SOCKET)
    assert not (taken.path / "pods").exists()


def test_a_lock_can_be_inherited_without_being_free(root: Path) -> None:
    first = Root.take(root)
    heir = Root.inherit(root, os.dup(first.lock))
    first.close()
    with pytest.raises(HubError):
        Root.take(root)
    heir.close()
    Root.take(root).close()


def test_a_strangers_folder_is_not_used(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: root.stat().st_uid + 1)
    with pytest.raises(HubError) as refused:
        Root.take(root)
    assert refused.value.reason == "ForeignRoot"
