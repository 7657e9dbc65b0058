"""A media file opened through PyAV, once for each pass over it.

PyAV gets the open file, never the path, so that what is read is the file that `folder` has checked. The name goes
along only because the formats without a signature are recognised by their suffix.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol, TypeVar, cast, overload

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from mediamesh_bridges.errors import FileUnusable
from mediamesh_bridges.file.folder import open_media

StreamT = TypeVar("StreamT", VideoStream, AudioStream)

_NAMES: dict[type[object], Literal["video", "audio"]] = {VideoStream: "video", AudioStream: "audio"}
_READ_AT_ONCE = 1 << 18


class Media(Protocol):
    """What can be played."""

    @property
    def path(self) -> str:
        """Its name, for people; the suffix says what has no signature."""

    @property
    def track(self) -> int | None:
        """Number among the streams of the payload's kind."""

    @property
    def live(self) -> bool:
        """Whether it comes as it happens, so that nothing may be held back."""

    def demux(self) -> AbstractContextManager[InputContainer]:
        """Open it as a container."""

    def refuse(self, why: str) -> FileUnusable:
        """Return the error that says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class MediaPath:
    """A file below the media folder."""

    root: Path
    path: str
    track: int | None = None
    """Number among the streams of the payload's kind."""
    live: ClassVar[bool] = False

    @contextmanager
    def open(self) -> Iterator[io.FileIO]:
        """Open the file for reading."""
        with io.FileIO(open_media(self.root, self.path), "rb") as file:
            yield file

    @contextmanager
    def demux(self) -> Iterator[InputContainer]:
        """Open the file as a container; whatever FFmpeg finds wrong with it is `FileUnusable`."""
        with self.open() as file:
            file.name = self.path
            try:
                with av.open(cast("object", file), "r", buffer_size=_READ_AT_ONCE) as container:
                    yield container
            except FFmpegError as error:
                raise FileUnusable(f"{self.path!r} cannot be read: {error.strerror}") from error

    def refuse(self, why: str) -> FileUnusable:
        """Return the error that says what is wrong with this file."""
        return FileUnusable(f"{self.path!r} {why}")


def chosen_stream(media: Media, container: InputContainer, kind: type[StreamT]) -> StreamT:
    """Return the stream of a kind that the settings name, or that a player would choose."""
    name = _NAMES[kind]
    if media.track is None:
        best = container.streams.best(name)
        if not isinstance(best, kind):
            raise media.refuse(f"has no {name} stream")
        return best
    tracks = [each for each in container.streams if isinstance(each, kind)]
    if media.track >= len(tracks):
        raise media.refuse(f"has no {name} track {media.track}, only {len(tracks)}, counted from 0")
    return tracks[media.track]


@overload
def decoded(media: Media, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]: ...
@overload
def decoded(media: Media, container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]: ...
def decoded(
    media: Media, container: InputContainer, stream: VideoStream | AudioStream
) -> Iterator[VideoFrame] | Iterator[AudioFrame]:
    """Yield the decoded frames of a stream. What is damaged ends a file; of something live it is left out."""
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except InvalidDataError:
            if not media.live:
                raise
            continue
        yield from cast("list[VideoFrame]", frames)
