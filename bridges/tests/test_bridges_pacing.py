"""When units are due, what time they carry, and what happens to a player that is late."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_bridges.file.pacing import LiveSchedule, Now, Schedule

FRAME = Fraction(1001, 30000)
MS = 1_000_000
START = Now(monotonic=77, tai=1_700_000_000_123_456_789)


def running(clock_rate: int = 90_000, position: Fraction = Fraction(0)) -> Schedule:
    schedule = Schedule(clock_rate)
    schedule.due(position, FRAME, START)
    return schedule


def test_the_first_unit_is_due_at_once_wherever_it_is() -> None:
    schedule = Schedule(90_000)
    due = schedule.due(Fraction(5), FRAME, START)
    assert (due.deadline, due.discontinuity) == (START.monotonic, False)
    assert schedule.time(Fraction(5)) == START.tai


@pytest.mark.parametrize("late_ms", [0, 1, 20, 190])
def test_lateness_never_moves_what_follows(late_ms: int) -> None:
    schedule = running()
    for number in (1, 2, 3, 1_000_000):
        position = number * FRAME
        exact = START.monotonic + round(position * 10**9)
        due = schedule.due(position, FRAME, Now(exact + late_ms * MS, 0))
        assert (due.deadline, due.discontinuity) == (exact, False)
        assert schedule.time(position) == START.tai + round(position * 10**9)


@pytest.mark.parametrize(
    ("duration", "tolerated_ms", "too_much_ms"),
    [(Fraction(1, 1000), 200, 201), (Fraction(1, 25), 320, 321), (Fraction(1), 8000, 8001)],
)
def test_beyond_the_limit_the_schedule_begins_anew(duration: Fraction, tolerated_ms: int, too_much_ms: int) -> None:
    schedule = running()
    deadline = START.monotonic + round(duration * 10**9)
    assert not schedule.due(duration, duration, Now(deadline + tolerated_ms * MS, 0)).discontinuity
    late = Now(deadline + too_much_ms * MS, 42)
    due = schedule.due(duration, duration, late)
    assert (due.deadline, due.discontinuity) == (late.monotonic, True)
    assert schedule.time(duration) == 42
    following = schedule.due(2 * duration, duration, late)
    assert (following.deadline, following.discontinuity) == (late.monotonic + round(duration * 10**9), False)


def test_being_early_is_no_reason_to_begin_anew() -> None:
    due = running().due(Fraction(3600), FRAME, START)
    assert (due.deadline, due.discontinuity) == (START.monotonic + 3600 * 10**9, False)


@given(st.integers(0, 10**6), st.sampled_from([44_100, 48_000, 96_000]), st.integers(1, 4800))
def test_rtp_timestamps_of_sound_advance_by_exactly_the_samples(block: int, rate: int, samples: int) -> None:
    schedule = running(rate)
    here = schedule.rtp_timestamp(Fraction(block * samples, rate))
    following = schedule.rtp_timestamp(Fraction((block + 1) * samples, rate))
    assert (following - here) % 2**32 == samples


def test_rtp_timestamps_are_tai_in_ticks_and_wrap() -> None:
    schedule = running()
    assert schedule.rtp_timestamp(Fraction(0)) == START.tai * 90_000 // 10**9 % 2**32
    wrapped = Fraction(2**32, 90_000)
    assert schedule.rtp_timestamp(wrapped) == schedule.rtp_timestamp(Fraction(0))


def test_time_is_refused_before_there_is_a_schedule() -> None:
    with pytest.raises(RuntimeError, match="first unit"):
        Schedule(90_000).time(Fraction(0))


def live() -> LiveSchedule:
    schedule = LiveSchedule(90_000)
    schedule.due(Fraction(0), FRAME, START)
    return schedule


@pytest.mark.parametrize("ms", [-190, -20, 0, 20, 190])
def test_what_is_live_is_due_at_once_and_keeps_its_times(ms: int) -> None:
    schedule = live()
    now = Now(START.monotonic + 1000 * MS + ms * MS, START.tai + 1000 * MS + ms * MS)
    due = schedule.due(Fraction(1), FRAME, now)
    assert (due.deadline, due.discontinuity) == (now.monotonic, False)
    assert schedule.time(Fraction(1)) == START.tai + 1000 * MS


@pytest.mark.parametrize("ms", [-300, 300])
def test_what_is_live_begins_anew_where_its_clock_has_run_away(ms: int) -> None:
    schedule = live()
    now = Now(START.monotonic + 1000 * MS + ms * MS, START.tai + 1000 * MS + ms * MS)
    due = schedule.due(Fraction(1), FRAME, now)
    assert (due.deadline, due.discontinuity) == (now.monotonic, True)
    assert schedule.time(Fraction(1)) == now.tai
