"""What is due at several ticks of a batch is looked at once, which nobody can tell from outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from hypothesis import HealthCheck, given, settings

from streams.domain.facts import encode_fact
from streams.domain.flush import Flush
from streams.domain.interaction_codec import decode_interaction
from streams.domain.lifecycle import LifecyclePartition
from streams.domain.wire import Rejection, decode_event
from tests.properties.strategies import Case, cases

thorough = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def read(case: Case, batch: int) -> tuple[list[Flush], LifecyclePartition, dict[bytes, bytes]]:
    """A case in batches of so many records: what each came to, and what is remembered."""
    table: dict[bytes, bytes] = {}
    partition = LifecyclePartition(case.book, case.lateness_ms, table)
    flushes = []
    for at in range(0, len(case.log), batch):
        for item in case.log[at : at + batch]:
            try:
                if isinstance(item, int):
                    partition.tick(item)
                else:
                    partition.event(decode_event(item, case.book))
            except Rejection:
                continue
        flushes.append(partition.flush())
    return flushes, partition, table


def told(flushes: Iterable[Flush]) -> dict[str, Any]:
    """What was published: facts in their order for each conversation, all else step by step."""
    facts: dict[str, list[bytes]] = defaultdict(list)
    steps: dict[Any, list[Any]] = defaultdict(list)
    apart: list[str] = []
    for flush in flushes:
        for fact in flush.facts:
            facts[fact.conversation].append(encode_fact(fact))
        for key in flush.deltas.keys if flush.deltas is not None else ():
            for added in key.added:
                place = (key.contract, key.dimensions, added.watermark, added.slice_end)
                waits = sorted(added.waits or ())
                steps[place].append((dict(added.counts), added.latencies or {}, waits))
        for link in flush.links:
            steps[link.watermark].append((sorted(link.links), sorted(link.erased)))
        apart += [repr(one) for fed in flush.billing.values() for one in fed.records]
        apart += [repr(note) for note in flush.notes]
    return {"facts": facts, "steps": steps, "apart": sorted(apart)}


def agree(case: Case) -> None:
    whole, held, table = read(case, max(1, len(case.log)))
    alone, kept, rest = read(case, 1)
    assert told(whole) == told(alone)
    assert held.appointments.keys() == kept.appointments.keys() == table.keys() == rest.keys()
    for key, raw in table.items():
        assert decode_interaction(raw) == decode_interaction(rest[key])


@thorough
@given(cases())
def test_a_batch_tells_what_its_records_tell_one_by_one(case: Case) -> None:
    agree(case)


@thorough
@given(cases(weeks=True))
def test_so_it_does_where_conversations_are_forgotten_within_it(case: Case) -> None:
    agree(case)


@thorough
@given(cases(links=True))
def test_so_it_does_where_customers_return(case: Case) -> None:
    agree(case)


@thorough
@given(cases(weeks=True, erasures=True))
def test_so_it_does_where_somebody_is_erased_within_it(case: Case) -> None:
    agree(case)
