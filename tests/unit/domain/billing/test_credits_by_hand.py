"""BILLING.md sections 6 and 7, worked out by hand: credits, their cap, earn-back, restatement."""

from __future__ import annotations

import pytest

from streams.domain.billing.records import Adjustment
from streams.domain.contract import Clause
from tests.unit.domain.billing.by_hand import HOUR, Account, price, promise, rules, worth

Lines = list[tuple[str, int]]


def credited(account: Account, until: str = "2026-04-02", period: str = "2026-03") -> Lines:
    """The lines of a statement that are about credits."""
    lines = account.lines(until, period)
    return [(kind, amount) for kind, amount in lines if "credit" in kind or "earn" in kind]


def adjustments(account: Account, until: str, period: str) -> list[Adjustment]:
    return [one for one in account.statement(until, period) if isinstance(one, Adjustment)]


def fixed(fee: str, **given: object) -> Account:
    """12 % of a fee at risk, 30 % of that on a promise of 80 % a month."""
    agreed = {
        "at_risk": "12",
        "clauses": [promise("w", minimum_volume=10)],
        "credits": [worth("w", "30", ("80", "25"), ("70", "100"))],
        **given,
    }
    return Account().version(fee=fee, **agreed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("within", "missed", "lines"),
    [
        (8, 2, []),  # 80 % is not beyond 80 %
        (7, 3, [("service_credit", -9_000_000)]),  # 1,000 x 12 % x 30 % x 25 %
        (69, 31, [("service_credit", -36_000_000)]),  # beyond 70 %: x 100 %
        (5, 4, []),  # nine are too few to judge
        (5, 5, [("service_credit", -36_000_000)]),  # ten are enough
        (0, 0, []),
    ],
    ids=["first bound", "second bound", "beyond both", "below volume", "at volume", "nothing"],
)
def test_a_band_is_reached_strictly_beyond_its_bound(
    within: int, missed: int, lines: Lines
) -> None:
    account = fixed("1000")
    account.visited("c1", "2026-03-02", "k")
    account.handed_over("2026-03-10", within, missed)
    assert credited(account) == lines


def test_a_credit_is_rounded_down_once() -> None:
    account = fixed("333.33")
    account.handed_over("2026-03-10", 7, 3)
    # 333.33 x 12 % x 30 % x 25 % = 2.99997.
    assert credited(account) == [("service_credit", -2_990_000)]


def test_a_credit_in_yen_is_whole_yen() -> None:
    account = Account(currency="JPY").version(
        fee="1000", at_risk="12", clauses=[promise("w")], credits=[worth("w", "30", ("80", "25"))]
    )
    account.handed_over("2026-03-10", 1, 1)
    # 1,000 x 12 % x 30 % x 25 % = 9; of 1,055 it would be 9.495.
    assert credited(account) == [("service_credit", -9_000_000)]
    account = Account(currency="JPY").version(
        fee="1055", at_risk="12", clauses=[promise("w")], credits=[worth("w", "30", ("80", "25"))]
    )
    account.handed_over("2026-03-10", 1, 1)
    assert credited(account) == [("service_credit", -9_000_000)]


def test_the_worst_key_with_enough_volume_counts_and_of_equals_the_least() -> None:
    clause = promise("w", grouping=("channel",), minimum_volume=10)
    account = fixed("1000", clauses=[clause])
    account.handed_over("2026-03-10", 10, 0, "chat")
    account.handed_over("2026-03-10", 30, 10, "voice")  # 75 %
    account.handed_over("2026-03-10", 0, 9, "email")  # too few
    [credit] = [a for a in adjustments(account, "2026-04-02", "2026-03") if a.clause == "w"]
    # 75 % reaches the first band: 9.00.
    assert (credit.amount_micros, credit.key) == (-9_000_000, "channel=voice")
    assert (credit.numerator, credit.denominator, credit.samples) == (30, 40, 40)
    assert (credit.threshold_ppm, credit.band_ppm) == (800_000, 250_000)
    account.handed_over("2026-03-11", 6, 3, "email")  # 6 of 18 with the nine before
    account.handed_over("2026-03-11", 0, 20, "chat")  # 10 of 30: as bad
    [credit] = [a for a in adjustments(account, "2026-04-02", "2026-03") if a.clause == "w"]
    assert (credit.amount_micros, credit.key) == (-36_000_000, "channel=chat")


def weekly(**given: object) -> Account:
    """A fee of 300 a month, 10 % of it on each week's promise; a chat costs 1, a call 2."""
    return Account().version(
        price("1"),
        price("2", channel="voice"),
        fee="300",
        at_risk="10",
        clauses=[promise("w", "1w")],
        credits=[worth("w", "100", ("80", "100"))],
        billing=rules(grace_ms=HOUR, **given),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("allowance", "micros"),
    [
        # F = 300 + 3; x (1 + 300 x 5/30) / (3 + 300) = 51; of that a tenth.
        (0, -5_100_000),
        # The chat is free: F = 302; 302 x 51 / 303 = 50.831 683; a tenth is 5.083 168.
        (1, -5_080_000),
    ],
)
def test_a_week_is_worth_its_part_of_the_month_that_it_ends_in(allowance: int, micros: int) -> None:
    account = weekly(allowance=allowance)
    # The week of 30 March ends with 5 April: in it lie five of April's thirty days and the chat's
    # maturity. Its value is the whole week's.
    account.handed_over("2026-03-31T12:00", 1, 1)
    account.resolved("c1", "2026-03-31", channel="chat")
    account.resolved("c2", "2026-04-17", channel="voice")
    assert credited(account, "2026-04-02", "2026-03") == []
    assert credited(account, "2026-05-02", "2026-04") == [("service_credit", micros)]


def test_a_week_without_fees_in_a_month_without_fees_bears_no_credit() -> None:
    account = Account().version(
        price("1"),
        at_risk="10",
        clauses=[promise("w", "1w")],
        credits=[worth("w", "100", ("80", "100"))],
    )
    account.handed_over("2026-03-10", 0, 1)
    assert credited(account) == []


def test_weights_share_the_pool_and_all_credits_together_are_capped() -> None:
    account = Account().version(
        fee="1000",
        at_risk="20",
        most="15",
        clauses=[promise("a"), promise("b")],
        credits=[worth("a", "60", ("80", "100")), worth("b", "40", ("90", "50"), ("80", "100"))],
    )
    account.handed_over("2026-03-10", 0, 1)
    # The pool is 200: 120 and 80. At most 150 of them: 50 come back.
    assert credited(account) == [
        ("service_credit", -120_000_000),
        ("service_credit", -80_000_000),
        ("credit_cap", 50_000_000),
    ]


def test_credits_of_exactly_the_cap_are_not_cut() -> None:
    account = fixed("1000", most="0.9")
    account.handed_over("2026-03-10", 7, 3)
    # 9.00 are credited and 1,000 x 0.9 % may be.
    assert credited(account) == [("service_credit", -9_000_000)]


def earning(least: int = 1) -> Account:
    """Credits of 100.00 and 33.33, of which a cap leaves 100.00: one is earned back by half where
    the next month keeps 80 %, the other whole where the next two do.
    """
    account = Account().version(
        fee="1000",
        at_risk="20",
        most="10",
        clauses=[promise("a", minimum_volume=least), promise("b", minimum_volume=least)],
        credits=[
            worth("a", "50", ("50", "100"), earn_back=(1, "50")),
            worth("b", "16.665", ("50", "100"), earn_back=(2, "100")),
        ],
    )
    account.handed_over("2026-03-10", 0, 5)
    return account


def test_what_the_cap_left_is_earned_back_where_the_target_is_kept() -> None:
    account = earning(least=5)
    account.handed_over("2026-04-10", 4, 1)  # 80 % is not beyond 80 %
    account.handed_over("2026-05-10", 9, 1)
    assert credited(account) == [
        ("service_credit", -100_000_000),
        ("service_credit", -33_330_000),
        ("credit_cap", 33_330_000),
    ]
    # 100.00 x 100.00 / 133.33 x 50 % = 37.500 937.
    assert credited(account, "2026-05-02", "2026-04") == [("earn_back", 37_500_000)]
    # 33.33 x 100.00 / 133.33 = 24.998 125.
    assert credited(account, "2026-06-02", "2026-05") == [("earn_back", 24_990_000)]


@pytest.mark.parametrize(
    ("april", "may"),
    [((3, 2), (5, 0)), ((4, 0), (5, 0)), ((0, 0), (5, 0))],
    ids=["missed", "too few to judge", "nothing to judge"],
)
def test_nothing_is_earned_back_after_a_period_that_missed_or_was_not_judged(
    april: tuple[int, int], may: tuple[int, int]
) -> None:
    account = earning(least=5)
    account.handed_over("2026-04-10", *april)
    account.handed_over("2026-05-10", *may)
    assert credited(account, "2026-05-02", "2026-04") == []
    assert credited(account, "2026-06-02", "2026-05") == []


def test_earn_back_is_judged_by_the_terms_of_the_credit() -> None:
    account = Account().version(
        fee="1000",
        until="2026-04-01",
        at_risk="10",
        clauses=[promise("w", target="80")],
        credits=[worth("w", "100", ("50", "100"), earn_back=(1, "50"))],
    )
    # From April on 95 % is promised, and nothing is credited.
    account.version(fee="1000", since="2026-04-01", clauses=[promise("w", target="95")])
    account.handed_over("2026-03-10", 0, 1)
    account.handed_over("2026-04-10", 4, 1)
    assert credited(account) == [("service_credit", -100_000_000)]
    assert credited(account, "2026-05-02", "2026-04") == [("earn_back", 50_000_000)]


def usage(**given: object) -> Account:
    """Ten resolutions of 1.00 in March, 10 % of which hang on a promise that March broke."""
    account = Account().version(
        price("1"),
        at_risk="10",
        clauses=[promise("w")],
        credits=[worth("w", "100", ("80", "100"))],
        billing=rules(grace_ms=HOUR, dispute_ms=100 * 24 * HOUR, **given),  # type: ignore[arg-type]
    )
    for number in range(10):
        account.resolved(f"c{number}", f"2026-03-{number + 2:02d}")
    account.handed_over("2026-03-20", 0, 1)
    return account


def test_a_credit_of_a_closed_period_is_restated_with_its_fees() -> None:
    account = usage()
    account.disputed("c3", "2026-04-10")
    account.disputed("c5", "2026-05-10")
    assert account.lines("2026-04-02", "2026-03") == [("service_credit", -1_000_000)]
    # April: nine are billed of March, 0.90 credited; May: eight and 0.80.
    assert account.lines("2026-05-02", "2026-04") == [("service_credit 2026-03", 100_000)]
    assert account.lines("2026-06-02", "2026-05") == [("service_credit 2026-03", 100_000)]
    found = [
        (one.revision, one.charge_class)
        for period in ("2026-03", "2026-04", "2026-05")
        for one in adjustments(account, "2026-06-02", period)
    ]
    assert found == [(0, None), (1, "Correction"), (2, "Correction")]
    # 10 - 1, -1 + 0.10, -1 + 0.10: together 8 x 90 %.
    totals = account.totals("2026-06-02")
    assert totals == {"2026-03": 9_000_000, "2026-04": -900_000, "2026-05": -900_000}


def test_an_allowance_of_a_closed_period_moves_on_to_the_next_unit() -> None:
    account = Account().version(
        price("1"),
        price("2", channel="voice"),
        billing=rules(allowance=1, grace_ms=HOUR, dispute_ms=60 * 24 * HOUR),
    )
    account.resolved("c1", "2026-03-03")
    account.resolved("c2", "2026-03-04", channel="voice")
    account.disputed("c1", "2026-04-10")
    # March: 1 + 2 - 1 (the first is free). April: -1, and now the call is free: -2 instead of -1.
    assert account.lines("2026-04-02", "2026-03") == [("allowance", -1_000_000)]
    assert account.lines("2026-05-02", "2026-04") == [("allowance 2026-03", -1_000_000)]
    totals = account.totals("2026-05-02")
    assert totals == {"2026-03": 2_000_000, "2026-04": -2_000_000}


def test_a_value_that_is_corrected_after_the_close_takes_its_credit_back() -> None:
    account = usage()
    missed = account.told(
        "escalation_ended", "late", account.time("2026-03-21"),
        {"t0": 0, "outcome": "taken_over", "latency_ms": 1, "answer": None, "within": True,
         "overdue": False, "clamped": False, "removed_within": None, "context_complete": None},
        known=account.time("2026-04-05"),
    )  # fmt: skip
    for number in range(3):
        account.told(
            "escalation_ended", f"late{number}", account.time("2026-03-21"), missed.fact.detail,
            known=account.time("2026-04-05"),
        )  # fmt: skip
    # One of five missed: 80 % is not beyond 80 %.
    assert account.lines("2026-05-02", "2026-04") == [("service_credit 2026-03", 1_000_000)]


def test_who_waits_again_after_an_end_that_was_taken_back_waits_on_for_months() -> None:
    contained = Clause("c", "containment_raw", (), period="1M", target_ppm=900_000)
    account = Account().version(
        fee="100", at_risk="10", clauses=[contained], credits=[worth("c", "100", ("90", "100"))]
    )
    opened = account.time("2026-03-05")
    account.told(
        "escalation_opened", "c1", opened, {"t0": opened, "eligible": True, "excluded": False}
    )
    over = account.told(
        "escalation_ended", "c1", account.time("2026-03-06"),
        {"t0": opened, "outcome": "taken_over", "latency_ms": 1, "within": True, "overdue": False,
         "clamped": False, "answer": None, "removed_within": None, "context_complete": None},
    )  # fmt: skip
    account.retract(over, "2026-03-07")
    # Nobody was contained of the one who waits, at the end of March and of April: a tenth of 100.
    assert credited(account, "2026-05-02", "2026-03") == [("service_credit", -10_000_000)]
    assert credited(account, "2026-05-02", "2026-04") == [("service_credit", -10_000_000)]
