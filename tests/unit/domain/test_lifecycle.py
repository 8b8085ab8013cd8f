"""One partition's events and ticks: when facts come, what is late, that batches do not matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field

import pytest

from streams.domain.delta import WITHDRAWN, Added, Deltas, Key
from streams.domain.events import epoch_ms
from streams.domain.facts import Fact
from streams.domain.interaction_codec import decode_interaction, due_of
from streams.domain.lifecycle import Flush, LifecyclePartition, Progress
from streams.domain.wire import Rejection, decode_event
from tests.deltas import added
from tests.log_builder import (
    CONTRACT,
    LIFE,
    T,
    customer_message,
    ended,
    event,
    failure,
    human_message,
    queued,
    requested,
    returned,
    started,
)
from tests.unit.domain.walked import seconds
from tests.unit.oracle.verdicts import BOOK

LATENESS_MS = 30_000
LOG: list[bytes | int] = [
    started("c1", T(0)),
    failure("c1", T(5), "human_requested"),
    T(60),
    requested("c2", T(40)),
    failure("c1", T(20)),  # late
    T(100),
    human_message("c1", T(90)),
    human_message("c2", T(45)),  # late
    T(150),
    returned("c1", T(140), "queue"),
    queued("c3", T(160)),
    T(400),
    ended("c1", T(390)),
    T(90_000),
]


@dataclass
class Reader:
    """A partition with its table; `restarted` makes a new one of what the flushes stored."""

    table: MutableMapping[bytes, bytes] = field(default_factory=dict)
    progress: Progress | None = None
    facts: list[Fact] = field(default_factory=list)
    added: list[tuple[Key, Added]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.partition = self._new()

    def _new(self) -> LifecyclePartition:
        return LifecyclePartition(BOOK, LATENESS_MS, self.table, self.progress)

    def read(self, *items: bytes | int) -> Flush:
        """One batch."""
        for item in items:
            if isinstance(item, int):
                self.partition.tick(item)
            else:
                self.partition.event(decode_event(item, BOOK))
        flush = self.partition.flush()
        self.progress = flush.progress or self.progress
        self.facts += flush.facts
        self.added += added(flush.deltas)
        return flush

    def restarted(self) -> None:
        self.partition = self._new()


def told(facts: Iterable[Fact]) -> Iterator[tuple[float, str, bool]]:
    """Facts as (seconds, kind, late)."""
    return ((seconds(fact.time), fact.kind, fact.late) for fact in facts)


def test_a_fact_is_published_when_the_watermark_reaches_it() -> None:
    reader = Reader()
    assert reader.read(failure("c1", T(5)), T(35) - 1).facts == []
    assert [fact.kind for fact in reader.read(T(35)).facts] == ["ai_failure"]


def test_a_tick_that_does_not_advance_changes_nothing() -> None:
    reader = Reader()
    reader.read(failure("c1", T(5)), T(60))
    again = reader.read(T(60), T(10))
    assert (again.facts, again.deltas, reader.partition.clock) == ([], None, T(60))


def test_an_advance_that_publishes_nothing_is_told_by_its_watermark() -> None:
    assert Reader().read(T(60), T(70)).deltas == Deltas(T(40), [])


def test_what_a_batch_adds_is_told_step_by_step() -> None:
    reader = Reader()
    reader.read(failure("c1", T(5)), T(40), failure("c2", T(12)), T(50))
    whole = [(one.watermark, one.counts) for (_, of), one in reader.added if of == ()]
    counts = {"failure.no_match": 1, "first_failure.no_match": 1}
    assert whole == [(T(10), counts), (T(20), counts)]


@pytest.mark.parametrize("at", range(1, len(LOG)))
@pytest.mark.parametrize("restart", [False, True], ids=["running on", "restarted"])
def test_a_log_split_anywhere_gives_the_same(at: int, restart: bool) -> None:
    whole, split = Reader(), Reader()
    whole.read(*LOG)
    split.read(*LOG[:at])
    if restart:
        split.restarted()
    split.read(*LOG[at:])
    assert split.facts == whole.facts
    assert split.added == whole.added
    assert split.table == whole.table


def test_one_record_a_batch_with_a_restart_after_each_gives_the_same() -> None:
    whole, single = Reader(), Reader()
    whole.read(*LOG)
    for item in LOG:
        single.read(item)
        single.restarted()
    assert (single.facts, single.table) == (whole.facts, whole.table)


def test_only_interactions_that_a_batch_touched_are_stored() -> None:
    reader = Reader()
    reader.read(started("c1", T(0)), started("c2", T(0)))
    flush = reader.read(customer_message("c2", T(5)))
    assert list(flush.states) == [f"{CONTRACT}\x00c2".encode()]


def test_a_timer_that_moves_on_by_hours_is_stored_and_one_by_less_is_not() -> None:
    reader = Reader()
    reader.read(requested("c1", T(0)), T(60))
    (before,) = reader.table.values()
    flush = reader.read(T(200))
    assert [fact.kind for fact in flush.facts] == ["escalation_overdue"]
    assert (flush.states, list(reader.table.values())) == ({}, [before])
    reader.read(T(5 * 3600))
    (after,) = reader.table.values()
    assert due_of(before) < T(170) < T(5 * 3600) < due_of(after)
    assert decode_interaction(after) == decode_interaction(before)


def test_a_tick_at_which_nothing_is_due_stores_nothing() -> None:
    reader = Reader()
    reader.read(requested("c1", T(0)), T(60))
    assert reader.read(T(70)).states == {}


def test_an_event_at_the_watermark_is_late_and_one_after_it_is_not() -> None:
    reader = Reader()
    reader.read(T(60), failure("c1", T(30)), failure("c2", T(30) + 1), T(90))
    assert list(told(reader.facts)) == [(30.0, "ai_failure", True), (30.001, "ai_failure", False)]


def test_before_the_first_tick_nothing_is_late() -> None:
    reader = Reader()
    reader.read(failure("c1", T(500)), failure("c2", T(0)), T(600))
    assert [late for _, _, late in told(reader.facts)] == [False, False]


def test_a_late_event_retracts_what_it_disproves_at_once() -> None:
    reader = Reader()
    reader.read(requested("c1", T(0)), T(160))
    late = reader.read(human_message("c1", T(60))).facts
    assert [(fact.kind, fact.revision, fact.retracts) for fact in late] == [
        ("escalation_overdue", 0, True),
        ("escalation_ended", 0, False),
    ]


def test_a_place_once_corrected_never_uses_a_revision_twice() -> None:
    reader = Reader()
    reader.read(requested("c1", T(50)), T(90))
    facts = reader.read(failure("c1", T(20)), failure("c1", T(10))).facts
    opened = [fact for fact in facts if fact.kind == "escalation_opened"]
    assert [(fact.revision, fact.retracts) for fact in opened] == [
        (0, True),
        (1, False),
        (1, True),
        (2, False),
    ]


def test_an_on_time_fact_in_a_place_that_was_retracted_takes_the_next_revision() -> None:
    reader = Reader()
    reader.read(started("c1", T(0)), requested("c1", T(10), "human"), T(50))
    reader.read(human_message("c1", T(5)), requested("c1", T(100), "ai"), T(140))
    opened = [fact for fact in reader.facts if fact.kind == "escalation_opened"]
    assert [(fact.revision, fact.late, fact.retracts) for fact in opened] == [
        (0, False, False),
        (0, True, True),
        (1, False, False),
    ]


def test_late_facts_are_no_part_of_a_step() -> None:
    reader = Reader()
    reader.read(T(60), failure("c1", T(10)), T(90))
    assert (len(reader.facts), reader.added) == (1, [])


def test_a_late_event_that_ends_a_wait_withdraws_it_with_the_next_step() -> None:
    reader = Reader()
    reader.read(requested("c1", T(0)), T(60))
    reader.added.clear()
    reader.read(human_message("c1", T(20)))
    reader.restarted()
    reader.read(T(90))
    (wait,) = {
        (kind, t.time, t.escalation) for _, one in reader.added for kind, t in one.waits or ()
    }
    assert wait == (WITHDRAWN, T(30) + 1, ("c1", LIFE, 1, 1))


def test_what_one_late_event_opens_and_the_next_takes_back_reaches_no_key() -> None:
    reader = Reader()
    reader.read(started("c1", T(0)), T(60))
    reader.read(requested("c1", T(10)), human_message("c1", T(20)), T(70))
    assert reader.added == []


def test_an_event_too_far_ahead_of_the_clock_is_refused_and_leaves_no_trace() -> None:
    reader = Reader()
    reader.read(T(0))
    with pytest.raises(Rejection, match="future_time: 300001 ms ahead"):
        reader.read(failure("c1", T(300) + 1))
    assert reader.read(failure("c2", T(300))).states.keys() == {f"{CONTRACT}\x00c2".encode()}


def test_before_the_first_tick_nothing_is_too_far_ahead() -> None:
    assert len(Reader().read(failure("c1", T(10_000_000))).states) == 1


@pytest.mark.parametrize(
    "ignored",
    [
        failure("c1", T(5), test=True),
        event(
            "config.changed",
            "c1",
            T(5),
            channel=None,  # type: ignore[arg-type]
            conversation_id=None,
            object="prompt",
            to_version="2",
        ),
    ],
    ids=["test", "about no conversation"],
)
def test_a_test_event_and_one_about_no_conversation_are_remembered_by_nobody(
    ignored: bytes,
) -> None:
    flush = Reader().read(ignored, T(60))
    assert (flush.states, flush.facts) == ({}, [])


def test_the_time_is_cut_to_the_millisecond() -> None:
    raw = failure("c1", T(5)).replace(b"05.000Z", b"05.000999Z")
    assert epoch_ms(decode_event(raw, BOOK).time) == T(5)
