"""Breaches of `escalation_wait`: exact to the millisecond at which a wait becomes overdue or ends.

DEFINITIONS.md section 9. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from streams.domain.breach_record import EVIDENCE_LIMIT, BreachRecord, BreachStatus, Waiting
from streams.domain.contract import ContractBook
from streams.oracle.indicators import About, Key, Versions, escalation_of, judges, slice_end
from streams.oracle.waits import Wait


class _Overdue(NamedTuple):
    """An escalation overdue while open: from, until (None: still), and what to show of it."""

    about: About
    since: int
    until: int | None
    withdrawn: bool
    waiting: Waiting


def wait_breaches(
    contract: str, waits: Iterable[Wait], book: ContractBook, watermark: int
) -> list[BreachRecord]:
    """Every record of one contract's `escalation_wait` clauses up to `watermark`, in no order."""
    versions = Versions(book)
    overdue: dict[Key, list[_Overdue]] = defaultdict(list)
    for wait in waits:
        if wait.overdue_since is not None:
            about = escalation_of(wait.opened)
            shown = Waiting(wait.opened.detail["t0"], *about)
            one = _Overdue(about, wait.overdue_since, wait.until, wait.withdrawn, shown)
            for grouping in versions.of(wait.opened).groupings:
                overdue[versions.key(wait.opened, grouping)].append(one)
    records = []
    for key, several in overdue.items():
        records += _Teller(contract, key, book).tell(several, watermark)
    return records


class _Teller:
    """Writes the records of one key's clauses, moment by moment."""

    def __init__(self, contract: str, key: Key, book: ContractBook) -> None:
        self._contract = contract
        self._key = key
        self._book = book
        self._waiting: dict[About, Waiting] = {}
        self._open: dict[str, BreachRecord] = {}
        self._records: list[BreachRecord] = []

    def tell(self, several: Iterable[_Overdue], watermark: int) -> list[BreachRecord]:
        begun: dict[int, list[_Overdue]] = defaultdict(list)
        ended: dict[int, list[_Overdue]] = defaultdict(list)
        withdrawn: dict[int, list[_Overdue]] = defaultdict(list)
        for one in several:
            begun[one.since].append(one)
            if one.until is not None:
                (withdrawn if one.withdrawn else ended)[one.until].append(one)
        moments = sorted({*begun, *ended, *withdrawn})
        for moment, following in zip(moments, [*moments[1:], watermark + 1], strict=True):
            had_some = bool(self._waiting)
            for one in withdrawn.get(moment, ()):
                self._waiting.pop(one.about, None)
            for one in begun.get(moment, ()):
                self._waiting[one.about] = one.waiting
            if self._waiting and not had_some:
                self._open_breaches(moment)
            for one in ended.get(moment, ()):
                self._waiting.pop(one.about, None)
            for standing in list(self._open.values()):
                if not self._waiting:
                    del self._open[standing.clause]
                    self._write("closed", moment, standing)
                    continue
                boundary = max(slice_end(moment), slice_end(standing.opened_at + 1))
                if boundary < following and len(self._waiting) != standing.numerator:
                    self._open[standing.clause] = self._write("updated", boundary, standing)
        return self._records

    def _open_breaches(self, moment: int) -> None:
        terms = self._book.at(self._contract, moment)
        for clause in terms.clauses:
            if clause.indicator == "escalation_wait" and judges(clause, self._key):
                record = BreachRecord(
                    status="opened",
                    contract=self._contract,
                    version=terms.version,
                    clause=clause.id,
                    indicator=clause.indicator,
                    severity=clause.severity,
                    key=self._key,
                    opened_at=moment,
                    time=moment,
                    numerator=len(self._waiting),
                    denominator=0,
                    target_ppm=0,
                    waiting=self._evidence(),
                )
                self._open[clause.id] = record
                self._records.append(record)

    def _write(self, status: BreachStatus, time: int, standing: BreachRecord) -> BreachRecord:
        terms = self._book.at(self._contract, time)
        # A breach outlives a version that no longer names its clause; it closes as it was opened.
        named = (c for c in terms.clauses if c.id == standing.clause and judges(c, self._key))
        clause = next(named, None)
        record = replace(
            standing,
            status=status,
            version=terms.version,
            severity=standing.severity if clause is None else clause.severity,
            time=time,
            numerator=len(self._waiting),
            waiting=self._evidence(),
        )
        self._records.append(record)
        return record

    def _evidence(self) -> tuple[Waiting, ...]:
        return tuple(sorted(self._waiting.values())[:EVIDENCE_LIMIT])
