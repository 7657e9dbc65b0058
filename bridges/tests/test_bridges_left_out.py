"""Frames that are not whole: never without a word, and the end of a recorder that gets nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import pytest
from bridge_doubles import SECOND, FakeFrame, frames_at

from mediamesh_bridges.errors import FramesNotWhole
from mediamesh_bridges.file.left_out import MOST_IN_A_ROW, LeftOut
from mediamesh_bridges.file.recorder import Recorder
from mediamesh_bridges.file.settings import record_settings
from mediamesh_core.formats import AudioFormat, EncodedFormat, Format, VideoFormat

RATE = Fraction(25)
VIDEO = VideoFormat(32, 16, RATE, "yuv420p")
GOOD, HALF = bytes(768), bytes(384)
END = 4


@dataclass
class Told:
    """What people were told, and the time."""

    lines: list[str] = field(default_factory=list)
    now: float = 1000.0

    def left_out(self) -> LeftOut:
        return LeftOut(self.lines.append, lambda: self.now)


def record(root: Path, payloads: Sequence[bytes], told: Told, format: Format = VIDEO, name: str = "cam.raw") -> None:
    left_out = told.left_out()
    recorder = Recorder(root, record_settings({"path": name}), format, lambda tai: tai / SECOND, left_out)
    for frame in frames_at(payloads, RATE):
        recorder.record(frame)
        told.now += 0.0625
    left_out.finish()
    recorder.close()


def test_the_first_is_told_at_once_and_says_what_is_wrong(tmp_path: Path) -> None:
    told = Told()
    record(tmp_path, [GOOD, HALF, GOOD], told)
    assert told.lines == ["1 frame is not whole and left out, frame 1 has 384 bytes instead of 768 bytes"]
    assert (tmp_path / "cam.raw").read_bytes() == GOOD + GOOD


def test_later_ones_are_counted_and_told_every_ten_seconds(tmp_path: Path) -> None:
    told = Told()
    record(tmp_path, [GOOD, HALF] * 300, told)  # 37.5 s
    counts = [int(line.split()[0]) for line in told.lines]
    assert counts == [1, 81, 161, 241, 300]
    assert "81 frames are not whole and left out, the latest: frame 161 has 384 bytes" in told.lines[1]


def test_a_count_that_was_told_is_not_told_again() -> None:
    told = Told()
    left_out = told.left_out()
    left_out.add("x")
    left_out.finish()
    assert len(told.lines) == 1


@pytest.mark.parametrize("before", [0, 3])
def test_a_recorder_that_gets_nothing_else_ends_and_keeps_what_it_has(tmp_path: Path, before: int) -> None:
    told = Told()
    says = rf"none of the last 100 frames is whole, the latest: frame {before + 99} has 384 bytes instead of 768 bytes"
    with pytest.raises(FramesNotWhole, match=says):
        record(tmp_path, [GOOD] * before + [HALF] * 1000, told)
    assert [path.name for path in tmp_path.iterdir()] == ["cam.raw"] * bool(before)
    assert len(told.lines) == 1


def test_one_whole_frame_in_between_lets_it_go_on(tmp_path: Path) -> None:
    record(tmp_path, ([HALF] * (MOST_IN_A_ROW - 1) + [GOOD]) * 3, Told())
    assert (tmp_path / "cam.raw").read_bytes() == GOOD * 3


@pytest.mark.parametrize(
    ("format", "says"),
    [
        (AudioFormat("pcm_s16le", 2, 48_000, 48), "0 bytes instead of at least 4 bytes"),
        (EncodedFormat("h264", 100), "0 bytes instead of at least 1 byte"),
    ],
)
def test_empty_sound_and_empty_access_units_are_told_too(tmp_path: Path, format: Format, says: str) -> None:
    told = Told()
    record(tmp_path, [b""], told, format)
    assert told.lines[0].endswith(says)


def test_an_empty_frame_that_ends_the_stream_is_not_missed(tmp_path: Path) -> None:
    told = Told()
    recorder = Recorder(tmp_path, record_settings({"path": "cam.raw"}), VIDEO, lambda _: 0.0, told.left_out())
    recorder.record(FakeFrame(GOOD, 0, 0))
    recorder.record(FakeFrame(b"", 1, SECOND, flags=END))
    assert (tmp_path / "cam.raw").read_bytes() == GOOD
    assert told.lines == []
