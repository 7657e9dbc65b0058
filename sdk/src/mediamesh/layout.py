"""Where the planes of a payload lie, for views with NumPy and without."""

from typing import NamedTuple

from mediamesh.errors import WrongLength
from mediamesh_core.formats import AudioFormat, Format, VideoFormat


class Slice(NamedTuple):
    """A run of bytes to be seen as `shape` items of `dtype`."""

    start: int
    stop: int
    dtype: str
    shape: tuple[int, ...]


def slices(length: int, format: Format) -> tuple[Slice, ...]:
    """Return the planes in a payload of so many bytes.

    Pictures have one length. A block of audio may be short, then it has fewer samples. All else is one row of bytes.

    Raises
    ------
    WrongLength
        Too short for a picture, or not a whole number of samples.
    """
    if isinstance(format, VideoFormat):
        return _picture(length, format)
    if isinstance(format, AudioFormat):
        return _block(length, format)
    return (Slice(0, length, "u1", (length,)),)


def _picture(length: int, format: VideoFormat) -> tuple[Slice, ...]:
    planes = format.planes
    if length < planes[-1].offset + planes[-1].size:
        shapes = ", ".join(f"{' x '.join(map(str, plane.shape))} of {plane.dtype}" for plane in planes)
        text = f"a picture of this flow has {format.capacity} bytes ({format.pixel_format}: {shapes}), not {length}"
        raise WrongLength(text)
    return tuple(Slice(plane.offset, plane.offset + plane.size, plane.dtype, plane.shape) for plane in planes)


def _block(length: int, format: AudioFormat) -> tuple[Slice, ...]:
    (plane,) = format.planes
    samples, rest = divmod(length, plane.stride)
    if rest:
        raise WrongLength(f"{length} bytes are no whole number of samples of {plane.stride} bytes")
    return (Slice(0, length, plane.dtype, (samples, *plane.shape[1:])),)
