from hypothesis import given
from hypothesis import strategies as st

from mediamesh_operator.pace import BURST, BYTES, PATIENCE, RATE, Pace


def test_a_burst_of_changes_does_not_wait() -> None:
    pace = Pace()
    assert all(pace.delay(1000, 0.0) == 0 for _ in range(int(BURST) - 1))
    assert pace.late == 0


def test_who_speaks_steadily_at_the_allowed_rate_never_waits() -> None:
    pace = Pace()
    assert all(pace.delay(0, number / RATE) == 0 for number in range(1000))


def test_a_flood_comes_through_at_the_allowed_rate_and_ends() -> None:
    pace, now, taken = Pace(), 0.0, 0
    while not pace.flooded:
        now += pace.delay(0, now)
        taken += 1
    assert taken <= BURST + PATIENCE + 1
    assert taken <= BURST + now * RATE + 1


def test_large_messages_cost_more() -> None:
    pace = Pace()
    assert pace.delay(int(BURST) * BYTES, 0.0) > 0


def test_a_pause_is_forgiveness() -> None:
    pace = Pace()
    for _ in range(PATIENCE):
        pace.delay(0, 0.0)
    assert pace.late > 0
    assert pace.delay(0, 1e6) == 0
    assert pace.late == 0


@given(st.lists(st.tuples(st.integers(0, 4 * 1024 * 1024), st.floats(0, 10)), max_size=100))
def test_nobody_gets_more_than_is_earned(messages: list[tuple[int, float]]) -> None:
    pace, now, cost = Pace(), 0.0, 0.0
    for size, idle in messages:
        now += idle
        now += pace.delay(size, now)
        cost += 1 + size / BYTES
    assert cost <= BURST + now * RATE + 1e-6 * (1 + cost)
