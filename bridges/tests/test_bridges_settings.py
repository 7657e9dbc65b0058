"""The settings of a file endpoint, and what the bridge says of them before it touches anything."""

from __future__ import annotations

from fractions import Fraction
from importlib.metadata import entry_points
from pathlib import Path
from pickle import dumps, loads

import pytest

from mediamesh_bridges.errors import BadSetting, DiskFull, OutsideMediaFolder
from mediamesh_bridges.file import bridge
from mediamesh_bridges.file.settings import PlaySettings, RecordSettings, play_settings, record_settings
from mediamesh_core.errors import TransientError, UserError
from mediamesh_core.formats import AudioFormat, BlobFormat, Format, VideoFormat

VIDEO = VideoFormat(64, 48, Fraction(25), "yuv420p")


def test_a_path_is_all_that_is_needed() -> None:
    assert play_settings({"path": "clip.mp4"}) == PlaySettings("clip.mp4", loop=True, track=None)
    assert record_settings({"path": "a/cam-%H.mkv"}) == RecordSettings("a/cam-%H.mkv", None, None)
    assert record_settings({"path": "a/cam-%H.mkv"}).suffix == ".mkv"


def test_everything_can_be_said() -> None:
    assert play_settings({"path": "a.wav", "loop": False, "track": 2}) == PlaySettings("a.wav", loop=False, track=2)
    settings = record_settings({"path": "a.mov", "segmentSeconds": 60, "codec": "prores_ks", "framesAhead": 8})
    assert settings == RecordSettings("a.mov", 60, "prores_ks", 8)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "file.path: is missing"),
        ({"path": ""}, "file.path: is missing"),
        ({"path": 5}, "5 is not a text"),
        ({"path": "a.mkv", "lop": True}, "file.lop: there is no such setting; did you mean loop"),
        ({"path": "a.mkv", "segmentSeconds": 1}, "the settings are path, loop, track"),
        ({"path": "a.mkv", "loop": "yes"}, "'yes' is not true or false"),
        ({"path": "a.mkv", "track": True}, "True is not a whole number"),
        ({"path": "a.mkv", "track": -1}, "-1 is not 0 or more"),
    ],
)
def test_a_wrong_setting_of_a_source_is_named(config: dict[str, object], says: str) -> None:
    with pytest.raises(BadSetting, match=says):
        play_settings(config)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"path": "a.jpg"}, "suffix '.jpg' is not one of"),
        ({"path": "a"}, "suffix ''"),
        ({"path": ".mkv"}, "suffix ''"),
        ({"path": "a.mkv", "loop": True}, "file.loop: there is no such setting"),
        ({"path": "a.mkv", "segmentSeconds": 0}, "0 is not 1 or more"),
        ({"path": "a.mkv", "segmentSeconds": 1.5}, "1.5 is not a whole number"),
    ],
)
def test_a_wrong_setting_of_a_sink_is_named(config: dict[str, object], says: str) -> None:
    with pytest.raises(BadSetting, match=says):
        record_settings(config)


@pytest.mark.parametrize("path", ["/abs.mkv", "../up.mkv", "a/../../b.mkv"])
def test_paths_stay_below_the_media_folder(path: str) -> None:
    for read in (play_settings, record_settings):
        with pytest.raises(OutsideMediaFolder):
            read({"path": path})


def test_the_bridge_is_found_by_its_entry_point() -> None:
    (entry,) = entry_points(group="mediamesh.bridges", name="file")
    assert entry.load() is bridge
    assert (bridge.name, set(bridge.roles)) == ("file", {"source", "sink"})


@pytest.mark.parametrize(
    ("role", "path", "format"),
    [
        ("source", "clip.mp4", VIDEO),
        ("source", "clip.wav", AudioFormat("pcm_s24be", 8, 48_000, 48)),
        ("sink", "cam.mkv", VIDEO),
        ("sink", "data.raw", BlobFormat(10)),
    ],
)
def test_validation_touches_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, path: str, format: Format
) -> None:
    monkeypatch.chdir(tmp_path)
    bridge.validate({"path": path}, "source" if role == "source" else "sink", format)
    assert list(tmp_path.iterdir()) == []


def test_validation_says_what_cannot_work() -> None:
    with pytest.raises(UserError, match="cannot be played as blob"):
        bridge.validate({"path": "a.mkv"}, "source", BlobFormat(10))
    with pytest.raises(UserError, match="cannot hold video"):
        bridge.validate({"path": "a.wav"}, "sink", VIDEO)


def test_errors_keep_their_reason_and_branch() -> None:
    error = loads(dumps(DiskFull("the disk is full")))
    assert (type(error), error.reason, str(error)) == (DiskFull, "DiskFull", "the disk is full")
    assert isinstance(error, TransientError)
