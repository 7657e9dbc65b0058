"""`spec.payload`: what the media is.

The models say which fields there are and of which type; what their values may
be is known by `mediamesh_core.formats` alone, which every model is handed to.
"""

from functools import cached_property
from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, model_validator

from mediamesh_core.formats import (
    CODECS,
    SAMPLE_FORMATS,
    Format,
    FormatError,
    ancillary,
    exact_rate,
    from_spec,
    rate_text,
    to_json,
)
from mediamesh_core.formats.audio import MAX_CHANNELS, MAX_SAMPLE_RATE, MAX_SAMPLES
from mediamesh_core.formats.encoded import ALIGNMENTS, MAX_EXTRADATA
from mediamesh_core.formats.fields import MAX_BYTES
from mediamesh_core.formats.video import COLORIMETRIES, FIELD_ORDERS, MAX_SIDE, RANGES, SCANS, TRANSFER_CHARACTERISTICS
from mediamesh_core.kinds.base import Model, refuse
from mediamesh_core.kinds.schema import integer, integer_or_text, text, words


def _rate(value: object) -> str:
    try:
        return rate_text(exact_rate(value))
    except FormatError as error:
        refuse(error.bare_message)


Rate = Annotated[str, BeforeValidator(_rate), integer_or_text(1, 1_000_000, 19, "^[0-9]{1,9}(/[0-9]{1,9})?$")]
_Side = Annotated[int, integer(1, MAX_SIDE)]
_DecodedSide = Annotated[int, integer(1, 65535)]
_Channels = Annotated[int, integer(1, MAX_CHANNELS)]
_SampleRate = Annotated[int, integer(1, MAX_SAMPLE_RATE)]
_Size = Annotated[int, integer(1, MAX_BYTES)]


class _Described(Model):
    """A payload of one kind, checked by making its format."""

    kind: ClassVar[str]

    @cached_property
    def format(self) -> Format:
        """The format that it describes; kept, since every plan asks for it."""
        return from_spec({self.kind: self.model_dump(by_alias=True, exclude_none=True)})

    @model_validator(mode="after")
    def _is_a_format(self) -> Self:
        try:
            self.format  # noqa: B018
        except FormatError as error:
            refuse(error.bare_message, error.field.removeprefix(f"{self.kind}."))
        return self


class Video(_Described):
    """Uncompressed pictures."""

    kind = "video"
    width: _Side
    """Pixels, 1 to 32767; odd ones are right also for subsampled formats, whose chroma planes are rounded up."""
    height: _Side
    """Lines, 1 to 32767; even unless scan is progressive."""
    frame_rate: Rate
    """Pictures per second: an integer or an exact fraction such as 60000/1001."""
    pixel_format: Annotated[str, text(32, pattern="^[a-z0-9]+$")]
    """As FFmpeg, Media Communications Mesh or ST 2110 spell it; the table below has them all."""
    scan: Annotated[str, words(SCANS)] | None = None
    """progressive (if left out), interlaced (both fields of a picture in one frame) or psf."""
    field_order: Annotated[str, words(FIELD_ORDERS)] | None = None
    """Of interlaced video: tff (if left out) or bff."""
    colorimetry: Annotated[str, words(COLORIMETRIES)] | None = None
    """As ST 2110-20 names it; unknown if left out."""
    transfer_characteristic: Annotated[str, words(TRANSFER_CHARACTERISTICS)] | None = None
    """TCS of ST 2110-20; unknown if left out."""
    range: Annotated[str, words(RANGES)] | None = None
    """RANGE of ST 2110-20: NARROW, FULLPROTECT (not of BT2100) or FULL; unknown if left out."""


class Audio(_Described):
    """PCM in blocks."""

    kind = "audio"
    sample_format: Annotated[str, words(SAMPLE_FORMATS)]
    """Name of FFmpeg's codec; the table below has them all."""
    channels: _Channels
    """1 to 128, interleaved."""
    sample_rate: _SampleRate | None = None
    """48000 if left out."""
    packet_time: Annotated[str, text(16, pattern="^[0-9]{1,6}([.][0-9]{1,6})? ?(us|µs|ms|s)$")] | None = None
    """How long a block is, as ST 2110-30 and AES67 name it: 1ms (if left out), 125us, 1.09ms."""
    samples_per_frame: Annotated[int, integer(1, MAX_SAMPLES)] | None = None
    """The same exactly; instead of the packet time."""


class Ancillary(_Described):
    """Ancillary packets, picture by picture."""

    kind = "ancillary"
    frame_rate: Rate
    """Pictures per second."""
    max_size: Annotated[int, integer(4, ancillary.MAX_SIZE)] | None = None
    """Most bytes of one picture's packets; 65536 if left out."""


class Encoded(_Described):
    """Access units or NAL units."""

    kind = "encoded"
    codec: Annotated[str, words(CODECS)]
    """The table below has them all."""
    alignment: Annotated[str, words(ALIGNMENTS)] | None = None
    """What a frame is: accessUnit (if left out), or nalUnit for h264, hevc and vvc."""
    max_size: _Size | None = None
    """Most bytes of a frame; 4 MiB for video and 64 KiB for audio if left out."""
    width: _DecodedSide | None = None
    """Of the decoded pictures, 1 to 65535; needed to record vp8, vp9, prores, jpeg2000 and htj2k."""
    height: _DecodedSide | None = None
    """As the width."""
    frame_rate: Rate | None = None
    """Pictures per second, for those who want to know it before they decode."""
    sample_rate: _SampleRate | None = None
    """Of the decoded sound in Hz, 1 to 768000; needed to record aac and opus."""
    channels: _Channels | None = None
    """Of the decoded sound, 1 to 128; needed to record aac and opus."""
    extradata: Annotated[str, text(-(-MAX_EXTRADATA // 3) * 4, pattern="^[A-Za-z0-9+/]*={0,2}$")] | None = None
    """The decoder's configuration in base64, where the codec keeps it apart from the stream."""


class Blob(_Described):
    """Any bytes."""

    kind = "blob"
    max_size: _Size
    """Most bytes of a frame."""


class Payload(Model):
    """Exactly one kind of payload."""

    choices = ("video", "audio", "ancillary", "encoded", "blob")

    video: Video | None = None
    """Uncompressed pictures."""
    audio: Audio | None = None
    """Uncompressed sound (PCM)."""
    ancillary: Ancillary | None = None
    """Ancillary packets (SMPTE ST 291-1), such as captions and time codes."""
    encoded: Encoded | None = None
    """What an encoder made."""
    blob: Blob | None = None
    """Anything else; nobody looks inside."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        self.chosen()
        return self

    @cached_property
    def format(self) -> Format:
        """The format of the one payload that is given."""
        described: _Described = getattr(self, self.chosen())
        return described.format

    @cached_property
    def canonical(self) -> str:
        """It as canonical JSON."""
        return to_json(self.format)

    @cached_property
    def capacity(self) -> int:
        """Payload bytes that a frame can hold."""
        return self.format.capacity
