"""Where a conversation was forgotten, and a new life of it began. DEFINITIONS.md section 2.

All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from streams.domain.contract import ContractBook
from streams.domain.memory import FORGET_AFTER_MS
from streams.oracle.conversation import Statement, conversation_of
from streams.oracle.episodes import episodes_of
from streams.oracle.notes import compliance_exceptions
from streams.oracle.publication import Entry


def lives_of(
    contract: str, conversation: str, entries: Iterable[Entry], book: ContractBook
) -> Iterator[list[Entry]]:
    """The conversation's entries, in log order, life by life."""

    resting = rests_from(contract, conversation, book)
    life: list[Entry] = []
    for entry in entries:
        if life and was_forgotten(life, entry.watermark, resting):
            yield life
            life = []
        life.append(entry)
    if life:
        yield life


def rests_from(
    contract: str, conversation: str, book: ContractBook
) -> Callable[[Sequence[Statement]], int]:
    """From when on nothing can come of what was said of a conversation any more."""

    def of(said: Sequence[Statement]) -> int:
        gap = book.versions(contract)[0].inactivity_ms
        told = conversation_of(contract, conversation, said, gap)
        episodes = episodes_of(told, lambda time: book.at(contract, time))
        ends = [statement.time + FORGET_AFTER_MS for statement in said]
        ends += [burst.end + gap for burst in told.bursts]
        ends += [e.closed_at + book.at(contract, e.closed_at).verification_ms for e in episodes]
        overdue = [one.overdue_at for one in compliance_exceptions(told.notes)]
        ends += [moment for moment in overdue if moment is not None]
        return max(ends)

    return of


def was_forgotten(
    life: Sequence[Entry],
    watermark: int | None,
    rests_from: Callable[[Sequence[Statement]], int],
) -> bool:
    """Whether a tick has taken time to `watermark` past the life's rest.

    It came after the life's last entry, for an event that is taken rests from later than its W.
    """
    if watermark is None:
        return False
    said = [entry.statement for entry in life]
    if max(statement.time for statement in said) + FORGET_AFTER_MS > watermark:
        return False
    return rests_from(said) <= watermark
