"""Sources that stall, catch up, drift and restart: what was sent without a gap is recorded without one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_bridges.file.placement import Arrival, Placement

BEGIN = 1_700_000_000 * 10**9


@dataclass(frozen=True, slots=True)
class Kind:
    """A flow: units a second, units a frame, and the tolerance in units."""

    rate: Fraction
    size: int
    tolerance: int

    def seconds(self, frames: Fraction | float) -> float:
        return float(frames * self.size / self.rate)

    def frames(self, seconds: float) -> int:
        return int(seconds * self.rate / self.size)


SOUND = Kind(Fraction(48_000), 480, 960)
VIDEO = Kind(Fraction(30_000, 1001), 1, 1)
kinds = pytest.mark.parametrize("kind", [SOUND, VIDEO], ids=["sound", "video"])
stalls = st.lists(st.tuples(st.floats(0, 12), st.floats(0, 4)), max_size=8)


def inserted(kind: Kind, sent: Iterable[float], numbers: Sequence[int] = (), flagged: int = -1) -> list[int]:
    """Units of silence, or empty slots, in front of every frame that was sent at these seconds."""
    placement = Placement(kind.rate, kind.tolerance)
    found, end = [], 0
    for index, second in enumerate(sent):
        number = numbers[index] if numbers else index
        arrival = Arrival(BEGIN + round(second * 1e9), number, kind.size, discontinuity=index == flagged)
        position = placement.place(arrival)
        found.append(position - end)
        end = position + kind.size
    return found


@cache
def regular(kind: Kind, seconds: float) -> tuple[float, ...]:
    return tuple(kind.seconds(number) for number in range(kind.frames(seconds)))


def stalled(due: Iterable[float], pauses: Sequence[tuple[float, float]]) -> list[float]:
    """Frames that are due during a pause are sent in one burst at its end."""
    sent = []
    for second in due:
        late = second
        for begin, length in sorted(pauses):
            late = begin + length if begin <= late < begin + length else late
        sent.append(late)
    return sent


@kinds
@given(pauses=stalls)
def test_stalls_and_bursts_insert_nothing(kind: Kind, pauses: list[tuple[float, float]]) -> None:
    assert not any(inserted(kind, stalled(regular(kind, 16), pauses)))


@kinds
@given(length=st.floats(0.05, 4), speed=st.floats(1.1, 8))
def test_catching_up_slowly_inserts_nothing(kind: Kind, length: float, speed: float) -> None:
    due = regular(kind, 45)
    sent = [max(second, 2 + length + (second - 2) / speed) if second >= 2 else second for second in due]
    assert not any(inserted(kind, sent))


@kinds
@given(jitter=st.lists(st.floats(0, 0.4), min_size=50, max_size=50))
def test_jitter_far_above_the_tolerance_inserts_nothing(kind: Kind, jitter: list[float]) -> None:
    due = regular(kind, 12)
    late = [second + (jitter[index % 50] if index % 10 else 0.0) for index, second in enumerate(due)]
    assert not any(inserted(kind, late))


@kinds
@given(pauses=stalls, lost=st.tuples(st.floats(0.1, 14), st.integers(1, 60)))
def test_missing_numbers_leave_exactly_their_place_even_in_a_burst(
    kind: Kind, pauses: list[tuple[float, float]], lost: tuple[float, int]
) -> None:
    first, count = kind.frames(lost[0]) + 1, lost[1]
    sent = stalled(regular(kind, 18), pauses)
    kept = [number for number in range(len(sent)) if not first <= number < first + count]
    gaps = inserted(kind, [sent[number] for number in kept], kept)
    assert sum(gaps) == (count * kind.size if kept[-1] >= first + count else 0)
    assert all(gap == 0 for index, gap in enumerate(gaps) if index != first)


@kinds
@given(away=st.floats(0.2, 9))
@pytest.mark.parametrize("anew", [False, True], ids=["numbers go on", "numbers begin anew"])
def test_a_new_source_leaves_the_time_that_it_was_away(kind: Kind, away: float, *, anew: bool) -> None:
    before = regular(kind, 3)
    after = [second + kind.seconds(len(before)) + away for second in regular(kind, 3)]
    numbers = [*range(len(before)), *range(0 if anew else len(before), len(after) + (0 if anew else len(before)))]
    gaps = inserted(kind, [*before, *after], numbers, flagged=-1 if anew else len(before))
    assert abs(gaps[len(before)] - away * kind.rate) <= 1
    assert sum(gaps) == gaps[len(before)]


@kinds
@given(lost=st.floats(0.1, 9))
def test_what_a_source_left_out_unnumbered_is_inserted_once_when_it_lasts(kind: Kind, lost: float) -> None:
    late = [second + (lost if second >= 3 else 0.0) for second in regular(kind, 14)]
    gaps = inserted(kind, late)
    assert abs(sum(gaps) - lost * kind.rate) <= 1
    assert sum(gap > 0 for gap in gaps) == 1
    assert not any(gaps[: kind.frames(3.5)])


@pytest.mark.parametrize("kind", [Kind(Fraction(48_000), 4800, 4800), VIDEO], ids=["sound", "video"])
@pytest.mark.parametrize("ppm", [-300, -50, 50, 300])
def test_a_drifting_clock_never_inserts_more_than_it_drifts(kind: Kind, ppm: int) -> None:
    sent = [second * (1 + ppm / 1e6) for second in regular(kind, 1800)]
    drift = max(0.0, 1800 * ppm / 1e6 * kind.rate)
    assert drift - kind.tolerance - 2 * kind.rate * abs(ppm) / 1e6 - 1 <= sum(inserted(kind, sent)) <= drift


def test_a_clock_that_wanders_to_and_fro_is_followed_once() -> None:
    swing = [second + 0.15 * (1 - abs(second % 200 - 100) / 100) for second in regular(SOUND, 1000)]
    assert 0 < sum(inserted(SOUND, swing)) <= 0.15 * SOUND.rate
