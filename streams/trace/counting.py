"""On which clauses a fact counts, in which window and as what part. DEFINITIONS.md sections 8, 9.

Times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams.domain.calendar_period import period_name
from streams.domain.contract import Clause, ContractBook, Terms
from streams.domain.facts import Fact
from streams.domain.window_value import WINDOW_LENGTHS_MS
from streams.oracle.counters import counts_of
from streams.oracle.indicators import (
    RATIOS,
    WAITING_COUNTS,
    Counts,
    Key,
    Versions,
    judges,
    ratio_of,
    slice_end,
)
from streams.trace.model import Counted

_WINDOW_NAMES = {length: name for name, length in WINDOW_LENGTHS_MS.items()}


def counted_by(fact: Fact, book: ContractBook, *, linked: bool) -> list[Counted]:
    """What an on-time fact adds to each clause; nothing of a late one, which enters no window.

    `linked`: whether the customer of a resolved close is known. Judged by the version in force at
    the end of the fact's slice: a rolling window that a later version judges counts it by that one.
    """
    if fact.late:
        return []
    versions = Versions(book)
    end = slice_end(fact.time)
    terms = book.at(fact.contract, end)
    own = versions.of(fact)
    found: list[Counted] = []
    for grouping in own.groupings:
        key = versions.key(fact, grouping)
        for clause in terms.clauses:
            if judges(clause, key):
                found += _counted(fact, clause, key, (own, terms), linked)
    order = {clause.id: number for number, clause in enumerate(terms.clauses)}
    return sorted(found, key=lambda one: order[one.clause])


def _counted(
    fact: Fact, clause: Clause, key: Key, by: tuple[Terms, Terms], linked: bool
) -> Iterator[Counted]:
    own, terms = by
    if clause.indicator == "escalation_wait":
        if fact.kind == "escalation_overdue":
            yield _line(fact, clause, key, terms, (1, 0), bad=1, while_waiting=True)
        return
    if clause.indicator not in RATIOS:
        return
    counts: Counts = counts_of(fact, own, linked=linked)
    waits = fact.kind == "escalation_opened" and fact.detail["eligible"]
    if waits and clause.indicator in WAITING_COUNTS:
        yield _line(fact, clause, key, terms, (0, 1), bad=1, while_waiting=True)
        return
    above, below = ratio_of(counts, clause.indicator, clause.reason)
    if clause.indicator == "compliance_exceptions":
        below = 0  # an amount: its denominator is 1 whatever is counted
    if above or below:
        bad = above if clause.at_most else max(0, below - above)
        yield _line(fact, clause, key, terms, (above, below), bad=bad)


def _line(
    fact: Fact,
    clause: Clause,
    key: Key,
    terms: Terms,
    ratio: tuple[int, int],
    *,
    bad: int,
    while_waiting: bool = False,
) -> Counted:
    end = slice_end(fact.time)
    window = _WINDOW_NAMES.get(clause.window_ms, "")
    if clause.period is not None:
        window = f"{clause.period} {period_name(clause.period, terms.time_zone, end)}"
    return Counted(
        clause=clause.id,
        indicator=clause.indicator,
        version=terms.version,
        key=dict(key),
        window=window or "each moment",
        slice_end=end,
        numerator=ratio[0],
        denominator=ratio[1],
        bad=bad,
        while_waiting=while_waiting,
    )
