"""What is told of who was erased is what the stream still holds. DEFINITIONS.md section 12.

A long run by hand: BATON_EXAMPLES=5000 python -m pytest tests/properties/test_erased_traces.py
"""

from __future__ import annotations

from functools import partial

from hypothesis import given, note
from hypothesis import strategies as st

from streams.domain.facts import life_date
from streams.domain.interaction_codec import decode_interaction
from streams.domain.lifecycle import LifecyclePartition, interaction_key, interaction_names
from streams.domain.wire import Rejection, decode_event
from streams.oracle.judge import judge
from streams.trace.conversation_log import Item
from streams.trace.model import Trace
from streams.trace.signature import Marks
from streams.trace.similar import Named, SignatureReader
from tests.log_builder import CONTRACT
from tests.properties.strategies import Case, Log, cases
from tests.properties.test_traces import SETTINGS
from tests.trace_log import MemoryLog, traced

ERASING = st.one_of(
    cases(erasures=True), cases(weeks=True, erasures=True), cases(links=True, erasures=True)
)


class Held:
    """What a partition holds in the end, and what it forgot because somebody asked for it."""

    def __init__(self, case: Case) -> None:
        self.states: dict[bytes, bytes] = {}
        self.erased: set[str] = set()
        partition = LifecyclePartition(case.book, case.lateness_ms, self.states)
        for item in case.log:
            note(repr(item))
            if isinstance(item, int):
                partition.tick(item)
            else:
                try:
                    partition.event(decode_event(item, case.book))
                except Rejection:
                    continue
            flush = partition.flush()
            gone = [key for key in flush.erased if flush.states[key] is None]
            self.erased |= {interaction_names(key)[1] for key in gone}


def traces(case: Case) -> list[Trace]:
    found = judge(case.log, case.book, lateness_ms=case.lateness_ms).facts
    names = {fact.conversation for fact in found if fact.contract == CONTRACT}
    given = {"lateness_ms": case.lateness_ms}
    return [traced(case.log, case.book, name, CONTRACT, **given) for name in sorted(names)]


@SETTINGS
@given(ERASING)
def test_of_what_the_stream_erased_nothing_is_told_and_of_what_it_holds_all(case: Case) -> None:
    held = Held(case)
    for trace in traces(case):
        raw = held.states.get(interaction_key(CONTRACT, trace.conversation))
        gone = [life for life in trace.lives if life.erased is not None and life.erased.gone]
        for life in gone:
            assert [life.events, life.facts, life.runs, life.attributes] == [[], [], [], []]
        if trace.conversation in held.erased:
            assert gone
        if raw is None:
            continue
        state, last = decode_interaction(raw), trace.lives[-1]
        assert last not in gone
        assert (state.erased is None) == (last.erased is None)
        if last.erased is not None and state.erased is not None:
            assert last.erased.asked_at == state.erased[0]
        assert last.events


@SETTINGS
@given(ERASING)
def test_what_is_told_is_what_was_published_of_the_lives_that_are_not_gone(case: Case) -> None:
    verdict = judge(case.log, case.book, lateness_ms=case.lateness_ms)
    for trace in traces(case):
        gone = {life.day for life in trace.lives if life.erased is not None and life.erased.gone}
        told = sorted(fact.id for life in trace.lives for fact in life.facts)
        published = [f for f in verdict.facts if f.conversation == trace.conversation]
        # A fact that was retracted may bear another day than its life has now.
        others = {life.day for life in trace.lives} - gone
        assert {f.id for f in published if life_date(f.life) in others} <= set(told)
        assert not {f.id for f in published if life_date(f.life) in gone} & set(told)


@SETTINGS
@given(ERASING)
def test_nobody_who_was_erased_is_named_beside_another_conversation(case: Case) -> None:
    told = {trace.conversation: trace for trace in traces(case)}
    for trace in told.values():
        for link in trace.links:
            for name, at in (
                (link.closed_conversation, link.closed_at),
                (link.visited_conversation, link.visited_at),
            ):
                lives = [life for life in told[name].lives if any(f.time == at for f in life.facts)]
                assert lives
                assert any(life.erased is None for life in lives)


@SETTINGS
@given(ERASING)
def test_similar_knows_nothing_of_who_is_erased_and_as_much_as_ever_of_the_others(
    case: Case,
) -> None:
    held = Held(case)
    marks: dict[Named, Marks] = {}
    plain: dict[Named, Marks] = {}
    for log, found in ((case.log, marks), (without_requests(case.log), plain)):
        reader = SignatureReader(case.book, case.lateness_ms, partial(marks_in, found))
        MemoryLog(log, case.book, case.lateness_ms).read(partial(show, reader))
        reader.flush()
    told = {trace.conversation: trace for trace in traces(case)}
    for (contract, name), each in marks.items():
        if contract != CONTRACT:
            continue
        if name in held.erased and interaction_key(contract, name) not in held.states:
            assert each.signature() is None
        if name in told and all(life.erased is None for life in told[name].lives):
            assert each.signature() == plain[contract, name].signature()


def without_requests(log: Log) -> Log:
    return [item for item in log if isinstance(item, int) or b"erasure_requested" not in item]


def marks_in(marks: dict[Named, Marks], named: Named) -> Marks:
    return marks.setdefault(named, Marks())


def show(reader: SignatureReader, item: Item) -> None:
    if item.tick is not None:
        reader.tick(item.tick)
    else:
        reader.record(item.raw)
