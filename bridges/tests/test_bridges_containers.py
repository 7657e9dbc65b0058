"""Every container of the table: what it holds is played back, what it cannot hold is refused beforehand."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from bridge_doubles import SECOND, Clip, FakeFrame, decoded, frames_at, make_clip, picture

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file.containers import CONTAINERS
from mediamesh_bridges.file.left_out import LeftOut
from mediamesh_bridges.file.media import MediaPath
from mediamesh_bridges.file.picture import packer
from mediamesh_bridges.file.readers import open_reader
from mediamesh_bridges.file.recorder import Recorder
from mediamesh_bridges.file.settings import RECORDINGS, record_settings
from mediamesh_bridges.file.writers import check_writer
from mediamesh_core.formats import AudioFormat, BlobFormat, EncodedFormat, Format, VideoFormat
from mediamesh_core.kinds.endpoints import RECORDING_SUFFIXES

RATE = Fraction(25)
VIDEO = VideoFormat(64, 48, RATE, "yuv420p")
SOUND = AudioFormat("pcm_s16le", 2, 48_000, 480)
PICTURES = [suffix for suffix, container in CONTAINERS.items() if container.video]
SOUNDS = [suffix for suffix, container in CONTAINERS.items() if container.audio]


def record(path: Path, format: Format, frames: list[FakeFrame]) -> Path:
    left_out = LeftOut(lambda _: None, lambda: 0.0)
    settings = record_settings({"path": path.name})
    recorder = Recorder(path.parent, settings, format, lambda tai: tai / SECOND - 37, left_out)
    for frame in frames:
        recorder.record(frame)
    recorder.close()
    return path


def packed(number: int) -> bytes:
    memory = bytearray(VIDEO.capacity)
    packer(VIDEO)(picture(64, 48, "yuv420p", number), memoryview(memory))
    return bytes(memory)


def tone(seconds: int) -> bytes:
    moments = np.arange(seconds * 48_000) / 48_000
    mono = (8000 * np.sin(2 * np.pi * 440 * moments)).astype("<i2")
    return np.repeat(mono, 2).tobytes()


@pytest.mark.parametrize("suffix", PICTURES)
def test_pictures_come_out_as_they_went_in(tmp_path: Path, suffix: str) -> None:
    sent = [packed(number) for number in range(25)]
    path = record(tmp_path / f"cam{suffix}", VIDEO, list(frames_at(sent, RATE)))
    pictures = decoded(path, "yuv420p")
    assert len(pictures) == 25
    for number, shown in enumerate(pictures):
        luma = shown.to_ndarray()[:48].astype(int)
        wanted = np.frombuffer(sent[number], np.uint8)[: 64 * 48].reshape(48, 64)
        assert np.abs(luma - wanted).mean() < (30 if suffix == ".gif" else 8)  # GIF has 256 colours


@pytest.mark.parametrize("suffix", SOUNDS)
def test_sound_lasts_as_long_and_has_its_pitch(tmp_path: Path, suffix: str) -> None:
    data, size = tone(2), SOUND.capacity
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    path = record(tmp_path / f"sound{suffix}", SOUND, list(frames_at(blocks, Fraction(100))))
    with av.open(str(path), "r") as container:
        resampler = av.AudioResampler("flt", "mono", 48_000)
        pieces = [each.to_ndarray()[0] for frame in container.decode(audio=0) for each in resampler.resample(frame)]
    samples = np.concatenate(pieces)
    assert abs(len(samples) - 96_000) < 5_000  # coders begin with a delay and end with a whole frame
    spectrum = np.abs(np.fft.rfft(samples[24_000:72_000]))
    assert spectrum.argmax() == 440


@pytest.mark.parametrize(
    ("suffix", "format"),
    [
        *((suffix, AudioFormat("pcm_s24be", 1, 44_100, 441)) for suffix in (".ts", ".flac", ".mp3", ".webm")),
        *((suffix, AudioFormat("pcm_f32le", 6, 96_000, 960)) for suffix in (".ts", ".flac", ".webm")),
    ],
    ids=str,
)
def test_sound_of_other_kinds_is_resampled_where_it_must_be(tmp_path: Path, suffix: str, format: AudioFormat) -> None:
    silent = bytes(format.capacity)
    path = record(tmp_path / f"sound{suffix}", format, list(frames_at([silent] * 50, Fraction(100))))
    with av.open(str(path), "r") as container:
        seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert seconds == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("suffix", "channels"), [(".mp3", 6), (".ts", 5)])
def test_sound_of_too_many_channels_is_refused(suffix: str, channels: int) -> None:
    with pytest.raises(BadSetting, match="channels"):
        check_writer(AudioFormat("pcm_s16le", channels, 48_000, 480), record_settings({"path": f"a{suffix}"}))


def encoded(path: Path) -> list[FakeFrame]:
    format = EncodedFormat("h264", 100_000)
    memory = bytearray(format.capacity)
    units = open_reader(MediaPath(path.parent, path.name), format, loop=False).units()
    begin = 1_700_000_037 * SECOND
    return [
        FakeFrame(
            bytes(memory[: unit.fill(memoryview(memory))]), number, begin + round(unit.time * SECOND), 3600, unit.key
        )
        for number, unit in enumerate(units)
    ]


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_h264_is_kept_as_it_is_or_refused(tmp_path: Path, suffix: str) -> None:
    format = EncodedFormat("h264", 100_000)
    clip = make_clip(tmp_path / "clip.mp4", Clip("libx264", options=(("bf", "0"),), frames=25))
    places = CONTAINERS[suffix].encoded
    if places is not None and "h264" not in places:
        with pytest.raises(BadSetting, match=rf"\{suffix} (holds|cannot hold)"):
            check_writer(format, record_settings({"path": f"a{suffix}"}))
        return
    path = record(tmp_path / f"copy{suffix}", format, encoded(clip))
    wanted = [each.to_ndarray().tobytes() for each in decoded(clip)]
    assert [each.to_ndarray().tobytes() for each in decoded(path)] == wanted


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_what_a_container_cannot_hold_is_refused_plainly(suffix: str) -> None:
    settings = record_settings({"path": f"a{suffix}"})
    wrong: list[Format] = [BlobFormat(100)]
    wrong += [] if suffix in PICTURES else [VIDEO]
    wrong += [] if suffix in SOUNDS else [SOUND]
    for format in wrong:
        with pytest.raises(BadSetting, match=rf"\{suffix} cannot hold"):
            check_writer(format, settings)


def test_who_names_another_suffix_is_told_the_usual_ones() -> None:
    usual = f"suffix '.xyz' is not one of the {len(RECORDINGS)} known, such as {', '.join(RECORDINGS[:16])}"
    with pytest.raises(BadSetting, match=re.escape(usual)):
        record_settings({"path": "a.xyz"})


def test_the_recordings_of_connections_are_among_them() -> None:
    assert set(RECORDING_SUFFIXES) <= set(RECORDINGS)
