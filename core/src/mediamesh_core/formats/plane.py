"""One plane of a frame, described so that nobody has to calculate to look at it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plane:
    """Where the samples of some components are in a frame's payload.

    Planes follow each other without gaps and rows follow each other without
    padding, so that `payload[offset:offset + size]` seen as `shape` items of `dtype` is the
    plane, contiguous in C order.
    """

    components: tuple[str, ...]
    """In the order in which they lie in memory: "Y", "Cb", "Cr", "R", "G", "B", "A", "X" (unused), or channels."""
    offset: int
    """Bytes from the start of the payload."""
    stride: int
    """Bytes from one row to the next."""
    width: int
    """Samples of one component in a row, as displayed."""
    height: int
    """Rows of samples, as displayed."""
    dtype: str
    """Type of an item as NumPy spells it, with byte order: "u1", "<u2", "<u4"."""
    shape: tuple[int, ...]
    """Of the array: (rows, columns) or (rows, columns, components); packed bits are rows of bytes or words."""
    size: int
    """Bytes of the whole plane."""
