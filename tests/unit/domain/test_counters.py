"""What each fact adds to the counters of its keys."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from streams.domain.counters import counted
from streams.domain.facts import FACT_KINDS
from streams.domain.step_deltas import StepDeltas
from tests.log_builder import T, ai_turn, cost, failure
from tests.unit.domain.test_facts import FACT
from tests.unit.domain.walked import walked
from tests.unit.oracle.verdicts import TERMS, book_with

BOOK = book_with(currency="SGD")
ENDED: dict[str, Any] = {
    "outcome": "taken_over",
    "latency_ms": 7,
    "within": None,
    "overdue": False,
    "clamped": False,
    "answer": None,
    "removed_within": None,
    "context_complete": None,
}
EPISODE: dict[str, Any] = {
    "eligible": True,
    "outcome": "escalated",
    "safe": False,
    "excluded": False,
    "repeated": False,
    "resolved": False,
}
MATURED = dict.fromkeys(
    ("human", "claimed", "resolved", "returned", "first_contact", "qa_ai", "qa_human"), False
)


CASES: list[tuple[Any, dict[str, Any], dict[str, int]]] = [
    ("ai_failure", {"reason": "timeout", "first": False}, {"failure.timeout": 1}),
    (
        "response_given",
        {"by": "ai", "latency_ms": 9, "within": True},
        {"response.ai": 1, "response.ai_ms": 9, "response.within": 1},
    ),
    (
        "response_given",
        {"by": "human", "latency_ms": 9, "within": None},
        {"response.human": 1, "response.human_ms": 9},
    ),
    ("response_missed", {}, {"response.missed": 1}),
    ("escalation_opened", {"excluded": False}, {"escalations": 1}),
    (
        "escalation_opened",
        {"excluded": True},
        {"escalations": 1, "excluded.escalations": 1},
    ),
    ("escalation_overdue", {}, {"overdue": 1, "missed": 1}),
    ("escalation_ended", ENDED, {"ended.taken_over": 1, "latency_ms": 7}),
    (
        "escalation_ended",
        ENDED | {"answer": "short_abandon", "removed_within": True},
        {
            "ended.taken_over": 1,
            "latency_ms": 7,
            "answer.short_abandon": 1,
            "answer.ended": 1,
            "answer.removed_within": 1,
        },
    ),
    (
        "escalation_ended",
        ENDED | {"within": False, "context_complete": False},
        {"ended.taken_over": 1, "latency_ms": 7, "missed": 1, "context.judged": 1},
    ),
    ("episode_ended", EPISODE, {"eligible": 1, "outcome.escalated": 1}),
    ("customer_visited", {}, {}),
    (
        "episode_ended",
        EPISODE | {"resolved": True},
        {"eligible": 1, "outcome.escalated": 1, "resolved_closes": 1},
    ),
    (
        "episode_ended",
        EPISODE | {"repeated": True},
        {"eligible": 1, "outcome.escalated": 1, "repeated": 1},
    ),
    (
        "episode_ended",
        EPISODE | {"repeated": True, "outcome": "abandoned"},
        {"eligible": 1, "outcome.abandoned": 1},
    ),
    (
        "episode_ended",
        EPISODE | {"eligible": False, "excluded": True, "outcome": None},
        {"excluded.episodes": 1},
    ),
    ("episode_ended", EPISODE | {"eligible": False, "outcome": None}, {"ineligible": 1}),
    ("episode_matured", MATURED | {"outcome": "void"}, {"matured": 1, "final.void": 1}),
    (
        "episode_matured",
        dict.fromkeys(MATURED, True) | {"outcome": "verified"},
        {"matured": 1, "final.verified": 1, "covered.ai": 1, "covered.human": 1}
        | dict.fromkeys(("human", "claimed", "resolved", "returned", "first_contact"), 1),
    ),
    (
        "episode_matured",
        MATURED | {"outcome": "assumed", "qa_human": True},
        {"matured": 1, "final.assumed": 1},
    ),
    ("qa_evaluated", {"subject": "ai", "passed": False}, {"qa.ai": 1}),
    (
        "qa_evaluated",
        {"subject": "human", "passed": True},
        {"qa.human": 1, "qa_passed.human": 1},
    ),
    ("csat_requested", {}, {"csat.requested": 1}),
    ("csat_received", {"satisfied": False}, {"csat.received": 1}),
    ("csat_received", {"satisfied": True}, {"csat.received": 1, "csat.satisfied": 1}),
    ("compliance_opened", {"severity": "minor"}, {"compliance.minor": 1}),
    ("compliance_overdue", {"severity": "minor"}, {"compliance.overdue": 1}),
    ("compliance_closed", {"severity": "minor"}, {"compliance.closed": 1}),
    ("cost_recorded", {"amount_micros": -5, "currency": "SGD"}, {"cost_micros": -5}),
    ("cost_recorded", {"amount_micros": 5, "currency": "USD"}, {"cost.other_currency": 1}),
    ("resolution_disputed", {"party": "client"}, {}),
]


@pytest.mark.parametrize(("kind", "detail", "expected"), CASES)
def test_a_fact_counts_as_section_8_says(
    kind: Any, detail: dict[str, Any], expected: dict[str, int]
) -> None:
    fact = replace(FACT, kind=kind, version=1, detail=detail)
    assert dict(counted(fact, BOOK)) == expected


def test_no_kind_is_left_uncounted() -> None:
    assert {kind for kind, _, _ in CASES} == set(FACT_KINDS)
    # A visit counts for the close that it returns to, a dispute for no indicator.
    uncounted = {"customer_visited", "resolution_disputed"}
    assert all(expected for kind, _, expected in CASES if kind not in uncounted)


def test_costs_taken_back_leave_nothing_but_the_key() -> None:
    deltas = StepDeltas(BOOK)
    for fact in walked(cost("c1", T(1), 7, "SGD"), cost("c1", T(2), -7, "SGD"), until=T(2)):
        deltas.add(fact)
    deltas.close(T(2))
    told = deltas.take()
    assert told is not None
    assert {one.counts["cost_micros"] for key in told.keys for one in key.added} == {0}


def test_versions_of_the_ai_are_keys_as_far_as_the_scope_admits_them() -> None:
    scope = {**TERMS.scope, "model": frozenset({"gpt-*"}), "prompt_version": frozenset({"p-1"})}
    book = book_with(
        scope=scope, groupings=(("model",), ("prompt_version",), ("knowledge_version",))
    )
    deltas = StepDeltas(book)
    log = [
        ai_turn("c1", T(0), model="gpt-9", prompt_version="p-2", knowledge_version="k"),
        failure("c1", T(1), model="other-model"),
    ]
    for fact in walked(*log, until=T(1), book=book):
        deltas.add(fact)
    deltas.close(T(1))
    told = deltas.take()
    assert told is not None
    assert {key.dimensions for key in told.keys} == {
        (("model", "gpt-9"),),
        (("prompt_version", "other"),),
        (("knowledge_version", "other"),),
    }
