"""Breaches of the ratio clauses, judged where a window's content can have changed.

DEFINITIONS.md section 9. All times in ms since 1970 UTC, targets in parts per million (of an
amount's unit, where the indicator is one).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from msgspec.structs import replace

from streams.domain.breach_record import BreachRecord, BreachStatus
from streams.domain.calendar_period import period_of
from streams.domain.contract import PPM, Clause, ContractBook, Dimension, Terms
from streams.domain.window_value import SLICE_MS
from streams.oracle.counters import Counted, by_slice
from streams.oracle.indicators import (
    WAITING_COUNTS,
    Counts,
    Key,
    Versions,
    is_containment,
    judges,
    ratio_of,
    slice_end,
)
from streams.oracle.waits import Wait, counts_as_waiting


def ratio_breaches(
    contract: str, facts: Sequence[Counted], waits: Sequence[Wait], book: ContractBook, last: int
) -> list[BreachRecord]:
    """Every record of one contract's ratio clauses up to the boundary `last`, in no order.

    `facts` are its on-time assertions, `waits` its stretches of waiting. A breach whose clause the
    version in force does not judge for its key is closed with 0 of 0.
    """
    facts = [one for one in facts if one.end <= last]
    ends = [one.end for one in facts]
    ends += [slice_end(wait.since) for wait in waits if wait.since <= last]
    if not ends:
        return []
    keys = _Keys(facts, waits, Versions(book))
    begin = min(ends)
    standing: dict[tuple[str, Key], BreachRecord] = {}
    records = []
    for terms, first, final in _spans(book.versions(contract), begin, last):
        clauses = [c for c in terms.clauses if c.indicator != "escalation_wait"]
        for clause_id, key in list(standing):
            if not any(c.id == clause_id and judges(c, key) for c in clauses):
                records.append(_no_longer_judged(standing.pop((clause_id, key)), terms, first))
        for clause in clauses:
            for key, series in keys.series(clause).items():
                for boundary in series.turning_points(first, final, clause, terms.time_zone):
                    previous = standing.pop((clause.id, key), None)
                    record = _judge(terms, clause, key, series, boundary, previous)
                    if record is not None:
                        records.append(record)
                    latest = record or previous
                    if latest is not None and latest.status != "closed":
                        standing[clause.id, key] = latest
    return records


def _spans(versions: Sequence[Terms], begin: int, last: int) -> Iterator[tuple[Terms, int, int]]:
    """Each version with the first and last boundary at which it is in force."""
    for index, terms in enumerate(versions):
        first = begin if index == 0 else max(begin, slice_end(terms.effective_from_ms))
        final = last
        if index + 1 < len(versions):
            final = min(last, slice_end(versions[index + 1].effective_from_ms) - SLICE_MS)
        if first <= final:
            yield terms, first, final


class _Series:
    """One key's slices as running sums, so that any window is one subtraction."""

    def __init__(self, slices: Mapping[int, Counts], waits: Iterable[Wait], clause: Clause) -> None:
        good: dict[int, int] = {}
        total: dict[int, int] = {}
        # What the denominator is where nothing was counted.
        self._least = ratio_of({}, clause.indicator, clause.reason)[1]
        for end, counts in slices.items():
            numerator, denominator = ratio_of(counts, clause.indicator, clause.reason)
            good[end] = numerator
            total[end] = denominator - self._least
        self.escalated_from = min(
            (end for end, counts in slices.items() if counts.get("escalations")), default=None
        )
        self._ends = sorted(total)
        self._good = [0, *accumulate(good[end] for end in self._ends)]
        self._total = [0, *accumulate(total[end] for end in self._ends)]
        counted = [w for w in waits if clause.indicator in WAITING_COUNTS and counts_as_waiting(w)]
        self._begun = sorted(wait.since for wait in counted)
        self._over = sorted(wait.until for wait in counted if wait.until is not None)

    def ratio(self, start: int, boundary: int) -> tuple[int, int]:
        """The ratio over the slices that end in (start, boundary]."""
        begin = bisect_right(self._ends, start)
        stop = bisect_right(self._ends, boundary)
        waiting = bisect_right(self._begun, boundary) - bisect_right(self._over, boundary)
        return (
            self._good[stop] - self._good[begin],
            self._total[stop] - self._total[begin] + self._least + waiting,
        )

    def turning_points(self, first: int, final: int, clause: Clause, zone: str) -> list[int]:
        """The boundaries at which a slice enters or leaves the window, or a breach can close.

        After a boundary that closes a breach with its period comes one that can open it again.
        """
        points = {first, first + SLICE_MS, *self._ends}
        points |= {slice_end(time) for time in (*self._begun, *self._over)}
        if clause.period is None:
            points |= {end + clause.window_ms for end in self._ends}
        else:
            after = first
            while after <= final:
                after = slice_end(period_of(clause.period, zone, after)[1] + 1)
                points |= {after, after + SLICE_MS}
        return sorted(point for point in points if first <= point <= final)


class _Keys:
    """One contract's facts and waits by their keys, in each grouping that a clause asks for."""

    def __init__(self, facts: Sequence[Counted], waits: Sequence[Wait], versions: Versions) -> None:
        self._facts = facts
        self._waits = waits
        self._versions = versions
        self._known: dict[
            tuple[Dimension, ...], tuple[dict[Key, dict[int, Counts]], dict[Key, list[Wait]]]
        ] = {}

    def series(self, clause: Clause) -> dict[Key, _Series]:
        """The series of every key that the clause judges."""
        slices, waits = self._in(clause.grouping)
        return {
            key: _Series(slices.get(key, {}), waits.get(key, ()), clause)
            for key in {*slices, *waits}
            if judges(clause, key)
        }

    def _in(
        self, grouping: tuple[Dimension, ...]
    ) -> tuple[dict[Key, dict[int, Counts]], dict[Key, list[Wait]]]:
        if grouping not in self._known:
            versions = self._versions
            waiting: dict[Key, list[Wait]] = defaultdict(list)
            for wait in self._waits:
                if grouping in versions.of(wait.opened).groupings:
                    waiting[versions.key(wait.opened, grouping)].append(wait)
            self._known[grouping] = (by_slice(self._facts, grouping, versions), waiting)
        return self._known[grouping]


def _judge(
    terms: Terms,
    clause: Clause,
    key: Key,
    series: _Series,
    boundary: int,
    previous: BreachRecord | None,
) -> BreachRecord | None:
    start = _window_start(clause, terms.time_zone, boundary)
    numerator, denominator = series.ratio(start, boundary)
    enough = denominator >= clause.minimum_volume
    known = denominator > 0 and (
        not is_containment(clause.indicator)
        or (series.escalated_from is not None and series.escalated_from <= boundary)
    )
    status: BreachStatus
    if previous is None:
        if not (known and enough and _beyond(clause, numerator, denominator)):
            return None
        status = "opened"
    elif (
        denominator == 0
        or (enough and _recovered(clause, numerator, denominator))
        or (clause.period is not None and previous.opened_at <= start)
    ):
        status = "closed"
    elif (numerator, denominator) != (previous.numerator, previous.denominator):
        status = "updated"
    else:
        return None
    return BreachRecord(
        status=status,
        contract=terms.contract,
        version=terms.version,
        clause=clause.id,
        indicator=clause.indicator,
        severity=clause.severity,
        key=key,
        opened_at=boundary if previous is None else previous.opened_at,
        time=boundary,
        numerator=numerator,
        denominator=denominator,
        target_ppm=clause.target_ppm,
    )


def _window_start(clause: Clause, zone: str, boundary: int) -> int:
    if clause.period is None:
        return boundary - clause.window_ms
    return period_of(clause.period, zone, boundary)[0]


def _no_longer_judged(latest: BreachRecord, terms: Terms, boundary: int) -> BreachRecord:
    return replace(
        latest, status="closed", version=terms.version, time=boundary, numerator=0, denominator=0
    )


def _beyond(clause: Clause, numerator: int, denominator: int) -> bool:
    measured, target = numerator * clause.scale, clause.target_ppm * denominator
    return measured > target if clause.at_most else measured < target


def _recovered(clause: Clause, numerator: int, denominator: int) -> bool:
    if clause.at_most:
        bound = max(0, clause.target_ppm - clause.hysteresis_ppm)
        return numerator * clause.scale <= bound * denominator
    # What has a least is a share: amounts have a most.
    bound = min(PPM, clause.target_ppm + clause.hysteresis_ppm)
    return numerator * clause.scale >= bound * denominator
