"""Blobs: frames of any bytes, up to a length."""

from dataclasses import dataclass
from typing import Self

from mediamesh_core.formats.fields import MAX_BYTES, Fields, check_integer
from mediamesh_core.formats.plane import Plane


@dataclass(frozen=True, slots=True)
class BlobFormat:
    """Opaque bytes."""

    max_size: int
    """Most bytes of one frame."""

    def __post_init__(self) -> None:
        check_integer("blob.maxSize", self.max_size, 1, MAX_BYTES)

    @property
    def capacity(self) -> int:
        """Most bytes of a frame."""
        return self.max_size

    @property
    def planes(self) -> tuple[Plane, ...]:
        """None: bytes without an inner order that we know."""
        return ()

    def to_spec(self) -> dict[str, object]:
        """Return it as `spec.payload` of a MediaConnection has it."""
        return {"blob": {"maxSize": self.max_size}}

    @classmethod
    def from_fields(cls, spec: object) -> Self:
        """Make it from what stands under `blob`."""
        fields = Fields("blob", spec)
        size = fields.integer("maxSize")
        fields.finish()
        return cls(size)
