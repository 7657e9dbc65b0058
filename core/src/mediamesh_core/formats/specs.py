"""Formats as `spec.payload` has them, and as the canonical JSON of plans and attach replies.

Canonical means: keys sorted, no spaces, rates reduced, defaults filled in; so two formats are equal
exactly if their texts are.
"""

import json
from collections.abc import Callable, Mapping

from mediamesh_core.formats.ancillary import AncillaryFormat
from mediamesh_core.formats.audio import AudioFormat
from mediamesh_core.formats.blob import BlobFormat
from mediamesh_core.formats.encoded import EncodedFormat
from mediamesh_core.formats.fields import FormatError
from mediamesh_core.formats.video import VideoFormat
from mediamesh_core.suggestions import not_one_of, shown

Format = VideoFormat | AudioFormat | AncillaryFormat | EncodedFormat | BlobFormat

PAYLOADS: dict[str, Callable[[object], Format]] = {
    "video": VideoFormat.from_fields,
    "audio": AudioFormat.from_fields,
    "ancillary": AncillaryFormat.from_fields,
    "encoded": EncodedFormat.from_fields,
    "blob": BlobFormat.from_fields,
}
"""How each kind of payload is read."""


def from_spec(spec: object) -> Format:
    """Return the format that a `spec.payload` describes: a mapping with exactly one key.

    Raises
    ------
    FormatError
        Names the field, its value and what may stand there.
    """
    if not isinstance(spec, Mapping) or len(spec) != 1:
        raise FormatError("", f"a payload is exactly one of {', '.join(PAYLOADS)}, not {shown(spec)}")
    ((kind, fields),) = spec.items()
    if kind not in PAYLOADS:
        raise FormatError("", not_one_of(kind, PAYLOADS))
    return PAYLOADS[kind](fields)


def from_json(text: str) -> Format:
    """Return the format that a JSON text describes; `FormatError` if it is none."""
    try:
        spec = json.loads(text)
    except ValueError as error:
        raise FormatError("", f"the payload is not JSON: {error}") from None
    return from_spec(spec)


def to_json(format_: Format) -> str:
    """Return the canonical JSON of a format."""
    return json.dumps(format_.to_spec(), sort_keys=True, separators=(",", ":"))
