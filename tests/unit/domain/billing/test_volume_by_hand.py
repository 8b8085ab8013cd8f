"""BILLING.md section 6, worked out by hand: allowance, tiers, cap, minimum, fixed fee, rounding."""

from __future__ import annotations

import pytest

from tests.unit.domain.billing.by_hand import (
    DAY,
    HOUR,
    Account,
    price,
    promise,
    rules,
    tiers,
    worth,
)


def units(account: Account, *channels: str) -> Account:
    """One resolution a day from 2 March on, by the channels in turn."""
    for day, channel in enumerate(channels, start=2):
        account.resolved(f"c{day}", f"2026-03-{day:02d}", channel=channel)
    return account


def month(account: Account) -> list[tuple[str, int]]:
    return account.lines("2026-04-02", "2026-03")


def ones(count: int, **given: object) -> Account:
    """So many resolutions of 1.00 each."""
    agreed = rules(grace_ms=HOUR, **given)  # type: ignore[arg-type]
    return units(Account().version(price("1"), billing=agreed), *["chat"] * count)


def test_units_after_the_allowance_are_counted_anew_and_each_tier_touches_only_its_own() -> None:
    agreed = rules(allowance=2, tiers=tiers((2, "90"), (4, "33.3333")), grace_ms=HOUR)
    account = Account().version(price("1.40"), price("2.20", channel="voice"), billing=agreed)
    # Free: 1.40 + 2.20 = 3.60. Then 1.40 whole, 2.20 - 10 % = 0.22 off, 1.40 - 10 % = 0.14 off, and
    # of 2.20 all but 0.333333 off: 2.20 x 0.666667 = 1.4666674. Off: 1.8266674, down to 1.826667.
    # To pay: 10.80 - 3.60 - 1.826667 = 5.373333, cut to 5.37.
    assert month(units(account, "chat", "voice", "chat", "voice", "chat", "voice")) == [
        ("allowance", -3_600_000),
        ("volume_discount", -1_826_667),
        ("rounding", -3_333),
    ]


def test_the_discount_of_all_units_together_is_rounded_once() -> None:
    agreed = rules(tiers=tiers((1, "50")), grace_ms=HOUR)
    account = Account().version(price("1.000001"), billing=agreed)
    # Off: 3 x 0.5000005 = 1.5000015, down to 1.500001 (each by itself: 3 x 0.500000).
    # To pay: 3.000003 - 1.500001 = 1.500002, cut to 1.50.
    assert month(units(account, "chat", "chat", "chat")) == [
        ("volume_discount", -1_500_001),
        ("rounding", -2),
    ]


def test_units_are_ordered_by_maturity_not_by_close() -> None:
    agreed = rules(allowance=1, grace_ms=HOUR)
    account = Account().version(price("1"), until="2026-03-11", billing=agreed)
    account.version(price("2"), since="2026-03-11", verified_after=DAY, billing=agreed)
    account.resolved("early", "2026-03-10")  # matures on the 13th at 1.00
    account.resolved("late", "2026-03-11")  # matures on the 12th at 2.00
    assert month(account) == [("allowance", -2_000_000)]


@pytest.mark.parametrize(
    ("cap", "lines"),
    [("3", []), ("3.000001", []), ("2.999999", [("cap", -1), ("rounding", -9_999)])],
    ids=["at usage", "above", "below"],
)
def test_a_cap_takes_what_is_over_it(cap: str, lines: list[tuple[str, int]]) -> None:
    # Three of 1.00. Capped at 2.999999 the period is payable with 2.99.
    assert month(ones(3, cap=cap)) == lines


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({"minimum": "3"}, []),
        ({"minimum": "5"}, [("minimum", 2_000_000)]),
        ({"minimum": "2", "cap": "2"}, [("cap", -1_000_000)]),
        # 3.00 - 3.00 (all free) = 0 is lifted to 5.
        ({"minimum": "5", "allowance": 9}, [("allowance", -3_000_000), ("minimum", 5_000_000)]),
        # 3.00 - 1.00 free = 2.00; of the other two the second at half: 1.50; to 1.25; no minimum.
        (
            {"allowance": 1, "tiers": tiers((2, "50")), "cap": "1.25", "minimum": "1.25"},
            [("allowance", -1_000_000), ("volume_discount", -500_000), ("cap", -250_000)],
        ),
    ],
    ids=["at usage", "above it", "equal to the cap", "after the allowance", "all of them"],
)
def test_a_minimum_lifts_what_is_below_it(
    given: dict[str, object], lines: list[tuple[str, int]]
) -> None:
    # Three of 1.00; with a minimum and without a line of it 3.00, 2.00 or 1.25 are due.
    assert [line for line in month(ones(3, **given)) if line[0] != "rounding"] == lines


def test_a_month_without_any_resolution_owes_its_minimum_while_the_contract_runs() -> None:
    account = Account().version(
        price("1"), until="2026-05-15", billing=rules(minimum="5", grace_ms=HOUR)
    )
    account.resolved("c1", "2026-03-05")
    # March 1 + 4, April 0 + 5, and May 0 + 5: it was in force for its first half. June: nothing.
    assert account.totals("2026-07-02") == {
        "2026-03": 5_000_000,
        "2026-04": 5_000_000,
        "2026-05": 5_000_000,
        "2026-06": 0,
    }


FEE = "2026-03-02"


def fee(account: Account, until: str = "2026-04-02", period: str = "2026-03") -> int:
    account.visited("c1", FEE, "k")
    lines = [amount for kind, amount in account.lines(until, period) if kind == "fixed_fee"]
    return sum(lines)


def test_two_versions_in_a_month_bear_its_fee_by_their_days() -> None:
    account = (
        Account().version(fee="310", until="2026-03-11").version(fee="620", since="2026-03-11")
    )
    # 310 x 10/31 + 620 x 21/31 = 100 + 420.
    assert fee(account) == 520_000_000


def test_the_fee_of_a_month_is_rounded_once() -> None:
    account = (
        Account().version(fee="100", until="2026-03-11").version(fee="200", since="2026-03-11")
    )
    # 100 x 10/31 + 200 x 21/31 = 5,200 / 31 = 167.741 935 48; not 32.258 064 + 135.483 870.
    assert fee(account) == 167_741_935


def test_a_month_in_which_the_clocks_change_is_shorter_by_an_hour() -> None:
    account = Account("Europe/Berlin").version(fee="743", until="2026-03-29T12:00")
    account.version(fee="1486", since="2026-03-29T12:00")
    # 31 x 24 - 1 = 743 hours; noon of the 29th is hour 28 x 24 + 11 = 683: 683 + 2 x 60.
    assert fee(account) == 803_000_000


@pytest.mark.parametrize(
    ("first", "second", "micros"),
    [
        # Not in force before the 11th, nor after the 20th: 310 x 10/31.
        ({"since": "2026-03-11", "until": "2026-03-21"}, None, 100_000_000),
        # Nobody's days between the 11th and the 20th: 310 x 10/31 + 620 x 11/31.
        ({"until": "2026-03-11"}, {"since": "2026-03-21"}, 320_000_000),
    ],
    ids=["part of a month", "a gap"],
)
def test_no_fee_is_due_of_days_without_a_version(
    first: dict[str, str], second: dict[str, str] | None, micros: int
) -> None:
    account = Account().version(fee="310", **first)
    if second is not None:
        account.version(fee="620", **second)
    assert fee(account) == micros


def test_a_clause_over_quarters_makes_the_quarter_the_billing_period() -> None:
    quarterly = {
        "clauses": [promise("w", "1Q")],
        "credits": [worth("w", "100", ("80", "100"))],
    }
    account = Account().version(fee="310", until="2026-03-11", **quarterly)
    account.version(fee="620", since="2026-03-11")
    # January 310, February 310, March 100 + 420 as above.
    assert fee(account, period="2026-Q1") == 1_140_000_000


@pytest.mark.parametrize(
    ("currency", "amount", "count", "rounding", "total"),
    [
        ("JPY", "10.5", 3, -500_000, 31_000_000),  # 31.5 yen
        ("KWD", "1.2345", 1, -500, 1_234_000),  # 1.2345 dinars, three digits
        ("USD", "0.014999", 2, -9_998, 20_000),  # 0.029998
    ],
)
def test_what_is_to_be_paid_is_cut_to_the_smallest_unit(
    currency: str, amount: str, count: int, rounding: int, total: int
) -> None:
    account = Account(currency=currency).version(price(amount))
    units(account, *["chat"] * count)
    assert month(account) == [("rounding", rounding)]
    assert account.totals("2026-04-02") == {"2026-03": total}


def test_what_is_to_be_paid_back_is_cut_towards_zero() -> None:
    account = Account().version(price("1.239"))
    charged = account.resolved("c1", "2026-03-05")
    account.retract(charged, "2026-04-10")
    # March 1.239, to pay 1.23; April -1.239, to pay -1.23: both remainders are 0.009.
    assert month(account) == [("rounding", -9_000)]
    assert account.lines("2026-05-02", "2026-04") == [("rounding", 9_000)]
    assert account.totals("2026-05-02") == {"2026-03": 1_230_000, "2026-04": -1_230_000}
