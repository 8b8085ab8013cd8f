"""What each record about a conversation came to, and whose conversation it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.domain.contract import ContractBook
from streams.domain.memory import DAY_MS, FORGET_AFTER_MS
from streams.trace.conversation_log import TraceError
from streams.trace.model import Trace
from tests.log_builder import (
    T,
    accepted,
    customer_message,
    ended,
    event,
    failure,
    human_message,
    offered,
    requested,
    started,
)
from tests.trace_log import traced
from tests.unit.oracle.verdicts import BOOK, TERMS

CHAT = [started("c1", T(0)), customer_message("c1", T(1)), ended("c1", T(60))]


def unused(trace: Trace) -> list[tuple[str, str]]:
    return [(one.origin, one.why) for one in trace.unused]


def test_the_same_event_again_is_a_duplicate_and_another_that_says_the_same_repeats_it() -> None:
    again = CHAT[1].replace(b'"source":"/tests"', b'"source":"/other"')
    trace = traced([*CHAT, CHAT[0], again, T(120)], BOOK)
    assert unused(trace) == [("record 4", "duplicate"), ("record 5", "repeats")]
    assert [event.type for event in trace.lives[0].events] == [
        "contact.started",
        "message.sent",
        "contact.ended",
    ]


def test_one_id_for_two_things_is_pointed_out_and_both_are_used() -> None:
    other = CHAT[1].replace(b"00:00:01.000Z", b"00:00:02.000Z")
    assert other != CHAT[1]
    trace = traced([*CHAT, other, T(120)], BOOK)
    assert [(e.time, e.same_id) for e in trace.lives[0].events if e.type == "message.sent"] == [
        (T(1), False),
        (T(2), True),
    ]


def test_records_that_cannot_be_used_stand_with_their_code_and_place() -> None:
    no_channel = CHAT[1].replace(b'"channel":"chat",', b"")
    unknown = CHAT[1].replace(b"baton.message.sent", b"baton.message.teleported")
    far = customer_message("c1", T(10_000))
    of_another = customer_message("c2", T(2)).replace(b'"channel":"chat",', b"")
    test = customer_message("c1", T(3), test=True)
    log = [T(0), *CHAT, no_channel, unknown, far, of_another, test, b"{", T(120)]
    trace = traced(log, BOOK)
    assert unused(trace) == [
        ("record 5", "schema_violation"),
        ("record 6", "unknown_type"),
        ("record 7", "future_time"),
        ("record 9", "test"),
    ]
    assert all(one.message for one in trace.unused if one.why != "test")


def test_an_event_of_a_contract_that_nobody_serves_is_told_beside_the_trace() -> None:
    foreign = customer_message("c1", T(2), contract="elsewhere")
    trace = traced([*CHAT, foreign, T(120)], BOOK)
    assert unused(trace) == [("record 4", "unknown_contract")]


def test_a_late_event_says_which_facts_were_published_anew() -> None:
    log = [failure("c1", T(1)), requested("c1", T(5)), ended("c1", T(60)), T(120)]
    trace = traced([*log, human_message("c1", T(30)), T(130)], BOOK)
    late = [event for event in trace.lives[0].events if event.late]
    assert [event.type for event in late] == ["message.sent"]
    facts = {fact.id: fact for fact in trace.lives[0].facts}
    assert late[0].corrected
    assert all(facts[name].late for name in late[0].corrected)
    standing = [f.detail["outcome"] for f in facts.values() if f.standing and "outcome" in f.detail]
    assert "taken_over" in standing
    assert not any(fact.standing for fact in facts.values() if fact.retracts)


def test_an_unknown_conversation_is_said_to_be_unknown() -> None:
    with pytest.raises(TraceError, match=r"conversation c9 is not in it$"):
        traced([*CHAT, T(120)], BOOK, "c9")


def test_a_conversation_of_which_all_was_rejected_says_so() -> None:
    bad = customer_message("c9", T(1)).replace(b'"channel":"chat",', b"")
    with pytest.raises(TraceError, match="1 records that name it were rejected"):
        traced([*CHAT, bad, T(120)], BOOK, "c9")


def test_of_two_contracts_with_one_conversation_id_one_must_be_named() -> None:
    book = ContractBook([TERMS, replace(TERMS, contract="other")])
    theirs = [customer_message("c1", T(7), contract="other")]
    log = [*CHAT, *theirs, T(120)]
    with pytest.raises(TraceError, match="known under other, telco-2026; say which with --name"):
        traced(log, book)
    assert len(traced(log, book, contract="other").lives[0].events) == 1
    assert len(traced(log, book, contract="telco-2026").lives[0].events) == len(CHAT)
    with pytest.raises(TraceError, match="not known under third, but under other, telco-2026"):
        traced(log, book, contract="third")


def test_two_lives_are_told_apart() -> None:
    back = T(60) + FORGET_AFTER_MS
    log = [*CHAT, back, customer_message("c1", back + 1), ended("c1", back + 2), back + DAY_MS]
    lives = traced(log, BOOK).lives
    assert [len(life.events) for life in lives] == [3, 2]
    assert [life.runs[0].ordinal for life in lives] == [1, 1]
    assert lives[0].day < lives[1].day


def test_a_log_without_ticks_has_published_nothing() -> None:
    trace = traced(CHAT, BOOK)
    assert trace.watermark is None
    assert trace.lives[0].runs == trace.lives[0].facts == []


def test_neither_text_nor_customer_nor_agent_is_named() -> None:
    log = [
        customer_message("c1", T(1), customer_key="secret-customer"),
        failure("c1", T(2), raw_reason="secret-reason"),
        human_message("c1", T(3), "secret-agent"),
        event("message.sent", "c1", T(4), author="human", text="secret-text", agent_id="second"),
        T(120),
    ]
    trace = traced(log, BOOK)
    assert "secret" not in repr(trace)
    said = [event.said.get("agent") for event in trace.lives[0].events]
    assert said == [None, None, "agent 1", "agent 2"]


def test_agents_are_numbered_as_they_come_and_who_was_only_offered_it_after_them() -> None:
    log = [
        *CHAT[:2],
        requested("c1", T(2)),
        offered("c1", T(3), "ann"),
        accepted("c1", T(5), "bob"),
        offered("c1", T(4), "cid"),
        T(120),
    ]
    life = traced(log, BOOK).lives[0]
    said = {event.time: event.said.get("agent") for event in life.events}
    assert [said[T(at)] for at in (3, 4, 5)] == ["agent 2", "agent 3", "agent 1"]
    # As a worker numbers them, who remembers nobody else.
    assert [human.agent for run in life.runs for human in run.humans] == ["agent 1"]
