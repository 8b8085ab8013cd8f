"""Facts of notes: QA, surveys, compliance, costs, disputes; which of several stands, and where."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from streams.domain.facts import NOTE_KINDS, Fact, encode_fact
from tests.log_builder import (
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
from tests.unit.domain.test_lifecycle import Reader
from tests.unit.domain.walked import of_kind, seconds, walked
from tests.unit.oracle.verdicts import book_with

DAY = 86_400


def told(*log: bytes, until: float = 10 * DAY, **terms: Any) -> list[tuple[float, str, int, int]]:
    """Every note's fact as (seconds, kind, episode, ordinal)."""
    facts = walked(*log, until=T(until), book=book_with(**terms))
    return [(seconds(f.time), f.kind, f.episode, f.ordinal) for f in facts if f.kind in NOTE_KINDS]


def detail(kind: str, *log: bytes, **terms: Any) -> dict[str, Any]:
    (fact,) = of_kind(walked(*log, until=T(10 * DAY), book=book_with(**terms)), kind)  # type: ignore[arg-type]
    return fact.detail


def test_notes_open_no_episode_and_stand_in_none() -> None:
    facts = walked(cost("c1", T(5), 7), survey_sent("c1", T(6)), until=T(DAY))
    assert [(f.kind, f.episode, f.ordinal) for f in facts] == [
        ("cost_recorded", 0, 1),
        ("csat_requested", 0, 1),
    ]


def test_a_note_stands_in_the_last_episode_that_had_opened() -> None:
    log = [
        cost("c1", T(0), 1),
        started("c1", T(10)),
        cost("c1", T(10), 2),
        ended("c1", T(20)),
        cost("c1", T(30), 3),
        cost("c1", T(30), 4),
        started("c1", T(40)),
        cost("c1", T(50), 5),
    ]
    assert told(*log) == [
        (0, "cost_recorded", 0, 1),
        (10, "cost_recorded", 1, 1),
        (30, "cost_recorded", 1, 2),
        (30, "cost_recorded", 1, 3),
        (50, "cost_recorded", 2, 1),
    ]


def test_a_note_has_the_attributes_of_its_own_moment_and_its_own_channel() -> None:
    log = [
        started("c1", T(0), market=None),
        cost("c1", T(5), 1, market=None),
        ai_turn("c1", T(6), model="m-1", market="MY"),
        cost("c1", T(7), 1, channel="voice"),
    ]
    first, second = of_kind(walked(*log, until=T(7)), "cost_recorded")
    assert (first.market, first.model, first.channel) == ("unknown", "unknown", "chat")
    assert (second.market, second.model, second.channel) == ("MY", "m-1", "voice")


@pytest.mark.parametrize(
    ("score", "fails", "passed"),
    [
        (800_000, False, True),
        (799_999, False, False),
        (1_000_000, True, False),
        (None, False, False),
    ],
)
def test_an_evaluation_passes_by_its_score_unless_something_fails_it(
    score: int | None, fails: bool, passed: bool
) -> None:
    found = detail("qa_evaluated", evaluated("c1", T(0), score=score, fails=fails))
    assert found == {"subject": "ai", "evaluator": "auto", "passed": passed}


def test_of_one_evaluation_the_first_final_stands_and_drafts_are_nothing() -> None:
    log = [
        evaluated("c1", T(0), "q1", status="draft"),
        evaluated("c1", T(5), "q1", score=0),
        evaluated("c1", T(9), "q1", score=1_000_000),
        evaluated("c1", T(9), "q2"),
    ]
    assert told(*log) == [(5, "qa_evaluated", 0, 1), (9, "qa_evaluated", 0, 2)]


@pytest.mark.parametrize(("deleted", "count"), [(4, 0), (5, 0), (6, 1)])
def test_an_evaluation_that_was_deleted_by_its_own_time_is_nothing(
    deleted: float, count: int
) -> None:
    log = [evaluated("c1", T(5)), evaluated("c1", T(deleted), status="deleted")]
    assert len(told(*log)) == count


@pytest.mark.parametrize(
    ("score", "scale", "satisfied"),
    [
        (4, (1, 5), True),
        (3, (1, 5), False),
        (8, (0, 10), True),
        (7, (0, 10), False),
        (1, (-1, 1), True),
        (0, (-1, 1), False),
        (2**62, (-(2**62), 2**62), True),
    ],
)
def test_a_rating_satisfies_by_its_share_of_its_own_scale(
    score: int, scale: tuple[int, int], satisfied: bool
) -> None:
    found = detail("csat_received", survey_answered("c1", T(0), score, scale=scale))
    assert found == {"subject": "overall", "satisfied": satisfied}


def test_the_second_answer_to_a_survey_is_nothing() -> None:
    log = [
        survey_sent("c1", T(0)),
        survey_sent("c1", T(1)),
        survey_answered("c1", T(2), 5),
        survey_answered("c1", T(3), 1),
    ]
    assert told(*log) == [(0, "csat_requested", 0, 1), (2, "csat_received", 0, 1)]
    assert detail("csat_received", *log)["satisfied"] is True


def test_an_exception_is_opened_overdue_and_closed_at_one_place() -> None:
    log = [
        exception("c1", T(0), "x0"),
        exception("c1", T(1), "x1", due=T(100), severity="critical"),
        started("c1", T(50)),
        exception_closed("c1", T(200), "x1"),
    ]
    assert told(*log) == [
        (0, "compliance_opened", 0, 1),
        (1, "compliance_opened", 0, 2),
        (100.001, "compliance_overdue", 0, 2),
        (200, "compliance_closed", 0, 2),
    ]
    assert detail("compliance_closed", *log) == {
        "rule_id": "disclosure",
        "severity": "critical",
        "age_ms": 199_000,
    }


@pytest.mark.parametrize(
    ("due", "closed", "overdue"),
    [
        (100, 100, []),
        (100, 100.001, [100.001]),
        (100, None, [100.001]),
        (0.999, None, []),
        (1, None, [1.001]),
    ],
)
def test_an_exception_is_overdue_after_its_due_date_unless_it_was_closed_by_then(
    due: float, closed: float | None, overdue: list[float]
) -> None:
    log = [exception("c1", T(1), due=T(due))]
    if closed is not None:
        log.append(exception_closed("c1", T(closed)))
    assert [at for at, kind, _, _ in told(*log) if kind == "compliance_overdue"] == overdue


def test_a_closing_before_the_opening_closes_nothing() -> None:
    log = [exception_closed("c1", T(0)), exception("c1", T(1)), exception_closed("c1", T(2))]
    assert told(*log) == [(1, "compliance_opened", 0, 1)]


def test_two_costs_of_one_amount_at_one_moment_are_two_and_the_same_event_is_one() -> None:
    twice = cost("c1", T(0), -5)
    log = [twice, twice, cost("c1", T(0), -5, quantity=2)]
    facts = of_kind(walked(*log, until=T(0)), "cost_recorded")
    assert [f.detail["amount_micros"] for f in facts] == [-5, -5]


LOG = [
    started("c1", T(0)),
    evaluated("c1", T(30), "q1"),
    evaluated("c1", T(31), "q1", status="deleted"),
    survey_answered("c1", T(30), 5),
    survey_answered("c1", T(29), 1),
    exception("c1", T(20), due=T(40)),
    exception_closed("c1", T(45)),
    cost("c1", T(10), 3),
    ended("c1", T(25)),
]


def standing(facts: list[Fact]) -> set[bytes]:
    """What is left of facts when retractions are taken off; late and revision left aside."""
    left: dict[tuple[int, str, int, int], bytes] = {}
    for fact in facts:
        if fact.retracts:
            del left[fact.place]
        else:
            assert fact.place not in left
            about = (fact.kind, fact.time, fact.episode, fact.ordinal, fact.detail)
            left[fact.place] = repr(about).encode()
    return set(left.values())


@pytest.mark.parametrize("seed", range(12))
def test_late_notes_in_any_order_correct_what_was_published(seed: int) -> None:
    wanted = Reader()
    wanted.read(*LOG, T(DAY))
    shuffled = [*LOG, *LOG[2:5]]
    random.Random(seed).shuffle(shuffled)
    reader, clock = Reader(), itertools.count(35, 11)
    for raw in shuffled:
        reader.read(raw, T(next(clock)))
        if seed % 2:
            reader.restarted()
    reader.read(T(DAY))
    assert standing(reader.facts) == standing(wanted.facts)
    assert len({encode_fact(fact) for fact in reader.facts}) == len(reader.facts)


def test_a_state_is_not_forgotten_before_its_exception_is_overdue() -> None:
    reader = Reader()
    reader.read(exception("c1", T(0), due=T(30 * DAY)), T(20 * DAY))
    assert reader.partition.interactions == 1
    facts = reader.read(T(31 * DAY)).facts
    assert [fact.kind for fact in facts] == ["compliance_overdue"]
    assert reader.partition.interactions == 0


def test_a_life_is_named_by_its_earliest_event_of_whatever_kind() -> None:
    facts = walked(cost("c1", T(-5), 1), failure("c1", T(5)), until=T(5))
    assert {fact.life for fact in facts} == {T(-5) // 86_400_000}


def test_a_late_note_before_midnight_moves_the_life_and_all_its_facts() -> None:
    reader = Reader()
    reader.read(failure("c1", T(5)), T(60))
    facts = reader.read(cost("c1", T(-5), 1)).facts
    assert [(f.kind, f.life - T(0) // 86_400_000, f.retracts) for f in facts] == [
        ("ai_failure", 0, True),
        ("cost_recorded", -1, False),
        ("ai_failure", -1, False),
    ]


def test_a_dispute_is_told_once_however_often_it_comes_and_says_whose_it_is() -> None:
    log = [
        disputed("c1", T(9), "d1", party="client"),
        disputed("c1", T(7), "d1", party="customer"),
        disputed("c1", T(8), "d2", party="client"),
    ]
    facts = of_kind(walked(*log, until=T(DAY)), "resolution_disputed")
    assert [(seconds(f.time), f.ordinal, f.detail) for f in facts] == [
        (7, 1, {"party": "customer"}),
        (8, 2, {"party": "client"}),
    ]
