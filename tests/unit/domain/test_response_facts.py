"""First responses: who answered an episode's first question, when, and when nobody did."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.contract import Exclusion
from tests.log_builder import (
    T,
    ai_message,
    ai_turn,
    customer_message,
    ended,
    first_human_message,
    human_message,
    message,
    started,
)
from tests.unit.domain.walked import HOUR, of_kind, seconds, walked
from tests.unit.oracle.verdicts import book_with

BOOK = book_with(first_response_ms={"chat": 60_000, "messaging": 60_000})


def given(*log: bytes, until: float = 3 * HOUR, book: Any = BOOK) -> list[tuple[Any, ...]]:
    """Every answer as (seconds, by, first, latency in seconds, within)."""
    return [
        (
            seconds(fact.time),
            fact.detail["by"],
            fact.detail["first"],
            fact.detail["latency_ms"] / 1000,
            fact.detail["within"],
        )
        for fact in of_kind(walked(*log, until=T(until), book=book), "response_given")
    ]


def missed(*log: bytes, until: float = 3 * HOUR, book: Any = BOOK) -> list[float]:
    facts = of_kind(walked(*log, until=T(until), book=book), "response_missed")
    assert all(fact.detail["threshold_ms"] == 60_000 for fact in facts)
    return [seconds(fact.time) for fact in facts]


def test_each_author_s_first_answer_is_told_and_the_earlier_is_the_first_response() -> None:
    log = [
        customer_message("c1", T(0)),
        ai_message("c1", T(5)),
        ai_message("c1", T(6)),
        human_message("c1", T(30)),
        human_message("c1", T(31)),
    ]
    assert given(*log) == [(5, "ai", True, 5, True), (30, "human", False, 30, None)]
    assert missed(*log) == []


def test_of_two_answers_at_one_moment_the_ai_s_is_first() -> None:
    log = [customer_message("c1", T(0)), human_message("c1", T(9)), ai_message("c1", T(9))]
    assert [(by, first) for _, by, first, _, _ in given(*log)] == [("ai", True), ("human", False)]


def test_an_answer_at_the_moment_of_the_question_has_waited_for_nothing() -> None:
    log = [customer_message("c1", T(0)), ai_message("c1", T(0))]
    assert given(*log) == [(0, "ai", True, 0, True)]


@pytest.mark.parametrize(
    ("answer", "within", "gone"),
    [(60, True, []), (60.001, False, [60.001]), (300, False, [60.001])],
)
def test_the_threshold_is_met_up_to_its_last_millisecond(
    answer: float, within: bool, gone: list[float]
) -> None:
    log = [customer_message("c1", T(0)), ai_message("c1", T(answer))]
    assert (given(*log)[0][4], missed(*log)) == (within, gone)


def test_what_nobody_answers_is_missed_when_its_time_is_over() -> None:
    log = [customer_message("c1", T(0))]
    assert missed(*log, until=60) == []
    assert missed(*log, until=60.001) == [60.001]


def test_what_nobody_had_answered_when_the_episode_ended_is_missed_then() -> None:
    log = [customer_message("c1", T(0)), ended("c1", T(20)), ai_message("c1", T(25))]
    assert (missed(*log), given(*log)) == ([20], [])


@pytest.mark.parametrize("author", ["system", "automation", "campaign"])
def test_automation_and_private_notes_answer_nothing(author: str) -> None:
    log = [
        customer_message("c1", T(0)),
        message("c1", T(1), author),
        ai_turn("c1", T(2)),
        message("c1", T(3), "ai", visibility="private"),
        message("c1", T(4), "human", visibility="private"),
    ]
    assert (given(*log), missed(*log)) == ([], [60.001])


def test_a_greeting_before_the_question_is_no_answer() -> None:
    log = [started("c1", T(0)), ai_message("c1", T(1)), customer_message("c1", T(5))]
    assert (given(*log), missed(*log)) == ([], [65.001])


def test_a_first_human_message_of_a_handoff_answers_too() -> None:
    log = [customer_message("c1", T(0)), first_human_message("c1", T(12))]
    assert given(*log) == [(12, "human", True, 12, True)]


def test_each_episode_has_its_own_question() -> None:
    log = [
        customer_message("c1", T(0)),
        ai_message("c1", T(1)),
        ended("c1", T(2)),
        started("c1", T(10)),
        customer_message("c1", T(20)),
        ai_message("c1", T(23)),
    ]
    facts = of_kind(walked(*log, until=T(60), book=BOOK), "response_given")
    assert [(f.episode, f.ordinal, f.detail["latency_ms"]) for f in facts] == [
        (1, 1, 1_000),
        (2, 1, 3_000),
    ]


def test_on_voice_there_are_no_first_responses() -> None:
    log = [
        started("c1", T(0), "voice"),
        customer_message("c1", T(1), channel="voice"),
        ai_message("c1", T(2), channel="voice"),
    ]
    assert (given(*log), missed(*log)) == ([], [])


def test_without_a_threshold_answers_are_told_and_none_is_missed() -> None:
    book = book_with(first_response_ms={})
    log = [customer_message("c1", T(0)), ai_message("c1", T(500))]
    assert given(*log, book=book) == [(500, "ai", True, 500, None)]
    assert missed(*log, book=book) == []


@pytest.mark.parametrize(("asked", "gone"), [(99.999, [160.0]), (100, []), (199.999, [])])
def test_a_question_in_an_excluded_span_has_no_threshold(asked: float, gone: list[float]) -> None:
    span = Exclusion(T(100), T(200), "outage", frozenset({"chat"}))
    book = book_with(first_response_ms={"chat": 60_000}, exclusions=(span,))
    assert missed(customer_message("c1", T(asked)), book=book) == gone


def test_an_answer_stands_in_the_market_that_was_known_at_the_question() -> None:
    log = [
        customer_message("c1", T(0), market=None),
        ai_message("c1", T(5), market="SG"),
    ]
    (fact,) = of_kind(walked(*log, until=T(5), book=BOOK), "response_given")
    assert (fact.market, fact.channel) == ("unknown", "chat")
