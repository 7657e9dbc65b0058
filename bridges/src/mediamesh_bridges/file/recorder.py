"""Turns the frames of a flow into finished files.

A recording begins with the first frame that comes, which also gives it its name, and is finished at the end of the
stream, after `segmentSeconds`, and when the recorder is closed; the next frame begins the next one. A
frame whose payload is not whole is left out, as a missing one is, and told (see `left_out`); an empty one that ends
the stream is no frame that anybody misses.

When the disk is full the recording is published as far as it goes, because that is all there will be of it, and
the recorder gives up with `DiskFull`; supervision starts it again, more and more slowly. So that this does not
litter the disk with empty files, no recording is begun without room for its first frames.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mediamesh_bridges.errors import BridgeError, FramesNotWhole
from mediamesh_bridges.file.folder import components, open_folder
from mediamesh_bridges.file.left_out import LeftOut
from mediamesh_bridges.file.naming import expand
from mediamesh_bridges.file.positions import whole_length
from mediamesh_bridges.file.received import END_OF_STREAM, KEY_FRAME, ReceivedFrame
from mediamesh_bridges.file.recording import Recording, begin_recording, check_room, explained
from mediamesh_bridges.file.settings import RecordSettings
from mediamesh_bridges.file.timeline import NANOSECONDS
from mediamesh_core.formats import EncodedFormat, Format


class Recorder:
    """Records a flow into one file after the other."""

    def __init__(
        self,
        root: Path,
        settings: RecordSettings,
        format: Format,
        utc_seconds: Callable[[int], float],
        left_out: LeftOut,
    ) -> None:
        self._root = root
        self._settings = settings
        self._format = format
        self._utc_seconds = utc_seconds
        self._left_out = left_out
        self._recording: Recording | None = None

    def record(self, frame: ReceivedFrame) -> None:
        """Add a frame; afterwards its memory is not needed any more.

        Raises
        ------
        DiskFull, RecordingFailed
            The recording could not go on; what there is of it is kept.
        FramesNotWhole
            Nothing comes that could be recorded; what there is of the recording is finished.
        """
        if self._recording is not None and self._is_over(self._recording, frame):
            self.close()
        if self._recording is None:
            self._recording = self._begin(frame)
        self._write(self._recording, frame)
        if frame.flags & END_OF_STREAM:
            self.close()

    def close(self) -> None:
        """Finish the recording that is being written, if any."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.finish()

    def _write(self, recording: Recording, frame: ReceivedFrame) -> None:
        try:
            whole = recording.write(frame)
        except BridgeError:
            self._recording = None
            raise
        if whole:
            self._left_out.whole()
        elif len(frame.buffer) or not frame.flags & END_OF_STREAM:
            self._leave_out(frame)

    def _leave_out(self, frame: ReceivedFrame) -> None:
        what = f"frame {frame.sequence} has {len(frame.buffer)} bytes instead of {whole_length(self._format)}"
        try:
            self._left_out.add(what)
        except FramesNotWhole:
            self.close()
            raise

    def _begin(self, frame: ReceivedFrame) -> Recording:
        path = expand(self._settings.path, self._utc_seconds(frame.time))
        *folders, name = components(path)
        try:
            with open_folder(self._root, folders, create=True) as folder:
                check_room(folder, path, self._format.capacity)
                return begin_recording(folder, name, path, self._format, self._settings, frame.time)
        except OSError as error:
            raise explained(error, f"{path!r} cannot be begun") from error

    def _is_over(self, recording: Recording, frame: ReceivedFrame) -> bool:
        seconds = self._settings.segment_seconds
        if seconds is None or (isinstance(self._format, EncodedFormat) and not frame.flags & KEY_FRAME):
            return False
        return frame.time - recording.begun >= seconds * NANOSECONDS
