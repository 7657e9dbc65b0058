"""Byte streams and OBUs: what a key frame needs, put where it belongs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_bridges.file.access_unit_gathering import Gathered, Gathering
from mediamesh_bridges.file.annexb import Codec, ParameterSets, byte_stream, nal_units, unit_type
from mediamesh_bridges.file.av1 import TEMPORAL_DELIMITER, SequenceHeader
from mediamesh_bridges.file.recorded import Recorded

SPS, PPS, NEW_PPS, IDR, SLICE, DELIMITER = b"\x67sps", b"\x68pps", b"\x68new", b"\x65idr", b"\x41slice", b"\x09\xf0"
NAL = st.binary(min_size=1, max_size=20).map(lambda data: data.replace(b"\0", b"\1"))


@given(st.lists(NAL, max_size=8))
def test_nal_units_survive_the_byte_stream(units: list[bytes]) -> None:
    assert nal_units(byte_stream(units)) == units


def test_both_start_codes_and_zeros_at_the_end_are_understood() -> None:
    assert nal_units(b"\0\0\1" + SPS + b"\0\0\0\1" + PPS + b"\0\0\1" + IDR + b"\0\0") == [SPS, PPS, IDR]
    assert nal_units(b"") == nal_units(b"no start code") == []


@pytest.mark.parametrize(
    ("unit", "codec", "kind"),
    [(SPS, "h264", 7), (b"\x40\x01", "hevc", 32), (b"\x00\x79", "vvc", 15), (b"\x00", "vvc", -1)],
)
def test_types_are_read_where_each_codec_has_them(unit: bytes, codec: Codec, kind: int) -> None:
    assert unit_type(unit, codec) == kind


@pytest.mark.parametrize(
    ("units", "key", "result"),
    [
        pytest.param([IDR], True, [SPS, PPS, IDR], id="added to a key frame"),
        pytest.param([DELIMITER, IDR], True, [DELIMITER, SPS, PPS, IDR], id="behind the delimiter"),
        pytest.param([SPS, PPS, IDR], True, [SPS, PPS, IDR], id="not twice"),
        pytest.param([SPS, IDR], True, [PPS, SPS, IDR], id="only what is missing"),
        pytest.param([SLICE], False, [SLICE], id="not to other frames"),
    ],
)
def test_key_frames_get_their_parameter_sets(units: list[bytes], key: bool, result: list[bytes]) -> None:
    sets = ParameterSets("h264", byte_stream([SPS, PPS]))
    assert nal_units(sets.complete(byte_stream(units), key=key)) == result


def test_the_newest_parameter_sets_are_repeated() -> None:
    sets = ParameterSets("h264")
    sets.complete(byte_stream([SPS, PPS, IDR]), key=True)
    sets.complete(byte_stream([SPS, NEW_PPS, IDR]), key=True)
    assert nal_units(sets.complete(byte_stream([IDR]), key=True)) == [SPS, NEW_PPS, IDR]


def test_configuration_records_are_not_taken_for_byte_streams() -> None:
    assert nal_units(ParameterSets("h264", b"\x01\x64\0\0\1" + SPS).complete(byte_stream([IDR]), key=True)) == [IDR]


HEADER, FRAME = b"\x0a\x03\x01\x02\x03", b"\x32\x02\xaa\xbb"
CONFIGURATION = b"\x81\0\0\0" + HEADER


@pytest.mark.parametrize(
    ("unit", "key", "result"),
    [
        (FRAME, True, HEADER + FRAME),
        (TEMPORAL_DELIMITER + FRAME, True, HEADER + FRAME),
        (HEADER + FRAME, True, HEADER + FRAME),
        (FRAME, False, FRAME),
        (b"", True, HEADER),
    ],
)
def test_key_frames_of_av1_get_their_sequence_header(unit: bytes, key: bool, result: bytes) -> None:
    assert SequenceHeader(CONFIGURATION).complete(unit, key=key) == result


def test_the_newest_sequence_header_is_repeated() -> None:
    sequence = SequenceHeader(CONFIGURATION)
    newer = b"\x0a\x01\x09"
    sequence.complete(TEMPORAL_DELIMITER + newer + FRAME, key=True)
    assert sequence.complete(FRAME, key=True) == newer + FRAME


@given(st.binary(max_size=40), st.binary(max_size=40), st.booleans())
def test_no_bytes_upset_the_scan(extradata: bytes, unit: bytes, key: bool) -> None:
    result = SequenceHeader(extradata).complete(unit, key=key)
    assert result.endswith(unit.removeprefix(TEMPORAL_DELIMITER))
    assert isinstance(ParameterSets("hevc", extradata).complete(unit, key=key), bytes)


def piece(data: bytes, position: int, *, key: bool = False) -> Recorded:
    return Recorded(memoryview(data), position, 40, key)


def test_nal_units_of_one_time_are_joined() -> None:
    gathering = Gathering("nalUnit")
    added = [
        gathering.add(piece(data, at, key=data == b"c")) for data, at in [(b"a", 0), (b"b", 0), (b"c", 5), (b"d", 5)]
    ]
    assert added == [None, None, Gathered(b"ab", 0, 40, key=False), None]
    assert gathering.rest() == Gathered(b"cd", 5, 40, key=True)
    assert gathering.rest() is None


def test_whole_access_units_are_not_held_back() -> None:
    gathering = Gathering("accessUnit")
    assert gathering.add(piece(b"a", 0)) == Gathered(b"a", 0, 40, key=False)
    assert gathering.rest() is None
