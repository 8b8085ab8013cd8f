"""Which resolutions a customer came back from, by whatever conversation, and when that counts.

DEFINITIONS.md section 7a. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from streams.domain.facts import Fact
from streams.oracle.conversation import UNKNOWN
from streams.oracle.counters import Counted
from streams.oracle.indicators import slice_end

_HOUR_MS = 3_600_000
HORIZONS_MS = {"24h": 24 * _HOUR_MS, "72h": 72 * _HOUR_MS, "7d": 168 * _HOUR_MS}


class Drop(NamedTuple):
    """At the time `at`, a customer's closes at or before `until` are dropped (section 12)."""

    contract: str
    customer: str
    at: int
    until: int


def is_link(fact: Fact) -> bool:
    """Whether the fact is a visit or a resolved close."""
    return fact.kind == "customer_visited" or _is_close(fact)


def link_counts(
    facts: Iterable[Fact], customers: Mapping[str, str], until: int, drops: Iterable[Drop] = ()
) -> list[Counted]:
    """What the customers' coming back, or not, counts for, up to the time `until`.

    `facts` are assertions in any order, at most one of a place that holds at a time; `customers`
    says by id whose a visit or resolved close is, and lacks those of nobody known. Each count
    stands where its horizon ends, under the keys and the version of the close, unless one of
    `drops` comes first.
    """
    drops = list(drops)
    found: list[Counted] = []
    for close, back in returns_of(facts, customers, until, drops):
        gone = _gone_at(close, [d for d in drops if _is_of(d, close, customers)])
        found += (one for one in _counted(close, back, until) if gone is None or one.end < gone)
    return found


def _is_of(drop: Drop, fact: Fact, customers: Mapping[str, str]) -> bool:
    return (drop.contract, drop.customer) == (fact.contract, customers[fact.id])


def _gone_at(close: Fact, drops: Iterable[Drop]) -> int | None:
    """When one of its customer's drops takes a close away, if any does."""
    return min((d.at for d in drops if close.time < d.at and close.time <= d.until), default=None)


def returns_of(
    facts: Iterable[Fact], customers: Mapping[str, str], until: int, drops: Iterable[Drop] = ()
) -> Iterator[tuple[Fact, Fact | None]]:
    """Every resolved close up to `until` of a known customer, with the visit that is its return.

    Arguments as link_counts has them.
    """
    of_customer: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for fact in facts:
        customer = customers.get(fact.id)
        if customer is not None and fact.time <= until and is_link(fact):
            of_customer[fact.contract, customer].append(fact)
    for (contract, customer), told in of_customer.items():
        mine = [drop for drop in drops if (drop.contract, drop.customer) == (contract, customer)]
        yield from _returns(sorted(told, key=_order), mine)


def _is_close(fact: Fact) -> bool:
    return fact.kind == "episode_ended" and fact.detail["resolved"] is True


def _order(fact: Fact) -> tuple[int, bool, str, int, int]:
    return (fact.time, _is_close(fact), fact.conversation, fact.life, fact.episode)


def _returns(told: Sequence[Fact], drops: Sequence[Drop]) -> list[tuple[Fact, Fact | None]]:
    """One customer's closes in order, each with the visit that is its return."""
    closes: list[Fact] = []
    backs: list[Fact | None] = []
    for fact in told:
        if _is_close(fact):
            closes.append(fact)
            backs.append(None)
        # The last close is of an earlier millisecond: at one, visits come first.
        elif closes and backs[-1] is None and _episode(closes[-1]) != _episode(fact):
            gone = _gone_at(closes[-1], drops)
            if gone is None or fact.time < gone:
                backs[-1] = fact
    return list(zip(closes, backs, strict=True))


def _episode(fact: Fact) -> tuple[str, int, int]:
    return (fact.conversation, fact.life, fact.episode)


def _counted(close: Fact, back: Fact | None, until: int) -> Iterator[Counted]:
    for name, horizon in HORIZONS_MS.items():
        at = close.time + horizon
        if at > until:
            continue
        returned = back is not None and back.time <= at
        same = back is not None and back.journey == close.journey != UNKNOWN
        counts = {
            f"links.{name}": 1,
            f"returned.{name}": int(returned),
            f"returned_same.{name}": int(returned and same),
        }
        yield Counted(close, slice_end(at), counts)
