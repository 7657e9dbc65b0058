"""Is this the film, whole and unaltered? A pure comparison of digests with what must come.

The film repeats, so the picture after the last is the first. A picture may occur more than once, so what is
followed is the set of all places where the film could be; a frame is right if its picture is at the place that
follows. A gap in the sequence moves the place on and is counted. After a flagged discontinuity (the source or the
hub began anew) any place is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mediamesh_agent.demo.report import Report


@dataclass(slots=True)
class Proof:
    """Compares frames with the film, in the order in which they come."""

    expected: Sequence[bytes]
    report: Report = field(default_factory=Report)
    _places_of: dict[bytes, frozenset[int]] = field(default_factory=dict)
    _places: frozenset[int] = frozenset()
    _last: int = -1

    def __post_init__(self) -> None:
        for place, digest in enumerate(self.expected):
            self._places_of[digest] = self._places_of.get(digest, frozenset()) | {place}

    def see(self, sequence: int, digest: bytes, *, discontinuity: bool) -> None:
        """Take one frame."""
        self.report.frames += 1
        self.report.discontinuities += discontinuity
        step = sequence - self._last
        if discontinuity or self._last < 0:
            due = frozenset(range(len(self.expected)))
        else:
            self.report.lost += max(0, step - 1)
            due = frozenset((place + step) % len(self.expected) for place in self._places)
        self._last = sequence
        self._judge(digest, due)

    def would_follow(self, digest: bytes) -> bool:
        """Return whether this picture can be the one after the last, without a gap."""
        due = frozenset((place + 1) % len(self.expected) for place in self._places)
        return bool(self._places_of.get(digest, frozenset()) & due)

    def _judge(self, digest: bytes, due: frozenset[int]) -> None:
        found = self._places_of.get(digest, frozenset())
        if not found:
            self.report.altered += 1
            self._places = due
        elif found & due:
            self._places = found & due
        else:
            self.report.misplaced += 1
            self._places = found
