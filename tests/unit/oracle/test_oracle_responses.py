"""DEFINITIONS.md section 5, "First response": who answered the customer first, and how soon."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.contract import ContractBook, Exclusion
from streams.oracle.judge import Verdict
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
from tests.unit.oracle.verdicts import TERMS, book_with, facts, judged, late, told_of, window

BOOK = book_with(first_response_ms={"chat": 10_000, "voice": 10_000})
GIVEN = ("by", "first", "latency_ms", "within")


def heard(*log: bytes, until: int = T(600), book: ContractBook = BOOK) -> Verdict:
    return judged(*log, until=until, book=book)


def given(verdict: Verdict) -> list[tuple[Any, ...]]:
    return told_of(verdict, "response_given", *GIVEN)


def missed(verdict: Verdict) -> list[tuple[Any, ...]]:
    return told_of(verdict, "response_missed", "threshold_ms")


def test_the_first_answers_of_ai_and_human_are_told_apart_and_only_the_earlier_is_judged() -> None:
    verdict = heard(
        started("c1", T(0)),
        customer_message("c1", T(2)),
        ai_message("c1", T(5)),
        ai_message("c1", T(6)),
        human_message("c1", T(90)),
        human_message("c1", T(95)),
    )
    assert given(verdict) == [
        (5.0, "ai", True, 3_000, True),
        (90.0, "human", False, 88_000, None),
    ]
    assert [(f.ordinal, f.detail["t0"]) for f in facts(verdict, "response_given")] == [
        (1, T(2)),
        (2, T(2)),
    ]
    assert missed(verdict) == []


def test_the_human_may_be_the_first_to_answer() -> None:
    verdict = heard(
        customer_message("c1", T(2)), first_human_message("c1", T(4)), ai_message("c1", T(5))
    )
    assert given(verdict) == [(4.0, "human", True, 2_000, True), (5.0, "ai", False, 3_000, None)]


def test_at_one_millisecond_the_ai_answered_first() -> None:
    verdict = heard(customer_message("c1", T(2)), human_message("c1", T(4)), ai_message("c1", T(4)))
    assert given(verdict) == [(4.0, "ai", True, 2_000, True), (4.0, "human", False, 2_000, None)]


def test_an_answer_at_the_threshold_is_within_and_a_millisecond_later_was_missed() -> None:
    asked = customer_message("c1", T(0))
    in_time = heard(asked, ai_message("c1", T(10)))
    assert (given(in_time), missed(in_time)) == ([(10.0, "ai", True, 10_000, True)], [])
    late_one = heard(asked, ai_message("c1", T(10.001)))
    assert given(late_one) == [(10.001, "ai", True, 10_001, False)]
    assert missed(late_one) == [(10.001, 10_000)]


def test_no_answer_is_missed_at_its_deadline_though_no_event_ever_comes() -> None:
    asked = customer_message("c1", T(0))
    assert missed(heard(asked, until=T(10))) == []
    assert missed(heard(asked, until=T(10.001))) == [(10.001, 10_000)]


def test_a_contact_that_ends_unanswered_is_missed_as_it_ends() -> None:
    verdict = heard(customer_message("c1", T(0)), ended("c1", T(4)), ai_message("c1", T(5)))
    assert missed(verdict) == [(4.0, 10_000)]
    assert given(verdict) == []


def test_an_answer_at_the_moment_of_the_end_is_one() -> None:
    verdict = heard(customer_message("c1", T(0)), ai_message("c1", T(4)), ended("c1", T(4)))
    assert given(verdict) == [(4.0, "ai", True, 4_000, True)]
    assert missed(verdict) == []


@pytest.mark.parametrize(
    "no_answer",
    [
        message("c1", T(5), "automation"),
        message("c1", T(5), "campaign"),
        message("c1", T(5), "system"),
        ai_message("c1", T(5), visibility="private"),
        human_message("c1", T(5), visibility="private"),
        ai_turn("c1", T(5)),
    ],
    ids=["automation", "campaign", "system", "private ai", "private human", "unsaid turn"],
)
def test_what_the_customer_cannot_read_as_an_answer_is_none(no_answer: bytes) -> None:
    verdict = heard(customer_message("c1", T(2)), no_answer)
    assert given(verdict) == []
    assert missed(verdict) == [(12.001, 10_000)]


def test_what_was_said_before_the_customer_spoke_is_no_answer() -> None:
    verdict = heard(
        started("c1", T(0)), ai_message("c1", T(1)), customer_message("c1", T(2)), until=T(5)
    )
    assert given(verdict) == []


def test_an_answer_in_the_same_millisecond_took_no_time() -> None:
    verdict = heard(customer_message("c1", T(2)), ai_message("c1", T(2)))
    assert given(verdict) == [(2.0, "ai", True, 0, True)]


def test_each_episode_has_a_first_response_of_its_own() -> None:
    verdict = heard(
        customer_message("c1", T(0)),
        ai_message("c1", T(1)),
        ended("c1", T(2)),
        started("c1", T(100)),
        customer_message("c1", T(101)),
        ai_message("c1", T(105)),
    )
    assert given(verdict) == [(1.0, "ai", True, 1_000, True), (105.0, "ai", True, 4_000, True)]
    assert [f.episode for f in facts(verdict, "response_given")] == [1, 2]


def test_an_episode_opened_on_voice_has_none_whatever_is_written_later() -> None:
    verdict = heard(
        started("c1", T(0), "voice"), customer_message("c1", T(1)), ai_message("c1", T(2))
    )
    assert (given(verdict), missed(verdict)) == ([], [])


def test_without_a_threshold_answers_are_timed_and_none_is_missed() -> None:
    verdict = heard(
        customer_message("c1", T(0), channel="email"),
        ai_message("c1", T(500), channel="email"),
    )
    assert given(verdict) == [(500.0, "ai", True, 500_000, None)]
    assert missed(verdict) == []


@pytest.mark.parametrize(("asked", "judged_by"), [(99.999, True), (100, None), (199.999, None)])
@pytest.mark.parametrize("channels", [frozenset(), frozenset({"chat"})], ids=["all", "chat"])
def test_a_question_in_an_excluded_time_has_no_threshold(
    asked: float, judged_by: bool | None, channels: frozenset[str]
) -> None:
    outage = Exclusion(T(100), T(200), "outage", channels)
    book = book_with(first_response_ms={"chat": 10_000}, exclusions=(outage,))
    log = [customer_message("c1", T(asked)), ai_message("c1", T(asked + 3))]
    assert [row[-1] for row in given(heard(*log, book=book))] == [judged_by]


def test_an_exclusion_ends_at_its_end_and_of_another_channel_is_none() -> None:
    for outage in (
        Exclusion(T(100), T(200), "outage"),
        Exclusion(T(100), T(300), "outage", frozenset({"email"})),
    ):
        book = book_with(first_response_ms={"chat": 10_000}, exclusions=(outage,))
        verdict = heard(customer_message("c1", T(200)), until=T(300), book=book)
        assert missed(verdict) == [(210.001, 10_000)]


def test_the_threshold_is_that_of_the_terms_in_force_when_the_customer_wrote() -> None:
    book = ContractBook(
        [
            replace(TERMS, effective_to_ms=T(5), first_response_ms={"chat": 30_000}),
            replace(TERMS, version=2, effective_from_ms=T(5), first_response_ms={"chat": 1_000}),
        ]
    )
    log = [customer_message("c1", T(4)), customer_message("c1", T(6)), ai_message("c1", T(20))]
    (answer,) = facts(heard(*log, book=book), "response_given")
    assert (answer.version, answer.detail["within"]) == (1, True)


def test_responses_stand_under_the_attributes_known_when_the_customer_wrote() -> None:
    verdict = heard(
        customer_message("c1", T(0), market=None),
        ai_message("c1", T(3), market="MY"),
        until=T(60),
    )
    (answer,) = facts(verdict, "response_given")
    assert (answer.market, answer.channel) == ("unknown", "chat")


def test_a_late_answer_takes_back_that_it_was_missed() -> None:
    verdict = judged(
        customer_message("c1", T(0)), T(20), ai_message("c1", T(4)), until=T(60), book=BOOK
    )
    assert late(verdict) == [
        ("+", 4.0, "response_given", 0),
        ("-", 10.001, "response_missed", 0),
    ]


def test_responses_are_counted_and_their_latencies_added() -> None:
    verdict = heard(
        customer_message("c1", T(0)),
        ai_message("c1", T(3)),
        human_message("c1", T(50)),
        customer_message("c2", T(0)),
        ai_message("c2", T(12)),
        customer_message("c3", T(0)),
        until=T(60),
    )
    counts = window(verdict).counts
    assert {name: n for name, n in counts.items() if name.startswith("response")} == {
        "response.ai": 2,
        "response.ai_ms": 15_000,
        "response.human": 1,
        "response.human_ms": 50_000,
        "response.missed": 2,
        "response.within": 1,
    }
