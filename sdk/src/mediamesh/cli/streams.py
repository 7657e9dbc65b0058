"""Streams from and to files and pipes: y4m, wav and raw, which need no library, and nut for other pictures."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from mediamesh.cli import nut, wav, y4m
from mediamesh.errors import UnsuitableFile
from mediamesh_core.formats import AudioFormat, Format, VideoFormat

READ = ("y4m", "wav", "raw")
WRITTEN = (*READ, "nut")


def is_for_pyav(name: str, chosen: str | None) -> bool:
    """Return whether a file is none of the kinds here, whatever the format."""
    return not chosen and name != "-" and _suffix(name) not in READ


def kind_of(name: str, chosen: str | None, format: Format, kinds: Collection[str]) -> str | None:
    """Return which of the kinds a file is; None if it is for PyAV. Pipes are what fits the format best."""
    if is_for_pyav(name, chosen):
        return None
    if chosen or name != "-":
        return chosen or _suffix(name)
    if isinstance(format, VideoFormat) and format.pixel_format in y4m.SPACES:
        return "y4m"
    if isinstance(format, AudioFormat) and format.sample_format in wav.KINDS:
        return "wav"
    return "nut" if "nut" in kinds and nut.holds(format) else "raw"


def _suffix(name: str) -> str:
    return Path(name).suffix.removeprefix(".").lower()


def payloads(kind: str, file: BinaryIO, format: Format) -> Iterator[bytes]:
    """Yield what is to be sent, frame by frame."""
    if kind == "y4m":
        return y4m.pictures(file, format)
    if kind == "wav":
        return wav.blocks(file, format)
    return iter(lambda: file.read(format.capacity), b"")


def frames_in(name: str, kind: str, format: Format) -> int | None:
    """Return how many frames a file has by its size; None for what is no regular file."""
    path = Path(name)
    if name == "-" or not path.is_file():
        return None
    frame = format.capacity + (len(y4m.MARK) if kind == "y4m" else 0)
    return -(-(path.stat().st_size - len(header(kind, format))) // frame)


def header(kind: str, format: Format) -> bytes:
    """Return what a stream of the kind begins with; raises UnsuitableFile if it cannot hold the format."""
    if kind == "nut":
        nut.check(format)
    if kind in {"raw", "nut"}:
        return b""
    return y4m.header(format) if kind == "y4m" else wav.header(format)


class Writer(Protocol):
    """Where frames are put."""

    def write(self, payload: memoryview) -> None:
        """Add one frame."""

    def finish(self) -> None:
        """Complete the stream."""


def writer(kind: str, file: BinaryIO, format: Format, opening: bytes) -> Writer:
    """Return what writes a stream that begins with `opening`, its `header`."""
    if kind == "nut" and isinstance(format, VideoFormat):
        return nut.NutWriter(file, format)
    return PlainWriter(kind, file, format, opening)


class PlainWriter:
    """Puts frames one behind the other, after the header."""

    def __init__(self, kind: str, file: BinaryIO, format: Format, opening: bytes) -> None:
        self._kind = kind
        self._file = file
        self._format = format
        self._bytes = 0
        self._mark = y4m.MARK if kind == "y4m" else b""
        file.write(opening)

    def write(self, payload: memoryview) -> None:
        """Add one frame."""
        self._file.write(self._mark)
        self._file.write(payload)
        self._bytes += len(payload)

    def finish(self) -> None:
        """Put the true lengths where they belong, if the file can seek."""
        self._file.flush()
        if self._kind == "wav" and self._file.seekable():
            self._file.seek(0)
            self._file.write(wav.header(self._format, min(self._bytes, wav.UNKNOWN)))
            self._file.flush()


def check_readable(name: str) -> None:
    """Raise UnsuitableFile if there is no such file, before anybody waits for a place to send it to."""
    path = Path(name)
    if name != "-" and (not path.exists() or path.is_dir()):
        raise UnsuitableFile(f"{name}: {'is a folder' if path.is_dir() else 'there is no such file'}")


def check_writable(name: str, *, force: bool) -> None:
    """Raise UnsuitableFile if a file cannot be made, or may not be overwritten."""
    if name == "-":
        return
    path, folder = Path(name), Path(name).absolute().parent
    if not folder.is_dir():
        raise UnsuitableFile(f"there is no folder {folder}; make it first")
    if not path.exists():
        _check_takes_files(folder)
    elif not force:
        raise UnsuitableFile(f"{name} exists already; choose another name, or overwrite it with --force")


def _check_takes_files(folder: Path) -> None:
    """Make a file without a name: rights and kinds of file systems are too many to be asked one by one."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        text = f"no file can be made in {folder}: {error.strerror}; choose another folder"
        raise UnsuitableFile(text) from error


@contextlib.contextmanager
def reading(name: str) -> Iterator[BinaryIO]:
    """Open a file or standard input."""
    if name == "-":
        yield sys.stdin.buffer
        return
    with Path(name).open("rb") as file:
        yield file


@contextlib.contextmanager
def writing(name: str, *, force: bool) -> Iterator[BinaryIO]:
    """Open a new file or standard output."""
    if name == "-":
        yield sys.stdout.buffer
        return
    check_writable(name, force=force)
    with Path(name).open("wb" if force else "xb") as file:
        yield file
