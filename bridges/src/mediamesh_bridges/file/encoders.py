"""Finding an encoder of FFmpeg's that is there: installations differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from av.codec import Codec
from av.codec.codec import UnknownCodecError

from mediamesh_bridges.errors import BadSetting


def first_encoder(names: Sequence[str], kind: Literal["video", "audio"]) -> Codec:
    """Return the first encoder of the kind that this installation has; `BadSetting` if there is none."""
    for name in names:
        try:
            encoder = Codec(name, "w")
        except UnknownCodecError:
            continue
        if encoder.type == kind:
            return encoder
    raise BadSetting(f"file.codec: this installation of FFmpeg has no {kind} encoder {' or '.join(names)}")
