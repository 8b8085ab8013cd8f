"""The passes over a log that a trace takes, wherever the log is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from streams.domain.contract import ContractBook
from streams.domain.wire import Rejection
from streams.trace.build import ConversationTracer, with_surroundings
from streams.trace.counting import linked_by
from streams.trace.model import BreachLine, LinkCount, LinkLine, Trace
from streams.trace.reading import ConversationReader
from streams.trace.requests import RequestReader, all_drops
from streams.trace.surroundings import CustomerFinder, Surroundings, link_counts_of, links_of


class Item(NamedTuple):
    """One record of a partition, or with `tick` (ms) time passing in it.

    `key` None where records have none, as in a file. `rejection`: why the record cannot even be
    put into structured mode.
    """

    partition: int
    origin: str
    raw: bytes | None = None
    key: bytes | None = None
    tick: int | None = None
    rejection: Rejection | None = None


class EventLog(Protocol):
    """Where events are kept."""

    def read(self, visit: Callable[[Item], None], of: Collection[str] | None) -> None:
        """Show every record, in order within a partition.

        `of`: only partitions that hold one of these conversations need be shown, None for all.
        """

    def breaches(self, contract: str, conversation: str) -> list[BreachLine]:
        """The breaches whose evidence names a conversation."""

    def partition_of(self, conversation: str) -> int:
        """Which partition holds a conversation."""

    @property
    def name(self) -> str:
        """What it is called in a trace."""


class TraceError(LookupError):
    """There is no trace to give; the message says why and what to do."""


def trace_from(
    log: EventLog,
    book: ContractBook,
    lateness_ms: int,
    conversation: str,
    contract: str | None,
    *,
    alone: bool = False,
) -> Trace:
    """The trace of a conversation. `alone`: without the passes over other conversations.

    Raises TraceError where the log does not know it, or only several contracts do.
    """
    reader = _readers(log, book, lateness_ms, [conversation])[conversation]
    chosen = _contract(reader, book, conversation, contract, log.name)
    tracer = ConversationTracer(book, chosen, conversation, reader.of(chosen), reader.watermark)
    limits = ["only this conversation was read: no returns, no breaches"] if alone else []
    trace = tracer.trace(limits=limits, basis=log.name)
    if alone:
        return trace
    links: list[LinkLine] = []
    link_counts: list[LinkCount] = []
    customers = set(tracer.customers.values())
    if customers and reader.watermark is not None:
        around = _of_customers(log, book, lateness_ms, chosen, customers)
        links = links_of(conversation, around, reader.watermark)
        counted = link_counts_of(conversation, around, reader.watermark)
        link_counts = linked_by(counted, book)
    overdue = any(fact.kind == "escalation_overdue" for fact in tracer.facts)
    breaches = log.breaches(chosen, conversation) if overdue else []
    since = tracer.told_since
    breaches = [line for line in breaches if since is not None and since <= line.opened_at]
    return with_surroundings(trace, links, link_counts, breaches)


def _readers(
    log: EventLog, book: ContractBook, lateness_ms: int, conversations: Collection[str]
) -> dict[str, ConversationReader]:
    readers = {name: ConversationReader(book, lateness_ms, name) for name in conversations}
    by_partition: dict[int, list[ConversationReader]] = {}
    for name, reader in readers.items():
        by_partition.setdefault(log.partition_of(name), []).append(reader)

    def visit(item: Item) -> None:
        for reader in by_partition.get(item.partition, ()):
            if item.tick is not None:
                reader.tick(item.tick)
            elif item.rejection is not None:
                reader.rejected(item.raw, item.origin, item.rejection, item.key)
            else:
                reader.record(item.raw, item.origin, item.key)

    log.read(visit, conversations)
    return readers


def _contract(
    reader: ConversationReader,
    book: ContractBook,
    conversation: str,
    wanted: str | None,
    where: str,
) -> str:
    known = reader.contracts(book)
    if wanted is not None and wanted in known:
        return wanted
    if len(known) == 1 and wanted is None:
        return known[0]
    rejected = sum(r.fate == "rejected" for log in reader.logs.values() for r in log.records)
    if not known:
        why = f"; {rejected} records that name it were rejected" if rejected else ""
        raise TraceError(f"{where}: conversation {conversation} is not in it{why}")
    if wanted is None:
        raise TraceError(
            f"{where}: conversation {conversation} is known under {', '.join(known)}; say which"
            " with --name"
        )
    raise TraceError(
        f"{where}: conversation {conversation} is not known under {wanted}, but under"
        f" {', '.join(known)}"
    )


def _of_customers(
    log: EventLog, book: ContractBook, lateness_ms: int, contract: str, customers: Collection[str]
) -> Surroundings:
    """What was published of every conversation of these customers, and whose each fact is."""
    finder = CustomerFinder(contract, customers)
    requests: dict[int, RequestReader] = {}

    def visit(item: Item) -> None:
        asked = requests.get(item.partition)
        if asked is None:
            asked = requests[item.partition] = RequestReader(book, lateness_ms)
        if item.tick is not None:
            asked.tick(item.tick)
        elif item.raw:
            asked.record(item.raw)
            finder.record(item.raw)

    log.read(visit, None)
    found = Surroundings(drops=all_drops(requests.values(), contract))
    for name, reader in _readers(log, book, lateness_ms, sorted(finder.conversations)).items():
        if contract in reader.logs:
            records = reader.of(contract)
            tracer = ConversationTracer(book, contract, name, records, reader.watermark)
            for told in tracer.published:
                found.facts += told.facts
                found.whose |= told.customers
            found.tellable |= tracer.linkable
    return found
