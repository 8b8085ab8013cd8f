"""What clauses that have credits came to in their periods, from the facts that stand.

DEFINITIONS.md section 10, kept up to date fact by fact. Times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from streams.domain.billing.cells import (
    FACTS,
    WAITED,
    Cells,
    Grouping,
    Values,
    Wanted,
)
from streams.domain.billing.conversation import OF_WAITS, VISIT, Wait
from streams.domain.billing.periods import BillingCalendar, Span
from streams.domain.billing.records import Told
from streams.domain.billing.returns import FactsOf, Returns
from streams.domain.calendar_period import Period
from streams.domain.contract import Clause, ContractBook
from streams.domain.counters import counted
from streams.domain.delta import slice_end_of
from streams.domain.facts import Fact
from streams.domain.indicators import NEEDS_ESCALATION, ratio

_Place = tuple[str, int, int, int]


class ClauseValue(NamedTuple):
    """A clause over one period for the key that counts."""

    key: tuple[str, ...]
    numerator: int
    denominator: int


def credited_groupings(calendar: BillingCalendar) -> Wanted:
    """What clauses that have credits are judged by, and over which kinds of period."""
    wanted: dict[Grouping, set[Period]] = defaultdict(set)
    for terms in calendar.versions:
        for clause in terms.clauses:
            money = terms.commercial
            credit = None if money is None else money.credit_of(clause.id)
            if credit is not None and credit.bands:
                wanted[clause.grouping].add(clause.period or calendar.kind)
    return {grouping: tuple(sorted(kinds)) for grouping, kinds in wanted.items()}


def asks_who_waits(calendar: BillingCalendar) -> bool:
    """Whether any clause that has credits is about who waits."""
    wanted = credited_groupings(calendar)
    return any(
        clause.indicator in NEEDS_ESCALATION and clause.grouping in wanted
        for terms in calendar.versions
        for clause in terms.clauses
    )


class ClauseValues:
    """Counters of one contract by grouping, key and period, of the clauses that have credits.

    `facts_of` are a customer's standing visits and closes. `link_ms`: how long after a close it may
    still change whether the customer came back; None: nothing is folded.
    """

    def __init__(
        self,
        book: ContractBook,
        calendar: BillingCalendar,
        facts_of: FactsOf,
        link_ms: int | None = None,
    ) -> None:
        self._book = book
        self._wanted = credited_groupings(calendar)
        self.waits = asks_who_waits(calendar)
        self.cells = Cells(book, calendar, self._wanted)
        self._returns = Returns(self.cells, facts_of, link_ms)
        # The openings of those who wait now.
        self._waiting: dict[_Place, Fact] = {}

    def __bool__(self) -> bool:
        """Whether any clause has credits."""
        return bool(self._wanted)

    def before_change(self, held: Told | None, record: Told) -> None:
        """A record is about to be taken, where `held` stands; whose visits and closes change?"""
        for told in (held, record):
            if told is not None and told.customer is not None and _links(told.fact):
                self._returns.before_change(told.customer)

    def count(self, told: Told, sign: int) -> None:
        """A fact stands (1), or stands no longer (-1)."""
        fact = told.fact
        counts = counted(fact, self._book)
        if told.customer is None and fact.kind == "episode_ended" and _links(fact):
            counts = [*counts, ("unlinked", 1)]
        if counts:
            self.cells.add(slice_end_of(fact.time), fact, counts, sign)

    def change_wait(self, fact: Fact, before: Wait, after: Wait) -> None:
        """The escalation that a fact is about stands otherwise."""
        if before == after or fact.kind not in OF_WAITS:
            return
        place = (fact.conversation, fact.life, fact.episode, fact.ordinal)
        if before.opened is not None:
            self.cells.add_wait(before.opened, before.ended, -1)
            self._waiting.pop(place, None)
        if after.opened is not None:
            self.cells.add_wait(after.opened, after.ended, 1)
            self._note_waiting(after)

    def _note_waiting(self, wait: Wait) -> None:
        fact = wait.opened
        if fact is not None and wait.ended is None:
            place = (fact.conversation, fact.life, fact.episode, fact.ordinal)
            self._waiting[place] = fact

    def before_rename(self, customer: bytes, name: bytes) -> None:
        """A customer is about to be called `name`."""
        if self._wanted:
            self._returns.before_rename(customer, name)

    def settle(self) -> None:
        """Count again what customers came back from, of those whose visits or closes changed."""
        self._returns.settle()

    def fold(self, reached: int) -> None:
        """What nothing known after `reached` (ms) can change of who came back stays counted."""
        self._returns.fold(reached)

    def restore_waiting(self, opened: Fact) -> None:
        """Go on with somebody who waited."""
        self._note_waiting(Wait(opened, None))

    # -- judging -------------------------------------------------------------------------------

    def worst(self, clause: Clause, span: Span) -> ClauseValue | None:
        """The key farthest from the promise among those with the clause's least volume; without
        any, the one with the most volume; None where nothing is known. Call `settle` before.
        """
        known = [value for value in self._values(clause, span) if value.denominator > 0]
        enough = [value for value in known if value.denominator >= clause.minimum_volume]
        if not enough:
            return max(known, key=lambda value: value.denominator, default=None)
        worst = enough[0]
        for value in enough[1:]:
            here = value.numerator * worst.denominator
            there = worst.numerator * value.denominator
            if (here > there) if clause.at_most else (here < there):
                worst = value
        return worst

    def _values(self, clause: Clause, span: Span) -> Iterator[ClauseValue]:
        """By key; what is waited for counts at the period's end."""
        grouping, cells = clause.grouping, self.cells
        of_waits = clause.indicator in NEEDS_ESCALATION
        waiting = self._waiting_at(grouping, span) if of_waits else {}
        for values in sorted(cells.keys(grouping, span.kind, span.end) | waiting.keys()):
            if not clause.admits(values):
                continue
            if of_waits and not cells.has_escalated(grouping, values, span.kind, span.end):
                continue
            counts = cells.counts((grouping, values, span.kind, span.end))
            if counts.get(FACTS, 0) > 0 or values in waiting:
                if waiting:
                    counts = {**counts, "waiting": waiting.get(values, 0)}
                yield ClauseValue(values, *ratio(clause.indicator, counts, clause.reason))

    def _waiting_at(self, grouping: Grouping, span: Span) -> Mapping[Values, int]:
        """How many wait at a period's end, by key."""
        waiting: dict[Values, int] = defaultdict(int)
        for values in self.cells.keys(grouping, span.kind, span.end):
            waited = self.cells.counts((grouping, values, span.kind, span.end)).get(WAITED, 0)
            if waited:
                waiting[values] = waited
        for fact in self._waiting.values():
            if fact.time > span.end or not fact.detail["eligible"]:
                continue
            for of, values in self.cells.values_of(fact):
                if of == grouping:
                    waiting[values] += 1
        return waiting


def _links(fact: Fact) -> bool:
    return fact.kind == VISIT or (fact.kind == "episode_ended" and fact.detail["resolved"] is True)
