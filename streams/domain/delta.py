"""What one advance of the watermark adds to each published key: DEFINITIONS.md section 8.

The combined delta is what crosses the repartition, so that the second stage costs a record a
batch, not one a fact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Protocol

import msgspec

from streams.domain.contract import DIMENSIONS, ContractBook, Dimension
from streams.domain.counters import counted
from streams.domain.events import Moment
from streams.domain.facts import Fact
from streams.domain.histogram import LAST_BUCKET, bucket_of
from streams.domain.window_value import SLICE_MS

# Only what can be written down again is read: sums of counts must fit into 64 bits. Costs can be
# taken back, so that a sum of them may be negative.
Count = Annotated[int, msgspec.Meta(ge=-(2**56), le=2**56)]
Tally = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Bucket = Annotated[int, msgspec.Meta(ge=0, le=LAST_BUCKET)]

_WAITS = frozenset(("escalation_opened", "escalation_overdue", "escalation_ended"))

Key = tuple[str, tuple[tuple[Dimension, str], ...]]
# (conversation, life, episode, ordinal): one escalation, as breaches name it too
EscalationId = tuple[str, int, int, int]


class Timed(msgspec.Struct, array_like=True, frozen=True, gc=False, order=True):
    """Something that happened to one escalation at an exact time (ms).

    `eligible` is given where it opened: whether its episode was eligible then.
    """

    time: Moment
    escalation: EscalationId
    t0: Moment
    eligible: bool = False


class Entry(msgspec.Struct, array_like=True):
    """What was added to one slice of one key. `slice_end` in ms, `latencies` bucket -> count."""

    contract: str
    dimensions: tuple[tuple[Dimension, str], ...]
    slice_end: Moment
    counts: dict[str, Count] = {}
    latencies: dict[Bucket, Tally] = {}
    opened: list[Timed] = []
    overdue: list[Timed] = []
    ended: list[Timed] = []
    # Corrections by late events, in effect before anything else at their time.
    withdrawn: list[Timed] = []
    reopened: list[Timed] = []
    reopened_overdue: list[Timed] = []


@dataclass(frozen=True, slots=True)
class OpenEscalation:
    """One escalation as it stands open at a watermark; `fact` is its `escalation_opened`."""

    fact: Fact
    overdue: bool

    @property
    def escalation(self) -> EscalationId:
        return escalation_id(self.fact)

    def at(self, time: int) -> Timed:
        """It, as something that happened at `time`."""
        detail = self.fact.detail
        return Timed(time, self.escalation, detail["t0"], detail["eligible"])


def escalation_id(fact: Fact) -> EscalationId:
    """The escalation that an escalation fact is about."""
    return (fact.conversation, fact.life, fact.episode, fact.ordinal)


def open_escalations(facts: Iterable[Fact]) -> dict[EscalationId, OpenEscalation]:
    """Those opened and not ended in one conversation's facts up to a watermark."""
    found: dict[EscalationId, OpenEscalation] = {}
    for fact in facts:  # in order of time and kind: opened, overdue, ended
        escalation = escalation_id(fact)
        if fact.kind == "escalation_opened":
            found[escalation] = OpenEscalation(fact, overdue=False)
        elif fact.kind == "escalation_overdue":
            found[escalation] = OpenEscalation(found[escalation].fact, overdue=True)
        elif fact.kind == "escalation_ended":
            del found[escalation]
    return found


def slice_end_of(time: int) -> int:
    """The end (ms) of the slice that holds `time`: (end - 60 s, end]."""
    return -(-time // SLICE_MS) * SLICE_MS


@dataclass(slots=True)
class Step:
    """What one advance of the watermark published: for the windows, applied whole or not at all."""

    watermark: int
    entries: list[Entry]


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


class StepDeltas:
    """Gathers the facts of one step after another into entries, one a key and slice."""

    def __init__(self, book: ContractBook, carried: Iterable[Entry] = ()) -> None:
        self._book = book
        self._keys = lru_cache(maxsize=4096)(self._keys_of)
        self._entries: dict[tuple[Key, int], Entry] = {
            ((entry.contract, entry.dimensions), entry.slice_end): entry for entry in carried
        }

    def add(self, fact: Fact) -> None:
        """Count one on-time fact on every key that its contract version publishes."""
        counts = counted(fact, self._book)
        if not counts:
            return
        entries = self._places(fact, fact.time)
        for entry in entries:
            into = entry.counts
            for name, count in counts:
                into[name] = into.get(name, 0) + count
        if fact.kind in _WAITS:
            _wait(entries, fact)

    def count(self, place: Placed, counts: Iterable[tuple[str, int]], time: int) -> None:
        """Add to the counters of the slice that holds `time` on every key of `place`."""
        for entry in self._places(place, time):
            for name, count in counts:
                entry.counts[name] = entry.counts.get(name, 0) + count

    def correct(self, was: OpenEscalation | None, now: OpenEscalation | None, time: int) -> None:
        """A late event changed one escalation's waiting: from `time` on it is `now`, no longer
        `was`.
        """
        if was is not None:
            timed = was.at(time)
            for entry in self._places(was.fact, time):
                if timed in entry.reopened:
                    # Another late event since the last tick opened it: nobody has seen it open.
                    entry.reopened.remove(timed)
                    if was.overdue:
                        entry.reopened_overdue.remove(timed)
                else:
                    entry.withdrawn.append(timed)
        if now is not None:
            timed = now.at(time)
            for entry in self._places(now.fact, time):
                entry.reopened.append(timed)
                if now.overdue:
                    entry.reopened_overdue.append(timed)

    def _places(self, fact: Placed, time: int) -> list[Entry]:
        end = slice_end_of(time)
        keys = self._keys(
            fact.contract,
            fact.version,
            fact.channel,
            fact.market,
            fact.journey,
            fact.supplier,
            fact.prompt_version,
            fact.model,
            fact.knowledge_version,
        )
        entries, found = self._entries, []
        for key in keys:
            entry = entries.get((key, end))
            if entry is None:
                entry = entries[(key, end)] = Entry(*key, end)
            found.append(entry)
        return found

    def _keys_of(self, contract: str, version: int, *stated: str) -> tuple[Key, ...]:
        terms = self._book.version(contract, version)
        values = {
            name: terms.bounded(name, value) for name, value in zip(DIMENSIONS, stated, strict=True)
        }
        return tuple(
            (contract, tuple((name, values[name]) for name in grouping))
            for grouping in terms.groupings
        )

    def entries(self) -> list[Entry]:
        """The entries that say anything, in the order in which their first fact came."""
        return [e for e in self._entries.values() if e.counts or e.withdrawn or e.reopened]

    def take(self) -> list[Entry]:
        """The entries of this step; the next one begins empty."""
        entries = self.entries()
        self._entries.clear()
        return entries


def _wait(entries: Iterable[Entry], fact: Fact) -> None:
    detail = fact.detail
    timed = Timed(fact.time, escalation_id(fact), detail["t0"], detail.get("eligible", False))
    if fact.kind == "escalation_opened":
        for entry in entries:
            entry.opened.append(timed)
    elif fact.kind == "escalation_overdue":
        for entry in entries:
            entry.overdue.append(timed)
    else:
        bucket = bucket_of(detail["latency_ms"])
        for entry in entries:
            entry.ended.append(timed)
            entry.latencies[bucket] = entry.latencies.get(bucket, 0) + 1
