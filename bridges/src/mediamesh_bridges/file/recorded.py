"""What the recorder hands to a writer, and what a writer is."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Recorded:
    """One frame of the flow on its way into a file. The payload may be read only until `write` returns."""

    payload: memoryview
    position: int
    """Pictures of the frame grid, samples, or ticks of the encoded stream's clock since the beginning of the file."""
    duration: int = 0
    """In the same units; 0 if not known."""
    key: bool = True
    """Decoding can begin here."""


class Writer(Protocol):
    """A file that is being recorded, readable as far as it goes after every few frames."""

    def write(self, recorded: Recorded) -> None:
        """Add a frame."""

    def finish(self) -> None:
        """Add what has to come at the end."""
