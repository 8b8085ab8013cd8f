"""On which clauses a fact counts, in which window and as what part. DEFINITIONS.md sections 8, 9.

Times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streams.domain.calendar_period import period_name
from streams.domain.contract import Clause, ContractBook, Terms
from streams.domain.facts import Fact
from streams.domain.window_value import WINDOW_LENGTHS_MS
from streams.oracle import counters
from streams.oracle.counters import counts_of
from streams.oracle.indicators import (
    WAITING_COUNTS,
    Counts,
    Key,
    Versions,
    judges,
    ratio_of,
    slice_end,
)
from streams.trace.model import Counted, LinkCount

_WINDOW_NAMES = {length: name for name, length in WINDOW_LENGTHS_MS.items()}


def counted_by(fact: Fact, book: ContractBook, *, linked: bool) -> list[Counted]:
    """What an on-time fact adds to each clause; nothing of a late one, which enters no window.

    `linked`: whether the customer of a resolved close is known. Judged by the version in force at
    the end of the fact's slice: a rolling window that a later version judges counts it by that one.
    """
    if fact.late:
        return []
    counts = counts_of(fact, Versions(book).of(fact), linked=linked)
    return _lines(fact, slice_end(fact.time), counts, book)


def linked_by(links: Iterable[counters.Counted], book: ContractBook) -> list[LinkCount]:
    """What resolved closes add to each clause about returns, when a horizon of section 7a ends."""
    found = [(one, _lines(one.fact, one.end, one.counts, book)) for one in links]
    return [
        LinkCount(fact=one.fact.id, at=one.end, counts=counts) for one, counts in found if counts
    ]


def _lines(fact: Fact, end: int, counts: Counts, book: ContractBook) -> list[Counted]:
    versions = Versions(book)
    terms = book.at(fact.contract, end)
    found: list[Counted] = []
    for grouping in versions.of(fact).groupings:
        key = versions.key(fact, grouping)
        for clause in terms.clauses:
            if judges(clause, key):
                found += _counted(fact, end, counts, clause, key, terms)
    order = {clause.id: number for number, clause in enumerate(terms.clauses)}
    return sorted(found, key=lambda one: order[one.clause])


def _counted(
    fact: Fact, end: int, counts: Counts, clause: Clause, key: Key, terms: Terms
) -> Iterator[Counted]:
    def line(numerator: int, denominator: int, bad: int, *, waits: bool = False) -> Counted:
        return Counted(
            clause=clause.id,
            indicator=clause.indicator,
            version=terms.version,
            key=dict(key),
            window=_window(clause, terms, end),
            slice_end=end,
            numerator=numerator,
            denominator=denominator,
            bad=bad,
            while_waiting=waits,
        )

    if clause.indicator == "escalation_wait":
        if fact.kind == "escalation_overdue":
            yield line(1, 0, 1, waits=True)
        return
    if clause.indicator in WAITING_COUNTS and fact.kind == "escalation_opened":
        if fact.detail["eligible"]:
            yield line(0, 1, 1, waits=True)
        return
    above, below = ratio_of(counts, clause.indicator, clause.reason)
    if clause.indicator == "compliance_exceptions":
        below = 0  # an amount: its denominator is 1 whatever is counted
    if above or below:
        yield line(above, below, above if clause.at_most else max(0, below - above))


def _window(clause: Clause, terms: Terms, end: int) -> str:
    if clause.period is not None:
        return f"{clause.period} {period_name(clause.period, terms.time_zone, end)}"
    return _WINDOW_NAMES.get(clause.window_ms, "each moment")
