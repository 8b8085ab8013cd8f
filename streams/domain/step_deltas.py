"""Gathers facts into deltas: counted once where they happened, then on each key that shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from streams.domain.contract import DIMENSIONS, ContractBook
from streams.domain.counters import counted
from streams.domain.delta import (
    ENDED,
    OPENED,
    OVERDUE,
    Added,
    Deltas,
    Entry,
    Key,
    KeyDelta,
    OpenEscalation,
    Timed,
    Wait,
    escalation_id,
    slice_end_of,
)
from streams.domain.facts import Fact, FactKind
from streams.domain.histogram import bucket_of

_WAITS: dict[FactKind, int] = {
    "escalation_opened": OPENED,
    "escalation_overdue": OVERDUE,
    "escalation_ended": ENDED,
}
# Producers state what they like, so what is remembered of it is limited.
_MOST_PLACES = 4_096
_MOST_KEYS = 65_536


class Placed(Protocol):
    """What says on which keys it is counted."""

    @property
    def contract(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def channel(self) -> str: ...
    @property
    def market(self) -> str: ...
    @property
    def journey(self) -> str: ...
    @property
    def supplier(self) -> str: ...
    @property
    def prompt_version(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def knowledge_version(self) -> str: ...


_Place = tuple[str, int, str, str, str, str, str, str, str]  # Placed's fields


@dataclass(eq=False, slots=True)
class _Gathered:
    """One published key, the same object as long as it is known; `added` since the last `take`."""

    key: Key
    added: list[Added] = field(default_factory=list)


@dataclass(slots=True)
class _Leaf:
    """What one step counted at one place in one slice, before it is added to the place's `keys`."""

    keys: tuple[_Gathered, ...]
    counts: dict[str, int] = field(default_factory=dict)
    latencies: dict[int, int] | None = None
    waits: list[Wait] | None = None

    def add(self, counts: Iterable[tuple[str, int]]) -> None:
        into = self.counts
        for name, count in counts:
            into[name] = into.get(name, 0) + count

    def wait(self, fact: Fact) -> None:
        detail = fact.detail
        timed = Timed(fact.time, escalation_id(fact), detail["t0"], detail.get("eligible", False))
        if self.waits is None:
            self.waits = []
        self.waits.append((_WAITS[fact.kind], timed))
        if fact.kind == "escalation_ended":
            bucket = bucket_of(detail["latency_ms"])
            if self.latencies is None:
                self.latencies = {}
            self.latencies[bucket] = self.latencies.get(bucket, 0) + 1


class StepDeltas:
    """Gathers the facts of one step after another.

    `carried` are corrections that no step has told yet, from an earlier run.
    """

    def __init__(self, book: ContractBook, carried: Iterable[Entry] = ()) -> None:
        self._book = book
        self._known: dict[Key, _Gathered] = {}
        self._keys = lru_cache(maxsize=_MOST_PLACES)(self._keys_of)
        self._leaves: dict[int, dict[_Place, _Leaf]] = {}
        self._corrections = {(entry.key, entry.slice_end): entry for entry in carried}
        self._told: list[_Gathered] = []
        self._watermark: int | None = None

    def add(self, fact: Fact) -> None:
        """Count one on-time fact on every key that its contract version publishes."""
        counts = counted(fact, self._book)
        if not counts:
            return
        leaf = self._leaf(fact, fact.time)
        leaf.add(counts)
        if fact.kind in _WAITS:
            leaf.wait(fact)

    def count(self, place: Placed, counts: Iterable[tuple[str, int]], time: int) -> None:
        """Add to the counters of the slice that holds `time` on every key of `place`."""
        self._leaf(place, time).add(counts)

    def _leaf(self, placed: Placed, time: int) -> _Leaf:
        end = slice_end_of(time)
        leaves = self._leaves.get(end)
        if leaves is None:
            leaves = self._leaves[end] = {}
        place = _place_of(placed)
        leaf = leaves.get(place)
        if leaf is None:
            leaf = leaves[place] = _Leaf(self._keys(place))
        return leaf

    def _keys_of(self, place: _Place) -> tuple[_Gathered, ...]:
        contract, version, *stated = place
        terms = self._book.version(contract, version)
        values = {
            name: terms.bounded(name, value) for name, value in zip(DIMENSIONS, stated, strict=True)
        }
        return tuple(
            self._gathered((contract, tuple((name, values[name]) for name in grouping)))
            for grouping in terms.groupings
        )

    def _gathered(self, key: Key) -> _Gathered:
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _Gathered(key)
        return known

    def correct(self, was: OpenEscalation | None, now: OpenEscalation | None, time: int) -> None:
        """A late event changed one escalation's waiting: from `time` on it is `now`, no longer
        `was`.
        """
        if was is not None:
            timed = was.at(time)
            for entry in self._corrected(was.fact, time):
                if timed in entry.reopened:
                    # Another late event since the last tick opened it: nobody has seen it open.
                    entry.reopened.remove(timed)
                    if was.overdue:
                        entry.reopened_overdue.remove(timed)
                else:
                    entry.withdrawn.append(timed)
        if now is not None:
            timed = now.at(time)
            for entry in self._corrected(now.fact, time):
                entry.reopened.append(timed)
                if now.overdue:
                    entry.reopened_overdue.append(timed)

    def _corrected(self, fact: Fact, time: int) -> list[Entry]:
        end, corrections, found = slice_end_of(time), self._corrections, []
        for gathered in self._keys(_place_of(fact)):
            entry = corrections.get((gathered.key, end))
            if entry is None:
                entry = corrections[(gathered.key, end)] = Entry(*gathered.key, end)
            found.append(entry)
        return found

    def carried(self) -> list[Entry]:
        """The corrections that no step has told yet."""
        return [entry for entry in self._corrections.values() if entry.waits()]

    def close(self, watermark: int) -> None:
        """End a step: what was counted since the last one is published at `watermark` (ms)."""
        self._watermark = watermark
        for end, leaves in self._leaves.items():
            for leaf in leaves.values():
                for gathered in leaf.keys:
                    added = gathered.added
                    if not added:
                        self._told.append(gathered)
                    elif added[-1].watermark == watermark and added[-1].slice_end == end:
                        _merge(added[-1], leaf)
                        continue
                    added.append(_added(watermark, end, leaf))
        self._leaves.clear()
        for entry in self.carried():
            self._tell(watermark, entry)
        self._corrections.clear()

    def _tell(self, watermark: int, entry: Entry) -> None:
        gathered = self._gathered(entry.key)
        if not gathered.added:
            self._told.append(gathered)
        for one in reversed(gathered.added):
            if one.watermark == watermark and one.slice_end == entry.slice_end:
                one.waits = [*(one.waits or ()), *entry.waits()]
                return
        gathered.added.append(
            Added(watermark, entry.slice_end, entry.counts, entry.latencies, entry.waits())
        )

    def take(self) -> Deltas | None:
        """The steps closed since the last call; None where there were none."""
        if self._watermark is None:
            return None
        deltas = Deltas(self._watermark, [KeyDelta(*one.key, one.added) for one in self._told])
        for gathered in self._told:
            gathered.added = []
        self._told.clear()
        self._watermark = None
        if len(self._known) > _MOST_KEYS and not self._leaves:
            self._known.clear()
            self._keys.cache_clear()
        return deltas


def _place_of(placed: Placed) -> _Place:
    return (
        placed.contract,
        placed.version,
        placed.channel,
        placed.market,
        placed.journey,
        placed.supplier,
        placed.prompt_version,
        placed.model,
        placed.knowledge_version,
    )


def _added(watermark: int, slice_end: int, leaf: _Leaf) -> Added:
    return Added(
        watermark,
        slice_end,
        leaf.counts.copy(),
        None if leaf.latencies is None else leaf.latencies.copy(),
        None if leaf.waits is None else leaf.waits.copy(),
    )


def _merge(into: Added, leaf: _Leaf) -> None:
    counts = into.counts
    for name, count in leaf.counts.items():
        counts[name] = counts.get(name, 0) + count
    if leaf.latencies is not None:
        into.latencies = latencies = into.latencies or {}
        for bucket, count in leaf.latencies.items():
            latencies[bucket] = latencies.get(bucket, 0) + count
    if leaf.waits is not None:
        into.waits = [*(into.waits or ()), *leaf.waits]
