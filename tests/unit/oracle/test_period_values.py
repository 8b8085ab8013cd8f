"""DEFINITIONS.md section 10: what stands, who waits at a period's end, and which key counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec.structs import replace as changed

from streams.domain.contract import Clause
from streams.oracle.judge import Verdict
from streams.oracle.period_values import PeriodValues, Value, spans_of, standing_facts, worst_of
from tests.log_builder import (
    CONTRACT,
    T,
    ai_turn,
    customer_message,
    ended,
    failure,
    human_message,
    requested,
)
from tests.unit.oracle.verdicts import BOOK, TERMS, judged

DAY_END = T(16 * 3_600)  # midnight in Singapore
CONTAINED = Clause(id="c", indicator="containment_raw", grouping=(), period="1d")


def values(verdict: Verdict, clause: Clause = CONTAINED, end: int = DAY_END) -> list[Value]:
    facts = standing_facts(verdict.facts, CONTRACT)
    (span,) = spans_of("1d", TERMS.time_zone, end - 1, end)
    return PeriodValues(facts, verdict.customers, BOOK, TERMS.time_zone, end).of(clause, span)


def test_an_escalation_that_ended_in_the_millisecond_in_which_it_opened_waits_no_more() -> None:
    # A human answers before the request is told of: the escalation opens and ends at once, clamped.
    log = [
        customer_message("a", T(1)),
        ai_turn("a", T(2)),
        human_message("a", T(10), "ann"),
        requested("a", T(12)),
    ]
    verdict = judged(*log, until=T(60))
    (opened,) = [f for f in verdict.facts if f.kind == "escalation_opened"]
    (over,) = [f for f in verdict.facts if f.kind == "escalation_ended"]
    assert opened.time == over.time
    assert opened.detail["eligible"]
    # Nobody has been served to the end and nobody waits: there is nothing to judge.
    assert values(verdict) == [Value((), 0, 0)]


def test_who_waits_at_the_periods_end_is_not_contained() -> None:
    asking = [customer_message("a", T(1)), ai_turn("a", T(2)), requested("a", T(3))]
    served = [customer_message("b", T(1)), ai_turn("b", T(2)), ended("b", T(3))]
    verdict = judged(*asking, *served, until=DAY_END)
    # One contained of the one that ended and the one that waits.
    assert values(verdict) == [Value((), 1, 2)]


@pytest.mark.parametrize(("after_ms", "denominator"), [(0, 1), (1, 2)])
def test_a_wait_that_ends_with_the_period_waits_no_more(after_ms: int, denominator: int) -> None:
    asking = [
        customer_message("a", DAY_END - 900),
        ai_turn("a", DAY_END - 800),
        requested("a", DAY_END - 700),
    ]
    taken = human_message("a", DAY_END + after_ms, "ann")
    served = [customer_message("b", T(1)), ai_turn("b", T(2)), ended("b", T(3))]
    verdict = judged(*asking, taken, *served, until=DAY_END + 60_000)
    assert values(verdict) == [Value((), 1, denominator)]


def test_of_a_place_the_last_revision_stands_and_nothing_where_that_is_retracted() -> None:
    fact = next(f for f in judged(failure("a", T(1), "low_confidence"), until=T(60)).facts)
    again = changed(fact, revision=1)
    gone = changed(again, retracts=True)
    assert standing_facts([again, fact], CONTRACT) == [again]
    assert standing_facts([gone, fact, again], CONTRACT) == []
    assert standing_facts([fact, changed(fact, conversation="b")], CONTRACT) != [fact]
    assert standing_facts([fact], "other") == []


def key(channel: str) -> tuple[tuple[str, str], ...]:
    return (("channel", channel),)


@pytest.mark.parametrize(
    ("clause", "worst"),
    [
        (CONTAINED, "chat"),  # 1 of 2 and 2 of 4 are as bad: the least key
        (replace(CONTAINED, minimum_volume=3), "voice"),
        (replace(CONTAINED, minimum_volume=9), "web"),  # none has enough: the most volume
        (replace(CONTAINED, indicator="recontact"), "web"),  # more is worse
    ],
)
def test_the_key_farthest_from_the_promise_counts(clause: Clause, worst: str) -> None:
    told = [
        Value(key("chat"), 1, 2),  # type: ignore[arg-type]
        Value(key("email"), 0, 0),  # type: ignore[arg-type]
        Value(key("voice"), 2, 4),  # type: ignore[arg-type]
        Value(key("web"), 4, 5),  # type: ignore[arg-type]
    ]
    found = worst_of(clause, told)
    assert found is not None
    assert found.key == key(worst)


def test_without_any_known_value_none_counts() -> None:
    assert worst_of(CONTAINED, [Value((), 0, 0)]) is None
