"""DEFINITIONS.md section 5: how a request for a human was answered, and with what context."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.contract import ContractBook, Exclusion
from streams.oracle.judge import Verdict
from tests.log_builder import (
    T,
    abandoned,
    customer_message,
    ended,
    failure,
    human_message,
    queued,
    requested,
    returned,
)
from tests.unit.oracle.verdicts import TERMS, book_with, episodes, facts, judged, told_of, window

BOOK = book_with(answer_ms={"chat": 20_000, "voice": 20_000}, short_abandon_ms=5_000)


def heard(*log: bytes, until: int = T(600), book: ContractBook = BOOK) -> Verdict:
    return judged(*log, until=until, book=book)


def answers(verdict: Verdict) -> list[tuple[Any, ...]]:
    """(seconds, answer, removed within) of every ended escalation."""
    return told_of(verdict, "escalation_ended", "answer", "removed_within")


def contexts(verdict: Verdict) -> list[bool | None]:
    return [f.detail["context_complete"] for f in facts(verdict, "escalation_ended")]


@pytest.mark.parametrize(
    ("end", "answer", "removed"),
    [
        (human_message("c1", T(30)), "within", True),
        (human_message("c1", T(30.001)), "beyond", False),
        (abandoned("c1", T(15)), "short_abandon", True),
        (abandoned("c1", T(15.001)), "beyond", True),
        (abandoned("c1", T(30)), "beyond", True),
        (abandoned("c1", T(30.001)), "beyond", False),
        # Dropped by the bot is no customer's short abandon.
        (ended("c1", T(12), "ai"), "beyond", True),
        (ended("c1", T(12), "customer"), "short_abandon", True),
    ],
    ids=[
        "answered at the threshold",
        "answered after it",
        "left at the short abandon",
        "left after it",
        "left at the threshold",
        "left after the threshold",
        "dropped by the bot",
        "hung up",
    ],
)
def test_an_answer_counts_from_the_request_and_not_from_the_signal(
    end: bytes, answer: str, removed: bool
) -> None:
    verdict = heard(failure("c1", T(0)), requested("c1", T(10)), end)
    assert [row[1:] for row in answers(verdict)] == [(answer, removed)]


def test_an_escalation_that_expires_was_not_answered() -> None:
    book = book_with(answer_ms={"chat": 20_000}, escalation_expiry_ms=60_000)
    assert answers(heard(requested("c1", T(0)), book=book)) == [(60.0, "beyond", False)]


def test_without_a_request_there_is_nothing_to_answer() -> None:
    verdict = heard(failure("c1", T(0), "human_requested"), human_message("c1", T(5)))
    assert answers(verdict) == [(5.0, None, None)]


def test_queueing_is_a_request() -> None:
    verdict = heard(failure("c1", T(0)), queued("c1", T(10)), human_message("c1", T(25)))
    assert answers(verdict) == [(25.0, "within", True)]


def test_a_return_to_the_queue_is_a_request_of_its_own() -> None:
    verdict = heard(
        requested("c1", T(0)),
        human_message("c1", T(5)),
        returned("c1", T(100), "queue"),
        human_message("c1", T(125)),
    )
    assert answers(verdict) == [(5.0, "within", True), (125.0, "beyond", False)]


def test_a_swapped_request_was_answered_at_once() -> None:
    verdict = heard(failure("c1", T(0)), human_message("c1", T(100)), requested("c1", T(103)))
    assert answers(verdict) == [(103.0, "within", True)]


def test_a_channel_without_an_answer_threshold_is_not_judged() -> None:
    verdict = heard(
        requested("c1", T(0), channel="email"), human_message("c1", T(5), channel="email")
    )
    assert answers(verdict) == [(5.0, None, None)]


def test_answers_are_counted_and_short_abandons_stand_in_no_service_level() -> None:
    verdict = heard(
        *(requested(f"c{n}", T(0)) for n in range(6)),
        human_message("c0", T(5)),
        human_message("c1", T(20)),
        human_message("c2", T(30)),
        abandoned("c3", T(5)),
        abandoned("c4", T(6)),
        abandoned("c5", T(26)),
        until=T(60),
    )
    counts = window(verdict).counts
    assert {name: n for name, n in counts.items() if name.startswith("answer.")} == {
        "answer.beyond": 3,
        "answer.ended": 6,
        "answer.removed_within": 4,
        "answer.short_abandon": 1,
        "answer.within": 2,
    }


def test_context_is_complete_where_all_that_is_required_was_handed_over() -> None:
    def context(*fields: str, **terms: Any) -> list[bool | None]:
        log = [requested("c1", T(0), fields=fields), human_message("c1", T(5))]
        return contexts(heard(*log, book=book_with(**terms)))

    assert context("issue", "attempts", "summary") == [True]
    assert context("issue") == [False]
    assert context() == [False]
    assert context(required_context=frozenset()) == [None]


def test_only_a_takeover_after_a_request_by_somebody_else_is_judged_for_its_context() -> None:
    verdict = heard(
        requested("c1", T(0)),
        human_message("c1", T(5)),
        returned("c1", T(100), "queue"),
        human_message("c1", T(125)),
        returned("c1", T(150), "ai"),
        requested("c1", T(200)),
        ended("c1", T(210)),
    )
    assert contexts(verdict) == [True, None, None]


def test_what_an_echo_adds_after_the_end_makes_a_handover_safe_but_its_context_no_fuller() -> None:
    verdict = heard(
        failure("c1", T(0), "human_requested"),
        customer_message("c1", T(1)),
        requested("c1", T(2), fields=["issue"]),
        human_message("c1", T(10)),
        requested("c1", T(12), fields=["attempts"]),
        ended("c1", T(60)),
    )
    assert contexts(verdict) == [False]
    assert episodes(verdict) == [(60.0, "customer", "escalated", True)]


def test_context_is_required_by_the_terms_in_force_at_t0() -> None:
    book = ContractBook(
        [
            replace(TERMS, effective_to_ms=T(5), required_context=frozenset()),
            replace(TERMS, version=2, effective_from_ms=T(5)),
        ]
    )
    log = [requested("c1", T(6), fields=["issue"]), human_message("c1", T(9))]
    assert contexts(heard(*log, book=book)) == [False]
    assert contexts(heard(failure("c1", T(4)), *log, book=book)) == [None]


def test_an_excluded_wait_is_judged_for_neither_answer_nor_context() -> None:
    book = book_with(answer_ms={"chat": 20_000}, exclusions=(Exclusion(T(0), T(10), "outage"),))
    log = [requested("c1", T(9.999)), human_message("c1", T(200))]
    verdict = heard(*log, book=book)
    assert answers(verdict) == [(200.0, None, None)]
    assert contexts(verdict) == [None]
    assert contexts(heard(requested("c1", T(10)), human_message("c1", T(200)), book=book)) == [True]
