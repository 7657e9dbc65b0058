"""How fast an agent may speak. Messages beyond it wait in the network, where they cost nobody anything.

A message costs one, and one more for every `BYTES` it has; `RATE` are earned each second, up to `BURST`. Who has
spent more waits until it is earned, so a flood comes through at the allowed rate. An agent whose messages all had to
wait, `PATIENCE` of them in a row, is no agent that reports changes, and is sent away.
"""

from dataclasses import dataclass
from typing import Final

RATE: Final = 10.0
BURST: Final = 50.0
BYTES: Final = 64 * 1024
PATIENCE: Final = 300


@dataclass(slots=True)
class Pace:
    """What one agent has to spend; times are seconds of one monotonic clock."""

    _purse: float = BURST
    _looked: float | None = None
    late: int = 0
    """Messages in a row that had to wait."""

    def delay(self, size: int, now: float) -> float:
        """Pay for a message of `size` bytes; return the seconds to wait before the next is taken."""
        earned = 0.0 if self._looked is None else (now - self._looked) * RATE
        self._purse = min(BURST, self._purse + earned) - 1 - size / BYTES
        self._looked = now
        self.late = 0 if self._purse >= 0 else self.late + 1
        return max(0.0, -self._purse / RATE)

    @property
    def flooded(self) -> bool:
        """Whether it is time to send the agent away."""
        return self.late >= PATIENCE
