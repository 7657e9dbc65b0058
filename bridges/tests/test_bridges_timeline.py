"""The exact time axis: the frame grid, its loops and its roundings."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_bridges.file.timeline import LONGEST_GAP, Placed, Stamped, nanoseconds, place_on_grid, ticks

RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60000, 1001), Fraction(120)]


def stamped(times: list[Fraction], rate: Fraction) -> list[Stamped[int]]:
    return [Stamped(number, at, 1 / rate) for number, at in enumerate(times)]


def slots(placed: list[Placed[int]]) -> list[tuple[int, int]]:
    return [(each.slot, each.picture) for each in placed]


@pytest.mark.parametrize("rate", RATES)
def test_a_million_frames_do_not_drift(rate: Fraction) -> None:
    last = 1_000_000
    assert abs(nanoseconds(last / rate) - last * 1_000_000_000 * rate.denominator / rate.numerator) <= 1
    assert ticks(last / rate, 90_000) == round(Fraction(last * 90_000) / rate)


@given(st.sampled_from(RATES), st.integers(0, 10**6), st.integers(0, 10**6))
def test_positions_add_up_wherever_one_begins(rate: Fraction, first: int, more: int) -> None:
    whole = nanoseconds((first + more) / rate)
    assert abs(whole - nanoseconds(first / rate) - nanoseconds(more / rate)) <= 1


@given(st.sampled_from(RATES), st.integers(1, 200), st.sampled_from([1000, 90_000, 12_800, 600]))
def test_timestamps_of_any_time_base_give_each_frame_its_slot(rate: Fraction, count: int, base: int) -> None:
    rounded = [Fraction(round(number / rate * base), base) for number in range(count)]
    assert slots(list(place_on_grid(stamped(rounded, rate), rate))) == [(n, n) for n in range(count)]


@given(st.sampled_from(RATES), st.lists(st.integers(0, 3000), min_size=1, max_size=60), st.integers(0, 10**9))
def test_every_slot_has_exactly_one_picture_whatever_the_timestamps(
    rate: Fraction, steps: list[int], first: int
) -> None:
    times = [Fraction(sum(steps[:number]), 1000) for number in range(1, len(steps) + 1)]
    placed = list(place_on_grid(stamped(times, rate), rate, first))
    assert placed[0].slot == first
    assert all(after.slot == before.slot + 1 for before, after in pairwise(placed))
    assert all(after.picture >= before.picture for before, after in pairwise(placed))


@pytest.mark.parametrize(
    ("file_rate", "rate", "pictures"),
    [
        (25, 50, [0, 0, 1, 1, 2, 2, 3, 3]),
        (50, 25, [0, 2]),
        (30, 30, [0, 1, 2, 3]),
        (24, 30, [0, 1, 2, 2, 3]),
    ],
)
def test_other_rates_repeat_or_leave_out_pictures(file_rate: int, rate: int, pictures: list[int]) -> None:
    times = [Fraction(number, file_rate) for number in range(4)]
    placed = place_on_grid(stamped(times, Fraction(file_rate)), Fraction(rate))
    assert [each.picture for each in placed] == pictures


def test_a_hole_repeats_the_picture_before_it() -> None:
    rate = Fraction(25)
    placed = place_on_grid(stamped([Fraction(0), Fraction(4, 25), Fraction(5, 25)], rate), rate)
    assert slots(list(placed)) == [(0, 0), (1, 0), (2, 0), (3, 0), (4, 1), (5, 2)]


@pytest.mark.parametrize("jump", [LONGEST_GAP * 2, Fraction(-3600)])
def test_a_jump_in_the_timestamps_goes_to_the_next_slot(jump: Fraction) -> None:
    rate = Fraction(25)
    times = [Fraction(0), Fraction(1, 25), Fraction(2, 25) + jump, Fraction(3, 25) + jump]
    assert slots(list(place_on_grid(stamped(times, rate), rate))) == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_timestamps_count_from_the_first_one_and_slots_from_the_pass_before() -> None:
    rate = Fraction(30000, 1001)
    times = [Fraction(1001 * number, 30000) + 7 for number in range(3)]
    assert slots(list(place_on_grid(stamped(times, rate), rate, 90))) == [(90, 0), (91, 1), (92, 2)]


def test_the_last_picture_is_shown_for_its_duration() -> None:
    rate = Fraction(10)
    placed = place_on_grid([Stamped("title", Fraction(0), Fraction(3, 10))], rate)
    assert [each.slot for each in placed] == [0, 1, 2]


def test_no_pictures_fill_no_slots() -> None:
    nothing: list[Stamped[int]] = []
    assert list(place_on_grid(nothing, Fraction(25))) == []
