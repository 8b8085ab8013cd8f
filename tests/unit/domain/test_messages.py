"""How soon something may come of a message: never later than the walk finds that it does."""

from __future__ import annotations

import pytest

from streams.domain.events import epoch_ms
from streams.domain.interaction import Interaction, Pace, fold
from streams.domain.wire import decode_event
from tests.log_builder import (
    T,
    ai_message,
    customer_message,
    ended,
    human_message,
    message,
    requested,
    started,
)
from tests.unit.oracle.verdicts import BOOK

PACE = Pace(7_200_000, expiry_ms=600_000, response_ms=60_000)
QUIET, QUESTION = 7_200_000, 60_000


def delays(*log: bytes) -> list[int]:
    """How long after each event the first fact could come of it, in ms."""
    state, found = Interaction(), []
    for raw in log:
        event = decode_event(raw, BOOK)
        found.append(fold(state, event, epoch_ms(event.time), PACE))
    return found


def test_a_first_question_may_be_missed_and_a_second_is_nothing() -> None:
    log = [started("c1", T(0)), customer_message("c1", T(5)), customer_message("c1", T(9))]
    assert delays(*log) == [QUIET, QUESTION, QUIET]


def test_the_first_answer_is_told_and_the_ones_after_it_are_not() -> None:
    log = [
        ai_message("c1", T(0)),
        customer_message("c1", T(5)),
        ai_message("c1", T(6)),
        ai_message("c1", T(7)),
        customer_message("c1", T(8)),
        ai_message("c1", T(9)),
    ]
    assert delays(*log) == [QUIET, QUESTION, 0, QUIET, QUIET, QUIET]


def test_a_message_that_is_known_says_nothing_new() -> None:
    log = [customer_message("c1", T(5)), ai_message("c1", T(6))]
    assert delays(*log, *log)[2:] == [QUIET, QUIET]


@pytest.mark.parametrize("answer", [ai_message("c1", T(6)), human_message("c1", T(6))])
def test_a_question_that_comes_after_its_answer_was_read_is_looked_at_once(answer: bytes) -> None:
    assert delays(answer, customer_message("c1", T(5)))[1] == 0


def test_after_an_end_the_next_message_may_ask_again() -> None:
    log = [customer_message("c1", T(0)), ended("c1", T(5)), started("c1", T(6))]
    assert delays(*log, customer_message("c1", T(7)))[-1] == QUESTION


def test_after_a_silence_the_next_message_may_ask_again() -> None:
    assert delays(customer_message("c1", T(0)), customer_message("c1", T(7_201)))[-1] == QUESTION


def test_where_an_escalation_may_have_expired_the_next_message_may_ask_again() -> None:
    log = [customer_message("c1", T(0)), requested("c1", T(1))]
    assert delays(*log, customer_message("c1", T(600)))[-1] == QUIET
    assert delays(*log, customer_message("c1", T(601)))[-1] == QUESTION


def test_private_and_automatic_messages_are_no_part_of_it() -> None:
    log = [
        customer_message("c1", T(0)),
        message("c1", T(1), "ai", visibility="private"),
        message("c1", T(1), "automation"),
        message("c1", T(2), "customer", visibility="private"),
    ]
    assert delays(*log) == [QUESTION, QUIET, QUIET, QUIET]


def test_where_no_response_is_ever_missed_a_question_waits_for_its_answer() -> None:
    state, event = Interaction(), decode_event(customer_message("c1", T(0)), BOOK)
    assert fold(state, event, T(0), Pace(1_000)) == 1_000
