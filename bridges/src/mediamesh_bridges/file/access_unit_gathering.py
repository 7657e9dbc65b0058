"""Access units from a flow whose frames are access units, or NAL units of them.

The NAL units of one access unit carry the same time; the first one with another time begins the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from mediamesh_bridges.file.recorded import Recorded


@dataclass(frozen=True, slots=True)
class Gathered:
    """One access unit; its bytes are its own."""

    data: bytes
    position: int
    duration: int
    key: bool


class Gathering:
    """Joins the NAL units of an access unit."""

    def __init__(self, alignment: str) -> None:
        self._whole = alignment == "accessUnit"
        self._held: list[Gathered] = []

    def add(self, recorded: Recorded) -> Gathered | None:
        """Take a frame and return the access unit that is complete now, if one is."""
        piece = Gathered(bytes(recorded.payload), recorded.position, recorded.duration, recorded.key)
        if self._whole:
            return piece
        complete = self.rest() if self._held and self._held[0].position != piece.position else None
        self._held.append(piece)
        return complete

    def rest(self) -> Gathered | None:
        """Return the access unit that is being joined, if any; no more of it will come."""
        if not self._held:
            return None
        pieces, self._held = self._held, []
        data = b"".join(piece.data for piece in pieces)
        return Gathered(data, pieces[0].position, pieces[0].duration, any(piece.key for piece in pieces))
