"""Encoded media: one frame is one access unit, or one NAL unit of it.

The bytes are what FFmpeg calls a packet, in the form that can be cut and
joined anywhere: `h264`, `hevc` and `vvc` as Annex B byte streams (start codes, no
length prefixes), `av1` as low-overhead OBUs of one temporal unit, `aac` without
ADTS headers, `jpegxs` and `htj2k` as one code stream per picture. `extradata` is
the decoder's configuration where the codec keeps it apart from the stream
(AudioSpecificConfig of `aac`, parameter sets), and may be empty.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Self

from mediamesh_core.formats.fields import MAX_BYTES, Fields, FormatError, check_choice, check_integer
from mediamesh_core.formats.plane import Plane
from mediamesh_core.formats.rates import exact_rate, rate_text
from mediamesh_core.suggestions import shown

ALIGNMENTS = ("accessUnit", "nalUnit")
MAX_EXTRADATA = 2048
_LIMITS = {"width": 65535, "height": 65535, "sampleRate": 768_000, "channels": 128}


@dataclass(frozen=True, slots=True)
class Codec:
    """One row of the table of codecs."""

    name: str
    media: Literal["video", "audio"]
    ffmpeg: str
    """FFmpeg's name of the codec."""
    nal_units: bool = False
    """A picture consists of NAL units that can travel one by one."""


_ROWS = (
    Codec("h264", "video", "h264", nal_units=True),
    Codec("hevc", "video", "hevc", nal_units=True),
    Codec("vvc", "video", "vvc", nal_units=True),
    Codec("av1", "video", "av1"),
    Codec("vp8", "video", "vp8"),
    Codec("vp9", "video", "vp9"),
    Codec("mpeg2video", "video", "mpeg2video"),
    Codec("mpeg4", "video", "mpeg4"),
    Codec("jpegxs", "video", "jpegxs"),
    Codec("htj2k", "video", "jpeg2000"),
    Codec("jpeg2000", "video", "jpeg2000"),
    Codec("mjpeg", "video", "mjpeg"),
    Codec("prores", "video", "prores"),
    Codec("dnxhd", "video", "dnxhd"),
    Codec("ffv1", "video", "ffv1"),
    Codec("aac", "audio", "aac"),
    Codec("opus", "audio", "opus"),
    Codec("mp2", "audio", "mp2"),
    Codec("mp3", "audio", "mp3"),
    Codec("ac3", "audio", "ac3"),
    Codec("eac3", "audio", "eac3"),
    Codec("flac", "audio", "flac"),
    Codec("vorbis", "audio", "vorbis"),
)
CODECS: dict[str, Codec] = {row.name: row for row in _ROWS}
_DEFAULT_SIZES = {"video": 4 << 20, "audio": 64 << 10}


@dataclass(frozen=True, slots=True)
class EncodedFormat:
    """Access units or NAL units of one codec.

    Raises `FormatError` for a codec that is not in the table, or a value out of range.
    """

    codec: str
    max_size: int
    """Most bytes of one frame."""
    alignment: str = "accessUnit"
    width: int | None = None
    height: int | None = None
    frame_rate: Fraction | None = None
    sample_rate: int | None = None
    channels: int | None = None
    extradata: bytes = b""

    def __post_init__(self) -> None:
        codec = CODECS[check_choice("encoded.codec", self.codec, CODECS)]
        check_integer("encoded.maxSize", self.max_size, 1, MAX_BYTES)
        check_choice("encoded.alignment", self.alignment, ALIGNMENTS if codec.nal_units else ALIGNMENTS[:1])
        for name, value in self._numbers().items():
            check_integer(f"encoded.{name}", value, 1, _LIMITS[name])
        if self.frame_rate is not None:
            object.__setattr__(self, "frame_rate", exact_rate(self.frame_rate, "encoded.frameRate"))
        if len(self.extradata) > MAX_EXTRADATA:
            raise FormatError("encoded.extradata", f"has {len(self.extradata)} bytes, the most is {MAX_EXTRADATA}")

    def _numbers(self) -> dict[str, int]:
        numbers = {
            "width": self.width,
            "height": self.height,
            "sampleRate": self.sample_rate,
            "channels": self.channels,
        }
        return {name: value for name, value in numbers.items() if value is not None}

    @property
    def capacity(self) -> int:
        """Most bytes of a frame."""
        return self.max_size

    @property
    def planes(self) -> tuple[Plane, ...]:
        """None: only a decoder can look inside."""
        return ()

    @property
    def media(self) -> str:
        """What comes out of a decoder: "video" or "audio"."""
        return CODECS[self.codec].media

    def to_spec(self) -> dict[str, object]:
        """Return it as `spec.payload` of a MediaConnection has it."""
        spec: dict[str, object] = {"codec": self.codec, "alignment": self.alignment, "maxSize": self.max_size}
        spec |= self._numbers()
        if self.frame_rate is not None:
            spec["frameRate"] = rate_text(self.frame_rate)
        if self.extradata:
            spec["extradata"] = b64encode(self.extradata).decode("ascii")
        return {"encoded": spec}

    @classmethod
    def from_fields(cls, spec: object) -> Self:
        """Make it from what stands under `encoded`; `maxSize` is 4 MiB for video and 64 KiB for audio if left out."""
        fields = Fields("encoded", spec)
        codec = check_choice("encoded.codec", fields.text("codec"), CODECS)
        rate = fields.take("frameRate")
        made = cls(
            codec=codec,
            max_size=fields.integer("maxSize", _DEFAULT_SIZES[CODECS[codec].media]),
            alignment=fields.text("alignment", "accessUnit"),
            width=fields.optional_integer("width"),
            height=fields.optional_integer("height"),
            frame_rate=None if rate is None else exact_rate(rate, "encoded.frameRate"),
            sample_rate=fields.optional_integer("sampleRate"),
            channels=fields.optional_integer("channels"),
            extradata=_decoded(fields.text("extradata", "")),
        )
        fields.finish()
        return made


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise FormatError("encoded.extradata", f"{shown(text)} is not base64") from None
