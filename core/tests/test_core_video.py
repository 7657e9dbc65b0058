"""Video formats: what is accepted, what is refused and how, and what planes look like."""

from fractions import Fraction

import numpy as np
import pytest

from mediamesh_core.errors import UserError
from mediamesh_core.formats import FormatError, VideoFormat, from_spec

RATE = Fraction(60000, 1001)


def hd(**changes: object) -> VideoFormat:
    fields: dict[str, object] = {"width": 1920, "height": 1080, "frame_rate": RATE, "pixel_format": "yuv422p10le"}
    return VideoFormat(**fields | changes)  # type: ignore[arg-type]


def spec(**changes: object) -> dict[str, object]:
    fields = {"width": 1920, "height": 1080, "frameRate": "60000/1001", "pixelFormat": "yuv422p10le"}
    return {"video": {name: value for name, value in (fields | changes).items() if value is not ...}}


def test_capacity_is_the_picture() -> None:
    assert hd().capacity == 1920 * 1080 * 4
    assert hd(pixel_format="v210").capacity == 1920 * 1080 * 8 // 3
    assert hd(pixel_format="yuv420p").capacity == 1920 * 1080 * 3 // 2


def test_planes_of_planar_video_are_arrays_of_samples() -> None:
    luma, blue, red = hd().planes
    assert (luma.components, blue.components, red.components) == (("Y",), ("Cb",), ("Cr",))
    assert luma.shape == (1080, 1920)
    assert blue.shape == red.shape == (1080, 960)
    assert (luma.dtype, luma.stride, blue.stride) == ("<u2", 3840, 1920)
    assert (luma.offset, blue.offset, red.offset) == (0, 4147200, 6220800)


def test_planes_of_interleaved_video_have_a_last_dimension() -> None:
    assert hd(pixel_format="nv12").planes[1].shape == (540, 960, 2)
    assert hd(pixel_format="rgb24").planes[0].shape == (1080, 1920, 3)
    assert hd(pixel_format="uyvy422").planes[0].shape == (1080, 1920, 2)


def test_writing_a_view_writes_the_payload() -> None:
    picture = hd(width=4, height=2, pixel_format="nv12")
    payload = bytearray(picture.capacity)
    chroma = picture.planes[1]
    view = np.frombuffer(payload, chroma.dtype, chroma.size, chroma.offset).reshape(chroma.shape)
    view[0, 1] = (7, 9)
    assert payload == bytes(10) + bytes([7, 9])


def test_interlaced_is_top_field_first_unless_said() -> None:
    assert hd(scan="interlaced").field_order == "tff"
    assert hd(scan="interlaced", field_order="bff").field_order == "bff"
    assert hd(scan="psf").field_order == ""
    assert from_spec(spec(scan="interlaced")) == hd(scan="interlaced")


def test_rate_is_normalised() -> None:
    assert hd(frame_rate=25).frame_rate == Fraction(25)
    assert hd().frame_duration == Fraction(1001, 60000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0}, "video.width: 0 is not between 1 and 32767"),
        ({"height": 40000}, "video.height: 40000 is not between 1 and 32767"),
        ({"width": "1920"}, "video.width: '1920' is not an integer"),
        ({"width": True}, "video.width: True is not an integer"),
        ({"width": ...}, "video.width: is missing"),
        ({"frameRate": 29.97}, "video.frameRate: 29.97 is not exact; write 30000/1001"),
        ({"frameRate": ...}, "video.frameRate: is missing"),
        ({"pixelFormat": 7}, "video.pixelFormat: 7 is not a text"),
        ({"pixelFormat": "yuv422p10"}, "did you mean yuv422p10le"),
        ({"pixelFormat": "zz"}, "'zz' is not one of the 146 known, such as yuv420p"),
        ({"scan": "interlace"}, "'interlace' is not one of progressive, interlaced, psf; did you mean interlaced?"),
        ({"scan": "interlaced", "fieldOrder": "top"}, "video.fieldOrder: 'top' is not one of tff, bff"),
        ({"fieldOrder": "tff"}, "video.fieldOrder: progressive video has no field order; leave it out"),
        ({"scan": "interlaced", "height": 1081}, "video.height: 1081 is odd, which interlaced video cannot be"),
        ({"heigth": 1080}, "video.heigth: there is no such field; did you mean height?"),
        ({"bitrate": 1}, "video.bitrate: there is no such field; the fields are width, height"),
        ({"width": 32767, "height": 32767, "pixelFormat": "rgba64le"}, "the most is 4294959104"),
    ],
)
def test_wrong_field_is_named_with_its_value_and_the_fix(changes: dict[str, object], message: str) -> None:
    with pytest.raises(FormatError) as caught:
        from_spec(spec(**changes))
    assert message in str(caught.value)
    assert caught.value.reason == "InvalidFormat"
    assert isinstance(caught.value, UserError)


def test_formats_are_values() -> None:
    assert hd() == hd()
    assert len({hd(), hd(), hd(scan="psf")}) == 2
    with pytest.raises(AttributeError):
        hd().width = 5  # type: ignore[misc]


COLOURS = {"colorimetry": "BT2020", "transferCharacteristic": "PQ", "range": "FULL"}
HD = {"width": 1920, "height": 1080, "frameRate": "25", "pixelFormat": "yuv422p10le", "scan": "progressive"}


def test_colours_are_kept_as_they_are_written() -> None:
    made = from_spec({"video": HD | COLOURS})
    assert isinstance(made, VideoFormat)
    assert (made.colorimetry, made.transfer_characteristic, made.signal_range) == ("BT2020", "PQ", "FULL")
    assert made.to_spec() == {"video": HD | COLOURS}
    assert from_spec(made.to_spec()) == made


def test_colours_that_nobody_told_are_not_made_up() -> None:
    assert from_spec({"video": HD}).to_spec() == {"video": HD}


@pytest.mark.parametrize("name", COLOURS)
def test_colours_are_the_standards_words(name: str) -> None:
    with pytest.raises(FormatError, match=f"^video.{name}: 'narrowish' is not one of"):
        from_spec({"video": HD | {name: "narrowish"}})


def test_fullprotect_is_not_of_bt2100() -> None:
    with pytest.raises(FormatError, match="BT2100 is NARROW or FULL"):
        from_spec({"video": HD | {"colorimetry": "BT2100", "range": "FULLPROTECT"}})
