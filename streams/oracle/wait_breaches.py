"""Breaches of `escalation_wait`: exact to the millisecond at which a wait becomes overdue or ends.

DEFINITIONS.md section 9. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streams.domain.breach_record import EVIDENCE_LIMIT, BreachRecord, BreachStatus, Waiting
from streams.domain.contract import Clause, ContractBook
from streams.oracle.indicators import Key, Versions, escalation_of, slice_end
from streams.oracle.waits import Wait


class _Overdue(NamedTuple):
    """An escalation overdue while open: from, until (None: still), and what to show of it."""

    about: tuple[str, int, int]
    since: int
    until: int | None
    withdrawn: bool
    waiting: Waiting


def wait_breaches(
    contract: str, waits: Sequence[Wait], book: ContractBook, watermark: int
) -> list[BreachRecord]:
    """Every record of one contract's `escalation_wait` clauses up to `watermark`, in no order."""
    versions = Versions(book)
    overdue: dict[tuple[str, Key], list[_Overdue]] = defaultdict(list)
    clauses: dict[str, Clause] = {}
    for wait in waits:
        since = wait.overdue_since
        if since is None:
            continue
        about = escalation_of(wait.opened)
        shown = Waiting(wait.opened.detail["t0"], *about)
        one = _Overdue(about, since, wait.until, wait.withdrawn, shown)
        for clause in book.at(contract, since).clauses:
            key = versions.key(wait.opened, clause.grouping)
            if clause.indicator == "escalation_wait" and clause.admits(
                tuple(value for _, value in key)
            ):
                overdue[clause.id, key].append(one)
                clauses[clause.id] = clause
    records = []
    for (clause_id, key), several in overdue.items():
        teller = _Teller(contract, clauses[clause_id], key, book)
        records += teller.tell(several, watermark)
    return records


class _Teller:
    """Writes the records of one clause and key, moment by moment."""

    def __init__(self, contract: str, clause: Clause, key: Key, book: ContractBook) -> None:
        self._contract = contract
        self._clause = clause
        self._key = key
        self._book = book
        self._waiting: dict[tuple[str, int, int], Waiting] = {}
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
            was_open = bool(self._waiting)
            for one in withdrawn.get(moment, ()):
                self._waiting.pop(one.about, None)
            for one in begun.get(moment, ()):
                self._waiting[one.about] = one.waiting
            if self._waiting and not was_open:
                self._write("opened", moment, moment)
            opened_at = self._records[-1].opened_at
            for one in ended.get(moment, ()):
                self._waiting.pop(one.about, None)
            if not self._waiting:
                self._write("closed", moment, opened_at)
                continue
            boundary = max(slice_end(moment), slice_end(opened_at + 1))
            told = self._records[-1].numerator
            if boundary < following and len(self._waiting) != told:
                self._write("updated", boundary, opened_at)
        return self._records

    def _write(self, status: BreachStatus, time: int, opened_at: int) -> None:
        terms = self._book.at(self._contract, time)
        # A breach outlives a version that no longer names its clause; it closes as it was opened.
        clause = next((c for c in terms.clauses if c.id == self._clause.id), self._clause)
        self._records.append(
            BreachRecord(
                status=status,
                contract=self._contract,
                version=terms.version,
                clause=clause.id,
                indicator=clause.indicator,
                severity=clause.severity,
                key=self._key,
                opened_at=opened_at,
                time=time,
                numerator=len(self._waiting),
                denominator=0,
                target_ppm=0,
                waiting=tuple(sorted(self._waiting.values())[:EVIDENCE_LIMIT]),
            )
        )
