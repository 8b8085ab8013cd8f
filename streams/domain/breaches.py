"""Breach state of one key: opened once, updated, closed with hysteresis. DEFINITIONS.md section
9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from streams.domain.breach_record import EVIDENCE_LIMIT, BreachRecord, BreachStatus, Waiting
from streams.domain.calendar_period import period_of
from streams.domain.clause_counts import KeyClauses, clauses_of, key_clauses
from streams.domain.contract import PPM, Clause, ContractBook, Terms
from streams.domain.delta import EscalationId, Key
from streams.domain.indicators import NEEDS_ESCALATION, ratio


@dataclass(slots=True)
class KeyBreaches:
    """Open breaches of one key by clause (their last record), and its open overdue escalations by
    T0.
    """

    open: dict[str, BreachRecord] = field(default_factory=dict)
    waits: dict[EscalationId, int] = field(default_factory=dict)
    _known: KeyClauses | None = None

    def clauses(self, book: ContractBook, key: Key, time: int) -> KeyClauses:
        """The clauses that judge this key at `time` (ms)."""
        terms, known = book.at(key[0], time), self._known
        if known is None or known.terms is not terms:
            known = self._known = key_clauses(terms, key[1])
        return known

    def at_moment(
        self,
        book: ContractBook,
        key: Key,
        moment: int,
        withdrawn: Iterable[EscalationId],
        overdue: Iterable[tuple[EscalationId, int]],
        ended: Iterable[EscalationId],
    ) -> list[BreachRecord]:
        """What happened to this key's waits at `moment` (ms); `overdue` come with their T0."""
        records = []
        waited = bool(self.waits)
        for escalation in withdrawn:
            self.waits.pop(escalation, None)
        self.waits.update(overdue)
        if self.waits and not waited:
            clauses = self.clauses(book, key, moment)
            records += [
                self._open(clause, clauses.terms, key, moment, len(self.waits), 0)
                for clause in clauses.waits
            ]
        for escalation in ended:
            self.waits.pop(escalation, None)
        if not self.waits:
            records += [
                self._change("closed", book, record, moment, 0, 0)
                for record in list(self.open.values())
                if record.indicator == "escalation_wait"
            ]
        return records

    def at_boundary(
        self,
        book: ContractBook,
        key: Key,
        boundary: int,
        counts: Callable[[str], Mapping[str, int]],
        escalated: bool,
    ) -> list[BreachRecord]:
        """Judge every clause of this key at a boundary; `counts` gives the counters of a window by
        its name.
        """
        records: list[BreachRecord] = []
        clauses = self.clauses(book, key, boundary)
        terms = clauses.terms
        for last in list(self.open.values()):
            if last.indicator == "escalation_wait":
                if last.opened_at < boundary:
                    records += self._updated(book, last, boundary, len(self.waits), 0)
            elif all(last.clause != clause.id for clause, _ in clauses.shares):
                # The terms in force promise this no longer; nothing else would ever close it.
                records.append(self._change("closed", book, last, boundary, 0, 0))
        for clause, window in clauses.shares:
            numerator, denominator = ratio(clause.indicator, counts(window), clause.reason)
            if clause.indicator in NEEDS_ESCALATION and not escalated:
                denominator = 0
            standing = self.open.get(clause.id)
            if standing is None:
                if denominator >= clause.minimum_volume and _beyond(clause, numerator, denominator):
                    records.append(self._open(clause, terms, key, boundary, numerator, denominator))
            elif (
                denominator == 0
                or _period_is_over(clause, terms, standing.opened_at, boundary)
                or (
                    denominator >= clause.minimum_volume
                    and _recovered(clause, numerator, denominator)
                )
            ):
                records.append(
                    self._change("closed", book, standing, boundary, numerator, denominator)
                )
            else:
                records += self._updated(book, standing, boundary, numerator, denominator)
        return records

    def _open(
        self,
        clause: Clause,
        terms: Terms,
        key: Key,
        moment: int,
        numerator: int,
        denominator: int,
    ) -> BreachRecord:
        record = BreachRecord(
            status="opened",
            contract=key[0],
            version=terms.version,
            clause=clause.id,
            indicator=clause.indicator,
            severity=clause.severity,
            key=key[1],
            opened_at=moment,
            time=moment,
            numerator=numerator,
            denominator=denominator,
            target_ppm=clause.target_ppm,
            waiting=self._evidence(clause.indicator),
        )
        self.open[clause.id] = record
        return record

    def _updated(
        self, book: ContractBook, last: BreachRecord, moment: int, numerator: int, denominator: int
    ) -> Iterator[BreachRecord]:
        if (numerator, denominator) != (last.numerator, last.denominator):
            yield self._change("updated", book, last, moment, numerator, denominator)

    def _change(
        self,
        status: BreachStatus,
        book: ContractBook,
        last: BreachRecord,
        moment: int,
        numerator: int,
        denominator: int,
    ) -> BreachRecord:
        terms = book.at(last.contract, moment)
        clause = next((c for c in clauses_of(terms, last.key) if c.id == last.clause), last)
        record = msgspec.structs.replace(
            last,
            status=status,
            version=terms.version,
            severity=clause.severity,
            target_ppm=clause.target_ppm,
            time=moment,
            numerator=numerator,
            denominator=denominator,
            waiting=self._evidence(last.indicator) if status == "updated" else (),
        )
        if status == "closed":
            del self.open[last.clause]
        else:
            self.open[last.clause] = record
        return record

    def _evidence(self, indicator: str) -> tuple[Waiting, ...]:
        if indicator != "escalation_wait":
            return ()
        oldest = sorted(Waiting(t0, *escalation) for escalation, t0 in self.waits.items())
        return tuple(oldest[:EVIDENCE_LIMIT])


def _period_is_over(clause: Clause, terms: Terms, opened_at: int, boundary: int) -> bool:
    """Whether the calendar period of a boundary began after its breach was opened; times in ms."""
    if clause.period is None:
        return False
    return period_of(clause.period, terms.time_zone, boundary)[0] >= opened_at


def _beyond(clause: Clause, numerator: int, denominator: int) -> bool:
    share, target = numerator * clause.scale, clause.target_ppm * denominator
    return share > target if clause.at_most else share < target


def _recovered(clause: Clause, numerator: int, denominator: int) -> bool:
    share = numerator * clause.scale
    if clause.at_most:
        return share <= max(0, clause.target_ppm - clause.hysteresis_ppm) * denominator
    return share >= min(PPM, clause.target_ppm + clause.hysteresis_ppm) * denominator
