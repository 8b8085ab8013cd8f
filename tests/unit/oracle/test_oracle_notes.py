"""DEFINITIONS.md sections 3 and 6: evaluations, surveys, compliance, costs, disputes as facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.contract import ContractBook
from streams.domain.facts import encode_fact
from streams.oracle.judge import Verdict, judge
from tests.log_builder import (
    LIFE,
    T,
    ai_turn,
    cost,
    disputed,
    ended,
    evaluated,
    exception,
    exception_closed,
    failure,
    started,
    survey_answered,
    survey_sent,
)
from tests.unit.oracle.verdicts import (
    BOOK,
    TERMS,
    at,
    book_with,
    facts,
    judged,
    late,
    places,
    told_of,
    window,
)

DAY = 86_400


def evaluations(*log: bytes, until: int = T(600), **terms: Any) -> list[tuple[Any, ...]]:
    """(seconds, subject, passed) of every evaluation."""
    verdict = judged(*log, until=until, book=book_with(**terms))
    return told_of(verdict, "qa_evaluated", "subject", "passed")


def timeline(verdict: Verdict) -> list[tuple[float, str]]:
    return [(at(f.time), f.kind) for f in verdict.facts]


@pytest.mark.parametrize(
    ("score", "fails", "passed"),
    [
        (800_000, False, True),
        (799_999, False, False),
        (1_000_000, True, False),
        (None, False, False),
    ],
    ids=["at the pass score", "below it", "automatic fail", "no score"],
)
def test_an_evaluation_passes_with_enough_and_no_automatic_fail(
    score: int | None, fails: bool, passed: bool
) -> None:
    assert evaluations(evaluated("c1", T(5), score=score, fails=fails)) == [(5.0, "ai", passed)]


def test_the_pass_score_is_that_of_the_terms_in_force_at_the_evaluation() -> None:
    book = ContractBook(
        [
            replace(TERMS, effective_to_ms=T(10), qa_pass_ppm=500_000),
            replace(TERMS, version=2, effective_from_ms=T(10), qa_pass_ppm=900_000),
        ]
    )
    log = [evaluated("c1", T(n), f"q{n}", score=600_000) for n in (9, 10)]
    told = facts(judged(*log, until=T(60), book=book), "qa_evaluated")
    assert [(f.version, f.detail["passed"]) for f in told] == [(1, True), (2, False)]


def test_a_draft_is_no_evaluation_and_the_first_final_one_stands() -> None:
    assert evaluations(
        evaluated("c1", T(1), status="draft", score=100_000),
        evaluated("c1", T(5), score=900_000),
        evaluated("c1", T(9), score=100_000),
    ) == [(5.0, "ai", True)]


def test_of_two_final_evaluations_in_one_millisecond_the_lesser_stands() -> None:
    two = [evaluated("c1", T(5), score=900_000), evaluated("c1", T(5), score=None)]
    assert evaluations(*two) == evaluations(*reversed(two)) == [(5.0, "ai", False)]
    by = [evaluated("c1", T(5), subject=subject) for subject in ("human", "ai")]
    assert evaluations(*by) == [(5.0, "ai", True)]


@pytest.mark.parametrize(
    ("deleted", "told"), [(4.999, 0), (5, 0), (5.001, 1)], ids=["before", "at", "after"]
)
def test_an_evaluation_deleted_by_its_time_is_nothing(deleted: float, told: int) -> None:
    log = [evaluated("c1", T(5)), evaluated("c1", T(deleted), status="deleted")]
    assert len(evaluations(*log)) == told


def test_deleting_another_evaluation_deletes_nothing() -> None:
    log = [evaluated("c1", T(5)), evaluated("c1", T(4), "q2", status="deleted")]
    assert len(evaluations(*log)) == 1


def test_one_survey_is_sent_once_and_answered_once() -> None:
    verdict = judged(
        survey_sent("c1", T(1)),
        survey_sent("c1", T(2)),
        survey_sent("c1", T(3), "s2"),
        survey_answered("c1", T(5), 4),
        survey_answered("c1", T(6), 1),
        until=T(60),
    )
    assert timeline(verdict) == [
        (1.0, "csat_requested"),
        (3.0, "csat_requested"),
        (5.0, "csat_received"),
    ]
    assert window(verdict).counts == {
        "csat.received": 1,
        "csat.requested": 2,
        "csat.satisfied": 1,
    }


@pytest.mark.parametrize(
    ("score", "scale", "satisfied"),
    [
        (4, (1, 5), True),  # 75 % of the way
        (3, (1, 5), False),
        (8, (0, 10), True),
        (7, (0, 10), False),
        (0, (-2, 2), False),
        (1, (-2, 2), True),
        (1, (0, 1), True),
    ],
)
def test_a_customer_is_satisfied_at_three_quarters_of_the_scale(
    score: int, scale: tuple[int, int], satisfied: bool
) -> None:
    verdict = judged(survey_answered("c1", T(5), score, scale=scale), until=T(60))
    assert told_of(verdict, "csat_received", "subject", "satisfied") == [
        (5.0, "overall", satisfied)
    ]


@pytest.mark.parametrize(("score", "scale"), [(0, (1, 5)), (6, (1, 5)), (1, (1, 1)), (3, (5, 1))])
def test_a_rating_that_is_on_no_scale_is_refused(score: int, scale: tuple[int, int]) -> None:
    verdict = judged(survey_answered("c1", T(5), score, scale=scale), until=T(60))
    assert (verdict.dead_letters, verdict.facts) == ({"schema_violation": 1}, ())
    assert verdict.events == 0


@pytest.mark.parametrize("kind", ["compliance.exception", "compliance.closed"])
def test_a_due_date_that_no_time_could_be_is_refused(kind: str) -> None:
    raw = exception("c1", T(5), due=T(90)) if kind.endswith("n") else exception_closed("c1", T(5))
    due = b'"due_at":"9999-12-31T23:59:59-10:00"'
    if b"due_at" in raw:
        raw = raw.replace(b'"due_at":"2026-03-02T00:01:30.000Z"', due)
    else:
        raw = raw.replace(b'"data":{', b'"data":{' + due + b",")
    assert judged(raw, until=T(60)).dead_letters == {"schema_violation": 1}


@pytest.mark.parametrize(("amount", "refused"), [(10**14, 0), (10**14 + 1, 1), (-(10**14) - 1, 1)])
def test_a_cost_that_cannot_be_added_up_is_refused(amount: int, refused: int) -> None:
    verdict = judged(cost("c1", T(5), amount), until=T(60))
    assert verdict.dead_letters.get("schema_violation", 0) == refused
    assert len(verdict.facts) == 1 - refused


def test_an_exception_is_overdue_just_after_its_due_date_though_no_event_ever_comes() -> None:
    log = [exception("c1", T(0), due=T(90), severity="critical")]
    assert timeline(judged(*log, until=T(90))) == [(0.0, "compliance_opened")]
    verdict = judged(*log, until=T(120))
    assert timeline(verdict) == [(0.0, "compliance_opened"), (90.001, "compliance_overdue")]
    assert told_of(verdict, "compliance_opened", "rule_id", "severity", "due_at") == [
        (0.0, "disclosure", "critical", T(90))
    ]
    assert window(verdict).counts == {"compliance.critical": 1, "compliance.overdue": 1}


@pytest.mark.parametrize(
    ("closed", "overdue"), [(89.999, False), (90, False), (90.001, True), (95, True)]
)
def test_an_exception_closed_by_its_due_date_is_never_overdue(closed: float, overdue: bool) -> None:
    log = [exception("c1", T(0), due=T(90)), exception_closed("c1", T(closed))]
    verdict = judged(*log, until=T(120))
    assert bool(facts(verdict, "compliance_overdue")) == overdue
    assert told_of(verdict, "compliance_closed", "rule_id", "severity", "age_ms") == [
        (closed, "disclosure", "major", round(closed * 1000))
    ]


@pytest.mark.parametrize(("due", "overdue"), [(9.998, False), (9.999, False), (10, True)])
def test_an_exception_that_was_past_its_due_date_when_it_opened_is_not_overdue(
    due: float, overdue: bool
) -> None:
    verdict = judged(exception("c1", T(10), due=T(due)), until=T(60))
    assert bool(facts(verdict, "compliance_overdue")) == overdue


def test_a_closing_counts_only_from_its_opening_on_and_only_the_first_is_one() -> None:
    both = [exception("c1", T(10)), exception_closed("c1", T(10))]
    assert told_of(judged(*both, until=T(60)), "compliance_closed", "age_ms") == [(10.0, 0)]
    early = [exception("c1", T(10), due=T(50)), exception_closed("c1", T(9))]
    verdict = judged(*early, exception_closed("c1", T(20)), until=T(60))
    assert timeline(verdict) == [(10.0, "compliance_opened")]
    alone = judged(exception_closed("c1", T(9)), until=T(60))
    assert alone.facts == ()


def test_the_first_opening_of_an_exception_stands_with_its_due_date() -> None:
    verdict = judged(
        exception("c1", T(10), due=T(30)),
        exception("c1", T(11), due=T(20), severity="minor"),
        until=T(60),
    )
    assert timeline(verdict) == [(10.0, "compliance_opened"), (30.001, "compliance_overdue")]
    tied = [exception("c1", T(10), due=T(30)), exception("c1", T(10))]
    assert timeline(judged(*tied, until=T(60))) == [(10.0, "compliance_opened")]


def test_costs_are_added_each_for_itself_and_may_be_taken_back() -> None:
    verdict = judged(
        cost("c1", T(1), 300_000),
        cost("c1", T(1), 300_000, quantity=2),
        cost("c1", T(2), -700_000, component="human"),
        cost("c1", T(3), 5_000_000, "SGD"),
        until=T(60),
    )
    assert told_of(verdict, "cost_recorded", "component", "amount_micros", "currency") == [
        (1.0, "llm", 300_000, "USD"),
        (1.0, "llm", 300_000, "USD"),
        (2.0, "human", -700_000, "USD"),
        (3.0, "llm", 5_000_000, "SGD"),
    ]
    assert window(verdict).counts == {"cost.other_currency": 1, "cost_micros": -100_000}


def test_the_currency_that_costs_are_added_in_is_that_of_the_terms_at_their_time() -> None:
    book = ContractBook(
        [
            replace(TERMS, effective_to_ms=T(10)),
            replace(TERMS, version=2, effective_from_ms=T(10), currency="SGD"),
        ]
    )
    log = [cost("c1", T(n), 1, currency) for n in (9, 10) for currency in ("USD", "SGD", "PHP")]
    assert window(judged(*log, until=T(60), book=book)).counts == {
        "cost.other_currency": 4,
        "cost_micros": 2,
    }


def test_costs_that_cancel_out_leave_no_counter() -> None:
    verdict = judged(cost("c1", T(1), 5), cost("c1", T(2), -5), until=T(60))
    assert window(verdict).counts == {}


def test_a_cost_told_twice_is_one() -> None:
    once = cost("c1", T(1), 300_000)
    assert window(judged(once, once, until=T(60))).counts == {"cost_micros": 300_000}


def test_notes_belong_to_the_last_episode_that_had_opened_and_are_numbered_in_it() -> None:
    verdict = judged(
        cost("c1", T(1), 1),
        cost("c1", T(2), 2),
        started("c1", T(10)),
        cost("c1", T(10), 3),
        ended("c1", T(20)),
        cost("c1", T(30), 4),
        started("c1", T(40)),
        cost("c1", T(50), 5),
        evaluated("c1", T(51)),
        until=T(60),
    )
    assert places(verdict, "cost_recorded") == [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1)]
    assert places(verdict, "qa_evaluated") == [(2, 1)]


def test_what_becomes_of_an_exception_stands_where_it_was_opened() -> None:
    verdict = judged(
        exception("c1", T(1), "x2"),
        started("c1", T(10)),
        exception("c1", T(12), "x1", due=T(50), channel="voice"),
        ended("c1", T(20)),
        started("c1", T(30)),
        exception_closed("c1", T(55), channel="email"),
        exception_closed("c1", T(58), "x2"),
        until=T(60),
    )
    assert places(verdict, "compliance_opened") == [(0, 1), (1, 1)]
    assert [
        (f.kind, f.episode, f.ordinal, f.channel)
        for f in verdict.facts
        if f.kind in ("compliance_overdue", "compliance_closed")
    ] == [
        ("compliance_overdue", 1, 1, "voice"),
        ("compliance_closed", 1, 1, "voice"),
        ("compliance_closed", 0, 1, "chat"),
    ]


def test_an_exception_is_closed_by_the_terms_it_was_opened_under_and_as_it_is_known_then() -> None:
    book = ContractBook(
        [
            replace(TERMS, effective_to_ms=T(10)),
            replace(TERMS, version=2, effective_from_ms=T(10)),
        ]
    )
    verdict = judged(
        exception("c1", T(5), market=None),
        exception_closed("c1", T(20), market="MY"),
        until=T(60),
        book=book,
    )
    assert [(f.kind, f.version, f.market) for f in verdict.facts] == [
        ("compliance_opened", 1, "unknown"),
        ("compliance_closed", 1, "MY"),
    ]


def test_a_note_alone_gives_its_life_a_name_and_opens_nothing() -> None:
    (fact,) = judged(cost("c1", T(5), 7), until=T(60)).facts
    assert (fact.life, fact.episode, fact.id) == (
        LIFE,
        0,
        "telco-2026:c1:2026-03-02:cost_recorded:0:1:0",
    )


def test_a_note_before_midnight_names_the_life_of_all_that_follows() -> None:
    verdict = judged(cost("c1", T(-5), 7), failure("c1", T(5)), until=T(60))
    assert {f.life for f in verdict.facts} == {LIFE - 1}


def test_a_late_note_before_midnight_takes_every_fact_to_the_day_before() -> None:
    verdict = judged(failure("c1", T(5)), T(30), cost("c1", T(-5), 7), until=T(60))
    assert [(f.kind, f.life, f.late, f.retracts) for f in verdict.facts] == [
        ("cost_recorded", LIFE - 1, True, False),
        ("ai_failure", LIFE - 1, True, False),
        ("ai_failure", LIFE, False, False),
        ("ai_failure", LIFE, True, True),
    ]


def test_a_late_note_numbers_those_after_it_anew() -> None:
    verdict = judged(cost("c1", T(10), 1), T(30), cost("c1", T(5), 2), until=T(60))
    assert late(verdict) == [
        ("+", 5.0, "cost_recorded", 1),
        ("-", 10.0, "cost_recorded", 0),
        ("+", 10.0, "cost_recorded", 0),
    ]
    assert places(verdict, "cost_recorded") == [(0, 1), (0, 1), (0, 1), (0, 2)]


def test_a_late_closing_takes_back_that_an_exception_was_overdue() -> None:
    verdict = judged(
        exception("c1", T(0), due=T(20)), T(40), exception_closed("c1", T(10)), until=T(60)
    )
    assert late(verdict) == [
        ("+", 10.0, "compliance_closed", 0),
        ("-", 20.001, "compliance_overdue", 0),
    ]


def test_a_conversation_is_not_forgotten_before_its_exception_is_overdue() -> None:
    due = T(0) + 20 * DAY * 1000
    log = [exception("c1", T(0), due=due), due]
    assert {
        f.life for f in judge([*log, failure("c1", due + 1), due + 2], BOOK, lateness_ms=0).facts
    } == {LIFE}
    lives = judge([*log, due + 1, failure("c1", due + 2), due + 3], BOOK, lateness_ms=0).facts
    assert [(f.kind, f.life) for f in lives] == [
        ("compliance_opened", LIFE),
        ("compliance_overdue", LIFE),
        ("ai_failure", LIFE + 20),
    ]


def test_an_exception_closed_in_time_keeps_nothing() -> None:
    due = T(0) + 20 * DAY * 1000
    rests = T(10) + 8 * DAY * 1000
    log = [exception("c1", T(0), due=due), exception_closed("c1", T(10)), rests]
    lives = judge([*log, failure("c1", rests + 1), rests + 2], BOOK, lateness_ms=0).facts
    assert [(f.kind, f.life) for f in lives][-1] == ("ai_failure", LIFE + 8)


def test_a_conversation_belongs_to_the_version_of_the_ai_that_first_served_it() -> None:
    verdict = judged(
        ai_turn("c1", T(1), prompt_version="p-2", model="m-1"),
        failure("c1", T(2), prompt_version="p-1", knowledge_version="k-1"),
        ended("c1", T(5)),
        until=T(60),
    )
    assert [(f.kind, f.prompt_version, f.model, f.knowledge_version) for f in verdict.facts] == [
        ("ai_failure", "p-2", "m-1", "k-1"),
        ("episode_ended", "p-2", "m-1", "k-1"),
    ]


def test_of_two_versions_stated_at_once_the_least_is_known_and_before_that_none() -> None:
    verdict = judged(
        cost("c1", T(0), 1),
        ai_turn("c1", T(1), prompt_version="p-2"),
        ai_turn("c1", T(1), prompt_version="p-10"),
        cost("c1", T(2), 1),
        until=T(60),
    )
    versions = [f.prompt_version for f in facts(verdict, "cost_recorded")]
    assert versions == ["unknown", "p-10"]


def test_a_grouping_by_version_admits_what_its_pattern_does() -> None:
    book = book_with(
        groupings=((), ("prompt_version",)),
        scope={**TERMS.scope, "prompt_version": frozenset({"p-1*"})},
    )
    log = [
        failure(f"c{n}", T(1), prompt_version=version)
        for n, version in enumerate(("p-1", "p-17", "p-2", None))
    ]
    verdict = judged(*log, until=T(60), book=book)
    keys = [dict(w.key)["prompt_version"] for w in verdict.windows if w.key and w.window == "5m"]
    assert keys == ["other", "p-1", "p-17", "unknown"]


def disputes(*log: bytes) -> list[tuple[Any, ...]]:
    """(seconds, party) of every dispute."""
    return told_of(judged(*log, until=T(600)), "resolution_disputed", "party")


def test_of_a_disputes_notes_the_first_in_order_stands() -> None:
    log = (
        disputed("c1", T(9), "d1", party="client"),
        disputed("c1", T(5), "d1", party="customer"),
        disputed("c1", T(5), "d1", party="client"),
        disputed("c1", T(7), "d2", party="customer"),
    )
    assert disputes(*log) == [(5.0, "client"), (7.0, "customer")]


def test_a_dispute_belongs_to_the_last_episode_that_opened_and_makes_no_window() -> None:
    verdict = judged(
        disputed("c1", T(-1), "d0"),
        started("c1", T(0)),
        ended("c1", T(10)),
        disputed("c1", T(60), "d2"),
        disputed("c1", T(50), "d1"),
        disputed("c2", T(50), "d1"),
        until=T(600),
    )
    # c1 before its first episode, c1's first, c2 without any, c1's second dispute.
    assert places(verdict, "resolution_disputed") == [(0, 1), (1, 1), (0, 1), (1, 2)]
    assert not judged(disputed("c2", T(50)), until=T(600)).windows


def test_facts_of_notes_can_be_written_down() -> None:
    log = [
        evaluated("c1", T(1)),
        survey_sent("c1", T(1)),
        survey_answered("c1", T(2), 5),
        exception("c1", T(2), due=T(9)),
        exception_closed("c1", T(9)),
        cost("c1", T(3), -1),
    ]
    written = [encode_fact(f) for f in judged(*log, until=T(60)).facts]
    assert len(set(written)) == 6
    assert any(b'"due_at":"2026-03-02T00:00:09.000Z"' in raw for raw in written)
