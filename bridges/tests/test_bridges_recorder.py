"""Recordings: the same frames come out of a file as went into it, whatever the format and the container."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from bridge_doubles import SECOND, Clip, FakeFrame, frames_at, make_clip, noise, picture

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file.left_out import LeftOut
from mediamesh_bridges.file.media import MediaPath
from mediamesh_bridges.file.picture import ffmpeg_pixels, packer
from mediamesh_bridges.file.readers import open_reader
from mediamesh_bridges.file.recorder import Recorder
from mediamesh_bridges.file.settings import record_settings
from mediamesh_bridges.file.writers import check_writer
from mediamesh_core.formats import (
    PIXEL_FORMATS,
    AncillaryFormat,
    AudioFormat,
    BlobFormat,
    EncodedFormat,
    Format,
    VideoFormat,
)

RATE = Fraction(30000, 1001)
END = 4


def recorder(root: Path, path: str, format: Format, **settings: object) -> Recorder:
    read = record_settings({"path": path, **settings})
    return Recorder(root, read, format, lambda tai: tai / SECOND - 37, LeftOut(lambda _: None, lambda: 0.0))


def record(root: Path, path: str, format: Format, frames: Iterable[FakeFrame], **settings: object) -> Path:
    recording = recorder(root, path, format, **settings)
    for frame in frames:
        recording.record(frame)
    recording.close()
    return root / path


def payloads(path: Path, format: Format) -> list[bytes]:
    """What the player makes of a file."""
    memory = bytearray(format.capacity)
    units = open_reader(MediaPath(path.parent, path.name), format, loop=False).units()
    return [bytes(memory[: unit.fill(memoryview(memory))]) for unit in units]


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def legal(format: VideoFormat, seed: int) -> bytes:
    """A payload of noise without bits that the pixel format does not use."""
    made = picture(format.width, format.height, ffmpeg_pixels(format), seed)
    if "10" not in format.pixel_format and format.pixels.depth == 8:
        for plane in made.planes:
            plane.update(noise(plane.buffer_size, seed))
    memory = bytearray(format.capacity)
    packer(format)(made, memoryview(memory))
    if format.pixel_format[0] == "p":  # the samples are in the high bits
        memory[::2] = bytes(value & 0xC0 for value in memory[::2])
    return bytes(memory)


LOSSLESS = [
    "yuv420p", "yuv422p", "yuv444p", "yuv411p", "gray", "nv12", "nv21", "nv16", "uyvy422", "yuyv422", "bgra", "rgba",
    "rgb24", "bgr24", "gbrp", "yuv422p8rfc4175", "rgb8rfc4175", "yuva420p",
    "yuv420p10le", "yuv422p10le", "yuv444p10le", "p010le", "p210le", "v210", "yuv422p10rfc4175", "gbrp10le",
]  # fmt: skip


@pytest.mark.parametrize("pixels", LOSSLESS)
def test_mkv_keeps_every_bit_of_every_picture(tmp_path: Path, pixels: str) -> None:
    format = VideoFormat(50, 34, RATE, pixels)
    sent = [legal(format, number) for number in range(5)]
    path = record(tmp_path, "cam.mkv", format, frames_at(sent, RATE))
    assert payloads(path, format) == sent
    with av.open(str(path), "r") as container:
        assert container.streams.video[0].codec_context.name == "ffv1"
        assert container.streams.video[0].average_rate == RATE


@pytest.mark.parametrize(
    "pixels", ["yuv420p", "yuv422p", "yuv444p", "gray", "yuv420p10le", "yuv422p10le", "yuv444p12le"]
)
def test_y4m_keeps_every_byte(tmp_path: Path, pixels: str) -> None:
    format = VideoFormat(50, 34, RATE, pixels)
    sent = [packed_noise(format, number) for number in range(4)]
    assert payloads(record(tmp_path, "cam.y4m", format, frames_at(sent, RATE)), format) == sent


def packed_noise(format: VideoFormat, seed: int) -> bytes:
    data = np.frombuffer(noise(format.capacity, seed), np.uint8).copy()
    if format.pixels.depth > 8:
        data[1::2] &= (1 << (format.pixels.depth - 8)) - 1
    return data.tobytes()


@pytest.mark.parametrize("pixels", ["yuv444p12rfc4175", "v210", "rgb24"])
def test_raw_is_the_payloads_of_any_pixel_format(tmp_path: Path, pixels: str) -> None:
    format = VideoFormat(48, 4, RATE, pixels)
    sent = [noise(format.capacity, number) for number in range(3)]
    path = record(tmp_path, "cam.raw", format, frames_at(sent, RATE))
    assert path.read_bytes() == b"".join(sent)
    assert payloads(path, format) == sent


@pytest.mark.parametrize("format", [BlobFormat(100), AncillaryFormat(Fraction(25))])
def test_raw_takes_frames_of_any_length(tmp_path: Path, format: Format) -> None:
    path = record(tmp_path, "data.raw", format, frames_at([b"one", b"", b"three"], Fraction(25)))
    assert path.read_bytes() == b"onethree"


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_movies_are_ordinary_files_when_they_are_finished(tmp_path: Path, suffix: str) -> None:
    format = VideoFormat(64, 48, RATE, "yuv420p")
    path = record(tmp_path, f"cam{suffix}", format, frames_at([legal(format, n) for n in range(90)], RATE))
    content = path.read_bytes()
    assert b"moof" not in content[:64]
    with av.open(str(path), "r") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.frames, stream.average_rate) == ("h264", 90, RATE)
        times = [(frame.pts or 0) * (frame.time_base or 1) for frame in container.decode(stream)]
    assert times == [number / RATE for number in range(90)]


def test_another_encoder_can_be_chosen(tmp_path: Path) -> None:
    format = VideoFormat(64, 48, RATE, "yuv422p10le")
    path = record(tmp_path, "cam.mov", format, frames_at([legal(format, 1)], RATE), codec="prores_ks")
    with av.open(str(path), "r") as container:
        assert container.streams.video[0].codec_context.name == "prores"


@pytest.mark.parametrize("suffix", [".wav", ".mkv", ".mov", ".mp4"])
@pytest.mark.parametrize("sample_format", ["pcm_s16le", "pcm_s24be"])
def test_sound_is_identical_and_missing_blocks_are_silence(tmp_path: Path, suffix: str, sample_format: str) -> None:
    format = AudioFormat(sample_format, 2, 48_000, 48)
    sent = [noise(format.capacity, number) for number in range(200)]
    rate = Fraction(1000)
    kept = [frame for frame in frames_at(sent, rate) if frame.sequence not in (70, 71)]
    path = record(tmp_path, f"sound{suffix}", format, kept)
    silent = [block if number not in (70, 71) else bytes(format.capacity) for number, block in enumerate(sent)]
    assert payloads(path, format) == silent


def test_a_short_last_block_is_kept(tmp_path: Path) -> None:
    format = AudioFormat("pcm_s16le", 2, 48_000, 48)
    sent = [noise(format.capacity, 1), noise(40, 2)]
    assert payloads(record(tmp_path, "sound.wav", format, frames_at(sent, Fraction(1000))), format) == sent


def encoded_frames(path: Path, format: EncodedFormat) -> list[FakeFrame]:
    memory = bytearray(format.capacity)
    units = open_reader(MediaPath(path.parent, path.name), format, loop=False).units()
    return [
        FakeFrame(
            bytes(memory[: unit.fill(memoryview(memory))]),
            number,
            1_700_000_037 * SECOND + round(unit.time * SECOND),
            round(unit.duration * 90_000),
            int(unit.key),
        )
        for number, unit in enumerate(units)
    ]


def pictures(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path), "r") as container:
        return [
            ((frame.pts or 0) * Fraction(frame.time_base or 1), frame.to_ndarray().tobytes())
            for frame in container.decode(video=0)
        ]


B_PICTURES = (("g", "8"), ("bf", "2"), ("x264-params", "b-adapt=0:scenecut=0"))


@pytest.mark.parametrize("alignment", ["accessUnit", "nalUnit"])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_encoded_video_is_the_same_video(tmp_path: Path, suffix: str, alignment: str) -> None:
    clip = make_clip(tmp_path / "clip.mp4", Clip("libx264", frames=40, options=B_PICTURES))
    format = EncodedFormat("h264", 1 << 20, alignment)
    path = record(tmp_path, f"copy{suffix}", format, encoded_frames(clip, format))
    wanted, found = pictures(clip), pictures(path)
    assert [picture for _, picture in found] == [picture for _, picture in wanted]
    assert [time - found[0][0] for time, _ in found] == [time - wanted[0][0] for time, _ in wanted]


@pytest.mark.parametrize(
    ("codec", "encoder", "suffix"),
    [("hevc", "libx265", ".mp4"), ("av1", "libsvtav1", ".mkv"), ("mjpeg", "mjpeg", ".mov")],
)
def test_other_codecs_are_recognised_by_their_frames(tmp_path: Path, codec: str, encoder: str, suffix: str) -> None:
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    quiet = {"hevc": (("x265-params", "log-level=none"),), "av1": (("svtav1-params", "lp=1"),), "mjpeg": ()}[codec]
    clip = make_clip(tmp_path / "clip.mkv", Clip(encoder, pixels, frames=20, options=quiet))
    format = EncodedFormat(codec, 1 << 20)
    path = record(tmp_path, f"copy{suffix}", format, encoded_frames(clip, format))
    assert [picture for _, picture in pictures(path)] == [picture for _, picture in pictures(clip)]


@pytest.mark.parametrize(("codec", "encoder"), [("aac", "aac"), ("opus", "libopus"), ("mp3", "libmp3lame")])
def test_encoded_sound_is_the_same_sound(tmp_path: Path, codec: str, encoder: str) -> None:
    clip = make_encoded_sound(tmp_path / "sound.mkv", encoder)
    format = EncodedFormat(codec, 1 << 16, sample_rate=48_000, channels=2)
    path = record(tmp_path, "copy.mkv", format, encoded_frames(clip, format))
    with av.open(str(path), "r") as copy, av.open(str(clip), "r") as original:
        found = [bytes(packet) for packet in copy.demux(audio=0) if packet.size]
        assert found == [bytes(packet) for packet in original.demux(audio=0) if packet.size]
        assert copy.streams.audio[0].codec_context.name in (codec, encoder, f"{codec}float")


def make_encoded_sound(path: Path, encoder: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=48_000, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        tone = np.sin(np.arange(48_000) / 20).astype("<f4")
        for begin in range(0, 48_000, 960):
            block = (tone[begin : begin + 960] * 8000).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(np.repeat(block, 2)[None, :], "s16", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, begin, Fraction(1, 48_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_an_encoded_recording_begins_with_a_key_frame(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", Clip("libx264", frames=40, options=B_PICTURES))
    format = EncodedFormat("h264", 1 << 20)
    path = record(tmp_path, "copy.mkv", format, encoded_frames(clip, format)[3:])
    found = pictures(path)
    assert [picture for _, picture in found] == [picture for _, picture in pictures(clip)][8:]
    assert found[0][0] == 0


def test_encoded_frames_without_any_key_frame_make_an_empty_recording(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", Clip("libx264", frames=8, options=B_PICTURES))
    format = EncodedFormat("h264", 1 << 20)
    record(tmp_path, "copy.mkv", format, encoded_frames(clip, format)[1:])
    assert names(tmp_path) == ["clip.mp4"]


def test_dropped_frames_leave_their_place_empty(tmp_path: Path) -> None:
    format = VideoFormat(32, 16, RATE, "yuv420p")
    kept = [
        frame for frame in frames_at([legal(format, n) for n in range(12)], RATE) if frame.sequence not in (4, 5, 6)
    ]
    path = record(tmp_path, "cam.mkv", format, kept)
    assert [round(time * 1000) for time, _ in pictures(path)] == [
        round(number / RATE * 1000) for number in range(12) if number not in (4, 5, 6)
    ]


def test_the_name_comes_from_the_first_frame_and_folders_are_made(tmp_path: Path) -> None:
    format = VideoFormat(32, 16, RATE, "yuv420p")
    recording = recorder(tmp_path, "%Y/%m/cam-%H%M%S.y4m", format)
    for frame in frames_at([legal(format, n) for n in range(3)], RATE):
        recording.record(frame)
        assert names(tmp_path / "2023" / "11") == [".cam-221320.y4m.part"]
    recording.close()
    assert names(tmp_path / "2023" / "11") == ["cam-221320.y4m"]


def test_the_end_of_the_stream_finishes_the_file_and_the_next_frame_begins_another(tmp_path: Path) -> None:
    format = VideoFormat(32, 16, RATE, "yuv420p")
    recording = recorder(tmp_path, "cam.y4m", format)
    data = legal(format, 1)
    recording.record(FakeFrame(data, 0, 0, flags=END))
    assert names(tmp_path) == ["cam.y4m"]
    recording.record(FakeFrame(data, 1, SECOND))
    recording.close()
    recording.close()
    assert names(tmp_path) == ["cam-1.y4m", "cam.y4m"]


def test_segments_follow_each_other_without_losing_a_frame(tmp_path: Path) -> None:
    format = VideoFormat(32, 16, Fraction(10), "yuv420p")
    sent = [legal(format, number) for number in range(25)]
    record(tmp_path, "cam-%S.y4m", format, frames_at(sent, Fraction(10)), segmentSeconds=1)
    assert names(tmp_path) == ["cam-20.y4m", "cam-21.y4m", "cam-22.y4m"]
    assert [data for name in names(tmp_path) for data in payloads(tmp_path / name, format)] == sent


def test_segments_of_encoded_video_begin_with_key_frames(tmp_path: Path) -> None:
    options = (("g", "20"), ("x264-params", "scenecut=0"))
    clip = make_clip(tmp_path / "clip.mp4", Clip("libx264", frames=75, options=options))
    format = EncodedFormat("h264", 1 << 20)
    record(tmp_path, "copy-%S.mkv", format, encoded_frames(clip, format), segmentSeconds=1)
    assert [len(pictures(tmp_path / f"copy-{name}.mkv")) for name in (20, 21)] == [40, 35]


@pytest.mark.parametrize(
    ("path", "format", "settings", "says"),
    [
        ("cam.y4m", VideoFormat(32, 16, RATE, "nv12"), {}, "y4m has no nv12"),
        ("cam.wav", VideoFormat(32, 16, RATE, "nv12"), {}, r"\.wav cannot hold video"),
        ("cam.mkv", BlobFormat(10), {}, r"\.mkv cannot hold blob; use \.raw"),
        ("cam.mkv", VideoFormat(32, 16, RATE, "yuv444p12rfc4175"), {}, r"suffix \.raw"),
        ("cam.mkv", VideoFormat(32, 16, RATE, "nv12"), {"codec": "nonsense"}, "no video encoder nonsense"),
        ("cam.mkv", VideoFormat(32, 16, RATE, "nv12"), {"codec": "pcm_s16le"}, "no video encoder pcm_s16le"),
        ("cam.mkv", VideoFormat(32, 16, RATE, "yuv422p10le"), {"codec": "rawvideo"}, "yuv422p10le as rawvideo"),
        ("cam.mp4", VideoFormat(32, 16, RATE, "nv12"), {"codec": "utvideo"}, "cannot hold yuv420p as utvideo"),
        ("cam.raw", VideoFormat(32, 16, RATE, "nv12"), {"codec": "ffv1"}, "for uncompressed video"),
        ("cam.mp4", AudioFormat("pcm_u8", 2, 48_000, 48), {}, "cannot hold 2 channels of pcm_u8"),
        ("cam.mkv", EncodedFormat("vp9", 100), {}, "encoded.width"),
        ("cam.mkv", EncodedFormat("aac", 100), {}, "encoded.sampleRate"),
        ("cam.mkv", EncodedFormat("flac", 100), {}, r"suffix \.raw only"),
        ("cam.mp4", EncodedFormat("vp8", 100, width=16, height=16), {}, r"\.mp4 cannot hold vp8"),
    ],
)  # fmt: skip
def test_what_cannot_be_recorded_is_refused_beforehand(
    path: str, format: Format, settings: dict[str, object], says: str
) -> None:
    with pytest.raises(BadSetting, match=says):
        check_writer(format, record_settings({"path": path, **settings}))


def test_every_pixel_format_can_be_recorded_raw_and_says_so_where_that_is_all() -> None:
    refused = []
    for name in PIXEL_FORMATS:
        format = VideoFormat(48, 4, RATE, name)
        check_writer(format, record_settings({"path": "cam.raw"}))
        try:
            check_writer(format, record_settings({"path": "cam.mkv"}))
        except BadSetting as refusal:
            refused.append((name, refusal.message))
    assert all(name.endswith("rfc4175") and ".raw" in message for name, message in refused)
