import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from mediamesh_testing.hub import HubUnderTest
from sdk_plans import connection

import mediamesh
from mediamesh import arrays, layout
from mediamesh_core import formats
from mediamesh_core.formats import AudioFormat, BlobFormat, VideoFormat


def payload_of(format: formats.Format, seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(format.capacity)


def through(hub: HubUnderTest, format: formats.Format, data: bytes) -> tuple[mediamesh.ReceivedFrame, mediamesh.Sink]:
    hub.apply(connection("look", format))
    sink = mediamesh.open_sink("look", timeout=30)
    with mediamesh.open_source("look", timeout=30) as source:
        source.send(data, timeout=30)
        return sink.receive(30), sink


@pytest.mark.parametrize(
    "name",
    ["yuv420p", "yuv422p10le", "yuv444p16le", "nv12", "p010le", "uyvy422", "v210", "rgb24", "bgra", "yuv422p10rfc4175"],
)
def test_planes_of_pictures_after_a_real_flow(hub: HubUnderTest, name: str) -> None:
    format = VideoFormat(96, 32, "60000/1001", name)  # type: ignore[arg-type]
    data = payload_of(format, len(name))
    frame, sink = through(hub, format, data)
    with sink, frame:
        planes = frame.planes()
        assert len(planes) == len(format.planes)
        for array, plane in zip(planes, format.planes, strict=True):
            assert array.shape == plane.shape
            assert array.dtype == np.dtype(plane.dtype)
            assert array.strides[0] == plane.stride
            assert not array.flags.writeable
            assert not array.flags.owndata
            assert array.tobytes() == data[plane.offset : plane.offset + plane.size]
        assert [bytes(view) for view in frame.memoryviews()] == [array.tobytes() for array in planes]
        del array, planes


@pytest.mark.parametrize("name", sorted(formats.PIXEL_FORMATS))
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (17, 6)])
def test_every_pixel_format_has_views_that_fill_the_payload(name: str, width: int, height: int) -> None:
    format = VideoFormat(width, height, "25", name)  # type: ignore[arg-type]
    payload = memoryview(bytearray(format.capacity))
    for number, plane in enumerate(arrays.planes(payload, format), 1):
        assert plane.flags.writeable
        plane.reshape(-1).view("u1")[:] = number
    assert 0 not in bytes(payload)


@pytest.mark.parametrize("name", sorted(formats.SAMPLE_FORMATS))
def test_audio_is_samples_by_channels(hub: HubUnderTest, name: str) -> None:
    format = AudioFormat(name, 2, 48000, 48)
    data = payload_of(format, 1)
    expected = np.frombuffer(data, formats.SAMPLE_FORMATS[name].dtype).reshape((48, 2, 3) if "24" in name else (48, 2))
    frame, sink = through(hub, format, data)
    with sink, frame:
        array = frame.array()
        assert array.dtype == expected.dtype
        assert array.tobytes() == expected.tobytes()
        assert array.shape == expected.shape
        del array


def test_the_last_block_may_be_short() -> None:
    format = AudioFormat("pcm_s24be", 4, 48000, 48)
    assert arrays.array(memoryview(bytes(5 * 12)), format).shape == (5, 4, 3)
    assert arrays.array(memoryview(b""), format).shape == (0, 4, 3)
    with pytest.raises(mediamesh.WrongLength, match="7 bytes are no whole number of samples of 12 bytes"):
        layout.slices(7, format)


def test_a_picture_must_be_whole() -> None:
    with pytest.raises(mediamesh.WrongLength, match=r"a picture of this flow has 24 bytes \(.*\), not 23"):
        layout.slices(23, VideoFormat(4, 4, "25", "yuv420p"))  # type: ignore[arg-type]


def test_several_planes_are_no_array() -> None:
    with pytest.raises(mediamesh.SeveralPlanes, match="this format has 3 planes; use planes"):
        arrays.array(memoryview(bytes(24)), VideoFormat(4, 4, "25", "yuv420p"))  # type: ignore[arg-type]


def test_blobs_are_rows_of_bytes() -> None:
    assert arrays.array(memoryview(b"abc"), BlobFormat(10)).tolist() == [97, 98, 99]


def test_a_source_fills_arrays_in_place(hub: HubUnderTest) -> None:
    format = VideoFormat(64, 16, "25", "yuv422p10le")  # type: ignore[arg-type]
    hub.apply(connection("look", format))
    with mediamesh.open_sink("look", timeout=30) as sink, mediamesh.open_source("look", timeout=30) as source:
        with source.acquire(30) as filled:
            for number, plane in enumerate(filled.planes()):
                plane[:] = 1000 + number
            del plane
            filled.send()
        with sink.receive(30) as frame:
            assert (
                [plane.max() for plane in frame.planes()]
                == [plane.min() for plane in frame.planes()]
                == [1000, 1001, 1002]
            )


ABSENT = "import sys; sys.modules['numpy'] = None; import mediamesh.frames as f; {}"


def test_without_numpy_the_error_says_what_to_do() -> None:
    attempt = "import mediamesh.arrays"
    ended = subprocess.run([sys.executable, "-c", ABSENT.format(attempt)], capture_output=True, text=True, check=False)
    assert "NumPyMissing: arrays need NumPy; install mediamesh[numpy], or use memoryviews()" in ended.stderr


def test_importing_is_light() -> None:
    heavy = {"numpy", "pydantic", "yaml", "av", "asyncio", "google.protobuf", "ctypes"}
    program = f"import sys, mediamesh; print(sorted({heavy} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


@pytest.mark.parametrize(
    "format", [VideoFormat(16, 8, Fraction(25), "uyvy422"), AudioFormat("pcm_s24le", 2, 48000, 48)]
)
def test_what_is_no_whole_picture_or_sample_is_refused_at_its_source(hub: HubUnderTest, format: formats.Format) -> None:
    hub.apply(connection("look", format))
    with mediamesh.open_source("look", timeout=30) as source:
        with pytest.raises(mediamesh.WrongLength):
            source.send(bytes(format.capacity - 1), timeout=30)
        source.send(bytes(format.capacity), timeout=30)
