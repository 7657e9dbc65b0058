"""Every kind of format to text and back; the kinds without planes."""

import json
import pickle
from fractions import Fraction

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_core.formats import (
    CODECS,
    PAYLOADS,
    PIXEL_FORMATS,
    SAMPLE_FORMATS,
    AncillaryFormat,
    AudioFormat,
    BlobFormat,
    EncodedFormat,
    Format,
    FormatError,
    VideoFormat,
    from_json,
    from_spec,
    to_json,
)

RATES = st.fractions(min_value=Fraction(1, 100), max_value=1000, max_denominator=1001)
VIDEO = st.builds(
    VideoFormat,
    width=st.integers(1, 8192),
    height=st.integers(1, 4096).map(lambda half: 2 * half),
    frame_rate=RATES,
    pixel_format=st.sampled_from(sorted(PIXEL_FORMATS)),
    scan=st.sampled_from(["progressive", "interlaced", "psf"]),
)
AUDIO = st.builds(
    AudioFormat,
    sample_format=st.sampled_from(sorted(SAMPLE_FORMATS)),
    channels=st.integers(1, 128),
    sample_rate=st.integers(1, 768_000),
    samples_per_frame=st.integers(1, 4096),
)
ENCODED = st.builds(
    EncodedFormat,
    codec=st.sampled_from(sorted(CODECS)),
    max_size=st.integers(1, 2**31),
    width=st.none() | st.integers(1, 65535),
    height=st.none() | st.integers(1, 65535),
    frame_rate=st.none() | RATES,
    sample_rate=st.none() | st.integers(1, 768_000),
    channels=st.none() | st.integers(1, 128),
    extradata=st.binary(max_size=64),
)
ANCILLARY = st.builds(AncillaryFormat, frame_rate=RATES, max_size=st.integers(4, 1 << 24))
FORMATS = VIDEO | AUDIO | ENCODED | ANCILLARY | st.builds(BlobFormat, st.integers(1, 2**31))


@given(FORMATS)
def test_text_comes_back_exactly(format: Format) -> None:
    text = to_json(format)
    assert from_json(text) == format
    assert to_json(from_json(text)) == text
    assert from_spec(format.to_spec()) == format
    assert format.capacity > 0


@given(FORMATS)
def test_text_is_canonical(format: Format) -> None:
    text = to_json(format)
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def test_text_is_what_the_contract_says() -> None:
    picture = VideoFormat(1920, 1080, Fraction(60000, 1001), "v210")
    assert to_json(picture) == (
        '{"video":{"frameRate":"60000/1001","height":1080,"pixelFormat":"v210","scan":"progressive","width":1920}}'
    )


@pytest.mark.parametrize("spec", [{}, {"video": {}, "blob": {}}, None, 7, [], "video", {"vidoe": {}}, {"blob": 7}])
def test_what_is_no_payload_is_refused(spec: object) -> None:
    with pytest.raises(FormatError):
        from_spec(spec)


def test_unknown_payload_is_answered_with_those_that_exist() -> None:
    known = "video, audio, ancillary, encoded, blob"
    with pytest.raises(FormatError, match=f"'vidoe' is not one of {known}; did you mean video"):
        from_spec({"vidoe": {}})


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"blob":{"maxSize":1e999}}', '{"blob":{"maxSize":NaN}}'])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        from_json(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from([*PAYLOADS, "width", "height", "codec", "maxSize", "frameRate"]), inner)
        ),
    )
)
def test_any_spec_is_a_format_or_refused(spec: object) -> None:
    try:
        assert from_spec(spec).capacity > 0
    except FormatError as error:
        assert error.message  # noqa: PT017


def test_codecs_are_known_to_ffmpeg() -> None:
    known = {codec.ffmpeg for codec in CODECS.values()}
    assert {name for name in known if not _has(name)} <= {"jpegxs"}


def _has(name: str) -> bool:
    try:
        av.Codec(name, "r")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


def test_encoded_has_a_size_by_its_medium() -> None:
    assert from_spec({"encoded": {"codec": "hevc"}}).capacity == 4 << 20
    assert from_spec({"encoded": {"codec": "opus"}}).capacity == 64 << 10
    assert from_spec({"encoded": {"codec": "jpegxs", "maxSize": 5}}).capacity == 5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"codec": "h265"}, "encoded.codec: 'h265' is not one of the 23 known; did you mean h264"),
        ({"codec": "av1", "alignment": "nalUnit"}, "encoded.alignment: 'nalUnit' is not accessUnit, the only word"),
        ({"codec": "aac", "extradata": "?"}, "encoded.extradata: '?' is not base64"),
        ({"codec": "aac", "extradata": "AAAA" * 1000}, "encoded.extradata: has 3000 bytes, the most is 2048"),
        ({"codec": "aac", "channels": 0}, "encoded.channels: 0 is not between 1 and 128"),
        ({"codec": "h264", "frameRate": 59.94}, "encoded.frameRate: 59.94 is not exact; write 60000/1001"),
        ({"codec": "h264", "maxSize": 2**32}, "encoded.maxSize: 4294967296 is not between 1 and 4294959104"),
    ],
)
def test_wrong_encoded_field_is_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(FormatError) as caught:
        from_spec({"encoded": fields})
    assert message in str(caught.value)


def test_ancillary_and_blob_have_no_planes() -> None:
    ancillary = from_spec({"ancillary": {"frameRate": 25}})
    assert ancillary.capacity == 65536
    assert ancillary.planes == from_spec({"blob": {"maxSize": 1}}).planes == ()
    assert from_spec({"encoded": {"codec": "opus"}}).planes == ()
    with pytest.raises(FormatError, match=r"blob\.maxSize: is missing"):
        from_spec({"blob": {}})


def test_refusals_can_be_pickled() -> None:
    with pytest.raises(FormatError) as caught:
        from_spec({"blob": {"maxSize": 0}})
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.field, again.message, again.reason) == ("blob.maxSize", caught.value.message, "InvalidFormat")
