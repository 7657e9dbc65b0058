"""Waiting for the machine to be calm, and saying so when it was not.

While nothing of ours runs, all CPU time that is spent is somebody else's. Before every round that is looked at for a
tenth of a second. If others use more than a fifth of the machine the round is put off, as long as the case's patience
lasts; after that it is run all the same, and the result says how many rounds were.
"""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOOK = 0.1
BUSY = 0.2
_IDLE, _IOWAIT, _STEAL = 3, 4, 7


def _ticks() -> list[int]:
    return [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]


def _shares(before: list[int], after: list[int]) -> tuple[float, float]:
    """Return (busy, steal) as shares of all CPUs."""
    spent = [max(0, new - old) for new, old in zip(after, before, strict=True)]
    total = sum(spent) or 1
    return 1 - (spent[_IDLE] + spent[_IOWAIT]) / total, spent[_STEAL] / total


@dataclass(slots=True)
class Calm:
    """The patience of one case.

    Parameters
    ----------
    patience
        Seconds that all its rounds together may be put off.
    """

    patience: float = 8.0
    _before_rounds: list[float] = field(default_factory=list)
    _start: list[int] = field(default_factory=_ticks)

    def wait(self) -> None:
        """Return when others use little of the machine, or when patience is at an end."""
        while (busy := self._others()) > BUSY and self.patience > 0:
            self.patience -= LOOK
        self._before_rounds.append(busy)

    def report(self) -> dict[str, Any]:
        """Tell how calm it was; loads as shares of all CPUs."""
        _, steal = _shares(self._start, _ticks())
        rounds = self._before_rounds
        return {
            "rounds": len(rounds),
            "rounds_while_others_worked": sum(busy > BUSY for busy in rounds),
            "others_share_mean": round(sum(rounds) / len(rounds), 3) if rounds else 0.0,
            "steal_share": round(steal, 4),
            "loadavg": round(os.getloadavg()[0], 2),
        }

    @staticmethod
    def _others() -> float:
        before = _ticks()
        time.sleep(LOOK)
        return _shares(before, _ticks())[0]
