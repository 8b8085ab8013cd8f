"""A log in memory, for traces."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from streams.domain.contract import ContractBook
from streams.trace.conversation_log import Item, trace_from
from streams.trace.model import BreachLine, Trace
from streams.trace.surroundings import BreachFinder


class MemoryLog:
    """Records and ticks (ms) in their order, in one partition."""

    name = "memory"

    def __init__(self, log: Sequence[bytes | int], book: ContractBook, lateness_ms: int) -> None:
        self._log = log
        self._book = book
        self._lateness_ms = lateness_ms

    def partition_of(self, conversation: str) -> int:
        return 0

    def read(self, visit: Callable[[Item], None], of: Collection[str] | None = None) -> None:
        for number, one in enumerate(self._log, 1):
            if isinstance(one, int):
                visit(Item(0, "", tick=one))
            else:
                visit(Item(0, f"record {number}", one))

    def breaches(self, contract: str, conversation: str) -> list[BreachLine]:
        finder = BreachFinder(self._book, self._lateness_ms, contract, conversation)
        for one in self._log:
            if isinstance(one, int):
                finder.tick(one)
            else:
                finder.record(one)
        return finder.lines()


def traced(
    log: Sequence[bytes | int],
    book: ContractBook,
    conversation: str = "c1",
    contract: str | None = None,
    *,
    lateness_ms: int = 0,
    alone: bool = False,
) -> Trace:
    """The trace of a conversation of this log."""
    where = MemoryLog(log, book, lateness_ms)
    return trace_from(where, book, lateness_ms, conversation, contract, alone=alone)
