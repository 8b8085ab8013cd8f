"""Rolling windows of one facts partition: deltas in, values and breaches out. DEFINITIONS.md
sections 8, 9.

A step of a source partition is applied once: each slice remembers the last watermark it took from
each source, so a replayed step changes nothing. Boundaries close in order of event time when the
least watermark over all sources has passed them, so neither interleaving nor batch size can change
a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from streams.domain.breach_record import BreachRecord
from streams.domain.breaches import KeyBreaches
from streams.domain.contract import ContractBook
from streams.domain.delta import Entry, EscalationId, Key, Timed, slice_end_of
from streams.domain.histogram import bucket_of, quantile_ms
from streams.domain.window_value import PERCENTS, SLICE_MS, WINDOW_LENGTHS_MS, WindowValue

RETENTION_MS = max(WINDOW_LENGTHS_MS.values())
# At one millisecond: corrections by late events first, then a wait's own order.
_WITHDRAWN, _REOPENED, _REOPENED_OVERDUE, _OPENED, _OVERDUE, _ENDED = range(6)
Change = tuple[int, int, Timed]  # time, kind, what


@dataclass(slots=True)
class Slice:
    """One minute of one key; `taken` is the last watermark applied from each source partition."""

    counts: dict[str, int] = field(default_factory=dict)
    latencies: dict[int, int] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)


def _plus(into: dict[str, int], counts: dict[str, int], sign: int) -> None:
    for name, count in counts.items():
        total = into.get(name, 0) + sign * count
        if total:
            into[name] = total
        else:
            into.pop(name, None)


def _plus_buckets(into: dict[int, int], counts: dict[int, int], sign: int) -> None:
    for bucket, count in counts.items():
        total = into.get(bucket, 0) + sign * count
        if total:
            into[bucket] = total
        else:
            into.pop(bucket, None)


def _wait(waiting: dict[EscalationId, Timed], kind: int, timed: Timed) -> None:
    if kind in (_OPENED, _REOPENED):
        waiting[timed.escalation] = timed
    elif kind in (_WITHDRAWN, _ENDED):
        waiting.pop(timed.escalation, None)


@dataclass(slots=True)
class KeyWindows:
    """Everything about one published key.

    `sums` are derived: one (counts, latencies) a window length. `changes` are waits not yet judged.
    """

    key: Key
    slices: dict[int, Slice] = field(default_factory=dict)
    waiting: dict[EscalationId, Timed] = field(default_factory=dict)  # as of the watermark
    waited: dict[EscalationId, Timed] = field(default_factory=dict)  # as of the last boundary
    since: list[Change] = field(default_factory=list)  # what turns `waited` into `waiting`
    first_end: int | None = None  # of the first slice that anything was published in
    first_escalation_end: int | None = None
    judged: int | None = None  # the time up to which this key's stored state was judged
    breaches: KeyBreaches = field(default_factory=KeyBreaches)
    sums: dict[str, tuple[dict[str, int], dict[int, int]]] = field(
        default_factory=lambda: {name: ({}, {}) for name in WINDOW_LENGTHS_MS}
    )
    changes: list[Change] = field(default_factory=list)

    def slide(self, boundary: int) -> None:
        """Move the sums to `boundary`: one slice in, one out, whatever the window's length."""
        entering = self.slices.get(boundary)
        for name, length in WINDOW_LENGTHS_MS.items():
            counts, latencies = self.sums[name]
            if entering is not None:
                _plus(counts, entering.counts, 1)
                _plus_buckets(latencies, entering.latencies, 1)
            leaving = self.slices.get(boundary - length)
            if leaving is not None:
                _plus(counts, leaving.counts, -1)
                _plus_buckets(latencies, leaving.latencies, -1)

    def settle(self) -> None:
        """Bring `waited` up to what has been judged; called when that is a boundary."""
        for _, kind, timed in self.since:
            _wait(self.waited, kind, timed)
        self.since.clear()

    def counts(self, window: str) -> dict[str, int]:
        """Section 8's counters of one window, at the last boundary."""
        counts = dict(self.sums[window][0])
        waiting = sum(timed.eligible for timed in self.waited.values())
        if waiting:
            counts["waiting"] = waiting
        return counts

    def value(self, window: str, end: int) -> WindowValue:
        """What section 8 publishes for this key and window at `end` (the last boundary closed)."""
        _, ended = self.sums[window]
        latencies = dict(ended)
        for timed in self.waited.values():
            bucket = bucket_of(end - timed.t0)
            latencies[bucket] = latencies.get(bucket, 0) + 1
        quantiles: dict[str, int | None] = {}
        for percent in PERCENTS:
            value = quantile_ms(latencies, percent)
            quantiles[f"p{percent}"] = None if value is None else int(value + 0.5)
        contract, dimensions = self.key
        first = self.first_escalation_end
        return WindowValue(
            contract=contract,
            key=dimensions,
            window=window,
            end=end,
            counts=self.counts(window),
            open=len(self.waited),
            oldest_t0=min((timed.t0 for timed in self.waited.values()), default=None),
            samples=sum(latencies.values()),
            latency_ms=quantiles,
            escalated_before=first is not None and first <= end,
        )


class WindowPartition:
    """The windows of the keys that one facts partition holds.

    `sources` is how many lifecycle partitions send steps; no boundary closes before each has been
    heard. `touched_slices`, `touched_keys` and `expired_slices` say what changed since the caller
    last cleared them; `entered` are the counts of each slice that the last advance closed.
    """

    def __init__(self, book: ContractBook, sources: int) -> None:
        self._book = book
        self._sources = sources
        self.keys: dict[Key, KeyWindows] = {}
        self.heard: dict[int, int] = {}
        self.closed: int | None = None  # the last boundary closed
        self.reached: int | None = None  # the time up to which waits were judged
        self.touched_slices: set[tuple[Key, int]] = set()
        self.touched_keys: set[Key] = set()
        self.expired_slices: set[tuple[Key, int]] = set()
        self.entered: list[tuple[Key, int, dict[str, int]]] = []
        self._stirring: dict[int, set[Key]] = {}
        self._boundaries: list[int] = []
        self._changing: set[Key] = set()
        self._slid: set[Key] = set()
        self._shown: int | None = None

    @property
    def watermark(self) -> int | None:
        """The least watermark over all sources (ms); None until every source was heard."""
        return min(self.heard.values()) if len(self.heard) == self._sources else None

    def apply(self, source: int, watermark: int, entries: Iterable[Entry]) -> None:
        """Take one step of one source partition; a step already taken changes nothing."""
        last = self.heard.get(source)
        if last is not None and watermark <= last:
            return
        self.heard[source] = watermark
        for entry in entries:
            self._take(source, watermark, entry)

    def _take(self, source: int, watermark: int, entry: Entry) -> None:
        key = (entry.contract, entry.dimensions)
        windows = self.keys.get(key)
        if windows is None:
            windows = self.keys[key] = KeyWindows(key)
            self.touched_keys.add(key)
            for terms in self._book.versions(entry.contract)[1:]:
                # New terms judge the same counts anew from their first boundary on.
                self._stir(key, slice_end_of(terms.effective_from_ms))
        end = entry.slice_end
        self._stir(key, end)
        if windows.first_end is None or end < windows.first_end:
            windows.first_end = end
            self.touched_keys.add(key)
        # A step given again after a restart may reach back to slices that have expired since.
        if entry.counts and (self.closed is None or end > self.closed - RETENTION_MS):
            piece = windows.slices.get(end)
            if piece is None:
                piece = windows.slices[end] = Slice()
                for length in WINDOW_LENGTHS_MS.values():
                    self._stir(key, end + length)
            taken = piece.taken.get(source)
            if taken is None or watermark > taken:
                piece.taken[source] = watermark
                _plus(piece.counts, entry.counts, 1)
                _plus_buckets(piece.latencies, entry.latencies, 1)
                self.touched_slices.add((key, end))
        judged = max(self.reached or 0, windows.judged or 0)
        for kind, timed in _changes(entry):
            if timed.time > judged:
                heappush(windows.changes, (timed.time, kind, timed))
                self._changing.add(key)

    def _stir(self, key: Key, boundary: int) -> None:
        """Note a boundary at which something about the key may differ from the one before."""
        if self.closed is None or boundary > self.closed:
            keys = self._stirring.get(boundary)
            if keys is None:
                self._stirring[boundary] = {key}
                heappush(self._boundaries, boundary)
            else:
                keys.add(key)

    def restored(self) -> None:
        """Rebuild what is derived (sums, agenda) after the stored fields have been filled in."""
        for key, windows in self.keys.items():
            for terms in self._book.versions(key[0])[1:]:
                self._stir(key, slice_end_of(terms.effective_from_ms))
            for change in windows.since:
                self._stir(key, slice_end_of(change[0]))
            windows.waiting = dict(windows.waited)
            for _, kind, timed in windows.since:
                _wait(windows.waiting, kind, timed)
            for end, piece in windows.slices.items():
                self._stir(key, end)
                for length in WINDOW_LENGTHS_MS.values():
                    self._stir(key, end + length)
                if self.closed is not None and end <= self.closed:
                    for name, length in WINDOW_LENGTHS_MS.items():
                        if end > self.closed - length:
                            _plus(windows.sums[name][0], piece.counts, 1)
                            _plus_buckets(windows.sums[name][1], piece.latencies, 1)

    def advance(self) -> list[BreachRecord]:
        """Judge everything up to the watermark; breach records in order of event time."""
        self.entered = []
        watermark = self.watermark
        if watermark is None or (self.reached is not None and watermark <= self.reached):
            return []
        records: list[BreachRecord] = []
        final = watermark - watermark % SLICE_MS
        while self._boundaries and self._boundaries[0] <= final:
            boundary = heappop(self._boundaries)
            records += self._waits_until(boundary)
            stirred = sorted(self._stirring.pop(boundary))
            self._slid.update(stirred)
            for key in stirred:
                windows = self.keys[key]
                windows.slide(boundary)
                if (piece := windows.slices.get(boundary)) is not None:
                    self.entered.append((key, boundary, piece.counts))
                if windows.since:
                    windows.settle()
                    self.touched_keys.add(key)
                records += self._judge(key, boundary)
                self._expire(key, boundary)
            self.closed = boundary
        if self.closed is not None or self.keys:
            self.closed = final if self.closed is None else max(final, self.closed)
        records += self._waits_until(watermark)
        self.reached = watermark
        return sorted(records, key=_in_order)

    def _waits_until(self, time: int) -> list[BreachRecord]:
        records: list[BreachRecord] = []
        for key in sorted(self._changing):
            windows = self.keys[key]
            changes = windows.changes
            while changes and changes[0][0] <= time:
                records += self._at_moment(windows, changes[0][0])
            self.touched_keys.add(key)
        self._changing = {key for key in self._changing if self.keys[key].changes}
        return records

    def _at_moment(self, windows: KeyWindows, moment: int) -> list[BreachRecord]:
        withdrawn: list[EscalationId] = []
        overdue: list[tuple[EscalationId, int]] = []
        ended: list[EscalationId] = []
        while windows.changes and windows.changes[0][0] == moment:
            change = heappop(windows.changes)
            _, kind, timed = change
            windows.since.append(change)
            _wait(windows.waiting, kind, timed)
            if kind == _OPENED and windows.first_escalation_end is None:
                windows.first_escalation_end = slice_end_of(moment)
            if kind == _WITHDRAWN:
                withdrawn.append(timed.escalation)
            elif kind in (_OVERDUE, _REOPENED_OVERDUE):
                overdue.append((timed.escalation, timed.t0))
            elif kind == _ENDED:
                ended.append(timed.escalation)
        return windows.breaches.at_moment(
            self._book, windows.key, moment, withdrawn, overdue, ended
        )

    def _judge(self, key: Key, boundary: int) -> list[BreachRecord]:
        windows = self.keys[key]
        if windows.judged is not None and boundary <= windows.judged:
            return []
        sums = {name: windows.counts(name) for name in WINDOW_LENGTHS_MS}
        first = windows.first_escalation_end
        escalated = first is not None and first <= boundary
        records = windows.breaches.at_boundary(self._book, key, boundary, sums, escalated)
        if records:
            self.touched_keys.add(key)
        return records

    def _expire(self, key: Key, boundary: int) -> None:
        gone = boundary - RETENTION_MS
        if self.keys[key].slices.pop(gone, None) is not None:
            self.expired_slices.add((key, gone))

    def changed_values(self) -> Iterator[WindowValue]:
        """Every window of the keys whose values moved since the last call; ages move with time."""
        if self.closed is None or self.closed == self._shown:
            return
        self._shown = self.closed
        moved = self._slid | {key for key, windows in self.keys.items() if windows.waited}
        for key in sorted(moved):
            for name in WINDOW_LENGTHS_MS:
                yield self.keys[key].value(name, self.closed)
        self._slid.clear()

    def values(self) -> Iterator[WindowValue]:
        """Every window of every key at the last boundary closed; nothing before the first."""
        if self.closed is None:
            return
        for _, windows in sorted(self.keys.items()):
            if windows.first_end is None or windows.first_end > self.closed:
                continue
            for name in WINDOW_LENGTHS_MS:
                yield windows.value(name, self.closed)


def _in_order(record: BreachRecord) -> tuple[int, str, str, tuple[tuple[str, str], ...]]:
    return (record.time, record.contract, record.clause, record.key)


def _changes(entry: Entry) -> Iterator[tuple[int, Timed]]:
    for kind, happenings in (
        (_WITHDRAWN, entry.withdrawn),
        (_REOPENED, entry.reopened),
        (_REOPENED_OVERDUE, entry.reopened_overdue),
        (_OPENED, entry.opened),
        (_OVERDUE, entry.overdue),
        (_ENDED, entry.ended),
    ):
        for timed in happenings:
            yield kind, timed
