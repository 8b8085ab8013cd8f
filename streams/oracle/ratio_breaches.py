"""Breaches of the ratio clauses, judged where a window's content can have changed.

DEFINITIONS.md section 9. All times in ms since 1970 UTC, targets in parts per million.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from msgspec.structs import replace

from streams.domain.breach_record import BreachRecord, BreachStatus
from streams.domain.contract import PPM, Clause, ContractBook, Terms
from streams.domain.facts import Fact
from streams.domain.window_value import SLICE_MS
from streams.oracle.indicators import (
    WAITING_COUNTS,
    Key,
    Versions,
    counts_of,
    is_containment,
    judges,
    ratio_of,
    slice_end,
)
from streams.oracle.waits import Wait, counts_as_waiting


def ratio_breaches(
    contract: str, facts: Sequence[Fact], waits: Sequence[Wait], book: ContractBook, last: int
) -> list[BreachRecord]:
    """Every record of one contract's ratio clauses up to the boundary `last`, in no order.

    `facts` are its on-time assertions, `waits` its stretches of waiting. A breach whose clause the
    version in force does not judge for its key is closed with 0 of 0.
    """
    facts = [fact for fact in facts if fact.time <= last]
    times = [fact.time for fact in facts] + [wait.since for wait in waits if wait.since <= last]
    if not times:
        return []
    versions = Versions(book)
    begin = slice_end(min(times))
    standing: dict[tuple[str, Key], BreachRecord] = {}
    records = []
    for terms, first, final in _spans(book.versions(contract), begin, last):
        clauses = [c for c in terms.clauses if c.indicator != "escalation_wait"]
        for clause_id, key in list(standing):
            if not any(c.id == clause_id and judges(c, key) for c in clauses):
                records.append(_no_longer_judged(standing.pop((clause_id, key)), terms, first))
        for clause in clauses:
            for key, series in _series_by_key(facts, waits, clause, versions).items():
                for boundary in series.turning_points(first, final, clause.window_ms):
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
    """One key's facts as running sums over its slices, so that any window is one subtraction."""

    def __init__(self, facts: Iterable[Fact], waits: Iterable[Wait], clause: Clause) -> None:
        good: dict[int, int] = defaultdict(int)
        total: dict[int, int] = defaultdict(int)
        self.escalated_from: int | None = None
        for fact in facts:
            end = slice_end(fact.time)
            numerator, denominator = ratio_of(counts_of(fact), clause.indicator, clause.reason)
            good[end] += numerator
            total[end] += denominator
            if fact.kind == "escalation_opened":
                self.escalated_from = min(end, self.escalated_from or end)
        self._ends = sorted(total)
        self._good = [0, *accumulate(good[end] for end in self._ends)]
        self._total = [0, *accumulate(total[end] for end in self._ends)]
        counted = [w for w in waits if clause.indicator in WAITING_COUNTS and counts_as_waiting(w)]
        self._begun = sorted(wait.since for wait in counted)
        self._over = sorted(wait.until for wait in counted if wait.until is not None)

    def ratio(self, boundary: int, length: int) -> tuple[int, int]:
        start = bisect_right(self._ends, boundary - length)
        stop = bisect_right(self._ends, boundary)
        waiting = bisect_right(self._begun, boundary) - bisect_right(self._over, boundary)
        return (
            self._good[stop] - self._good[start],
            self._total[stop] - self._total[start] + waiting,
        )

    def turning_points(self, first: int, final: int, length: int) -> list[int]:
        """The boundaries at which a slice enters or leaves the window, and the first one."""
        points = {first, *self._ends, *(end + length for end in self._ends)}
        points |= {slice_end(time) for time in (*self._begun, *self._over)}
        return sorted(point for point in points if first <= point <= final)


def _series_by_key(
    facts: Iterable[Fact], waits: Iterable[Wait], clause: Clause, versions: Versions
) -> dict[Key, _Series]:
    by_key: dict[Key, list[Fact]] = defaultdict(list)
    for fact in facts:
        if clause.grouping in versions.of(fact).groupings:
            by_key[versions.key(fact, clause.grouping)].append(fact)
    waiting: dict[Key, list[Wait]] = defaultdict(list)
    for wait in waits:
        if clause.grouping in versions.of(wait.opened).groupings:
            waiting[versions.key(wait.opened, clause.grouping)].append(wait)
    return {
        key: _Series(by_key[key], waiting[key], clause)
        for key in {*by_key, *waiting}
        if judges(clause, key)
    }


def _judge(
    terms: Terms,
    clause: Clause,
    key: Key,
    series: _Series,
    boundary: int,
    previous: BreachRecord | None,
) -> BreachRecord | None:
    numerator, denominator = series.ratio(boundary, clause.window_ms)
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
    elif denominator == 0 or (enough and _recovered(clause, numerator, denominator)):
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


def _no_longer_judged(latest: BreachRecord, terms: Terms, boundary: int) -> BreachRecord:
    return replace(
        latest, status="closed", version=terms.version, time=boundary, numerator=0, denominator=0
    )


def _beyond(clause: Clause, numerator: int, denominator: int) -> bool:
    measured, target = numerator * PPM, clause.target_ppm * denominator
    return measured > target if clause.at_most else measured < target


def _recovered(clause: Clause, numerator: int, denominator: int) -> bool:
    if clause.at_most:
        bound = max(0, clause.target_ppm - clause.hysteresis_ppm)
        return numerator * PPM <= bound * denominator
    bound = min(PPM, clause.target_ppm + clause.hysteresis_ppm)
    return numerator * PPM >= bound * denominator
