"""Breaches of `escalation_wait`: exact to the millisecond at which a wait becomes overdue or ends.

DEFINITIONS.md section 9. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streams.domain.breach_record import EVIDENCE_LIMIT, BreachRecord, BreachStatus, Waiting
from streams.domain.contract import Clause, ContractBook
from streams.domain.facts import Fact
from streams.oracle.indicators import Key, Versions, escalation_of, slice_end


class _Overdue(NamedTuple):
    """An escalation overdue while open: from, until (None: still), and what to show of it."""

    about: tuple[str, int, int]
    since: int
    until: int | None
    waiting: Waiting


def wait_breaches(facts: Sequence[Fact], book: ContractBook, watermark: int) -> list[BreachRecord]:
    """Every record of one contract's `escalation_wait` clauses up to `watermark`, in no order.

    `facts` are its on-time assertions.
    """
    versions = Versions(book)
    ends: dict[tuple[str, int, int], int] = {}
    for fact in facts:
        if fact.kind == "escalation_ended":
            about = escalation_of(fact)
            ends[about] = min(fact.time, ends.get(about, fact.time))
    overdue: dict[tuple[str, Key], list[_Overdue]] = defaultdict(list)
    clauses: dict[str, Clause] = {}
    for fact in facts:
        if fact.kind != "escalation_overdue":
            continue
        about = escalation_of(fact)
        until = ends.get(about)
        if until is not None and until < fact.time:
            # Only history rewritten by late events can number a second wait like an ended one.
            continue
        one = _Overdue(about, fact.time, until, Waiting(fact.detail["t0"], *about))
        for clause in book.at(fact.contract, fact.time).clauses:
            key = versions.key(fact, clause.grouping)
            if clause.indicator == "escalation_wait" and clause.admits(
                tuple(value for _, value in key)
            ):
                overdue[clause.id, key].append(one)
                clauses[clause.id] = clause
    records = []
    for (clause_id, key), several in overdue.items():
        teller = _Teller(facts[0].contract, clauses[clause_id], key, book)
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
        for one in several:
            begun[one.since].append(one)
            if one.until is not None:
                ended[one.until].append(one)
        moments = sorted({*begun, *ended})
        for moment, following in zip(moments, [*moments[1:], watermark + 1], strict=True):
            was_open = bool(self._waiting)
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
