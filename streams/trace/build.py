"""A trace from what was read of a conversation. Times in ms since 1970 UTC."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from streams.domain.contract import ContractBook
from streams.domain.events import epoch_ms
from streams.domain.facts import Fact, life_date
from streams.domain.memory import DAY_MS
from streams.oracle.assertions import Assertions, Place, assertions_of
from streams.oracle.conversation import Conversation, Statement, conversation_of
from streams.oracle.erasures import erased_lives, gone_since
from streams.oracle.publication import Published, published
from streams.trace.bills import bills_of
from streams.trace.counting import counted_by
from streams.trace.model import (
    Attribute,
    BreachLine,
    ErasedLife,
    EventLine,
    FactLine,
    Life,
    LinkCount,
    LinkLine,
    Trace,
    Unused,
)
from streams.trace.reading import ConversationLog, ReadRecord
from streams.trace.runs import runs_of
from streams.trace.shown import Agents, said_by, type_of

# Before anything: what a log without ticks has come to.
_NEVER = -(1 << 62)
# A message or turn stands behind a contact's start and before what it leads to.
_PLAIN_RANK, _NOTE_RANK = 1, 20
_SECRET_ATTRIBUTES = frozenset(("customer_key",))


class _ToldLife(NamedTuple):
    """One life: its records, what was published of it, and whether it was erased."""

    records: list[ReadRecord]
    told: Published
    erased: ErasedLife | None

    @property
    def gone(self) -> bool:
        """Whether nothing of it is to be told."""
        return self.erased is not None and self.erased.gone


class ConversationTracer:
    """Reads the lives out of one conversation's log. `watermark` is how far the log had come."""

    def __init__(
        self,
        book: ContractBook,
        contract: str,
        conversation: str,
        log: ConversationLog,
        watermark: int | None,
    ) -> None:
        self._book = book
        self._contract = contract
        self._conversation = conversation
        self._log = log
        self._watermark = watermark
        self._lives = list(self._by_life())

    @property
    def facts(self) -> list[Fact]:
        """All that was published about it and may be told, in the order of publication."""
        return [fact for life in self._lives if not life.gone for fact in life.told.facts]

    @property
    def customers(self) -> dict[str, str]:
        """Whose its visits and resolved closes are, by the facts' ids, where it is known."""
        lives = [life for life in self._lives if not life.gone]
        return {name: who for life in lives for name, who in life.told.customers.items()}

    @property
    def published(self) -> list[Published]:
        """What was published of each life, also of what may not be told: other conversations'
        counts follow from it.
        """
        return [life.told for life in self._lives]

    @property
    def linkable(self) -> frozenset[str]:
        """The ids of what is published of it that may be told beside another conversation."""
        lives = [life for life in self._lives if life.erased is None]
        return frozenset(fact.id for life in lives for fact in life.told.facts)

    @property
    def told_since(self) -> int | None:
        """The first moment of which something may be told; None where nothing may."""
        lives = [life for life in self._lives if not life.gone]
        starts = [r.statement.time for life in lives for r in life.records if r.statement]
        return min(starts, default=None)

    def trace(self, *, limits: Sequence[str], basis: str) -> Trace:
        """The trace, without links and breaches: they are told of many conversations."""
        agents = Agents(self._agent_ids())
        return Trace(
            contract=self._contract,
            conversation=self._conversation,
            time_zone=self._book.versions(self._contract)[0].time_zone,
            watermark=self._watermark,
            basis=basis,
            limits=list(limits),
            lives=[self._life(life, agents) for life in self._lives],
            unused=[_unused(r) for r in self._tellable() if r.fate != "used"],
            looked_around=False,
            links=[],
            link_counts=[],
            breaches=[],
        )

    def _by_life(self) -> Iterator[_ToldLife]:
        usable = {r.number: r for r in self._log.records if r.entry is not None}
        entries = [record.entry for record in usable.values() if record.entry is not None]
        about = (self._contract, self._conversation)
        asked = self._log.requests
        for life in erased_lives(*about, entries, asked, self._book):
            records = [usable[entry.place] for entry in life.entries]
            told = published(life.entries, self._watermark, self._assertions, life.erased)
            since = gone_since(*about, life, asked, self._watermark, self._book)
            erased = None
            if since is not None:
                erased = ErasedLife(asked_at=since, gone=True)
            elif life.erased is not None:
                erased = ErasedLife(asked_at=life.until, gone=False)
            yield _ToldLife(records, told, erased)

    def _tellable(self) -> list[ReadRecord]:
        """The records that are of no life that is gone, nor came while it was being forgotten."""
        kept = {r.number for life in self._lives if not life.gone for r in life.records}
        gone = [r.number for life in self._lives if life.gone for r in life.records]
        last = max(gone, default=0)
        told = [r for r in self._log.records if r.number in kept or r.number > last]
        if not gone:
            return told
        # Of what came after it, that was ignored which is of no life though it could be used.
        return [r for r in told if r.number in kept or r.entry is None]

    def _published_by(self, records: Sequence[ReadRecord], watermark: int) -> Published:
        entries = [record.entry for record in records if record.entry is not None]
        return published(entries, watermark, self._assertions)

    def _assertions(self, statements: Sequence[Statement]) -> Assertions:
        if not statements:
            return Assertions([], {})
        return assertions_of(self._told(statements), self._book)

    def _told(self, statements: Sequence[Statement]) -> Conversation:
        gap = self._book.versions(self._contract)[0].inactivity_ms
        return conversation_of(self._contract, self._conversation, statements, gap)

    def _about(self, records: Sequence[ReadRecord]) -> Conversation:
        return self._told([r.statement for r in records if r.statement is not None])

    def _agent_ids(self) -> Iterator[str | None]:
        """In order of event time, so that the order of arrival numbers nobody.

        First those who came: a worker that tells what it remembers knows of no others, and numbers
        the same.
        """
        for life in self._lives:
            if not life.gone:
                yield from (m.agent for m in self._about(life.records).milestones)
        used = [r for r in self._tellable() if r.event is not None]
        for record in sorted(used, key=_event_order):
            yield getattr(getattr(record.event, "data", None), "agent_id", None)

    def _life(self, life: _ToldLife, agents: Agents) -> Life:
        records, told, erased = life
        about = self._about(records)
        if life.gone:
            return Life(
                day=life_date(about.first_said // DAY_MS),
                erased=erased,
                attributes=[],
                runs=[],
                events=[],
                facts=[],
                bills=bills_of(standing_facts(told.facts), self._book),
            )
        upto = _NEVER if self._watermark is None else self._watermark
        used = [(at, record) for at, record in enumerate(records) if record.fate == "used"]
        return life_of(
            about,
            [
                _event_line(record, agents, self._corrected(records, at))
                for at, record in sorted(used, key=lambda one: _event_order(one[1]))
            ],
            told.facts,
            told.customers,
            self._book,
            upto,
            agents,
            erased,
        )

    def _corrected(self, records: Sequence[ReadRecord], at: int) -> list[str]:
        """The ids of what was published anew because of a late event."""
        record = records[at]
        if not record.late or record.watermark is None:
            return []
        before = self._published_by(records[:at], record.watermark)
        after = self._published_by(records[: at + 1], record.watermark)
        return [fact.id for fact in after.facts[len(before.facts) :]]


def life_of(
    about: Conversation,
    events: list[EventLine],
    facts: Sequence[Fact],
    linked: Collection[str],
    book: ContractBook,
    upto: int,
    agents: Agents,
    erased: ErasedLife | None = None,
) -> Life:
    """One life as of `upto`, from what is known of it and what was published about it.

    `linked` are the ids of the facts whose customer is known.
    """
    standing = standing_facts(facts)
    stays = {fact.id for fact in standing}
    return Life(
        day=life_date(about.first_said // DAY_MS),
        erased=erased,
        attributes=[
            Attribute(name=name, value=_shown(name, value), since=since)
            for name, (since, value) in about.attributes.items()
        ],
        runs=runs_of(about, book, upto, agents),
        events=events,
        facts=[_fact_line(fact, fact.id in stays, book, fact.id in linked) for fact in facts],
        bills=bills_of(standing, book),
    )


def standing_facts(facts: Sequence[Fact]) -> list[Fact]:
    """Of every place the last revision, none where that is a retraction; in order of time."""
    last: dict[Place, Fact] = {}
    for fact in facts:
        last[fact.place] = fact
    return sorted(
        (fact for fact in last.values() if not fact.retracts), key=lambda f: (f.time, f.id)
    )


def with_surroundings(
    trace: Trace,
    links: list[LinkLine],
    link_counts: list[LinkCount],
    breaches: list[BreachLine],
) -> Trace:
    """The trace with what others' conversations say about it."""
    return replace(
        trace, looked_around=True, links=links, link_counts=link_counts, breaches=breaches
    )


def _shown(name: str, value: str) -> str:
    return "known" if name in _SECRET_ATTRIBUTES else value


def _event_order(record: ReadRecord) -> tuple[int, int, str, str, str]:
    """By time, then as section 3 reads what happens in one millisecond, as far as it says."""
    event, statement = record.event, record.statement
    assert event is not None
    assert statement is not None
    rank = _PLAIN_RANK
    if statement.milestone is not None:
        rank = statement.milestone.rank
    elif statement.note is not None:
        rank = _NOTE_RANK
    return (statement.time, rank, type_of(event), event.source, event.id)


def _event_line(record: ReadRecord, agents: Agents, corrected: list[str]) -> EventLine:
    event = record.event
    assert event is not None
    assert record.statement is not None
    recorded = event.recordedtime
    return EventLine(
        time=record.statement.time,
        type=type_of(event),
        channel=record.statement.channel,
        source=event.source,
        id=event.id,
        said=said_by(event, agents),
        recorded_at=None if recorded is None else epoch_ms(recorded),
        origin=record.origin,
        late=record.late,
        same_id=record.same_id,
        corrected=corrected,
    )


def _unused(record: ReadRecord) -> Unused:
    event = record.event
    return Unused(
        origin=record.origin,
        why=record.code or record.fate,
        message=record.message,
        type=None if event is None else type_of(event),
        time=None if event is None else epoch_ms(event.time),
        source=None if event is None else event.source,
        id=None if event is None else event.id,
        watermark=record.watermark,
    )


def _fact_line(fact: Fact, standing: bool, book: ContractBook, linked: bool) -> FactLine:
    return FactLine(
        id=fact.id,
        time=fact.time,
        kind=fact.kind,
        episode=fact.episode,
        ordinal=fact.ordinal,
        revision=fact.revision,
        version=fact.version,
        late=fact.late,
        retracts=fact.retracts,
        standing=standing,
        detail=fact.detail,
        counts=counted_by(fact, book, linked=linked),
    )
