"""Exact frame rates."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_core.formats import FormatError, exact_rate, rate_text


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        (25, Fraction(25)),
        ("25", Fraction(25)),
        ("60000/1001", Fraction(60000, 1001)),
        ("50000/1000", Fraction(50)),
        (Fraction(24000, 1001), Fraction(24000, 1001)),
        ("1/10", Fraction(1, 10)),
    ],
)
def test_exact_rates_are_taken(written: object, rate: Fraction) -> None:
    assert exact_rate(written) == rate


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        (23.976, "24000/1001"),
        ("23.98", "24000/1001"),
        ("29.97", "30000/1001"),
        ("47.95", "48000/1001"),
        ("59.94", "60000/1001"),
        (59.94005994, "60000/1001"),
        (119.88, "120000/1001"),
        (12.5, "25/2"),
        (25.0, "25"),
        ("30.0", "30"),
    ],
)
def test_decimal_numbers_are_refused_with_what_to_write(written: object, instead: str) -> None:
    with pytest.raises(FormatError, match=f"is not exact; write {instead}$"):
        exact_rate(written)


@pytest.mark.parametrize(
    "written",
    [
        *(0, -25, True, None, float("nan"), float("inf")),
        *("0", "0/5", "1/0", "", "25 fps", "1e3000", "nan", "1" * 10, "\u0663"),
        [],
    ],
    ids=repr,
)
def test_what_is_no_rate_is_refused(written: object) -> None:
    with pytest.raises(FormatError):
        exact_rate(written)


@given(st.fractions(min_value=Fraction(1, 900), max_value=1_000_000, max_denominator=999))
def test_text_comes_back_exactly(rate: Fraction) -> None:
    assert exact_rate(rate_text(rate)) == rate


@given(st.one_of(st.text(), st.floats(), st.integers(), st.binary()))
def test_anything_is_a_rate_or_refused(written: object) -> None:
    try:
        rate = exact_rate(written)
    except FormatError as error:
        assert error.field == "frameRate"  # noqa: PT017
    else:
        assert 0 < rate <= 1_000_000
