"""Something that comes as it happens, opened through PyAV once.

The readers of files open what they play for each pass, and to look at it before. Here there is one pass, so the
container is opened once and kept. FFmpeg looks at the beginning for a short while only: what it has read meanwhile
comes in a burst. (Its flag `nobuffer` would spare that, but it throws the first key frame away.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from av.container import InputContainer
from av.error import ExitError, FFmpegError

from mediamesh_bridges.errors import Silence, StreamUnusable

LOOK = {"analyzeduration": "500000"}
"""Microseconds of the stream that FFmpeg may look at first."""


class LiveMedia:
    """What `Media` of the file bridge is for files.

    Parameters
    ----------
    path
        What people are told it is.
    opened
        Opens the container.
    live
        Whether it comes at its own pace, so that no picture may be held back.
    """

    track = None

    def __init__(self, path: str, opened: Callable[[], InputContainer], *, live: bool) -> None:
        self.path = path
        self.live = live
        self._opened = opened
        self._container: InputContainer | None = None

    @contextmanager
    def demux(self) -> Iterator[InputContainer]:
        """Give the container; FFmpeg's complaints are StreamUnusable, and Silence if nothing came for a while."""
        try:
            if self._container is None:
                self._container = self._opened()
            yield self._container
        except ExitError as error:
            raise Silence(f"nothing comes to {self.path}") from error
        except FFmpegError as error:
            raise StreamUnusable(f"what comes to {self.path} cannot be read: {error.strerror}") from error

    def refuse(self, why: str) -> StreamUnusable:
        """Return the error that says what is wrong with it."""
        return StreamUnusable(f"what comes to {self.path} {why}")

    def close(self) -> None:
        """Close the container."""
        if self._container is not None:
            self._container.close()
            self._container = None
