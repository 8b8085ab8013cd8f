"""Who asked for erasure is the same customer until R of the request, to the millisecond, and
somebody else after it; in claims and in what clauses came to. BILLING.md 1.2, DEFINITIONS.md 12.
"""

from __future__ import annotations

import pytest

from streams.domain.billing.records import Adjustment
from streams.domain.contract import Clause
from streams.domain.links import customer_digest
from streams.domain.money import percent_ppm
from tests.log_builder import CONTRACT
from tests.unit.domain.billing.by_hand import DAY, HOUR, Account, price, rules, worth

APRIL = "2026-04-20"


def at_most(share: str) -> Clause:
    """At most so many per cent of a month's closes were come back from within 24 h."""
    return Clause(
        id="returns", indicator="recontact_24h", grouping=(), window_ms=0, period="1M",
        target_ppm=percent_ppm(share),
    )  # fmt: skip


def local(account: Account, moment: int) -> str:
    """A moment (ms) as the account is told of times."""
    start = account.time("2026-03-01")
    day, beside = divmod(moment - start, DAY)
    return f"2026-03-{1 + day:02d}+{beside}"


@pytest.mark.parametrize(("after_r", "charged"), [(-1, 1), (0, 1), (1, 2)])
def test_a_matter_that_is_resolved_again_at_r_is_the_same_and_after_it_another_s(
    after_r: int, charged: int
) -> None:
    account = Account().version(price("1.00"), billing=rules(matter_ms=30 * DAY, grace_ms=HOUR))
    account.resolved("c1", "2026-03-02", customer="k1")
    remembered = account.erased("k1", "2026-03-03")
    account.resolved("c2", local(account, remembered + after_r), customer="k1")
    said = [what for what, *_ in account.items(APRIL)]
    assert said.count("final") == charged
    assert said.count("void same_matter") == 2 - charged


@pytest.mark.parametrize(("after_r", "returned"), [(-1, 1), (0, 1), (1, 0)])
def test_who_comes_back_at_r_counts_for_the_clause_and_after_it_does_not(
    after_r: int, returned: int
) -> None:
    account = Account().version(
        fee="100.00", at_risk="10", clauses=[at_most("10")],
        credits=[worth("returns", "100", ("20", "100"))],
    )  # fmt: skip
    remembered = account.erased("k1", "2026-03-03")
    # Of before the request, so that the customer has a name, and a close that is returned from.
    account.visited("c0", "2026-03-02", "k1")
    account.resolved("c1", local(account, remembered - HOUR), customer="k1")
    account.visited("c2", local(account, remembered + after_r), "k1", episode=1)
    credits = [
        (one.numerator, one.denominator)
        for one in account.statement(APRIL, "2026-03")
        if isinstance(one, Adjustment) and one.kind == "service_credit"
    ]
    assert credits == [(1, 1)] * returned


def test_a_customer_s_links_go_on_under_the_new_name() -> None:
    account = Account().version(
        fee="100.00", at_risk="10", clauses=[at_most("10")],
        credits=[worth("returns", "100", ("20", "100"))],
    )  # fmt: skip
    account.resolved("c1", "2026-03-02", customer="k1")
    account.erased("k1", "2026-03-02T06:00")
    # Known under the name that the close of before the request was given.
    account.visited("c2", "2026-03-02T12:00", "k1")
    assert ("service_credit", -10_000_000) in account.lines(APRIL, "2026-03")


def test_nobody_else_is_called_otherwise() -> None:
    account = Account().version(price("1.00"), billing=rules(matter_ms=30 * DAY, grace_ms=HOUR))
    account.resolved("c1", "2026-03-02", customer="k2")
    account.erased("k1", "2026-03-03")
    account.resolved("c2", "2026-03-20", customer="k2")
    assert [what for what, *_ in account.items(APRIL)] == ["final", "void same_matter"]
    assert customer_digest(CONTRACT, "k1") != customer_digest(CONTRACT, "k2")
