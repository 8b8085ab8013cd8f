"""Windows of one facts partition: deltas in, values and breaches out. DEFINITIONS.md
sections 8, 9.

A step of a source partition is applied once: each slice remembers the last watermark it took from
each source, so a replayed step changes nothing. Boundaries close in order of event time when the
least watermark over all sources has passed them, so neither interleaving nor batch size can change
a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import heappop, heappush
from operator import attrgetter

from streams.domain.breach_record import BreachRecord
from streams.domain.calendar_sums import Calendar, CalendarSums
from streams.domain.contract import ContractBook
from streams.domain.delta import Deltas, Key, KeyDelta, Wait, slice_end_of
from streams.domain.key_windows import RETENTION_MS, KeyWindows, Slice
from streams.domain.window_value import SLICE_MS, WINDOW_LENGTHS_MS, WindowValue


class WindowPartition:
    """The windows of the keys that one facts partition holds.

    `sources` is how many partitions of earlier stages send steps; no boundary closes before each
    has been heard. `touched_slices` and `expired_slices` (the ends of each key's), `touched_keys`
    and `touched_periods` say what changed since the caller last cleared them; `entered` are the
    counts of each slice that the last advance closed.
    """

    def __init__(self, book: ContractBook, sources: int) -> None:
        self._book = book
        self._sources = sources
        self.keys: dict[Key, KeyWindows] = {}
        self.heard: dict[int, int] = {}
        self.closed: int | None = None  # the last boundary closed
        self.reached: int | None = None  # the time up to which waits were judged
        self.touched_slices: dict[KeyWindows, set[int]] = {}
        self.touched_keys: set[KeyWindows] = set()
        self.touched_periods: set[KeyWindows] = set()
        self.expired_slices: dict[KeyWindows, set[int]] = {}
        self.entered: list[tuple[KeyWindows, int, Mapping[str, int]]] = []
        self._stirring: dict[int, set[KeyWindows]] = {}
        self._boundaries: list[int] = []
        self._slid: set[KeyWindows] = set()
        self._shown: int | None = None
        self._calendars: dict[str, Calendar] = {}

    @property
    def watermark(self) -> int | None:
        """The least watermark over all sources (ms); None until every source was heard."""
        return min(self.heard.values()) if len(self.heard) == self._sources else None

    def apply(self, source: int, deltas: Deltas) -> None:
        """Take steps of one source partition; a step already taken changes nothing."""
        last = self.heard.get(source)
        if last is not None and deltas.watermark <= last:
            return
        self.heard[source] = deltas.watermark
        for delta in deltas.keys:
            if last is None or delta.added[-1].watermark > last:
                self._take(source, last, delta)

    def new_key(self, key: Key) -> KeyWindows:
        """A key that nothing is known of yet."""
        contract, book = key[0], self._book
        calendar = self._calendars.get(contract)
        if calendar is None:
            # A contract that is not loaded is told of when everything has been read.
            known = contract in book
            zone = book.versions(contract)[0].time_zone if known else "UTC"
            calendar = Calendar(zone, book.periods(contract) if known else ())
            self._calendars[contract] = calendar
        return KeyWindows(key, CalendarSums(calendar))

    def _take(self, source: int, heard: int | None, delta: KeyDelta) -> None:
        windows = self._windows_of((delta.contract, delta.dimensions))
        end, piece = None, None
        for added in delta.added:
            watermark = added.watermark
            if heard is not None and watermark <= heard:
                continue
            if added.slice_end != end:
                end, piece = added.slice_end, None
                self._note(windows, end)
            if added.counts and piece is None:
                piece = self._slice(windows, end)
            if added.counts and piece is not None:
                taken = piece.taken.get(source)
                if taken is None or watermark > taken:
                    piece.taken[source] = watermark
                    piece.add(added.counts, added.latencies)
            if added.waits:
                self._await(windows, added.waits)

    def _note(self, windows: KeyWindows, end: int) -> None:
        """Something was published in the slice that ends at `end`."""
        self._stir(windows, end)
        if windows.first_end is None or end < windows.first_end:
            windows.first_end = end
            self.touched_keys.add(windows)

    def _slice(self, windows: KeyWindows, end: int) -> Slice | None:
        """The slice that ends at `end`, to be added to; None where it has expired: steps given
        again after a restart may reach back to it.
        """
        if self.closed is not None and end <= self.closed - RETENTION_MS:
            return None
        piece = windows.slices.get(end)
        if piece is None:
            piece = windows.slices[end] = Slice()
            self._stir_after(windows, end)
        self.touched_slices.setdefault(windows, set()).add(end)
        return piece

    def _windows_of(self, key: Key) -> KeyWindows:
        windows = self.keys.get(key)
        if windows is None:
            windows = self.keys[key] = self.new_key(key)
            self.touched_keys.add(windows)
            for terms in self._book.versions(key[0])[1:]:
                # New terms judge the same counts anew from their first boundary on.
                self._stir(windows, slice_end_of(terms.effective_from_ms))
        return windows

    def _await(self, windows: KeyWindows, waits: list[Wait]) -> None:
        judged = max(self.reached or 0, windows.judged or 0)
        for kind, timed in waits:
            if timed.time > judged:
                windows.changes.append((timed.time, kind, timed))

    def _stir(self, windows: KeyWindows, boundary: int) -> None:
        """Note a boundary at which something about the key may differ from the one before."""
        if self.closed is None or boundary > self.closed:
            stirred = self._stirring.get(boundary)
            if stirred is None:
                self._stirring[boundary] = {windows}
                heappush(self._boundaries, boundary)
            else:
                stirred.add(windows)

    def _stir_after(self, windows: KeyWindows, end: int) -> None:
        """Note when what is counted in the slice that ends at `end` leaves each window."""
        for length in WINDOW_LENGTHS_MS.values():
            self._stir(windows, end + length)
        for turn in windows.calendar.turns(end):
            self._stir(windows, turn)

    def restored(self) -> None:
        """Rebuild what is derived (sums, agenda) after the stored fields have been filled in."""
        for key, windows in self.keys.items():
            for terms in self._book.versions(key[0])[1:]:
                self._stir(windows, slice_end_of(terms.effective_from_ms))
            for change in windows.since:
                self._stir(windows, slice_end_of(change[0]))
            for end in windows.slices:
                self._stir(windows, end)
                self._stir_after(windows, end)
            windows.restore(self.closed)
            self._stir_calendar(windows)

    def _stir_calendar(self, windows: KeyWindows) -> None:
        calendar = windows.calendar
        if not calendar.periods or self.closed is None:
            return
        ends = [self.closed, *(breach.opened_at for breach in windows.breaches.open.values())]
        for end in ends:
            for turn in calendar.turns(end):
                self._stir(windows, turn)
        # What was closed at the last boundary because its period was over may open again.
        judged = windows.judged or self.closed
        starts = {slice_end_of(t.effective_from_ms) for t in self._book.versions(windows.key[0])}
        for boundary in {self.closed, judged - judged % SLICE_MS}:
            if boundary in starts or calendar.begins(boundary):
                self._stir(windows, boundary + SLICE_MS)

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
            stirred = self._stirring.pop(boundary)
            self._slid |= stirred
            for windows in stirred:
                records += self._waits_until(boundary, windows)
                windows.slide(boundary)
                if (piece := windows.slices.get(boundary)) is not None:
                    self.entered.append((windows, boundary, piece.counts))
                if windows.since:
                    windows.settle()
                    self.touched_keys.add(windows)
                records += self._judge(windows, boundary)
                self._expire(windows, boundary)
            self.closed = boundary
        if self.closed is not None or self.keys:
            self.closed = final if self.closed is None else max(final, self.closed)
        # What changes in a slice stirs its end.
        for windows in self._stirring.get(slice_end_of(watermark), ()):
            records += self._waits_until(watermark, windows)
        self.reached = watermark
        return sorted(records, key=_in_order)

    def _waits_until(self, time: int, windows: KeyWindows) -> list[BreachRecord]:
        due = windows.due(time)
        if not due:
            return []
        self.touched_keys.add(windows)
        return windows.judge_waits(self._book, due)

    def _judge(self, windows: KeyWindows, boundary: int) -> list[BreachRecord]:
        if windows.judged is not None and boundary <= windows.judged:
            return []
        first = windows.first_escalation_end
        escalated = first is not None and first <= boundary
        records = windows.breaches.at_boundary(
            self._book, windows.key, boundary, windows.tallies, escalated
        )
        if records:
            self.touched_keys.add(windows)
            if any(record.status != "updated" for record in records):
                self._stir_for_breach(windows, boundary)
        return records

    def _stir_for_breach(self, windows: KeyWindows, boundary: int) -> None:
        """A breach ends with its period, and may open again from the boundary after that on."""
        if windows.calendar.periods:
            self._stir(windows, boundary + SLICE_MS)
            for turn in windows.calendar.turns(boundary):
                self._stir(windows, turn)

    def _expire(self, windows: KeyWindows, boundary: int) -> None:
        gone = boundary - RETENTION_MS
        if windows.expire(gone):
            self.expired_slices.setdefault(windows, set()).add(gone)
            if windows.calendar.periods:
                self.touched_periods.add(windows)

    def changed_values(self) -> Iterator[WindowValue]:
        """Every window of the keys whose values moved since the last call; ages move with time."""
        if self.closed is None or self.closed == self._shown:
            return
        self._shown = self.closed
        moved = self._slid | {windows for windows in self.keys.values() if windows.waited}
        for windows in sorted(moved, key=attrgetter("key")):
            for name in windows.window_names:
                yield windows.value(name, self.closed)
        self._slid.clear()

    def values(self) -> Iterator[WindowValue]:
        """Every window of every key at the last boundary closed; nothing before the first."""
        for key in sorted(self.keys):
            yield from self.values_of(key)

    def values_of(self, key: Key) -> Iterator[WindowValue]:
        """Every window of one key at the last boundary closed; none where it has nothing yet."""
        windows = self.keys[key]
        if self.closed is None or windows.first_end is None or windows.first_end > self.closed:
            return
        for name in windows.window_names:
            yield windows.value(name, self.closed)


def _in_order(record: BreachRecord) -> tuple[int, str, str, tuple[tuple[str, str], ...]]:
    return (record.time, record.contract, record.clause, record.key)
