"""What changes between two versions, in words: one case for each thing that can change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.commercial import ApprovalPoint, Band, ClauseCredit, CommercialTerms, Price
from streams.domain.contract import Clause, Exclusion, Terms
from streams.domain.contract_diff import changes_between
from streams.domain.service_hours import ServiceHours

_JAN, _JUL = 1_767_196_800_000, 1_782_835_200_000  # 2026-01-01 and 2026-07-01 in Singapore
WITHIN = Clause(
    id="within",
    indicator="escalation_within",
    grouping=("channel",),
    where=(("channel", "chat"),),
    window_ms=3_600_000,
    target_ppm=800_000,
    hysteresis_ppm=10_000,
    minimum_volume=20,
)
ERRORS = Clause(
    id="errors",
    indicator="failure_share",
    grouping=(),
    period="1M",
    target_ppm=300_000,
    reason="tool_error",
)
COST = Clause(
    id="cost", indicator="cost_per_verified", grouping=(), period="1d", target_ppm=2_000_000
)
MONEY = CommercialTerms(
    "SGD",
    prices=(Price(1_200_000), Price(2_000_000, channel="voice")),
    at_risk_ppm=120_000,
    cap_ppm=100_000,
    credits=(ClauseCredit("within", 1_000_000, (Band(800_000, 250_000),)),),
)
TERMS = Terms(
    contract="care",
    version=1,
    effective_from_ms=_JAN,
    effective_to_ms=_JUL,
    time_zone="Asia/Singapore",
    inactivity_ms=1_800_000,
    escalation_expiry_ms=86_400_000,
    verification_ms=259_200_000,
    thresholds_ms={"voice": 60_000, "chat": 120_000},
    required_context=frozenset({"issue"}),
    groupings=((), ("channel",)),
    scope={
        "channel": frozenset({"voice", "chat"}),
        "market": frozenset({"MY"}),
        "journey": frozenset({"billing"}),
    },
    clauses=(WITHIN, ERRORS, COST),
    hours=ServiceHours("Asia/Singapore", (((480, 1200),),) * 5 + ((), ())),
    exclusions=(Exclusion(_JUL, _JUL + 7_200_000, "release", frozenset({"voice"})),),
    answer_ms={"voice": 20_000},
    currency="SGD",
    commercial=MONEY,
)


def told(**changed: Any) -> list[str]:
    """What changes where the terms are changed so, as `area|clause|text|effect`."""
    return [
        f"{c.area}|{c.clause or ''}|{c.text}|{c.effect}"
        for c in changes_between(TERMS, replace(TERMS, **changed))
    ]


def with_clause(clause: Clause, **changed: Any) -> dict[str, Any]:
    """TERMS' clauses with one of them changed."""
    return {"clauses": tuple(replace(c, **changed) if c is clause else c for c in TERMS.clauses)}


def with_money(**changed: Any) -> dict[str, Any]:
    return {"commercial": replace(MONEY, **changed)}


def test_nothing_changes_between_a_version_and_itself() -> None:
    assert told() == []


CASES: list[tuple[dict[str, Any], str]] = [
    (
        {"thresholds_ms": {"voice": 60_000, "chat": 90_000}},
        "terms||chat customers in MY may wait 90 s instead of 120 s for a human|stricter",
    ),
    (
        {"thresholds_ms": {"voice": 60_000}},
        "terms||chat customers in MY may wait any time for a human, no longer 120 s|looser",
    ),
    (
        {"answer_ms": {"voice": 20_000, "chat": 300_000}},
        "terms||chat customers in MY may wait 5 min to be answered; until then nothing was agreed"
        "|stricter",
    ),
    (
        {"first_response_ms": {"chat": 15_000}},
        "terms||chat customers in MY may wait 15 s for a first response; until then nothing was"
        " agreed|stricter",
    ),
    (
        {"time_zone": "Asia/Manila"},
        "terms||time zone is Asia/Manila instead of Asia/Singapore|neutral",
    ),
    ({"effective_to_ms": None}, "terms||in force until further notice|neutral"),
    (
        {"verification_ms": 604_800_000},
        "terms||a resolution can be voided or verified for 7 d instead of 3 d|neutral",
    ),
    (
        {"short_abandon_ms": 3_000},
        "terms||who gives up is not counted within 3 s instead of 5 s|stricter",
    ),
    (
        {"scope": {**TERMS.scope, "market": frozenset({"MY", "SG", "VN"})}},
        "terms||markets SG and VN are in scope now|stricter",
    ),
    (
        {"scope": {**TERMS.scope, "journey": frozenset()}},
        "terms||journeys billing are out of scope now|looser",
    ),
    ({"service_clock": True}, "terms||waits are measured in service hours only|looser"),
    ({"hours": None}, "terms||there are no service hours|neutral"),
    (
        {"hours": ServiceHours("Asia/Singapore", (((480, 1230),),) * 5 + ((), ()))},
        "terms||service hours are 62 h 30 min a week instead of 60 h|stricter",
    ),
    (
        {"hours": replace(TERMS.hours, holidays=frozenset({"2026-05-01"}))},  # type: ignore[type-var]
        "terms||2026-05-01 is a holiday|looser",
    ),
    (
        {"exclusions": ()},
        "terms||no longer excluded from 2026-07-01 to 2026-07-01 02:00 on voice: release|stricter",
    ),
    (
        {"required_context": frozenset({"issue", "attempts"})},
        "terms||a handoff must carry attempts too|stricter",
    ),
    (
        {"qa_pass_ppm": 850_000},
        "terms||an evaluation passes from 85 % of the scale on, not 80 %|stricter",
    ),
    (
        {"groupings": ((), ("channel",), ("market", "journey"))},
        "terms||published by journey and market now|neutral",
    ),
    (
        with_clause(WITHIN, target_ppm=850_000),
        "clause|within|at least 85 % instead of 80 %|stricter",
    ),
    (with_clause(ERRORS, target_ppm=400_000), "clause|errors|at most 40 % instead of 30 %|looser"),
    (with_clause(COST, target_ppm=1_750_000), "clause|cost|at most 1.75 instead of 2|stricter"),
    (
        with_clause(WITHIN, window_ms=0, period="1w"),
        "clause|within|judged over a week of the calendar instead of 1 h rolling|neutral",
    ),
    (
        with_clause(WITHIN, minimum_volume=50),
        "clause|within|judged from 50 on instead of 20|looser",
    ),
    (
        with_clause(WITHIN, severity="ticket"),
        "clause|within|a breach is a ticket instead of a page|neutral",
    ),
    (
        with_clause(WITHIN, hysteresis_ppm=20_000),
        "clause|within|a breach closes 0.02 beyond the target instead of 0.01|stricter",
    ),
    (
        with_clause(WITHIN, where=(("channel", "voice"),)),
        "clause|within|holds for channel voice, no longer for channel chat|neutral",
    ),
    (
        {"clauses": (WITHIN, ERRORS)},
        "clause|cost|no longer promised: cost of a verified resolution at most 2 each day, for the"
        " whole contract|looser",
    ),
    (
        with_clause(ERRORS, reason="timeout"),
        "clause|errors|promises at most 30 % of AI failures for timeout each month, for the whole"
        " contract; until then: at most 30 % of AI failures for tool_error each month, for the"
        " whole contract|neutral",
    ),
    (
        with_money(prices=(Price(1_100_000), Price(2_000_000, channel="voice"))),
        "money||a verified resolution costs SGD 1.10 instead of SGD 1.20|stricter",
    ),
    (
        with_money(prices=(Price(1_200_000),)),
        "money||a verified resolution on voice has no price of its own any more; it was SGD 2.00"
        "|neutral",
    ),
    (
        with_money(fixed_fee_micros=5_000_000),
        "money||fixed fee a month is SGD 5.00 instead of SGD 0.00|looser",
    ),
    (
        with_money(at_risk_ppm=150_000),
        "money||15 % instead of 12 % of a period's fees are at risk|stricter",
    ),
    (
        with_money(cap_ppm=50_000),
        "money||5 % instead of 10 % of its fees is the most that is credited|looser",
    ),
    (
        with_money(credits=(ClauseCredit("within", 1_000_000, (Band(750_000, 250_000),)),)),
        "money|within|credits: 25 % below 75 %; until then 25 % below 80 %|neutral",
    ),
    (
        with_money(
            credits=(ClauseCredit("within", 1_000_000, (Band(800_000, 250_000),), 750_000),)
        ),
        "money|within|expected is 75 % instead of nothing|neutral",
    ),
    (
        with_money(approvals=(ApprovalPoint("billing", "waive a fee", "lead"),)),
        "terms||in billing: waive a fee needs approval now (lead)|stricter",
    ),
]


@pytest.mark.parametrize(("changed", "line"), CASES)
def test_a_change_is_told_in_one_line_with_its_effect(changed: dict[str, Any], line: str) -> None:
    assert told(**changed) == [line]


def test_a_promise_that_goes_on_under_another_name_is_not_gone() -> None:
    assert told(**with_clause(COST, id="cost-v2", target_ppm=1_500_000)) == [
        "clause|cost|is called cost-v2 now|neutral",
        "clause|cost-v2|at most 1.5 instead of 2|stricter",
    ]


def test_another_currency_is_not_compared_with_the_first() -> None:
    lines = told(currency="JPY", **with_money(currency="JPY", prices=(Price(150_000_000),)))
    assert lines == [
        "money||amounts are in JPY instead of SGD|neutral",
        "money||prices and fees are agreed anew in the other currency|neutral",
    ]
