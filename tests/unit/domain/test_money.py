"""Money and shares: decimal text to integers and back, exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.money import (
    CURRENCIES,
    amount_text,
    decimal_text,
    down_to_minor_unit,
    millionths,
    minor_digits,
    percent_ppm,
    percent_text,
)


@pytest.mark.parametrize(
    ("text", "micros"),
    [("0", 0), ("1.20", 1_200_000), ("0.000001", 1), ("999999999999", 999_999_999_999_000_000)],
)
def test_decimal_text_is_exact_millionths(text: str, micros: int) -> None:
    assert millionths(text) == micros


def test_what_is_finer_than_a_millionth_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 6 decimals"):
        millionths("0.0000001")
    with pytest.raises(ValueError, match="more than 4 decimals"):
        percent_ppm("0.00001")


def test_per_cent_is_ten_thousand_parts_per_million() -> None:
    assert (percent_ppm("12.5"), percent_ppm("100"), percent_ppm("0.0001")) == (
        125_000,
        1_000_000,
        1,
    )


@pytest.mark.parametrize(("code", "digits"), [("USD", 2), ("JPY", 0), ("VND", 0), ("KWD", 3)])
def test_a_currencys_smallest_unit_is_iso_4217s(code: str, digits: int) -> None:
    assert minor_digits(code) == digits
    assert code in CURRENCIES


def test_no_fund_metal_or_test_code_is_a_currency_to_be_paid_in() -> None:
    assert not CURRENCIES & {"XAU", "XTS", "XXX", "XDR", "CHE", "CLF", "USN"}


def test_amounts_are_shown_exactly_with_thousands_apart() -> None:
    assert amount_text(1_234_500_000, "USD") == "USD 1,234.50"
    assert amount_text(1_234_567_891, "USD") == "USD 1,234.567891"
    assert amount_text(-500_000, "SGD") == "SGD -0.50"
    assert amount_text(1_500_000_000, "JPY") == "JPY 1,500"
    assert percent_text(125_000) == "12.5 %"
    assert decimal_text(950_000) == "0.95"


@given(st.integers(-(10**15), 10**15), st.sampled_from(sorted(CURRENCIES)))
def test_rounding_down_takes_less_than_one_smallest_unit_towards_zero(
    micros: int, currency: str
) -> None:
    unit = 10 ** (6 - minor_digits(currency))
    rounded = down_to_minor_unit(micros, currency)
    assert rounded % unit == 0
    assert abs(micros) - abs(rounded) in range(unit)
    assert rounded * micros >= 0


@given(st.integers(0, 10**18))
def test_text_reads_back_as_the_same_millionths(value: int) -> None:
    assert millionths(decimal_text(value).replace(",", "")) == value
