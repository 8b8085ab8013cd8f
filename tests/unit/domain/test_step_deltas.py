"""Facts become deltas: each counted once on each of its keys, in the step that publishes it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.domain import step_deltas
from streams.domain.counters import counted
from streams.domain.delta import ENDED, OPENED, Deltas, slice_end_of
from streams.domain.facts import Fact
from streams.domain.step_deltas import StepDeltas
from tests.deltas import added
from tests.log_builder import T, failure, human_message, requested
from tests.unit.domain.walked import walked
from tests.unit.oracle.verdicts import BOOK, TERMS

_WAIT = walked(failure("c1", T(1)), requested("c1", T(2)), human_message("c1", T(50)), until=T(60))
_OTHER = walked(failure("c1", T(61), channel="voice"), requested("c1", T(70)), until=T(100))
_FACTS = [fact for fact in (*_WAIT, *_OTHER) if counted(fact, BOOK)]
_MY = (("market", "MY"),)
# A batch is a list of steps, a step the numbers of the facts that it publishes.
_BATCHES = st.lists(
    st.lists(st.lists(st.integers(0, len(_FACTS) - 1), max_size=6), max_size=4), max_size=4
)
Counts = Counter[tuple[Any, ...]]


def on_each_key(watermark: int, fact: Fact) -> Counts:
    """What one fact adds, fact by fact and key by key."""
    found: Counts = Counter()
    for grouping in TERMS.groupings:
        dimensions = tuple((name, TERMS.bounded(name, getattr(fact, name))) for name in grouping)
        for name, count in counted(fact, BOOK):
            place = (watermark, fact.contract, dimensions, slice_end_of(fact.time))
            found[(*place, name)] += count
    return found


def told(deltas: Deltas | None) -> Counts:
    found: Counts = Counter()
    for (contract, dimensions), one in added(deltas):
        place = (one.watermark, contract, dimensions, one.slice_end)
        for name, count in one.counts.items():
            assert (*place, name) not in found
            found[(*place, name)] = count
    return found


@settings(max_examples=80, deadline=None)
@given(_BATCHES, st.sampled_from((0, 65_536)))
def test_what_is_told_is_each_fact_on_each_of_its_keys(
    batches: list[list[list[int]]], known: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step_deltas, "_MOST_KEYS", known)
        deltas, watermark = StepDeltas(BOOK), T(100)
        for batch in batches:
            expected: Counts = Counter()
            for step in batch:
                watermark += 1_000
                for number in step:
                    deltas.add(_FACTS[number])
                    expected.update(on_each_key(watermark, _FACTS[number]))
                deltas.close(watermark)
            assert told(deltas.take()) == expected


def test_a_batch_without_a_step_has_nothing_to_tell() -> None:
    deltas = StepDeltas(BOOK)
    assert deltas.take() is None
    deltas.close(T(1))
    assert deltas.take() == Deltas(T(1), [])
    assert deltas.take() is None


def test_waits_and_latencies_are_told_on_every_key_and_shared_by_none() -> None:
    deltas = StepDeltas(BOOK)
    for fact in _WAIT:
        deltas.add(fact)
        deltas.add(replace(fact, conversation="c2", market="MY"))
    deltas.close(T(100))
    one_by_one = dict(added(deltas.take()))
    whole, market = one_by_one[(TERMS.contract, ())], one_by_one[(TERMS.contract, _MY)]
    assert sorted(kind for kind, _ in whole.waits or ()) == [OPENED, OPENED, ENDED, ENDED]
    assert sorted(kind for kind, _ in market.waits or ()) == [OPENED, ENDED]
    assert (sum((whole.latencies or {}).values()), sum((market.latencies or {}).values())) == (2, 1)
