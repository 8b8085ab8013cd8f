"""What literal logs would have cost: values, breaches, and statements by BILLING.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from rich.console import Console

from streams.domain.commercial import Band, BillingRules, ClauseCredit, CommercialTerms, Price
from streams.domain.contract import Clause, ContractBook
from streams.oracle.simulation import ClausePeriod, Settlement, Simulation, simulate
from streams.oracle.simulation_report import simulation_json, simulation_table
from tests.log_builder import (
    CONTRACT,
    T,
    ai_message,
    ai_turn,
    claimed,
    customer_message,
    disputed,
    ended,
    evidence,
    exception,
    human_message,
    requested,
    started,
)
from tests.unit.oracle.verdicts import TERMS, book_with, judged

_H = 3600.0
# The tests begin at 08:00 in Singapore; episodes mature six hours after their close.
_MATURED = T(7 * _H)
VERIFIED = Clause(
    id="verified", indicator="verified_resolution", grouping=(), period="1d", target_ppm=800_000
)
WITHIN = Clause(
    id="within",
    indicator="escalation_within",
    grouping=("channel",),
    window_ms=3_600_000,
    target_ppm=800_000,
)
HALF = ClauseCredit("verified", 1_000_000, (Band(800_000, 500_000), Band(400_000, 1_000_000)))
MONEY = CommercialTerms(
    "SGD",
    prices=(Price(10_000_000), Price(25_000_000, channel="voice")),
    at_risk_ppm=100_000,
    cap_ppm=100_000,
    credits=(HALF,),
)


def resolution(name: str, at: float = 0, verified: bool = True, **data: Any) -> list[bytes]:
    """A contact that the AI claims to have resolved in a minute, with or without evidence."""
    told = [
        started(name, T(at), **data),
        customer_message(name, T(at + 1), **data),
        ai_turn(name, T(at + 2), **data),
        ai_message(name, T(at + 3), **data),
        claimed(name, T(at + 50), **data),
        ended(name, T(at + 60), **data),
    ]
    return [*told, evidence(name, T(at + 90), **data)] if verified else told


def simulated(
    *records: bytes | int, book: ContractBook | None = None, until: int = _MATURED, **terms: Any
) -> Simulation:
    """The simulation of a log by telco-2026 with these terms."""
    given = {"commercial": MONEY, "currency": "SGD", **terms}
    by = book or book_with(given.pop("clause", VERIFIED), **given)
    found = simulate(judged(*records, until=until, book=by), by, CONTRACT)
    assert found is not None
    return found


def only(simulation: Simulation) -> tuple[ClausePeriod, Settlement]:
    (clause,) = simulation.clauses
    (settlement,) = simulation.settlements
    return clause, settlement


def test_a_verified_resolution_costs_its_price_and_an_assumed_one_nothing() -> None:
    log = [*resolution("a"), *resolution("b", verified=False), *resolution("c", channel="voice")]
    _, settlement = only(simulated(*log))
    assert [(c.price.amount_micros, c.count) for c in settlement.charged] == [
        (10_000_000, 1),
        (25_000_000, 1),
    ]
    assert settlement.not_billed == (("unproven", 1),)
    assert settlement.fees_micros == 35_000_000


def test_what_has_no_price_is_counted_and_costs_nothing() -> None:
    money = replace(MONEY, prices=(Price(25_000_000, channel="voice"),))
    _, settlement = only(simulated(*resolution("a"), commercial=money))
    assert (settlement.charged, settlement.not_billed) == ((), (("unpriced", 1),))
    assert settlement.fees_micros == 0


def test_the_query_type_of_the_claim_decides_the_price_and_the_agents_share_is_told() -> None:
    prices = (Price(10_000_000), Price(7_000_000, query_type="refund", agent_ppm=200_000))
    log = [*resolution("a"), *resolution("b")]
    asked = claimed("b", T(45), "human", query_type="refund")
    _, settlement = only(simulated(*log, asked, commercial=replace(MONEY, prices=prices)))
    assert [(c.count, c.amount_micros, c.agent_micros) for c in settlement.charged] == [
        (1, 10_000_000, 0),
        (1, 7_000_000, 0),
    ]
    helped = human_message("b", T(40), "ann")
    money = replace(MONEY, prices=prices, billing=BillingRules(bills="assumed"))
    _, settlement = only(simulated(*log, asked, helped, commercial=money))
    # A fifth of 7.00 is the agent's; the price stays one.
    assert settlement.charged[1].agent_micros == 1_400_000
    assert settlement.resolutions_micros == 17_000_000


def test_a_disputed_resolution_is_not_paid() -> None:
    log = [*resolution("a"), *resolution("b"), disputed("a", T(_H))]
    _, settlement = only(simulated(*log))
    assert settlement.not_billed == (("disputed", 1),)
    assert settlement.fees_micros == 10_000_000


def test_customers_who_came_back_count_where_their_horizon_ends_late_visits_too() -> None:
    clause = Clause(
        id="back", indicator="recontact_24h", grouping=(), period="1d", target_ppm=500_000
    )
    first = resolution("a", customer_key="k1")
    back = customer_message("b", T(600), customer_key="k1")
    told_late = [*first, T(1_000), back]
    for log in ([*first, back], told_late):
        simulation = simulated(*log, clause=clause, until=T(24 * _H + 60))
        values = [(c.span.name, c.worst) for c in simulation.clauses]
        assert [name for name, _ in values] == ["2026-03-02", "2026-03-03"]
        worst = [w and (w.numerator, w.denominator) for _, w in values]
        assert worst == [None, (1, 1)]


def test_a_days_value_reaches_a_band_and_is_credited_of_the_days_fees() -> None:
    log = [*resolution("a"), *resolution("b"), *resolution("c", verified=False)]
    clause, settlement = only(simulated(*log))
    assert clause.worst is not None
    assert (clause.worst.numerator, clause.worst.denominator) == (2, 3)
    assert (clause.span.name, clause.band) == ("2026-03-02", HALF.bands[0])
    # 20.00 x 10 % at risk x 100 % weight x 50 %
    assert (clause.credit_micros, settlement.credited_micros) == (1_000_000, 1_000_000)
    assert [(line.kind, line.amount_micros) for line in settlement.lines] == [
        ("service_credit", -1_000_000)
    ]
    assert (settlement.fees_micros, settlement.total_micros) == (20_000_000, 19_000_000)
    assert not settlement.complete


def test_a_value_within_the_target_is_not_credited() -> None:
    clause, settlement = only(simulated(*resolution("a")))
    assert (clause.band, clause.credit_micros, settlement.credited_micros) == (None, 0, 0)


def test_below_the_minimum_volume_nothing_is_credited() -> None:
    few = replace(VERIFIED, minimum_volume=3)
    log = [*resolution("a"), *resolution("b", verified=False)]
    clause, _ = only(simulated(*log, clause=few))
    assert (clause.enough, clause.band, clause.credit_micros) == (False, None, 0)


def test_the_cap_cuts_what_credits_add_up_to() -> None:
    log = [*resolution("a"), *resolution("b", verified=False), *resolution("c", verified=False)]
    clause, settlement = only(simulated(*log, commercial=replace(MONEY, cap_ppm=30_000)))
    assert clause.band == HALF.bands[1]
    assert (clause.credit_micros, settlement.credited_micros) == (1_000_000, 300_000)
    assert settlement.total_micros == 9_700_000


def test_what_later_periods_earn_back_is_told() -> None:
    earned = replace(HALF, earn_back_periods=1, earn_back_ppm=500_000)
    log = [*resolution("a"), *resolution("b", verified=False), *resolution("c", 24 * _H)]
    money = replace(MONEY, credits=(earned,))
    first, second = simulated(*log, commercial=money, until=T(31 * _H)).clauses
    # The first day verified one of two and is credited half of a tenth of 10.00; the next kept all.
    assert (first.credit_micros, second.credit_micros) == (500_000, 0)
    (settlement,) = simulated(*log, commercial=money, until=T(31 * _H)).settlements
    assert [(line.kind, line.amount_micros) for line in settlement.lines] == [
        ("service_credit", -500_000),
        ("earn_back", 250_000),
    ]
    assert settlement.total_micros == 19_750_000


def test_a_resolution_that_a_late_event_voids_is_not_paid() -> None:
    log = [*resolution("a"), *resolution("b")]
    late = evidence("a", T(2 * _H), result=False)
    before = only(simulated(*log))[1]
    after = only(simulated(*log, T(6.5 * _H), late))[1]
    assert (before.fees_micros, after.fees_micros) == (20_000_000, 10_000_000)


def test_a_fee_falls_on_the_local_day_in_which_it_matures() -> None:
    # Closed at 17:59 and 18:01 in Singapore, matured at 23:59 and 00:01 of the next day.
    log = [*resolution("a", 10 * _H - 120), *resolution("b", 10 * _H)]
    log += resolution("c", 10 * _H, verified=False)
    found = simulated(*log, until=T(17 * _H))
    # Of the second day half is verified: half of a tenth of its 10.00, not of the month's 20.00.
    assert [(c.span.name, c.credit_micros) for c in found.clauses] == [
        ("2026-03-02", 0),
        ("2026-03-03", 500_000),
    ]
    (settlement,) = found.settlements
    assert settlement.fees_micros == 20_000_000


def test_the_fixed_fee_is_that_of_the_whole_month() -> None:
    money = replace(MONEY, prices=(), fixed_fee_micros=31 * 24 * 60 * 1_000_000)
    _, settlement = only(simulated(*resolution("a"), commercial=money))
    assert settlement.fixed_fee_micros == 31 * 24 * 60 * 1_000_000
    assert not settlement.complete


def test_what_is_reversed_after_the_close_is_told_in_the_month_in_which_it_is_known() -> None:
    money = replace(MONEY, billing=BillingRules(grace_ms=0), credits=())
    # February ended in Singapore 32 hours before the tests begin; "a" had been verified by then.
    log = [*resolution("a", -40 * _H), *resolution("b")]
    refuted = evidence("a", T(-36 * _H), result=False)
    found = simulated(*log, T(7 * _H), refuted, commercial=money)
    assert [(s.span.name, s.total_micros) for s in found.settlements] == [
        ("2026-02", 10_000_000),
        ("2026-03", 0),
    ]
    assert [c.count for s in found.settlements for c in s.charged] == [1, 0]


def test_the_price_is_that_of_the_version_in_force_at_the_close() -> None:
    change = T(3 * _H)
    first = replace(
        TERMS, clauses=(VERIFIED,), commercial=MONEY, currency="SGD", effective_to_ms=change
    )
    dearer = replace(MONEY, prices=(Price(11_000_000),))
    second = replace(first, version=2, effective_from_ms=change, effective_to_ms=None)
    book = ContractBook([first, replace(second, commercial=dearer)])
    log = [*resolution("a"), *resolution("b", 4 * _H)]
    _, settlement = only(simulated(*log, book=book, until=T(11 * _H)))
    assert settlement.fees_micros == 10_000_000 + 11_000_000


def test_of_several_keys_the_worst_one_with_enough_volume_counts() -> None:
    def handed_over(name: str, channel: str, after: float) -> list[bytes]:
        return [
            started(name, T(0), channel),
            customer_message(name, T(1), channel=channel),
            ai_turn(name, T(2), channel=channel),
            requested(name, T(10), channel=channel),
            human_message(name, T(10 + after), "ann", channel=channel),
        ]

    log = [
        *handed_over("a", "chat", 200),
        *handed_over("b", "chat", 20),
        *handed_over("c", "messaging", 20),
        *handed_over("d", "email", 5 * _H),
    ]
    clause, _ = only(simulated(*log, clause=replace(WITHIN, minimum_volume=2)))
    assert clause.worst is not None
    assert (clause.worst.key, clause.worst.numerator, clause.worst.denominator) == (
        (("channel", "chat"),),
        1,
        2,
    )


def test_breaches_are_counted_and_their_time_is_not_added_up_over_keys() -> None:
    wait = Clause(id="wait", indicator="escalation_wait", grouping=("channel",))
    log = []
    for name, channel in (("a", "chat"), ("b", "messaging")):
        log += [
            started(name, T(0), channel),
            ai_turn(name, T(1), channel=channel),
            requested(name, T(0 if channel == "chat" else 120), channel=channel),
        ]
    # Overdue from 120.001 s in chat, from 720.001 s in messaging; both end at 1020 s.
    log += [
        human_message(n, T(1020), "ann", channel=c) for n, c in (("a", "chat"), ("b", "messaging"))
    ]
    clause, _ = only(simulated(*log, clause=wait))
    assert (clause.opened, clause.breached_ms, clause.worst) == (2, 899_999, None)


def test_an_open_breach_counts_until_the_logs_end() -> None:
    limit = Clause(
        id="rules", indicator="compliance_exceptions", grouping=(), period="1d", target_ppm=0
    )
    log = [*resolution("a"), exception("a", T(30))]
    clause, _ = only(simulated(*log, clause=limit, until=T(600)))
    assert (clause.opened, clause.breached_ms, clause.window) == (1, 540_000, (1, 1))


def test_quarters_settle_quarterly() -> None:
    quarterly = replace(VERIFIED, period="1Q")
    _, settlement = only(simulated(*resolution("a"), clause=quarterly))
    assert settlement.span.name == "2026-Q1"


def test_nothing_about_the_contract_is_no_simulation() -> None:
    book = book_with(VERIFIED)
    assert simulate(judged(until=T(60), book=book), book, CONTRACT) is None


def test_as_json_and_as_tables_the_same_figures_are_told() -> None:
    log = [*resolution("a"), *resolution("b"), *resolution("c", verified=False)]
    found = simulated(*log)
    report = orjson.loads(simulation_json(found))
    assert report["clauses"][0] == {
        "clause": "verified",
        "indicator": "verified_resolution",
        "contract_version": 1,
        "period": "2026-03-02",
        "target_ppm": 800_000,
        "minimum_volume": 1,
        "value": {"key": {}, "numerator": 2, "denominator": 3, "enough": True},
        "worst_window": {"numerator": 2, "denominator": 3},
        "breaches_opened": 1,
        "breached_ms": report["clauses"][0]["breached_ms"],
        "band": {"beyond_ppm": 800_000, "share_ppm": 500_000},
        "credit_micros": 1_000_000,
    }
    assert report["settlements"] == [
        {
            "period": "2026-03",
            "complete": False,
            "resolutions": [
                {
                    "channel": None,
                    "journey": None,
                    "query_type": None,
                    "price_micros": 10_000_000,
                    "count": 2,
                    "amount_micros": 20_000_000,
                    "agent_micros": 0,
                }
            ],
            "not_billed": {"unproven": 1},
            "lines": [
                {
                    "line": "service_credit",
                    "clause": "verified",
                    "clause_period": "2026-03-02",
                    "service_period": "2026-03",
                    "correction": False,
                    "amount_micros": -1_000_000,
                    "base_micros": 20_000_000,
                    "quantity": None,
                    "numerator": 2,
                    "denominator": 3,
                    "key": "",
                    "formula": report["settlements"][0]["lines"][0]["formula"],
                }
            ],
            "fixed_fee_micros": 0,
            "fees_micros": 20_000_000,
            "credits_micros": 1_000_000,
            "credited_micros": 1_000_000,
            "earned_back_micros": 0,
            "net_micros": 19_000_000,
        }
    ]
    console = Console(width=160, record=True, file=None, quiet=False)
    with console.capture() as printed:
        console.print(simulation_table(found))
    text = printed.get()
    for said in (
        "66.7 %",
        ">= 80 %",
        "SGD 20.00",
        "SGD 1.00",
        "5.00 %",
        "SGD 19.00",
        "(part)",
        "unproven",
        "service credit",
    ):
        assert said in text
