"""DEFINITIONS.md sections 5 and 7: what happens in a time that the contract excludes."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.contract import Clause, ContractBook, Exclusion
from streams.oracle.judge import Verdict
from tests.log_builder import (
    T,
    ai_turn,
    customer_message,
    ended,
    failure,
    human_message,
    requested,
    started,
)
from tests.unit.oracle.verdicts import (
    book_with,
    episodes,
    facts,
    judged,
    matured,
    told_of,
    waits,
    window,
)

HOUR = 3_600


def excluding(
    begin: float, end: float, *channels: str, clauses: tuple[Clause, ...] = ()
) -> ContractBook:
    """The terms with one exclusion, in seconds."""
    one = Exclusion(T(begin), T(end), "force majeure", frozenset(channels))
    return book_with(*clauses, exclusions=(one,))


def opened(verdict: Verdict) -> list[tuple[Any, ...]]:
    return told_of(verdict, "escalation_opened", "eligible", "excluded")


@pytest.mark.parametrize(
    ("t0", "excluded"), [(99.999, False), (100, True), (199.999, True), (200, False)]
)
def test_a_wait_is_excluded_by_its_t0(t0: float, excluded: bool) -> None:
    verdict = judged(
        requested("c1", T(t0)),
        human_message("c1", T(t0 + 500)),
        until=T(HOUR),
        book=excluding(100, 200),
    )
    assert [row[2] for row in opened(verdict)] == [excluded]
    assert [row[3] for row in waits(verdict)] == [None if excluded else False]
    assert bool(facts(verdict, "escalation_overdue")) != excluded


def test_a_signal_before_the_exclusion_keeps_a_request_within_it_in() -> None:
    log = [failure("c1", T(99)), requested("c1", T(150)), human_message("c1", T(160))]
    verdict = judged(*log, until=T(200), book=excluding(100, 200))
    assert [row[2] for row in opened(verdict)] == [False]
    assert [row[3] for row in waits(verdict)] == [True]


def test_an_exclusion_of_another_channel_is_none() -> None:
    log = [requested("c1", T(150)), human_message("c1", T(160))]
    assert [
        row[2] for row in opened(judged(*log, until=T(200), book=excluding(0, 200, "voice")))
    ] == [False]
    assert [
        row[2] for row in opened(judged(*log, until=T(200), book=excluding(0, 200, "chat")))
    ] == [True]


def test_an_excluded_wait_is_not_waited_for_in_containment_and_pages_nobody() -> None:
    wait = Clause(id="wait", indicator="escalation_wait", grouping=())
    log = [failure("c1", T(150), "human_requested")]
    inside = judged(*log, until=T(HOUR), book=excluding(100, 200, clauses=(wait,)))
    outside = judged(*log, until=T(HOUR), book=excluding(200, 300, clauses=(wait,)))
    assert opened(inside) == [(150.0, False, True)]
    assert opened(outside) == [(150.0, True, False)]
    assert (window(inside).open, "waiting" in window(inside).counts) == (1, False)
    assert window(outside).counts["waiting"] == 1
    assert inside.breaches == ()
    assert [r.status for r in outside.breaches] == ["opened"]


@pytest.mark.parametrize(
    ("close", "excluded"), [(99.999, False), (100, True), (199.999, True), (200, False)]
)
def test_an_episode_is_excluded_by_its_close_and_then_never_matures(
    close: float, excluded: bool
) -> None:
    verdict = judged(
        started("c1", T(0)),
        customer_message("c1", T(1)),
        ai_turn("c1", T(2)),
        ended("c1", T(close)),
        until=T(close + 6 * HOUR),
        book=excluding(100, 200),
    )
    (end,) = facts(verdict, "episode_ended")
    outcome = None if excluded else "contained"
    assert (end.detail["excluded"], end.detail["eligible"], end.detail["outcome"]) == (
        excluded,
        not excluded,
        outcome,
    )
    assert bool(matured(verdict)) != excluded


def test_an_episode_is_excluded_on_the_channel_it_opened_on() -> None:
    log = [started("c1", T(0), "voice"), ended("c1", T(150), channel="chat")]
    by_chat = judged(*log, until=T(150), book=excluding(100, 200, "chat"))
    by_voice = judged(*log, until=T(150), book=excluding(100, 200, "voice"))
    assert [f.detail["excluded"] for f in facts(by_chat, "episode_ended")] == [False]
    assert [f.detail["excluded"] for f in facts(by_voice, "episode_ended")] == [True]


def test_an_episode_that_would_not_have_been_eligible_is_excluded_too() -> None:
    verdict = judged(
        started("c1", T(110)), ended("c1", T(150)), until=T(180), book=excluding(100, 200)
    )
    assert window(verdict).counts == {"excluded.episodes": 1}


def test_excluded_waits_still_end_and_are_counted_as_what_they_were() -> None:
    verdict = judged(
        failure("c1", T(150), "human_requested"),
        human_message("c1", T(180)),
        ended("c1", T(190)),
        until=T(240),
        book=excluding(100, 200),
    )
    assert window(verdict).counts == {
        "ended.taken_over": 1,
        "escalations": 1,
        "excluded.episodes": 1,
        "excluded.escalations": 1,
        "failure.human_requested": 1,
        "first_failure.human_requested": 1,
        "latency_ms": 30_000,
    }
    assert window(verdict).samples == 1


def test_an_excluded_wait_makes_no_handover_late_but_must_still_have_its_context() -> None:
    def safe(*fields: str) -> bool | None:
        verdict = judged(
            failure("c1", T(150), "human_requested"),
            requested("c1", T(151), fields=fields),
            human_message("c1", T(900)),
            ended("c1", T(950)),
            until=T(950),
            book=excluding(100, 200),
        )
        return episodes(verdict)[0][3]

    assert safe("issue", "attempts") is True
    assert safe("issue") is False
