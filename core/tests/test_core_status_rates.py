"""Rates as they are shown: the promised one, two digits otherwise, and calm."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_core.status.rates import Rates, rate_between, shown_rate

NTSC = Fraction(60000, 1001)


@pytest.mark.parametrize(
    ("rate", "nominal", "shown"),
    [
        (59.5, NTSC, "59.94/s"),
        (25.1, Fraction(25), "25/s"),
        (23.9, Fraction(24000, 1001), "23.98/s"),
        (1000.2, Fraction(1000), "1000/s"),
        (57.2, NTSC, "57/s"),
        (0.0, NTSC, "0/s"),
        (57.2, None, "57/s"),
        (1234.0, None, "1200/s"),
        (9.96, None, "10/s"),
        (0.123, None, "0.12/s"),
        (3.0, None, "3/s"),
        (99.7, None, "100/s"),
        (1e-9, None, "0/s"),
        (1e99, None, "1000000000/s"),
    ],
)
def test_rate_is_shown(rate: float, nominal: Fraction | None, shown: str) -> None:
    assert shown_rate(rate, nominal, "") == shown


@pytest.mark.parametrize(
    ("before", "rate", "shown"),
    [
        ("59.94/s", 57.5, "59.94/s"),
        ("59.94/s", 56.0, "56/s"),
        ("57/s", 58.0, "57/s"),
        ("57/s", 54.0, "54/s"),
        ("57/s", 59.6, "59.94/s"),
        ("0/s", 30.0, "30/s"),
        ("30/s", 0.0, "0/s"),
        ("nonsense", 30.0, "30/s"),
    ],
)
def test_what_was_shown_stays_while_the_rate_is_near(before: str, rate: float, shown: str) -> None:
    assert shown_rate(rate, NTSC, before) == shown


@given(st.floats(0.001, 1e6), st.lists(st.floats(0.99, 1.01), max_size=20), st.none() | st.integers(1, 1000))
def test_steady_rate_changes_at_most_once(rate: float, wobble: list[float], nominal: int | None) -> None:
    promised = Fraction(nominal) if nominal else None
    shown = shown_rate(rate, promised, "")
    seen = [shown]
    for factor in wobble:
        shown = shown_rate(rate * factor, promised, shown)
        if shown != seen[-1]:
            seen.append(shown)
    assert len(seen) <= 2


def test_rate_is_that_of_one_hub() -> None:
    assert rate_between(100, 1.0, 160, 2.0) == 60
    assert rate_between(100, 1.0, 50, 2.0) is None
    assert rate_between(100, 2.0, 160, 2.0) is None


def test_a_rate_is_of_the_last_stretch_by_the_hubs_clock() -> None:
    rates = Rates()
    rates.update(100.0, {"cam": 0})
    rates.update(100.1, {"cam": 10})
    assert rates.rates == {}
    rates.update(100.0 + 5, {"cam": 300})
    assert rates.rates == {"cam": pytest.approx(60.0)}
    rates.update(105.1, {"cam": 310})
    assert rates.rates == {"cam": pytest.approx(60.0)}
    rates.update(115.0, {"cam": 300})
    assert rates.rates == {"cam": 0.0}


def test_a_hub_that_began_anew_has_no_rate_at_first() -> None:
    rates = Rates()
    rates.update(100.0, {"cam": 1000})
    rates.update(110.0, {"cam": 2000})
    rates.update(3.0, {"cam": 5})
    assert rates.rates == {}
    rates.update(13.0, {"cam": 605})
    assert rates.rates == {"cam": pytest.approx(60.0)}


@given(st.lists(st.tuples(st.integers(0, 2**63), st.floats(0, 1e9)), max_size=20))
def test_whatever_counters_say_a_rate_is_none_or_not_negative(samples: list[tuple[int, float]]) -> None:
    rates = Rates()
    for frames, clock in samples:
        rates.update(clock, {"cam": frames})
        assert all(rate >= 0 for rate in rates.rates.values())
