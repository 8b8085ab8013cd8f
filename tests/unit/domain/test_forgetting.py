"""When a conversation is forgotten, to the tick, and what becomes of one that returns."""

from __future__ import annotations

import pytest

from streams.domain.contract import ContractBook
from streams.domain.interaction_codec import due_of
from streams.domain.lifecycle import Flush, LifecyclePartition, Progress
from streams.domain.memory import DAY_MS, FORGET_AFTER_MS, LATE_LIMIT_MS
from streams.domain.walk import walk
from streams.domain.wire import Rejection, decode_event
from tests.log_builder import (
    CONTRACT,
    LIFE,
    T,
    customer_message,
    ended,
    event,
    evidence,
    failure,
    human_message,
    requested,
)
from tests.unit.domain.test_lifecycle import LATENESS_MS, Reader
from tests.unit.domain.walked import remembered
from tests.unit.oracle.verdicts import book_with

KEY = f"{CONTRACT}\x00c1".encode()
# The tick at which W is T(0) + 8 d.
EIGHT_DAYS = T(0) + FORGET_AFTER_MS + LATENESS_MS


def test_a_conversation_is_forgotten_eight_days_after_its_last_event_and_not_before() -> None:
    reader = Reader()
    reader.read(failure("c1", T(0)), EIGHT_DAYS - 1)
    assert KEY in reader.table
    assert reader.read(EIGHT_DAYS).states == {KEY: None}
    assert (reader.table, reader.partition.interactions) == ({}, 0)


def test_an_event_of_whatever_type_keeps_it() -> None:
    reader = Reader()
    reader.read(
        failure("c1", T(0)),
        event("cost.recorded", "c1", T(60), component="llm", amount_micros=1, currency="SGD"),
        EIGHT_DAYS,
    )
    assert KEY in reader.table
    reader.read(EIGHT_DAYS + 60_000)
    assert KEY not in reader.table


def test_a_late_event_keeps_it_if_it_is_the_latest() -> None:
    reader = Reader()
    reader.read(failure("c1", T(0)), EIGHT_DAYS - DAY_MS, failure("c1", T(60)), EIGHT_DAYS)
    assert KEY in reader.table
    reader.read(EIGHT_DAYS + 60_000)
    assert KEY not in reader.table


def test_a_wait_that_a_human_ended_does_not_keep_it_until_it_would_have_expired() -> None:
    book = book_with(escalation_expiry_ms=30 * DAY_MS)
    state = remembered([requested("c1", T(0)), human_message("c1", T(0))], book)
    _, due = walk(state, CONTRACT, "c1", book, None, T(0) + FORGET_AFTER_MS)
    assert due is None


def test_an_inactivity_longer_than_the_memory_keeps_what_has_ended_too() -> None:
    book = book_with(inactivity_ms=30 * DAY_MS)
    partition = LifecyclePartition(book, 0, {})
    for raw in (failure("c1", T(0)), ended("c1", T(60))):
        partition.event(decode_event(raw, book))
    for moment in (T(60) + FORGET_AFTER_MS, T(0) + 30 * DAY_MS - 1):
        partition.tick(moment)
        # Of what was said last; the end is no activity.
        assert partition.appointments == {KEY: T(0) + 30 * DAY_MS}
    partition.tick(T(0) + 30 * DAY_MS)
    assert partition.appointments == {}


def test_it_is_forgotten_in_the_batch_that_brought_it_too() -> None:
    reader = Reader()
    assert reader.read(failure("c1", T(0)), EIGHT_DAYS).states == {KEY: None}
    assert [fact.kind for fact in reader.facts] == ["ai_failure", "episode_ended"]


def test_what_is_restored_is_forgotten_at_the_same_tick() -> None:
    reader = Reader()
    reader.read(failure("c1", T(0)), T(90_000))
    reader.restarted()
    reader.read(EIGHT_DAYS - 1)
    reader.restarted()
    assert KEY in reader.table
    assert reader.read(EIGHT_DAYS).states == {KEY: None}


def test_one_that_returns_is_a_new_life_that_knows_nothing_of_the_last() -> None:
    reader = Reader()
    reader.read(failure("c1", T(0), "human_requested"), ended("c1", T(60)), EIGHT_DAYS + DAY_MS)
    reader.facts.clear()
    later = T(60) + 9 * DAY_MS
    reader.read(customer_message("c1", later), ended("c1", later + 1), later + DAY_MS)
    (fact,) = reader.facts
    assert fact.id == f"{CONTRACT}:c1:2026-03-11:episode_ended:1:1:0"
    assert fact.detail["eligible"] is False  # of the AI of the first life nothing is known


def test_one_that_returns_in_the_batch_in_which_it_was_forgotten_is_a_new_life() -> None:
    whole, split = Reader(), Reader()
    back = failure("c1", T(0) + 8 * DAY_MS + 60_000)
    log = [failure("c1", T(0)), EIGHT_DAYS, back, T(0) + 10 * DAY_MS]
    whole.read(*log)
    for item in log:
        split.read(item)
    assert whole.facts == split.facts
    assert whole.table == split.table
    assert {fact.life for fact in whole.facts} == {LIFE, LIFE + 8}


def test_the_earliest_return_after_forgetting_begins_on_another_day() -> None:
    reader = Reader()
    last = T(0) + DAY_MS - 1  # the last moment of its day
    tick = last + FORGET_AFTER_MS + LATENESS_MS
    reader.read(failure("c1", last), tick)
    earliest = tick - LATENESS_MS - LATE_LIMIT_MS + 1
    reader.read(failure("c1", earliest), tick + DAY_MS)
    assert {fact.life for fact in reader.facts} == {LIFE, LIFE + 2}
    assert len({fact.id for fact in reader.facts}) == len(reader.facts)


def test_a_late_event_before_midnight_moves_every_fact_to_the_day_before() -> None:
    reader = Reader()
    reader.read(requested("c1", T(5)), T(120))
    facts = reader.read(customer_message("c1", T(-5))).facts
    assert [(fact.life, fact.retracts, fact.revision) for fact in facts] == [
        (LIFE, True, 0),
        (LIFE - 1, False, 0),
    ]


def test_an_event_seven_days_behind_the_watermark_is_refused_and_leaves_no_trace() -> None:
    reader = Reader()
    reader.read(T(0) + LATE_LIMIT_MS + LATENESS_MS)
    with pytest.raises(Rejection, match="too_late: 604800000 ms behind the watermark"):
        reader.read(failure("c1", T(0)))
    assert reader.read(failure("c2", T(0) + 1)).states.keys() == {f"{CONTRACT}\x00c2".encode()}


def test_before_the_first_tick_nothing_is_too_late() -> None:
    reader = Reader()
    reader.read(failure("c1", T(0) + 30 * DAY_MS), failure("c2", T(0)))
    assert len(reader.table) == 2


def test_appointments_that_were_moved_do_not_pile_up() -> None:
    reader = Reader()
    reader.read(failure("c1", T(0)), failure("c2", T(0)), T(90_000))
    for at in range(1, 5_001):  # each late event is the latest and moves the forgetting
        reader.read(customer_message("c1", T(0) + at))
    assert len(reader.partition._agenda) < 2_000
    assert reader.partition.appointments == {
        KEY: T(0) + 5_000 + FORGET_AFTER_MS,
        f"{CONTRACT}\x00c2".encode(): T(0) + FORGET_AFTER_MS,
    }


def test_under_other_terms_a_restored_interaction_is_due_by_them() -> None:
    def read(book: ContractBook, table: dict[bytes, bytes], progress: Progress | None) -> Flush:
        partition = LifecyclePartition(book, 0, table, progress)
        if progress is None:
            partition.event(decode_event(requested("c1", T(0)), book))
        partition.tick(T(10) if progress is None else T(31))
        return partition.flush()

    table: dict[bytes, bytes] = {}
    slow, quick = (book_with(thresholds_ms={"chat": ms}) for ms in (60_000, 30_000))
    progress = read(slow, table, None).progress
    assert [due_of(raw) for raw in table.values()] == [T(60) + 1]
    same, other = (read(book, dict(table), progress).facts for book in (slow, quick))
    assert same == []
    assert [(fact.kind, fact.time) for fact in other] == [("escalation_overdue", T(30) + 1)]


def test_inactivity_of_weeks_keeps_nobody_who_was_never_active() -> None:
    book, said = book_with(inactivity_ms=20 * DAY_MS), T(0)
    table: dict[bytes, bytes] = {}
    partition = LifecyclePartition(book, 0, table)
    partition.event(decode_event(evidence("c1", said), book))
    partition.tick(said + FORGET_AFTER_MS)
    assert partition.flush().states == {KEY: None}


def test_a_forgotten_one_that_comes_back_with_an_old_table_is_forgotten_at_once() -> None:
    reader = Reader()
    reader.read(failure("c1", T(0)), T(90_000))
    old = dict(reader.table)
    reader.read(EIGHT_DAYS + DAY_MS)
    reader.table |= old  # the tombstone was compacted away before this copy had read it
    reader.restarted()
    reader.facts.clear()
    back = T(0) + 9 * DAY_MS + 60_000
    assert reader.read(failure("c1", back)).states[KEY] is not None
    reader.read(back + DAY_MS)
    assert {fact.life for fact in reader.facts} == {LIFE + 9}


def test_what_comes_back_and_is_never_spoken_of_again_is_removed() -> None:
    reader = Reader()
    reader.read(failure("c1", T(0)), T(90_000))
    old = dict(reader.table)
    reader.read(EIGHT_DAYS + DAY_MS)
    reader.table |= old
    reader.restarted()
    assert reader.read(failure("c2", EIGHT_DAYS + DAY_MS)).states[KEY] is None
    assert KEY not in reader.table
