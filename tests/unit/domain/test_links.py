"""A customer's visits and closes find each other, in whatever order they come: section 7a."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.agents import link_table
from streams.domain.delta import Deltas
from streams.domain.links import HORIZONS_MS, Link, LinksPartition, LinkStep, customer_digest
from streams.domain.memory import DAY_MS
from tests.deltas import added
from tests.log_builder import CONTRACT, EPOCH_MS, LIFE, T
from tests.unit.oracle.verdicts import book_with

BOOK = book_with()
K1, K2 = customer_digest(CONTRACT, "k1"), customer_digest(CONTRACT, "k2")
DAY = 86_400
LONG_AFTER = T(30 * DAY)
# Of the slices of the whole contract: end -> counters.
Counted = dict[int, dict[str, int]]


def visit(
    conversation: str, seconds: float, customer: bytes = K1, *, episode: int = 1, **said: Any
) -> Link:
    journey = said.get("journey", "billing")
    place = (conversation, said.get("life", LIFE), episode)
    return Link(T(seconds), False, *place, customer, CONTRACT, journey)


def close(
    conversation: str, seconds: float, customer: bytes = K1, *, episode: int = 1, **said: Any
) -> Link:
    journey = said.get("journey", "billing")
    place = (conversation, said.get("life", LIFE), episode)
    keys = ("chat", "SG", "northcall", "unknown", "unknown", "unknown")
    return Link(T(seconds), True, *place, customer, CONTRACT, journey, 1, *keys)


def counted(deltas: Deltas | None, dimensions: tuple[tuple[str, str], ...] = ()) -> Counted:
    """The counters of one key by slice end; a slice is told once, at its end."""
    found: Counted = {}
    for (contract, of), one in added(deltas):
        assert (contract, one.slice_end) == (CONTRACT, one.watermark)
        if of == dimensions:
            assert one.slice_end not in found
            found[one.slice_end] = one.counts
    return found


def after(*links: Link, until: int = LONG_AFTER) -> Counted:
    partition = LinksPartition(BOOK, 1)
    partition.apply(0, until, links)
    return counted(partition.advance())


def horizons(*links: Link) -> dict[str, int]:
    """All that is ever counted, over all slices."""
    total: Counter[str] = Counter()
    for counts in after(*links).values():
        total.update(counts)
    return dict(total)


UNRETURNED = {"links.24h": 1, "links.72h": 1, "links.7d": 1}
_RETURNS = {f"{of}.{h}": 1 for of in ("returned", "returned_same") for h in HORIZONS_MS}
RETURNED = UNRETURNED | _RETURNS


def test_a_close_counts_in_the_slices_in_which_each_horizon_ends() -> None:
    ends = {T(DAY + 60): "24h", T(3 * DAY + 60): "72h", T(7 * DAY + 60): "7d"}
    assert after(close("a", 1)) == {end: {f"links.{h}": 1} for end, h in ends.items()}
    assert after(close("a", 60)) == {end: {f"links.{h}": 1} for end, h in ends.items()}
    assert min(after(close("a", 61))) == T(DAY + 120)


def test_it_counts_on_the_keys_of_the_close() -> None:
    partition = LinksPartition(BOOK, 1)
    partition.apply(0, LONG_AFTER, [close("a", 0, journey="outage"), visit("b", 9)])
    deltas = partition.advance()
    assert len(counted(deltas, (("journey", "outage"),))) == 3
    assert counted(deltas, (("journey", "billing"),)) == {}


def test_a_visit_by_another_conversation_is_a_return() -> None:
    assert horizons(close("a", 0), visit("b", 60)) == RETURNED


@pytest.mark.parametrize(
    ("visited", "expected"),
    [
        (visit("b", 60, journey="outage"), {f"returned.{h}" for h in HORIZONS_MS}),
        (visit("b", 60, K2), set()),
        (visit("a", 60), set()),
        (visit("a", 60, episode=2), _RETURNS.keys()),
        (visit("a", 60, life=LIFE + 1), _RETURNS.keys()),
        (visit("b", 0), set()),
        (visit("b", -1), set()),
        (visit("b", 0.001), _RETURNS.keys()),
        (
            visit("b", DAY),
            _RETURNS.keys(),
        ),
        (
            visit("b", DAY + 0.001),
            {"returned.72h", "returned_same.72h", "returned.7d", "returned_same.7d"},
        ),
        (visit("b", 7 * DAY), {"returned.7d", "returned_same.7d"}),
        (visit("b", 7 * DAY + 0.001), set()),
    ],
)
def test_whose_when_and_why_decides_what_a_visit_returns_to(
    visited: Link, expected: set[str]
) -> None:
    assert horizons(close("a", 0), visited) == UNRETURNED | dict.fromkeys(expected, 1)


def test_an_unknown_journey_is_the_same_as_none() -> None:
    found = horizons(close("a", 0, journey="unknown"), visit("b", 60, journey="unknown"))
    assert "returned_same.7d" not in found
    assert found["returned.7d"] == 1


def test_only_the_first_visit_returns_and_only_to_the_last_close() -> None:
    links = (close("a", 0), close("b", 10), visit("c", 20, journey="outage"), visit("d", 30))
    found = horizons(*links)
    assert (found["links.7d"], found["returned.7d"]) == (2, 1)
    assert "returned_same.7d" not in found


def test_a_return_too_late_for_one_horizon_is_none_for_the_close_before_it() -> None:
    found = horizons(close("a", 0), close("b", 10), visit("c", 2 * DAY))
    assert (found.get("returned.24h", 0), found["returned.72h"]) == (0, 1)


def test_closes_of_one_millisecond_are_taken_by_conversation_life_and_episode() -> None:
    at_once = [close("b", 0), close("a", 0, episode=2), close("a", 0)]
    # The last of them is b's, and b's own episode does not return to it.
    assert "returned.7d" not in horizons(*at_once, visit("b", 60))
    assert horizons(*at_once, visit("a", 60))["returned.7d"] == 1


def test_nothing_is_told_before_every_source_has_been_heard_and_by_the_slowest() -> None:
    partition = LinksPartition(BOOK, 2)
    partition.apply(0, LONG_AFTER, [close("a", 1)])
    assert partition.advance() is None
    partition.apply(1, T(30), [])
    assert partition.advance() == Deltas(T(30), [])
    partition.apply(1, T(DAY + 59), [visit("b", 40)])
    assert partition.advance() == Deltas(T(DAY + 59), [])
    partition.apply(1, T(DAY + 60), [])
    (counts,) = counted(partition.advance()).values()
    assert counts == {"links.24h": 1, "returned.24h": 1, "returned_same.24h": 1}


def test_a_step_told_again_changes_nothing() -> None:
    partition = LinksPartition(BOOK, 1)
    for _ in range(2):
        partition.apply(0, T(10), [close("a", 0)])
        partition.apply(0, T(20), [visit("b", 15)])
    assert counted(partition.advance()) == {}
    partition.apply(0, T(20), [close("c", 18)])
    assert partition.advance() is None
    partition.apply(0, LONG_AFTER, [])
    total = Counter(n for e in counted(partition.advance()).values() for n in e)
    assert total == Counter(RETURNED)


def test_nothing_stays_after_seven_days() -> None:
    partition, table = LinksPartition(BOOK, 1), {}
    partition.apply(0, T(100), [close("a", 0), visit("b", 5), visit("x", 7, K2), close("b", 50)])
    partition.advance()
    assert list(partition.open) == [K1]
    dict(link_table.changes(partition, table))
    assert set(table) == {b"p", b"c" + K1}
    partition.apply(0, T(7 * DAY + 60), [])
    partition.advance()
    assert not any(partition.open.values())
    assert dict(link_table.changes(partition, table))[b"c" + K1] is None
    assert set(table) == {b"p"}


def test_the_customer_is_named_by_nothing_but_a_digest_of_its_contract_and_key() -> None:
    assert len(customer_digest(CONTRACT, "k1")) == 16
    assert len({customer_digest(*names) for names in (("a", "bc"), ("ab", "c"), ("a", "b"))}) == 3


def test_what_came_back_with_an_old_copy_of_the_table_is_forgotten_and_not_counted() -> None:
    old, table = LinksPartition(BOOK, 1), {}
    old.apply(0, T(10), [close("a", 0)])
    old.advance()
    dict(link_table.changes(old, table))
    left_over = table[b"c" + K1]
    old.apply(0, LONG_AFTER, [])
    old.advance()
    dict(link_table.changes(old, table))
    table[b"c" + K1] = left_over
    partition = LinksPartition(BOOK, 1)
    link_table.restore(partition, table)
    assert not any(partition.open.values())
    partition.apply(0, LONG_AFTER + 1, [])
    assert partition.advance() == Deltas(LONG_AFTER + 1, [])
    assert dict(link_table.changes(partition, table))[b"c" + K1] is None


# Whatever the order of sources, the size of batches and the restarts, what is told is the same.

_TIMES = st.integers(0, 9 * 24 * 60).map(lambda minutes: minutes * 60) | st.integers(0, 9 * DAY)
_LINKS = st.lists(
    st.builds(
        lambda make, time, conversation, customer, episode, journey: make(
            conversation, time, customer, episode=episode, journey=journey
        ),
        st.sampled_from((visit, close)),
        _TIMES,
        st.sampled_from("abcd"),
        st.sampled_from((K1, K2)),
        st.integers(1, 2),
        st.sampled_from(("billing", "outage", "unknown")),
    ),
    max_size=30,
    unique_by=lambda link: (link.time, link.close, link.of),
)


def steps_of(links: list[Link], chance: random.Random) -> list[LinkStep]:
    """What one source says: its links in steps of any length, each in any order."""
    ends = sorted({chance.randint(EPOCH_MS, EPOCH_MS + 9 * DAY_MS) for _ in range(8)})
    steps, after = [], EPOCH_MS - 1
    for end in (*ends, LONG_AFTER):
        mine = [link for link in links if after < link.time <= end]
        chance.shuffle(mine)
        steps.append(LinkStep(end, mine))
        after = end
    return steps


def interleaved(
    sources: list[deque[LinkStep]], chance: random.Random
) -> Iterator[tuple[int, LinkStep]]:
    while any(sources):
        source = chance.choice([i for i, steps in enumerate(sources) if steps])
        yield source, sources[source].popleft()


@settings(max_examples=150, deadline=None)
@given(_LINKS, st.integers(1, 3), st.integers(0, 2**32))
def test_any_interleaving_batch_size_and_restart_tells_the_same(
    links: list[Link], count: int, seed: int
) -> None:
    chance = random.Random(seed)
    expected = after(*links)
    by_source: list[list[Link]] = [[] for _ in range(count)]
    for link in links:
        chance.choice(by_source).append(link)
    sources = [deque(steps_of(mine, chance)) for mine in by_source]
    partition, table = LinksPartition(BOOK, count), dict[bytes, bytes]()
    told = Told()
    untaken: list[tuple[int, LinkStep]] = []
    for source, step in interleaved(sources, chance):
        partition.apply(source, step.watermark, step.links)
        untaken.append((source, step))
        if chance.random() < 0.3:
            continue  # a larger batch
        deltas = partition.advance()
        # The process may end between telling the windows and storing that it did.
        lost = chance.random() < 0.2
        told.hear(deltas)
        if not lost:
            dict(link_table.changes(partition, table))
            reached = partition.reached
            untaken = [u for u in untaken if reached is None or u[1].watermark > reached]
        if lost or chance.random() < 0.2:
            partition = LinksPartition(BOOK, count)
            link_table.restore(partition, table)
            for again, taken in untaken:
                partition.apply(again, taken.watermark, taken.links)
    told.hear(partition.advance())
    assert told.whole() == expected
    assert not any(partition.open.values())


class Told:
    """As windows take it: what is at or before the last watermark heard is known already."""

    def __init__(self) -> None:
        self._heard = -1
        self._counts: dict[tuple[Any, int], dict[str, int]] = {}

    def hear(self, deltas: Deltas | None) -> None:
        for (_, dimensions), one in added(deltas):
            place = (dimensions, one.slice_end)
            if one.watermark > self._heard:
                assert place not in self._counts
                self._counts[place] = one.counts
            else:
                assert self._counts[place] == one.counts
        if deltas is not None:
            self._heard = max(self._heard, deltas.watermark)

    def whole(self) -> Counted:
        return {end: counts for (dimensions, end), counts in self._counts.items() if not dimensions}
