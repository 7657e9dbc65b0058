"""Rounds in turns, and what is made of them.

Noise on a shared machine comes in stretches of seconds. Contestants that take turns meet the same stretches, and the
median over the rounds forgets the worst of them. Between rounds the harness waits for calm; see `bench.calm`.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from bench.calm import Calm

T = TypeVar("T")


def in_turns(rounds: int, contestants: Mapping[str, Callable[[], T]], calm: Calm) -> dict[str, list[T]]:
    """Run every contestant once per round, and every other round in the opposite order."""
    results: dict[str, list[T]] = {name: [] for name in contestants}
    order = list(contestants)
    for number in range(rounds):
        calm.wait()
        for name in order if number % 2 == 0 else reversed(order):
            results[name].append(contestants[name]())
    return results


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that at least `share` of all do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]


def spread(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Summarise rounds as least, median and most."""
    figures = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return {name: round(value, digits) for name, value in figures.items()}
