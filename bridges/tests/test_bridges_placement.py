"""Where arriving frames belong in a recording, and the decoding times of encoded ones."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_bridges.file.decode_times import WINDOW, DecodeTimes
from mediamesh_bridges.file.placement import Arrival, FreePlacement, Placement

RATE = Fraction(30000, 1001)
BEGIN = 1_700_000_000 * 10**9


def at(slot: Fraction | int, rate: Fraction = RATE) -> int:
    return BEGIN + round(slot / rate * 10**9)


def placed(arrivals: list[tuple[int, int]]) -> list[int]:
    placement = Placement(RATE, tolerance=1)
    return [placement.place(Arrival(time, sequence)) for time, sequence in arrivals]


@given(st.lists(st.integers(-16_000_000, 16_000_000), min_size=1, max_size=200))
def test_jitter_below_half_a_frame_never_reaches_the_file(jitter: list[int]) -> None:
    arrivals = [(at(number) + shift, number) for number, shift in enumerate(jitter)]
    assert placed(arrivals) == list(range(len(jitter)))


def test_hours_later_a_frame_is_still_in_its_own_slot() -> None:
    placement = Placement(RATE, tolerance=1)
    assert [placement.place(Arrival(at(number), number)) for number in range(100_000)] == list(range(100_000))


@pytest.mark.parametrize(
    ("arrivals", "slots"),
    [
        pytest.param([(0, 0), (3, 3), (4, 4)], [0, 3, 4], id="two frames dropped on the way"),
        pytest.param([(0, 0), (3, 1), (4, 2)], [0, 1, 2], id="two frames that came late"),
        pytest.param([(0, 0), (9, 3), (9, 4)], [0, 3, 4], id="two frames dropped in a burst"),
        pytest.param([(0, 0), (1, 1), (200, 2), (2, 3)], [0, 1, 2, 3], id="one time that is wrong"),
        pytest.param([(0, 0), (1, 1), (50_000, 2), (50_001, 3)], [0, 1, 2, 3], id="a clock that was set ahead"),
        pytest.param([(0, 0), (1, 1), (-50_000, 2), (-49_999, 3)], [0, 1, 2, 3], id="a clock that was set back"),
        pytest.param([(0, 7), (1, 8), (2, 0), (3, 1)], [0, 1, 2, 3], id="a sequence that began anew"),
        pytest.param([(0, 0), (1, 1), (101, 0), (102, 1)], [0, 1, 101, 102], id="a source away for three seconds"),
        pytest.param([(0, 0), (0, 1), (0, 2), (0, 3)], [0, 1, 2, 3], id="a clock that stands still"),
    ],
)
def test_gaps_are_kept_and_jumps_are_not(arrivals: list[tuple[int, int]], slots: list[int]) -> None:
    assert placed([(at(slot), sequence) for slot, sequence in arrivals]) == slots


@given(st.lists(st.tuples(st.integers(-(10**12), 10**12), st.integers(0, 2**63)), min_size=1, max_size=50))
def test_positions_always_increase_whatever_a_source_says(arrivals: list[tuple[int, int]]) -> None:
    found = placed(arrivals)
    assert found[0] == 0
    assert all(after > before for before, after in pairwise(found))


def test_blocks_of_sound_are_counted_in_samples() -> None:
    placement = Placement(Fraction(48_000), tolerance=960)
    times = [BEGIN + number * 1_000_000 for number in range(4)]
    found = [placement.place(Arrival(time, number, 48)) for number, time in zip([0, 1, 5, 6], times, strict=True)]
    assert found == [0, 48, 240, 288]


def test_encoded_frames_keep_their_order_of_presentation() -> None:
    placement = FreePlacement(90_000)
    times = [placement.place(BEGIN + ms * 1_000_000) for ms in (0, 160, 80, 40, 120, 320)]
    assert times == [0, 14_400, 7_200, 3_600, 10_800, 28_800]


@pytest.mark.parametrize("jump", [3600, -3600])
def test_encoded_frames_go_on_after_a_jump(jump: int) -> None:
    placement = FreePlacement(1000)
    seconds = [0, 1, 2 + jump, 3 + jump]
    assert [placement.place(BEGIN + second * 10**9) for second in seconds] == [0, 1000, 1040, 2040]


def reordered(present: list[int]) -> list[tuple[int, int]]:
    times: DecodeTimes[int] = DecodeTimes(WINDOW)
    done = [timed for number, time in enumerate(present) for timed in times.add(number, time)]
    done += times.rest()
    assert [timed.frame for timed in done] == list(range(len(present)))
    return [(timed.present, timed.decode) for timed in done]


def test_decoding_times_of_b_pictures() -> None:
    found = reordered([0, 4, 2, 1, 3, 8, 6, 5, 7])
    assert [present for present, _ in found] == [0, 4, 2, 1, 3, 8, 6, 5, 7]
    assert [decode for _, decode in found] == [-2, -1, 0, 1, 2, 3, 4, 5, 6]


@given(st.lists(st.permutations(range(4)), min_size=1, max_size=40))
def test_decoding_times_increase_and_come_before_presentation(groups: list[list[int]]) -> None:
    present = [1000 * (4 * number + shown) for number, group in enumerate(groups) for shown in group]
    found = reordered(present)
    assert [shown for shown, _ in found] == present
    assert all(decode <= shown for shown, decode in found)
    assert all(after > before for (_, before), (_, after) in pairwise(found))


def test_without_reordering_nothing_is_held_back() -> None:
    times: DecodeTimes[str] = DecodeTimes(0)
    assert [(timed.frame, timed.decode) for timed in times.add("a", 5)] == [("a", 5)]
    assert list(times.rest()) == []
