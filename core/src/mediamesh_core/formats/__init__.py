"""What a frame of a connection holds: the one place that knows sizes and layouts.

A format is made in one of three ways: by its class, from the `spec.payload` of a
`MediaConnection` (`from_spec`), or from the canonical JSON that travels in the
node plan and in the answer to an attach (`from_json`). `to_spec` and `to_json`
go back, and the round trip is exact.

Everything that depends on a format asks it: `capacity` is the number of payload
bytes a frame can hold, `planes` says how those bytes are arranged as arrays.
Only the standard library is imported, because every application pays for it.
"""

from mediamesh_core.formats.ancillary import AncillaryFormat
from mediamesh_core.formats.audio import SAMPLE_FORMATS, AudioFormat, SampleFormat
from mediamesh_core.formats.blob import BlobFormat
from mediamesh_core.formats.encoded import CODECS, Codec, EncodedFormat
from mediamesh_core.formats.fields import FormatError
from mediamesh_core.formats.labels import label
from mediamesh_core.formats.pixels import PIXEL_FORMATS, PixelFormat
from mediamesh_core.formats.plane import Plane
from mediamesh_core.formats.rates import exact_rate, rate_text
from mediamesh_core.formats.specs import PAYLOADS, Format, from_json, from_spec, to_json
from mediamesh_core.formats.video import VideoFormat

__all__ = [
    "CODECS",
    "PAYLOADS",
    "PIXEL_FORMATS",
    "SAMPLE_FORMATS",
    "AncillaryFormat",
    "AudioFormat",
    "BlobFormat",
    "Codec",
    "EncodedFormat",
    "Format",
    "FormatError",
    "PixelFormat",
    "Plane",
    "SampleFormat",
    "VideoFormat",
    "exact_rate",
    "from_json",
    "from_spec",
    "label",
    "rate_text",
    "to_json",
]
