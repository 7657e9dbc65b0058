"""Formats as people say them: "1920x1080 yuv422p10le 59.94p", for tables and pages; never parsed.

The rate of interlaced video is that of its fields, as in 1080i59.94; everywhere else a rate counts pictures.
"""

from fractions import Fraction

from mediamesh_core.formats.ancillary import AncillaryFormat
from mediamesh_core.formats.audio import AudioFormat
from mediamesh_core.formats.blob import BlobFormat
from mediamesh_core.formats.encoded import EncodedFormat
from mediamesh_core.formats.specs import Format
from mediamesh_core.formats.video import VideoFormat

_SCANS = {"progressive": "p", "interlaced": "i", "psf": "psf"}


def label(format_: Format) -> str:
    """Return a format in a few words."""
    match format_:
        case VideoFormat():
            rate = format_.frame_rate * (2 if format_.scan == "interlaced" else 1)
            return f"{format_.width}x{format_.height} {format_.pixel_format} {_rate(rate)}{_SCANS[format_.scan]}"
        case AudioFormat():
            return f"{format_.sample_format} {_sound(format_.sample_rate, format_.channels)}"
        case AncillaryFormat():
            return f"ancillary {_rate(format_.frame_rate)}/s"
        case EncodedFormat():
            return _encoded(format_)
        case BlobFormat():
            return f"blob, at most {format_.max_size} bytes"


def _encoded(format_: EncodedFormat) -> str:
    words = [format_.codec]
    if format_.width and format_.height:
        words.append(f"{format_.width}x{format_.height}")
    if format_.frame_rate:
        words.append(f"{_rate(format_.frame_rate)}/s")
    if format_.sample_rate:
        words.append(_sound(format_.sample_rate, format_.channels or 0))
    return " ".join(words)


def _sound(sample_rate: int, channels: int) -> str:
    return f"{sample_rate / 1000:g} kHz" + (f" {channels} ch" if channels else "")


def _rate(rate: Fraction) -> str:
    """Return a rate with at most two decimals; one that would be lost in them stays a fraction."""
    return f"{float(rate):.2f}".rstrip("0").rstrip(".") if rate >= 1 else str(rate)
