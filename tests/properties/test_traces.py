"""A trace tells what the batch judge published, whatever the log; a worker's memory agrees."""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from msgspec import to_builtins
from msgspec.structs import replace

from streams.domain.interaction_codec import decode_interaction
from streams.domain.lifecycle import LifecyclePartition, interaction_names
from streams.domain.wire import Rejection, decode_event
from streams.oracle.counters import counted
from streams.oracle.indicators import Versions, judges, ratio_of
from streams.oracle.judge import judge
from streams.oracle.links import link_counts
from streams.trace.document import json_bytes
from streams.trace.model import FactLine, Run, Trace
from streams.trace.remembered import remembered_trace
from streams.trace.shown import Agents
from streams.trace.signature import Marks
from streams.trace.similar import Named, SignatureReader
from streams.trace.text import trace_text
from tests.log_builder import CONTRACT
from tests.properties.strategies import Case, Log, cases
from tests.trace_log import MemoryLog, traced

ANY_CASE = st.one_of(cases(), cases(weeks=True), cases(links=True))
ERASING_CASE = st.one_of(cases(erasures=True), cases(weeks=True, erasures=True))
# A long run by hand: BATON_EXAMPLES=5000 python -m pytest tests/properties/test_traces.py
EXAMPLES = int(os.environ.get("BATON_EXAMPLES", "100"))
SETTINGS = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def conversations(case: Case) -> list[str]:
    facts = judge(case.log, case.book, lateness_ms=case.lateness_ms).facts
    return sorted({fact.conversation for fact in facts if fact.contract == CONTRACT})


def trace_of(case: Case, conversation: str, log: Log | None = None) -> Trace:
    for item in case.log:
        note(repr(item))
    return traced(
        case.log if log is None else log,
        case.book,
        conversation,
        CONTRACT,
        lateness_ms=case.lateness_ms,
    )


def facts_in(trace: Trace) -> list[FactLine]:
    return [fact for life in trace.lives for fact in life.facts]


@SETTINGS
@given(ANY_CASE)
def test_a_trace_has_exactly_the_facts_and_breaches_of_the_judge(case: Case) -> None:
    verdict = judge(case.log, case.book, lateness_ms=case.lateness_ms)
    for name in conversations(case):
        trace = trace_of(case, name)
        published = {fact.id: fact for fact in verdict.facts if fact.conversation == name}
        assert sorted(published) == sorted(fact.id for fact in facts_in(trace))
        for line in facts_in(trace):
            fact = published[line.id]
            assert (line.time, line.detail, line.version) == (fact.time, fact.detail, fact.version)
        naming = {r.id for r in verdict.breaches if any(w.conversation == name for w in r.waiting)}
        wanted = {(r.id, r.status, r.time) for r in verdict.breaches if r.id in naming}
        first = {r.id: r.time for r in reversed(verdict.breaches) if r.id in naming}
        found = {(line.id, line.status, line.time) for line in trace.breaches}
        # What was published of a breach before it first named the conversation may be left out.
        assert found <= wanted
        assert {one[0] for one in found} == set(first)


@SETTINGS
@given(ANY_CASE)
def test_what_ended_a_wait_is_told_once_and_is_a_qualified_human(case: Case) -> None:
    for name in conversations(case):
        for life in trace_of(case, name).lives:
            for run in life.runs:
                ended = [
                    wait.ended_at
                    for wait in run.waits
                    if wait.outcome == "taken_over" and not wait.clamped
                ]
                took = [human for human in run.humans if human.took_over]
                assert [human.time for human in took] == ended
                assert all(human.qualified for human in took)


@SETTINGS
@given(ANY_CASE)
def test_every_wait_says_why_its_t0_is_its_t0(case: Case) -> None:
    for name in conversations(case):
        for life in trace_of(case, name).lives:
            for run in life.runs:
                signals = {failure.since for failure in run.failures}
                for wait in run.waits:
                    assert wait.t0_why
                    if wait.t0 < wait.known_at:
                        assert wait.t0 in signals


def without_places(trace: Trace) -> Any:
    """The trace without where a record stood, and without what changed nothing."""
    document = to_builtins(trace)
    document["unused"] = []
    for life in document["lives"]:
        for event in life["events"]:
            event["origin"] = None
    return document


@SETTINGS
@given(cases(), st.randoms(use_true_random=False))
def test_order_and_duplicates_change_no_trace_but_for_the_lines_about_them(
    case: Case, chance: random.Random
) -> None:
    # Ticks behind all records: so nothing is late, and order says nothing.
    records = [item for item in case.log if isinstance(item, bytes)]
    ticks = sorted(item for item in case.log if isinstance(item, int))
    plain: Log = [*dict.fromkeys(records), *ticks]
    again = [*records, *chance.choices(records, k=3)] if records else []
    chance.shuffle(again)
    other: Log = [*again, *ticks]
    for name in conversations(case):
        try:
            first = trace_of(case, name, plain)
        except LookupError:
            continue  # known by what only an earlier tick admits
        assert without_places(first) == without_places(trace_of(case, name, other))


@SETTINGS
@given(ANY_CASE)
def test_no_trace_names_a_customer_and_equal_ones_are_equal_bytes(case: Case) -> None:
    for name in conversations(case):
        trace = trace_of(case, name)
        text, document = trace_text(trace), json_bytes(trace)
        assert b'"k1"' not in document
        assert b'"k2"' not in document
        assert " k1" not in text
        again = trace_of(case, name)
        assert (text, document) == (trace_text(again), json_bytes(again))


@SETTINGS
@given(st.one_of(ANY_CASE, ERASING_CASE))
def test_what_a_worker_remembers_is_told_as_from_the_log(case: Case) -> None:
    states: dict[bytes, bytes] = {}
    partition = LifecyclePartition(case.book, case.lateness_ms, states)
    for item in case.log:
        if isinstance(item, int):
            partition.tick(item)
            continue
        try:
            partition.event(decode_event(item, case.book))
        except Rejection:
            continue
    partition.flush()
    for key, raw in states.items():
        contract, name = interaction_names(key)
        watermark = partition.watermark
        state = decode_interaction(raw)
        remembered = remembered_trace(state, contract, name, case.book, watermark, "memory")
        life = remembered.lives[0]
        lives = trace_of(case, name).lives
        from_log = lives[-1]
        if len(lives) == 1:
            assert life.runs == from_log.runs
        # Who came in a life that was forgotten has a number there, and none in a memory.
        assert numbered_anew(life.runs) == numbered_anew(from_log.runs)
        assert life.attributes == sorted_as(life.attributes, from_log.attributes)
        assert life.bills == from_log.bills
        standing = {(f.id, f.time) for f in from_log.facts if f.standing}
        assert {(f.id, f.time) for f in life.facts} == standing


def numbered_anew(runs: list[Run]) -> list[Run]:
    """The runs with their agents numbered as they come in these alone."""
    agents = Agents(human.agent for run in runs for human in run.humans)
    return [
        replace(run, humans=[replace(one, agent=agents.name(one.agent)) for one in run.humans])
        for run in runs
    ]


def sorted_as(given: list[Any], wanted: list[Any]) -> list[Any]:
    assert sorted(map(repr, given)) == sorted(map(repr, wanted))
    return given


@SETTINGS
@given(ANY_CASE)
def test_a_signature_is_the_same_read_by_a_worker_and_by_the_judge(case: Case) -> None:
    marks: dict[Named, Marks] = {}
    reader = SignatureReader(
        case.book, case.lateness_ms, lambda named: marks.setdefault(named, Marks())
    )
    MemoryLog(case.log, case.book, case.lateness_ms).read(
        lambda item: reader.record(item.raw) if item.tick is None else reader.tick(item.tick)
    )
    reader.flush()
    judged: dict[Named, Marks] = {}
    for fact in judge(case.log, case.book, lateness_ms=case.lateness_ms).facts:
        judged.setdefault((fact.contract, fact.conversation), Marks())
    verdict = judge(case.log, case.book, lateness_ms=case.lateness_ms)
    # Retractions are told after what they take back, though they bear its time.
    for fact in sorted(verdict.facts, key=lambda f: (f.revision, f.retracts)):
        judged[fact.contract, fact.conversation].fact(fact)
    for named, each in judged.items():
        ours, theirs = marks[named].signature(), each.signature()
        assert (ours is None) == (theirs is None)
        if ours is not None and theirs is not None:
            told = [
                (a, b) for a, b in zip(ours, theirs, strict=True) if b not in ("none", "unknown")
            ]
            assert all(a == b for a, b in told)


def counted_in(case: Case) -> Counter[tuple[str, int]]:
    """What the traces of all conversations say each clause counted, by slice and key."""
    sums: Counter[tuple[str, int]] = Counter()
    for name in conversations(case):
        trace = trace_of(case, name)
        lines = [line for fact in facts_in(trace) for line in fact.counts]
        lines += [line for one in trace.link_counts for line in one.counts]
        for line in lines:
            if not line.while_waiting:
                key = ",".join(f"{d}={v}" for d, v in line.key.items())
                sums[f"{line.clause} of {key} above", line.slice_end] += line.numerator
                sums[f"{line.clause} of {key} below", line.slice_end] += line.denominator
    return +sums


@SETTINGS
@given(ANY_CASE)
def test_the_traces_together_count_what_the_windows_count(case: Case) -> None:
    verdict = judge(case.log, case.book, lateness_ms=case.lateness_ms)
    if verdict.watermark is None:
        return
    versions = Versions(case.book)
    on_time = [fact for fact in verdict.facts if not fact.late]
    each = counted(on_time, versions, verdict.customers)
    each += link_counts(on_time, verdict.customers, verdict.watermark)
    wanted: Counter[tuple[str, int]] = Counter()
    for one in each:
        if one.fact.contract != CONTRACT:
            continue
        terms = case.book.at(CONTRACT, one.end)
        for grouping in versions.of(one.fact).groupings:
            key = versions.key(one.fact, grouping)
            named = ",".join(f"{d}={v}" for d, v in key)
            for clause in terms.clauses:
                if clause.indicator == "escalation_wait" or not judges(clause, key):
                    continue
                above, below = ratio_of(one.counts, clause.indicator, clause.reason)
                below *= clause.indicator != "compliance_exceptions"
                wanted[f"{clause.id} of {named} above", one.end] += above
                wanted[f"{clause.id} of {named} below", one.end] += below
    assert counted_in(case) == +wanted
