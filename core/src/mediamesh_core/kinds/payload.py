"""`spec.payload`: what the media is.

The models say which fields there are and of which type; what their values may
be is known by `mediamesh_core.formats` alone, which every model is handed to.
"""

from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, model_validator

from mediamesh_core.formats import Format, FormatError, exact_rate, from_spec, rate_text
from mediamesh_core.kinds.base import Model, refuse


def _rate(value: object) -> str:
    try:
        return rate_text(exact_rate(value))
    except FormatError as error:
        refuse(error.bare_message)


Rate = Annotated[str, BeforeValidator(_rate)]


class _Described(Model):
    """A payload of one kind, checked by making its format."""

    kind: ClassVar[str]

    @property
    def format(self) -> Format:
        """The format that it describes."""
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
    width: int
    height: int
    frame_rate: Rate
    pixel_format: str
    scan: str | None = None
    field_order: str | None = None


class Audio(_Described):
    """PCM in blocks."""

    kind = "audio"
    sample_format: str
    channels: int
    sample_rate: int | None = None
    packet_time: str | None = None
    samples_per_frame: int | None = None


class Ancillary(_Described):
    """Ancillary packets, picture by picture."""

    kind = "ancillary"
    frame_rate: Rate
    max_size: int | None = None


class Encoded(_Described):
    """Access units or NAL units."""

    kind = "encoded"
    codec: str
    alignment: str | None = None
    max_size: int | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: Rate | None = None
    sample_rate: int | None = None
    channels: int | None = None
    extradata: str | None = None


class Blob(_Described):
    """Any bytes."""

    kind = "blob"
    max_size: int


class Payload(Model):
    """Exactly one kind of payload."""

    choices = ("video", "audio", "ancillary", "encoded", "blob")

    video: Video | None = None
    audio: Audio | None = None
    ancillary: Ancillary | None = None
    encoded: Encoded | None = None
    blob: Blob | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        self.chosen()
        return self

    @property
    def format(self) -> Format:
        """The format of the one payload that is given."""
        described: _Described = getattr(self, self.chosen())
        return described.format
