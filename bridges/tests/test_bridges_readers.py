"""What comes out of real files: pictures, sound, access units and raw payloads."""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from bridge_doubles import Clip, make_clip, make_sound, noise, picture

from mediamesh_bridges.errors import BadSetting, BridgeError, FileUnusable
from mediamesh_bridges.file.annexb import Codec, is_parameter_set, nal_units
from mediamesh_bridges.file.media import MediaPath
from mediamesh_bridges.file.picture import packer
from mediamesh_bridges.file.readers import check_reader, open_reader
from mediamesh_bridges.file.settings import PlaySettings
from mediamesh_bridges.file.unit import Unit
from mediamesh_core.formats import AudioFormat, BlobFormat, EncodedFormat, Format, VideoFormat

RATE = Fraction(25)
B_PICTURES = (("g", "6"), ("bf", "2"), ("x264-params", "b-adapt=0:scenecut=0"))


def units_of(path: Path, format: Format, *, loop: bool = False, count: int = 1000) -> list[Unit]:
    return list(islice(open_reader(MediaPath(path.parent, path.name), format, loop=loop).units(), count))


def bytes_of(unit: Unit, format: Format) -> bytes:
    memory = bytearray(format.capacity)
    return bytes(memory[: unit.fill(memoryview(memory))])


def packed(pixels: str, number: int, format: VideoFormat) -> bytes:
    memory = bytearray(format.capacity)
    packer(format)(picture(format.width, format.height, pixels, number), memoryview(memory))
    return bytes(memory)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le", "yuv444p", "gray", "bgra"])
def test_pictures_come_byte_for_byte(tmp_path: Path, pixels: str) -> None:
    path = make_clip(tmp_path / "clip.mkv", Clip(pixels=pixels))
    format = VideoFormat(64, 48, RATE, pixels)
    units = units_of(path, format)
    assert [bytes_of(unit, format) for unit in units] == [packed(pixels, number, format) for number in range(10)]
    assert [unit.position for unit in units] == [number / RATE for number in range(10)]


@pytest.mark.parametrize(
    ("pixels", "file_pixels"),
    [
        ("nv12", "yuv420p"),
        ("p010le", "yuv420p10le"),
        ("uyvy422", "yuv422p"),
        ("v210", "yuv422p10le"),
        ("yuv422p10rfc4175", "yuv422p10le"),
    ],
)
def test_other_layouts_of_the_same_samples_are_exact(tmp_path: Path, pixels: str, file_pixels: str) -> None:
    path = make_clip(tmp_path / "clip.mkv", Clip(pixels=file_pixels, frames=2))
    format = VideoFormat(64, 48, RATE, pixels)
    whole = [bytes_of(unit, format) for unit in units_of(path, format)]
    back = decoded_payload(whole[1], format, file_pixels)
    assert np.array_equal(back, picture(64, 48, file_pixels, 1).to_ndarray())


def decoded_payload(payload: bytes, format: VideoFormat, pixels: str) -> np.ndarray:
    from mediamesh_bridges.file.picture import unpacker

    return unpacker(format)(memoryview(payload)).reformat(format=pixels, threads=1).to_ndarray()


def test_pictures_of_another_size_and_format_are_scaled(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Clip(size=(64, 48)))
    format = VideoFormat(130, 70, RATE, "rgb24")
    (first, *_) = units_of(path, format)
    assert len(bytes_of(first, format)) == 130 * 70 * 3


def test_a_connection_with_another_rate_gets_its_own_grid(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Clip(frames=5))
    format = VideoFormat(64, 48, Fraction(50), "yuv420p")
    units = units_of(path, format)
    assert [unit.position for unit in units] == [Fraction(number, 50) for number in range(10)]
    assert bytes_of(units[2], format) == bytes_of(units[3], format) != bytes_of(units[4], format)


def test_interlaced_pictures_are_never_scaled_in_height(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Clip())
    with pytest.raises(FileUnusable, match="interlaced"):
        units_of(path, VideoFormat(64, 96, RATE, "yuv420p", "interlaced"))


def test_sound_is_cut_into_exact_blocks_across_the_loop(tmp_path: Path) -> None:
    samples = np.arange(2 * 1000, dtype=np.int16).reshape(1000, 2)
    path = make_sound(tmp_path / "sound.wav", samples)
    format = AudioFormat("pcm_s16le", 2, 48_000, 48)
    units = units_of(path, format, loop=True, count=100)
    assert {len(bytes_of(unit, format)) for unit in units} == {format.capacity}
    joined = np.frombuffer(b"".join(bytes_of(unit, format) for unit in units), "<i2").reshape(-1, 2)
    assert np.array_equal(joined, np.tile(samples, (5, 1))[:4800])
    assert [unit.position for unit in units] == [Fraction(48 * number, 48_000) for number in range(100)]


def test_the_last_block_may_be_shorter(tmp_path: Path) -> None:
    path = make_sound(tmp_path / "sound.wav", np.ones((100, 1), np.int16))
    format = AudioFormat("pcm_s16le", 1, 48_000, 48)
    units = units_of(path, format)
    assert [len(bytes_of(unit, format)) for unit in units] == [96, 96, 8]
    assert units[-1].duration == Fraction(4, 48_000)


@pytest.mark.parametrize("sample_format", ["pcm_s16be", "pcm_s24be", "pcm_s24le", "pcm_s32le", "pcm_f32be"])
def test_samples_are_converted_exactly(tmp_path: Path, sample_format: str) -> None:
    samples = np.arange(-480, 480, dtype=np.int16).reshape(480, 2)
    path = make_sound(tmp_path / "sound.wav", samples)
    format = AudioFormat(sample_format, 2, 48_000, 480)
    (unit,) = units_of(path, format)
    raw = np.frombuffer(bytes_of(unit, format), np.uint8).reshape(960, -1)
    little = raw[:, ::-1] if sample_format.endswith("be") else raw
    if sample_format == "pcm_f32be":
        assert np.array_equal(np.ascontiguousarray(little).view("<f4")[:, 0] * 32768, samples.reshape(-1))
    else:
        assert np.array_equal(np.ascontiguousarray(little[:, -2:]).view("<i2")[:, 0], samples.reshape(-1))


def test_sound_is_resampled_and_mixed(tmp_path: Path) -> None:
    path = make_sound(tmp_path / "sound.wav", np.full((44_100, 2), 1000, np.int16), 44_100)
    format = AudioFormat("pcm_s16le", 1, 48_000, 480)
    units = units_of(path, format)
    assert sum(unit.duration for unit in units) == pytest.approx(1, abs=0.002)
    assert abs(int(np.frombuffer(bytes_of(units[50], format), "<i2").mean()) - 1000) < 20


def access_units(path: Path, codec: str, **more: object) -> tuple[list[Unit], list[bytes]]:
    format = EncodedFormat(codec, 1 << 20, **more)  # type: ignore[arg-type]
    units = units_of(path, format)
    return units, [bytes_of(unit, format) for unit in units]


@pytest.mark.parametrize(("codec", "encoder"), [("h264", "libx264"), ("hevc", "libx265")])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_byte_streams_can_be_decoded_from_every_key_frame(
    tmp_path: Path, codec: Codec, encoder: str, suffix: str
) -> None:
    options = B_PICTURES if codec == "h264" else (("x265-params", "keyint=6:min-keyint=6:open-gop=0:log-level=none"),)
    path = make_clip(tmp_path / f"clip{suffix}", Clip(encoder, frames=12, options=options))
    units, data = access_units(path, codec)
    assert len(units) == 12
    keys = [number for number, unit in enumerate(units) if unit.key]
    assert keys == [0, 6]
    assert all(any(is_parameter_set(nal, codec) for nal in nal_units(data[key])) for key in keys)
    for key in keys:
        with av.open(io.BytesIO(b"".join(data[key:])), "r", format=codec) as stream:
            assert len(list(stream.decode(video=0))) == 12 - key


def test_encoded_units_are_sent_in_decoding_order_and_carry_presentation_times(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Clip("libx264", frames=12, options=B_PICTURES))
    units, _ = access_units(path, "h264")
    assert [unit.position for unit in units] == [number / RATE for number in range(12)]
    assert all(unit.time >= unit.position for unit in units)
    assert sorted(unit.time - units[0].time for unit in units) == [number / RATE for number in range(12)]
    assert any(after.time < before.time for before, after in pairwise(units))


def test_encoded_loops_have_no_seam(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Clip("libx264", frames=12, options=B_PICTURES))
    format = EncodedFormat("h264", 1 << 20)
    units = units_of(path, format, loop=True, count=36)
    assert [unit.position for unit in units] == [number / RATE for number in range(36)]
    assert [unit.time - unit.position for unit in units[:12]] == [unit.time - unit.position for unit in units[24:]]


def test_nal_units_come_one_by_one_with_the_time_of_their_picture(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Clip("libx264", frames=6))
    _, whole = access_units(path, "h264")
    units, pieces = access_units(path, "h264", alignment="nalUnit")
    assert all(len(nal_units(piece)) == 1 for piece in pieces)
    assert [nal for piece in pieces for nal in nal_units(piece)] == [nal for unit in whole for nal in nal_units(unit)]
    assert len({unit.time for unit in units}) == 6


def test_aac_has_no_adts_headers(tmp_path: Path) -> None:
    path = tmp_path / "sound.aac"
    with av.open(str(path), "w", format="adts") as container:
        stream = container.add_stream("aac", rate=48_000, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        for number in range(20):
            frame = av.AudioFrame("fltp", "stereo", 1024)
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 1024 * number, Fraction(1, 48_000)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    units, data = access_units(path, "aac")
    assert len(units) >= 20
    assert not any(unit[:2] == b"\xff\xf1" for unit in data)
    assert {unit.duration for unit in units[:-1]} == {Fraction(1024, 48_000)}


def test_raw_payloads_are_played_as_they_are(tmp_path: Path) -> None:
    format = VideoFormat(16, 8, RATE, "yuv444p12rfc4175")
    content = noise(3 * format.capacity + 5, seed=1)
    (tmp_path / "clip.raw").write_bytes(content)
    units = units_of(tmp_path / "clip.raw", format, loop=True, count=7)
    wanted = [content[number % 3 * format.capacity :][: format.capacity] for number in range(7)]
    reader = open_reader(MediaPath(tmp_path, "clip.raw"), format, loop=False)
    assert [bytes_of(unit, format) for unit in reader.units()] == wanted[:3]
    assert [unit.position for unit in units] == [number / RATE for number in range(7)]


@pytest.mark.parametrize(
    ("name", "content", "format", "says"),
    [
        ("none.mkv", None, VideoFormat(64, 48, RATE, "yuv420p"), "No such file"),
        ("text.mkv", b"no video at all", VideoFormat(64, 48, RATE, "yuv420p"), "cannot be read"),
        ("short.raw", b"few", VideoFormat(64, 48, RATE, "yuv420p"), "less than the 4608 bytes"),
        ("none.raw", None, AudioFormat("pcm_s16le", 2, 48_000, 48), "No such file"),
    ],
)
def test_a_file_that_cannot_be_played_says_why(
    tmp_path: Path, name: str, content: bytes | None, format: Format, says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FileUnusable, match=says):
        units_of(tmp_path / name, format)


@pytest.mark.parametrize(
    ("format", "says"),
    [
        (AudioFormat("pcm_s16le", 2, 48_000, 48), "has no audio stream"),
        (EncodedFormat("hevc", 1 << 20), "has h264, the connection's payload says hevc"),
        (EncodedFormat("h264", 10), "set encoded.maxSize to at least"),
    ],
)
def test_a_file_of_another_kind_says_what_it_is(tmp_path: Path, format: Format, says: str) -> None:
    path = make_clip(tmp_path / "clip.mp4", Clip("libx264", frames=3))
    with pytest.raises(FileUnusable, match=says):
        bytes_of(units_of(path, format)[0], format)


@pytest.mark.parametrize("track", [0, 1])
def test_a_track_is_chosen_by_number(tmp_path: Path, track: int) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=48_000, layout="mono") for _ in range(2)]
        for number, stream in enumerate(streams):
            packet = av.Packet(np.full(48, number, "<i2").tobytes())
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 48_000)
            container.mux(packet)
    format = AudioFormat("pcm_s16le", 1, 48_000, 48)
    (unit,) = open_reader(MediaPath(tmp_path, "two.mkv", track), format, loop=False).units()
    assert set(np.frombuffer(bytes_of(unit, format), "<i2")) == {track}
    with pytest.raises(FileUnusable, match="no audio track 2, only 2"):
        list(open_reader(MediaPath(tmp_path, "two.mkv", 2), format, loop=False).units())


@pytest.mark.parametrize("format", [BlobFormat(100), VideoFormat(16, 8, RATE, "yuv444p12rfc4175")])
def test_what_no_file_can_be_played_as_is_refused_beforehand(format: Format) -> None:
    with pytest.raises(BadSetting):
        check_reader(format, PlaySettings("clip.mkv"))


def test_errors_say_who_has_to_act() -> None:
    error = FileUnusable("no")
    assert (error.reason, str(error), isinstance(error, BridgeError)) == ("FileUnusable", "no", True)
