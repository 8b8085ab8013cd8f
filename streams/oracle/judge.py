"""The verdict on a log: what a stream that follows DEFINITIONS.md must have published from it.

It shares records and contract with the stream, and none of its computation. All times in ms since
1970 UTC.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from streams.domain.breach_record import BreachRecord
from streams.domain.contract import ContractBook
from streams.domain.facts import Fact
from streams.domain.window_value import SLICE_MS, WindowValue
from streams.oracle.assertions import Assertions, assertions_of
from streams.oracle.conversation import Statement, conversation_of
from streams.oracle.counters import Counted, counted
from streams.oracle.erasures import erased_lives
from streams.oracle.indicators import Versions
from streams.oracle.links import Drop, link_counts
from streams.oracle.publication import Published, published
from streams.oracle.ratio_breaches import ratio_breaches
from streams.oracle.reading import Reading, read_records
from streams.oracle.rolling import windows_at
from streams.oracle.wait_breaches import wait_breaches
from streams.oracle.waits import Wait, waits_of

_STATUS_ORDER = {"opened": 0, "updated": 1, "closed": 2}


@dataclass(frozen=True)
class Verdict:
    """What must have been published by the time the log's last tick was read.

    `facts` by (time, id), late ones and retractions among them; `windows` at the last boundary that
    `watermark` has reached, by (contract, key, length or period); `breaches` by (time, clause, key,
    status, contract), a status after the one it follows from. `events` counts every usable event,
    also duplicates, test events and those about no contact, but no ticks or dead letters;
    `late_facts` the facts marked late, retractions too. `customers`: by the ids of visits and
    resolved closes (section 7a) whose they are, where it is known; it is published nowhere.
    `drops`: when whose closes are dropped, as each partition says (section 12).
    `known`: of late facts by id, W + 1 of the tick after which they were published (BILLING.md 1).
    """

    facts: tuple[Fact, ...]
    windows: tuple[WindowValue, ...]
    breaches: tuple[BreachRecord, ...]
    watermark: int | None
    events: int
    late_facts: int
    dead_letters: dict[str, int]
    customers: Mapping[str, str]
    known: Mapping[str, int]
    drops: tuple[Drop, ...]


def judge(
    records: Iterable[bytes | int],
    book: ContractBook,
    *,
    lateness_ms: int,
    markets: Collection[str] = (),
) -> Verdict:
    """Judge a log: raw structured CloudEvents in their order, with ticks (int, ms) between them.

    `markets`: those that the workers were started for, if they were for certain ones.
    """
    return judge_partitions([records], book, lateness_ms=lateness_ms, markets=markets)


def judge_partitions(
    logs: Iterable[Iterable[bytes | int]],
    book: ContractBook,
    *,
    lateness_ms: int,
    markets: Collection[str] = (),
) -> Verdict:
    """Judge a log by partition, each with the ticks that stand in it.

    All records of a conversation must be in one of them. The facts of each are judged by its own
    watermark, windows and breaches by the least of all.
    """
    facts: list[Fact] = []
    waits: list[Wait] = []
    customers: dict[str, str] = {}
    known: dict[str, int] = {}
    watermarks: list[int | None] = []
    events, dead_letters = 0, Counter[str]()
    drops: list[Drop] = []
    for records in logs:
        reading = read_records(records, book, lateness_ms=lateness_ms, markets=markets)
        for told in _published(reading, book):
            facts += told.facts
            waits += waits_of([fact for fact in told.facts if not fact.late], told.corrections)
            customers |= told.customers
            known |= told.known
        drops += reading.drops()
        watermarks.append(reading.watermark)
        events += reading.events
        dead_letters += reading.dead_letters
    facts.sort(key=lambda fact: (fact.time, fact.id))
    on_time = [fact for fact in facts if not fact.late]
    reached = [mark for mark in watermarks if mark is not None]
    watermark = min(reached) if reached and len(reached) == len(watermarks) else None
    windows: list[WindowValue] = []
    breaches: list[BreachRecord] = []
    if watermark is not None:
        end = watermark - watermark % SLICE_MS
        each = counted(on_time, Versions(book), customers)
        each += link_counts(on_time, customers, watermark, drops)
        windows = windows_at(end, each, waits, book)
        breaches = _breaches(each, waits, book, watermark, end)
    return Verdict(
        facts=tuple(facts),
        windows=tuple(windows),
        breaches=tuple(breaches),
        watermark=watermark,
        events=events,
        late_facts=len(facts) - len(on_time),
        dead_letters=dict(sorted(dead_letters.items())),
        customers=customers,
        known=known,
        drops=tuple(drops),
    )


def published_facts(
    records: Iterable[bytes | int], book: ContractBook, *, lateness_ms: int
) -> list[Fact]:
    """The facts of the verdict on a log, in no order, without windows and breaches.

    A conversation's depend on its own events, on the requests of erasure and on time alone: of a
    log by conversation, each part with all of those, the parts' facts are the whole's.
    """
    reading = read_records(records, book, lateness_ms=lateness_ms)
    return [fact for told in _published(reading, book) for fact in told.facts]


def _published(reading: Reading, book: ContractBook) -> Iterator[Published]:
    """What was published of every life."""

    def of(contract: str, conversation: str, statements: Sequence[Statement]) -> Assertions:
        if not statements:
            return Assertions([], {})
        gap = book.versions(contract)[0].inactivity_ms
        return assertions_of(conversation_of(contract, conversation, statements, gap), book)

    for (contract, conversation), entries in reading.entries.by_conversation():
        requests = reading.requests.get(contract, ())
        for life in erased_lives(contract, conversation, entries, requests, book):
            assertions = partial(of, contract, conversation)
            yield published(life.entries, reading.watermark, assertions, life.erased)


def _breaches(
    on_time: Iterable[Counted],
    waits: Iterable[Wait],
    book: ContractBook,
    watermark: int,
    end: int,
) -> list[BreachRecord]:
    by_contract: dict[str, list[Counted]] = defaultdict(list)
    for one in on_time:
        by_contract[one.fact.contract].append(one)
    waits_by_contract: dict[str, list[Wait]] = defaultdict(list)
    for wait in waits:
        waits_by_contract[wait.opened.contract].append(wait)
    records: list[BreachRecord] = []
    # A late event can leave somebody waiting in a contract of which nothing came on time.
    for contract in {*by_contract, *waits_by_contract}:
        waited = waits_by_contract[contract]
        records += ratio_breaches(contract, by_contract[contract], waited, book, end)
        records += wait_breaches(contract, waited, book, watermark)
    return sorted(
        records,
        key=lambda r: (r.time, r.clause, r.key, _STATUS_ORDER[r.status], r.contract),
    )
