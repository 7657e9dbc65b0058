from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mediamesh_agent.backoff import LONGEST, SHORTEST, STEADY, Backoff


def test_the_first_time_at_once_then_slower_up_to_a_bound() -> None:
    backoff = Backoff()
    delays = [backoff.delay(0) for _ in range(10)]
    assert delays[:4] == [0, SHORTEST, 2 * SHORTEST, 4 * SHORTEST]
    assert delays[-1] == LONGEST
    assert all(before <= after for before, after in pairwise(delays))


def test_a_steady_life_is_a_fresh_start() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.delay(0)
    assert backoff.delay(STEADY) == 0
    assert backoff.delay(0) == SHORTEST


@given(st.lists(st.floats(0, 100), max_size=50))
def test_it_never_waits_longer_than_the_bound(lives: list[float]) -> None:
    backoff = Backoff()
    assert all(0 <= backoff.delay(lived) <= LONGEST for lived in lives)
