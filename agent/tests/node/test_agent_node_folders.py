"""Folders of pods that are gone, whatever is in them."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mediamesh_agent.node import emptying
from mediamesh_agent.node.folders import OLD_ENOUGH, PodFolders

GONE, HERE = "3f6c2a9e-0b1d-4c55-9d53-1f0e8f1f9a01", "3f6c2a9e-0b1d-4c55-9d53-1f0e8f1f9a02"
FAR = 1e9


@pytest.fixture
def pods(tmp_path: Path) -> Path:
    folder = tmp_path / "pods"
    for name in (GONE, HERE):
        (folder / name).mkdir(parents=True)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_goes_when_a_newer_plan_does_not_name_its_pod(pods: Path) -> None:
    folders = PodFolders(pods)
    folders.tend([HERE], known_at=FAR, now=1000.0)
    assert names(pods) == [GONE, HERE], "seen for the first time"
    folders.tend([HERE], known_at=FAR, now=1000.0 + OLD_ENOUGH - 1)
    assert names(pods) == [GONE, HERE], "not old enough"
    folders.tend([HERE], known_at=999.0, now=1000.0 + OLD_ENOUGH)
    assert names(pods) == [GONE, HERE], "the plan is older than the folder"
    folders.tend([HERE], known_at=1000.0, now=1000.0 + OLD_ENOUGH)
    assert names(pods) == [HERE]
    assert folders.removed == 1


def test_a_folder_that_was_made_again_is_a_new_one(pods: Path) -> None:
    folders = PodFolders(pods)
    folders.tend([], known_at=FAR, now=0.0)
    (pods / GONE).rename(pods / "away")
    (pods / GONE).mkdir()
    folders.tend([HERE], known_at=FAR, now=OLD_ENOUGH)
    assert GONE in names(pods)


def test_what_is_not_a_pods_folder_is_left_alone(pods: Path, tmp_path: Path) -> None:
    link, file = GONE[:-1] + "a", GONE[:-1] + "b"
    (tmp_path / "outside").mkdir()
    (pods / link).symlink_to(tmp_path / "outside")
    (pods / file).touch()
    (pods / "lost+found").mkdir()
    folders = PodFolders(pods)
    for now in (0.0, OLD_ENOUGH):
        folders.tend([], known_at=FAR, now=now)
    assert names(pods) == sorted([link, file, "lost+found"])
    assert (tmp_path / "outside").exists()


def test_no_folder_at_all_is_fine(tmp_path: Path) -> None:
    PodFolders(tmp_path / "missing").tend([], known_at=FAR, now=0.0)
    (tmp_path / "file").touch()
    PodFolders(tmp_path / "file").tend([], known_at=FAR, now=0.0)


def removed(pods: Path) -> None:
    with emptying.opened(str(pods)) as folder:
        emptying.remove(GONE, folder)
    assert names(pods) == [HERE]


def test_links_sockets_fifos_and_unreadable_files_go_and_nothing_outside_does(pods: Path, tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "gold").touch()
    inside = pods / GONE / "a" / "b"
    inside.mkdir(parents=True)
    (inside / "up").symlink_to(treasure)
    (inside / "loop").symlink_to(inside)
    (pods / GONE / "up").symlink_to("../..")
    os.mkfifo(inside / "fifo")
    (inside / "secret").touch(mode=0)
    (pods / GONE / "folded-0").mkdir()
    os.link(treasure / "gold", inside / "gold")
    os.mknod(pods / GONE / "attach.sock", stat.S_IFSOCK | 0o666)
    inside.chmod(0)
    removed(pods)
    assert names(treasure) == ["gold"]


def test_a_tree_deeper_than_any_stack_goes(pods: Path) -> None:
    parent = os.open(pods / GONE, os.O_RDONLY)
    for _ in range(5000):
        os.mkdir("deeper", dir_fd=parent)
        child = os.open("deeper", os.O_RDONLY, dir_fd=parent)
        os.close(parent)
        parent = child
    os.close(parent)
    removed(pods)


def test_a_wide_folder_goes(pods: Path) -> None:
    for number in range(3000):
        (pods / GONE / f"{number}").touch()
    removed(pods)


MOUNTED = """
import sys
from mediamesh_agent.node.folders import OLD_ENOUGH, PodFolders
from pathlib import Path
folders = PodFolders(Path(sys.argv[1]))
for now in (0.0, OLD_ENOUGH):
    folders.tend([], known_at=now, now=now)
print(folders.removed)
"""


def test_what_is_mounted_below_is_left_alone(pods: Path, tmp_path: Path) -> None:
    """A bind mount of the same file system, in a mount namespace of the test's own."""
    treasure, place = tmp_path / "treasure", pods / GONE / "deep" / "place"
    treasure.mkdir()
    (treasure / "gold").touch()
    place.mkdir(parents=True)
    (pods / GONE / "file").touch()
    script = 'mount --bind "$1" "$2" && exec "$3" -c "$4" "$5"'
    arguments = [treasure, place, sys.executable, MOUNTED, pods]
    command = ["unshare", "--mount", "sh", "-c", script, "sh", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == "1\n"
    assert names(treasure) == ["gold"]
    assert not (pods / GONE / "file").exists()
    assert not (pods / HERE).exists()
