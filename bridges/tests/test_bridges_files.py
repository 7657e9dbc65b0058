"""Names, the media folder and parts: what a tenant's path can reach, and how a file appears."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_bridges.errors import FileUnusable, OutsideMediaFolder
from mediamesh_bridges.file import part as parts
from mediamesh_bridges.file.folder import components, open_folder, open_media
from mediamesh_bridges.file.naming import expand, leftovers, numbered, part_name, recovered_name
from mediamesh_bridges.file.part import Part
from mediamesh_bridges.file.recovery import publish_leftovers

MOMENT = 1_700_000_000.25  # 2023-11-14 22:13:20 UTC


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("cam.mkv", "cam.mkv"),
        ("a/cam1-%Y%m%d-%H%M%S.mkv", "a/cam1-20231114-221320.mkv"),
        ("%Y/%m/%d/cam.mkv", "2023/11/14/cam.mkv"),
        ("100%%.mkv", "100%.mkv"),
        ("%s.mkv", "1700000000.mkv"),
        ("%D-%x.mkv", "11-14-23-11-14-23.mkv"),
        ("%Z.mkv", "UTC.mkv"),
    ],
)
def test_names_are_filled_in_with_utc_and_never_get_another_folder(template: str, path: str) -> None:
    assert expand(template, MOMENT) == path


@given(st.text(st.characters(blacklist_characters="/\0"), min_size=1, max_size=20), st.floats(0, 4e9))
def test_no_template_of_a_name_adds_a_folder(template: str, moment: float) -> None:
    assert "/" not in expand(template, moment)


def test_taken_names_get_a_number_before_the_suffix() -> None:
    assert list(islice(numbered("cam.tar.mkv"), 3)) == ["cam.tar.mkv", "cam.tar-1.mkv", "cam.tar-2.mkv"]
    assert list(islice(numbered("cam"), 2)) == ["cam", "cam-1"]


@given(
    st.sampled_from(["cam-%H%M%S.mkv", "%s.wav", "a+b-%Y.mp4", "x%%%d.raw", "plain.y4m"]),
    st.floats(0, 4e9),
    st.integers(0, 3),
)
def test_a_part_is_recognised_by_its_template(template: str, moment: float, number: int) -> None:
    name = next(islice(numbered(expand(template, moment)), number, None))
    assert leftovers(template).fullmatch(part_name(name))
    assert recovered_name(part_name(name)).endswith(f".recovered{Path(template).suffix}")


@pytest.mark.parametrize("name", ["cam.mkv", ".cam.mkv", ".cam.mkv.part.mkv", ".other.mkv.part", ".cam.mp4.part"])
def test_other_files_are_no_parts(name: str) -> None:
    assert not leftovers("cam.mkv").fullmatch(name)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.mkv", "a/../../x.mkv", "a/..", "", ".", "a/", "a\0b"])
def test_paths_that_leave_the_media_folder_are_refused(path: str) -> None:
    with pytest.raises(OutsideMediaFolder):
        components(path)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with a secret, beside the media folder that has links to it."""
    secret = tmp_path / "outside"
    secret.mkdir()
    (secret / "secret.mkv").write_bytes(b"secret")
    media = tmp_path / "media"
    media.mkdir()
    (media / "folder").symlink_to(secret)
    (media / "link.mkv").symlink_to(secret / "secret.mkv")
    (media / "inside").mkdir()
    (media / "inside" / "again").symlink_to("../../outside")
    return secret


@pytest.mark.parametrize("path", ["link.mkv", "folder/secret.mkv", "inside/again/secret.mkv", "../outside/secret.mkv"])
def test_nothing_outside_can_be_played(tmp_path: Path, outside: Path, path: str) -> None:
    with pytest.raises((FileUnusable, OutsideMediaFolder)):
        open_media(tmp_path / "media", path)


@pytest.mark.parametrize("folders", [["folder"], ["inside", "again"], ["folder", "new"]])
def test_nothing_outside_can_be_written(tmp_path: Path, outside: Path, folders: list[str]) -> None:
    with (
        pytest.raises(OutsideMediaFolder, match="symbolic link"),
        open_folder(tmp_path / "media", folders, create=True),
    ):
        pass
    assert [entry.name for entry in outside.iterdir()] == ["secret.mkv"]


def test_the_media_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "media").symlink_to("real")
    with open_folder(tmp_path / "media", ["a", "b"], create=True):
        assert (tmp_path / "real" / "a" / "b").is_dir()


def test_a_fifo_is_refused_without_waiting_for_its_other_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.mkv")
    with pytest.raises(FileUnusable, match="not a regular file"):
        open_media(tmp_path, "fifo.mkv")


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    with open_folder(folder, []) as descriptor:
        yield descriptor


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_recording_is_hidden_until_it_is_finished(tmp_path: Path) -> None:
    with opened(tmp_path) as folder:
        part = Part.begin(folder, "cam.mkv")
        part.file.write(b"frames")
        assert names(tmp_path) == [".cam.mkv.part"]
        assert part.publish() == "cam.mkv"
    assert names(tmp_path) == ["cam.mkv"]
    assert (tmp_path / "cam.mkv").read_bytes() == b"frames"


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    (tmp_path / "cam.mkv").write_bytes(b"precious")
    (tmp_path / "cam-1.mkv").symlink_to("nowhere")
    with opened(tmp_path) as folder:
        part = Part.begin(folder, "cam.mkv")
        part.file.write(b"new")
        (tmp_path / "cam-2.mkv").write_bytes(b"came later")
        assert part.publish() == "cam-2-1.mkv"
    assert (tmp_path / "cam.mkv").read_bytes() == b"precious"
    assert (tmp_path / "cam-2.mkv").read_bytes() == b"came later"


def test_two_recorders_of_one_name_do_not_meet(tmp_path: Path) -> None:
    with opened(tmp_path) as folder:
        first, second = Part.begin(folder, "cam.mkv"), Part.begin(folder, "cam.mkv")
        first.file.write(b"1")
        second.file.write(b"2")
        assert [second.publish(), first.publish()] == ["cam-1.mkv", "cam.mkv"]


def test_without_hard_links_a_recording_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*args: object, **more: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "taken.mkv").touch()
    with opened(tmp_path) as folder:
        part = Part.begin(folder, "cam.mkv")
        part.file.write(b"frames")
        assert part.publish() == "cam.mkv"
        assert not parts._move(folder, "cam.mkv", "taken.mkv")
    assert names(tmp_path) == ["cam.mkv", "taken.mkv"]


def test_leftovers_are_published_wherever_the_template_put_them(tmp_path: Path) -> None:
    for name in (
        "2023/11/.cam-01.mkv.part",
        "2024/02/.cam-02-1.mkv.part",
        "2024/02/.other.mkv.part",
        "x/.cam-03.mkv.part",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"left")
    (tmp_path / "2024/02/cam-02-1.recovered.mkv").write_bytes(b"taken")
    found = publish_leftovers(tmp_path, "%Y/%m/cam-%d.mkv")
    assert found == ["2023/11/cam-01.recovered.mkv", "2024/02/cam-02-1.recovered-1.mkv"]
    assert names(tmp_path / "2024/02") == [".other.mkv.part", "cam-02-1.recovered-1.mkv", "cam-02-1.recovered.mkv"]
    assert publish_leftovers(tmp_path, "%Y/%m/cam-%d.mkv") == []


def test_a_part_that_is_being_written_is_no_leftover(tmp_path: Path) -> None:
    with opened(tmp_path) as folder:
        part = Part.begin(folder, "cam.mkv")
        part.file.write(b"frames")
        assert publish_leftovers(tmp_path, "cam.mkv") == []
        part.close()
    assert publish_leftovers(tmp_path, "cam.mkv") == ["cam.recovered.mkv"]


def test_empty_and_already_published_leftovers_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".cam.mkv.part").touch()
    (tmp_path / "cam-1.mkv").write_bytes(b"published")
    (tmp_path / ".cam-1.mkv.part").hardlink_to(tmp_path / "cam-1.mkv")
    assert publish_leftovers(tmp_path, "cam.mkv") == []
    assert names(tmp_path) == ["cam-1.mkv"]


def test_links_with_the_name_of_a_part_are_left_alone(tmp_path: Path, outside: Path) -> None:
    media = tmp_path / "media"
    (media / ".cam.mkv.part").symlink_to(outside / "secret.mkv")
    assert publish_leftovers(media, "cam.mkv") == []
    assert publish_leftovers(media, "%Y/cam.mkv") == []
    assert (outside / "secret.mkv").read_bytes() == b"secret"


def test_before_there_is_a_folder_there_are_no_leftovers(tmp_path: Path) -> None:
    assert publish_leftovers(tmp_path, "a/b/cam.mkv") == []


def test_after_a_failed_write_nothing_more_reaches_the_file(tmp_path: Path) -> None:
    with opened(tmp_path) as folder:
        part = Part.begin(folder, "cam.mkv")
        part.file.write(b"good")
        part.file.stop(OSError(errno.ENOSPC, "full"))
        part.file.seek(0)
        assert part.file.write(b"spoilt") == 6
        part.cut(3, lambda file: None)
        part.publish()
    assert (tmp_path / "cam.mkv").read_bytes() == b"goo"
