"""One file that is being recorded, from its first frame to its name, or to the error that ended it.

FFmpeg reports a failed write late and in its own words, so the file remembers what went wrong first. After
that FFmpeg's writes reach it no more (see `part`), it is cut after the last frame that was written whole, and
published; if not even that works it stays a part, which the next recorder finds.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from av.error import FFmpegError

from mediamesh_bridges.errors import BridgeError, DiskFull, RecordingFailed
from mediamesh_bridges.file.part import Part
from mediamesh_bridges.file.positions import positions
from mediamesh_bridges.file.received import ReceivedFrame
from mediamesh_bridges.file.settings import RecordSettings
from mediamesh_bridges.file.writers import open_writer, repair_for
from mediamesh_core.formats import Format

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_ROOM_FOR_FRAMES = 4
_ROOM_AT_LEAST = 1 << 20


class Recording:
    """A part, its writer, and where the next frame belongs."""

    def __init__(self, part: Part, path: str, format: Format, settings: RecordSettings, begun: int) -> None:
        self.begun = begun
        self._path = path
        self._part = part
        self._positions = positions(format)
        self._writer = open_writer(part.file, format, settings)
        self._begun = False
        self._whole = 0  # bytes of the file when the last frame had been written

    def write(self, frame: ReceivedFrame) -> bool:
        """Add a frame and return True, False if it is not whole; or raise why the recording is over."""
        payload = frame.buffer
        recorded = self._positions.recorded(frame, payload)
        if recorded is None:
            return False
        self._begun = True
        try:
            self._writer.write(recorded)
        except (OSError, FFmpegError) as error:
            raise self._ended_by(error) from error
        self._whole = self._part.file.size()
        return True

    def finish(self) -> None:
        """Complete the file and publish it."""
        try:
            self._writer.finish()
            if self._begun and self._part.file.size():  # encoded frames before the first key frame leave nothing
                self._part.publish()
            else:
                self._part.discard()
        except (OSError, FFmpegError) as error:
            raise self._ended_by(error) from error

    def _ended_by(self, error: Exception) -> BridgeError:
        cause = self._part.file.failure or error
        self._part.file.stop(cause)
        with suppress(OSError, FFmpegError):  # nothing is written any more, but FFmpeg has to let go of the file
            self._writer.finish()
        try:
            kept = self._keep()
        except OSError:
            kept = "what there is of it stays a hidden part until the next recording begins"
        return explained(cause, f"{self._path!r} ended early, {kept}")

    def _keep(self) -> str:
        """Publish the frames that were written whole."""
        if not self._whole:
            self._part.discard()
            return "nothing was recorded"
        self._part.cut(self._whole, repair_for(self._path))
        return f"what was recorded so far is {self._part.publish()!r}"


def begin_recording(
    folder: int, name: str, path: str, format: Format, settings: RecordSettings, begun: int
) -> Recording:
    """Create the file of a recording in a folder; nothing is left if it cannot be written."""
    part = Part.begin(folder, name)
    try:
        return Recording(part, path, format, settings, begun)
    except BaseException:
        part.discard()
        raise


def check_room(folder: int, path: str, frame_bytes: int) -> None:
    """Raise `DiskFull` if a folder has no room for a recording that deserves the name.

    Where a file system has no blocks to count it says nothing of its room: it may be a tmpfs without a limit, or one
    of the kernel's that takes no files at all (/proc), and says so when one is made.
    """
    state = os.fstatvfs(folder)
    needed = max(_ROOM_AT_LEAST, _ROOM_FOR_FRAMES * frame_bytes)
    if state.f_blocks and state.f_bavail * state.f_frsize < needed:
        raise DiskFull(f"the disk is full: {path!r} is not begun with less than {needed} bytes free")


def explained(error: Exception, what: str) -> BridgeError:
    """Return the error that tells a person what went wrong."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return DiskFull(f"the disk is full: {what}")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return RecordingFailed(f"{what}: {reason}")
