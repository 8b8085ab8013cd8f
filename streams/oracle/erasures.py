"""Whom a log asks to erase, and what that does to the lives of a conversation.

DEFINITIONS.md section 12. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import NamedTuple

from streams.domain.contract import ContractBook
from streams.domain.memory import FORGET_AFTER_MS
from streams.oracle.assertions import assertions_of
from streams.oracle.conversation import conversation_of
from streams.oracle.lives import rests_from, was_forgotten
from streams.oracle.publication import Entry, Erased


class Request(NamedTuple):
    """A request at its place in a partition's log, `watermark` as it stood there; `until` is E."""

    place: int
    watermark: int | None
    contract: str
    kind: str
    subject: str
    until: int


class Life(NamedTuple):
    """One life's entries, in log order, and from where on it was erased, if it was.

    `until` is then E; `changed_at` the watermark when it last changed, `over` whether something was
    read after it had been forgotten.
    """

    entries: list[Entry]
    erased: Erased | None
    until: int = 0
    changed_at: int | None = None
    over: bool = False


@dataclass
class _Open:
    """A life that is not over. `changed_at`: the watermark when it last changed."""

    entries: list[Entry]
    erased: Erased | None = None
    until: int = 0
    changed_at: int | None = None


def erased_lives(
    contract: str,
    conversation: str,
    entries: Sequence[Entry],
    requests: Sequence[Request],
    book: ContractBook,
) -> Iterator[Life]:
    """The conversation's entries, in log order, life by life, without those that were ignored.

    `requests` are those of its contract in its partition.
    """
    resting = rests_from(contract, conversation, book)

    def is_over(life: _Open, watermark: int | None) -> bool:
        if life.erased is None:
            return was_forgotten(life.entries, watermark, resting)
        if watermark is None or watermark == life.changed_at:
            return False
        return _settled_from(contract, conversation, life.entries, book) <= watermark

    life = _Open([])
    read: list[Request] = []
    closed_until: int | None = None
    both: Iterator[Entry | Request] = merge(entries, requests, key=lambda one: one.place)
    for one in both:
        if life.entries and is_over(life, one.watermark):
            if life.erased is not None:
                latest = max(entry.statement.time for entry in life.entries)
                closed_until = max(life.until, latest) + FORGET_AFTER_MS
            yield Life(life.entries, life.erased, life.until, life.changed_at, over=True)
            life = _Open([])
        if isinstance(one, Request):
            read.append(one)
        elif closed_until is not None and (one.watermark is None or one.watermark < closed_until):
            continue
        else:
            life.entries.append(one)
            life.changed_at = one.watermark
        if life.entries and life.erased is None:
            asked = [r.until for r in read if _names(r, conversation, life.entries)]
            if asked:
                life.erased, life.until = Erased(one.place, one.watermark), max(asked)
                life.changed_at = one.watermark
    if life.entries:
        yield Life(life.entries, life.erased, life.until, life.changed_at)


def gone_since(
    contract: str,
    conversation: str,
    life: Life,
    requests: Sequence[Request],
    watermark: int | None,
    book: ContractBook,
) -> int | None:
    """E of the request by which nothing may be told of a life any more; None where that is not so.

    `watermark` is the log's last, `requests` are all of its contract in the partition.
    """
    if life.erased is None:
        # Forgotten before it was asked for: there was no state left to be erased.
        asked = [r.until for r in requests if _names(r, conversation, life.entries)]
        return max(asked, default=None)
    if life.over:
        return life.until
    if watermark is None or watermark == life.changed_at:
        return None
    settled = _settled_from(contract, conversation, life.entries, book)
    return life.until if settled <= watermark else None


def _settled_from(
    contract: str, conversation: str, entries: Sequence[Entry], book: ContractBook
) -> int:
    """Section 12's S."""
    gap = book.versions(contract)[0].inactivity_ms
    said = [entry.statement for entry in entries]
    told = conversation_of(contract, conversation, said, gap)
    ends = [burst.end + gap for burst in told.bursts]
    ends += [fact.time for fact in assertions_of(told, book).facts]
    return max(ends, default=told.first_said)


def _names(request: Request, conversation: str, entries: Sequence[Entry]) -> bool:
    said = [entry.statement for entry in entries]
    if request.kind == "conversation":
        first = min(statement.time for statement in said)
        return request.subject == conversation and first <= request.until
    stated = [(one.time, one.customer_key) for one in said if one.customer_key is not None]
    if not stated:
        return False
    since, customer = min(stated)
    return customer == request.subject and since <= request.until
