"""What the recorder needs to know of a frame that it receives."""

from typing import Protocol

from mediamesh.frames import Flags

KEY_FRAME = int(Flags.KEY_FRAME)
DISCONTINUITY = int(Flags.DISCONTINUITY)
END_OF_STREAM = int(Flags.END_OF_STREAM)


class ReceivedFrame(Protocol):
    """The part of `mediamesh.frames.ReceivedFrame` that matters here."""

    @property
    def sequence(self) -> int:
        """Number in the flow."""

    @property
    def time(self) -> int:
        """TAI ns."""

    @property
    def duration(self) -> int:
        """In 1/90000 s."""

    @property
    def flags(self) -> int:
        """Key frame, discontinuity, end of stream."""

    @property
    def status(self) -> int:
        """Complete, partial or corrupt: `mediamesh.Status`."""

    @property
    def buffer(self) -> memoryview:
        """The payload."""
