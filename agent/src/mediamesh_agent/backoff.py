"""How long to wait before something that ended is started again."""

from dataclasses import dataclass
from typing import Final

FIRST: Final = 0.0
SHORTEST: Final = 0.1
LONGEST: Final = 5.0
STEADY: Final = 10.0


@dataclass(slots=True)
class Backoff:
    """At once the first time, then twice as long each time; forgotten after `STEADY` seconds of life."""

    _next: float = FIRST

    def delay(self, lived: float) -> float:
        """Return the seconds to wait after something that lived `lived` seconds."""
        if lived >= STEADY:
            self._next = FIRST
        delay = self._next
        self._next = min(max(SHORTEST, 2 * delay), LONGEST)
        return delay
