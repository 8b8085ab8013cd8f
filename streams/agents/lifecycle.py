"""interaction-events -> facts, deltas and links: drives LifecyclePartition with batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec

from streams.agents.foreign_state import foreign_state, missing_contracts
from streams.agents.governance import put_erasures
from streams.agents.routing import put_billing, put_deltas, put_links
from streams.domain.billing.feed import billed_contracts
from streams.domain.contract import ContractBook, Dimension
from streams.domain.events import APART, ConfigChanged, Event, Tick, epoch_ms
from streams.domain.facts import Fact, encode_fact
from streams.domain.interaction import Interaction
from streams.domain.interaction_codec import UnreadableState, decode_interaction
from streams.domain.lifecycle import (
    Flush,
    LifecyclePartition,
    Progress,
    UnknownContracts,
    interaction_key,
    interaction_names,
)
from streams.domain.residency import Residency
from streams.domain.wire import Rejection, decode_event
from streams.export.telemetry import Telemetry
from streams.kafka import topics
from streams.kafka.batches import Batch
from streams.kafka.content_modes import structured_value
from streams.kafka.dead_letters import put_dead_letter
from streams.kafka.outbox import Outbox, partition_of
from streams.kafka.store import PartitionedStore, StateError
from streams.settings import Settings

STAGE = "lifecycle"
# What facts are keyed by; versions of an AI come and go, and would move a conversation's facts.
_KEYED_BY: tuple[Dimension, ...] = ("channel", "market", "journey", "supplier")
# These sort before every interaction's key and cannot be one: contract names are not empty.
_PROGRESS_KEY = b"\x00progress"
_ERASURES_KEY = b"\x00erasures"
_APART_KEYS = frozenset((_PROGRESS_KEY, _ERASURES_KEY))


class _Stored(msgspec.Struct, array_like=True):
    """What a partition's table keeps beside interactions; `offset` is of the next record to
    fold.
    """

    offset: int
    progress: Progress | None


_DECODER = msgspec.msgpack.Decoder(_Stored)
# What decoding a record of the table raises that another program wrote.
_UNREADABLE = (UnreadableState, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_ENCODER = msgspec.msgpack.Encoder()


@dataclass(slots=True)
class _Owned:
    lifecycle: LifecyclePartition
    offset: int = 0


class LifecycleStage:
    """One worker's lifecycle partitions. `changelog` is the table's changelog topic, `outbox` gives
    a partition's.
    """

    def __init__(
        self,
        book: ContractBook,
        settings: Settings,
        store: PartitionedStore,
        outbox: Callable[[int], Outbox],
        telemetry: Telemetry,
        changelog: str,
    ) -> None:
        self._book = book
        self._settings = settings
        self._store = store
        self._outbox = outbox
        self._telemetry = telemetry
        self._changelog = changelog
        self._facts_topic = settings.topic(topics.FACTS)
        self._deltas_topic = settings.topic(topics.DELTAS)
        self._links_topic = settings.topic(topics.LINKS)
        self._billing_topic = settings.topic(topics.BILLING_RECORDS)
        self._billed = billed_contracts(book)
        self._dead_letters_topic = settings.topic(topics.DEAD_LETTERS)
        self._governance_topic = settings.topic(topics.GOVERNANCE)
        self._served = frozenset(book.names)
        self._residency = Residency(settings.market, book) if settings.market else None
        self._partitions: dict[int, _Owned] = {}
        # Producers state what they like, so what is remembered of it is limited.
        self._fact_key = lru_cache(maxsize=65_536)(self._bounded_key)

    def forget(self) -> None:
        """Drop what is derived from the store; after a rebalance it is built anew from it."""
        self._partitions.clear()
        self._telemetry.lifecycle_forgotten()

    def adopt(self, number: int) -> None:
        """Take over a partition whose table has been recovered."""
        self._show(number, self._partition(number), Flush())

    def watermarks(self) -> dict[int, int | None]:
        """How far each partition that is held has been read (ms)."""
        return {number: owned.lifecycle.watermark for number, owned in self._partitions.items()}

    @property
    def interactions(self) -> int:
        """How many interactions the partitions that are held remember."""
        tables = map(self._store.partition, self._partitions)
        return sum(map(_interactions_in, tables))

    def remembered(self, number: int, contract: str, conversation: str) -> Interaction | None:
        """What a partition that is held remembers of a conversation."""
        raw = self._store.partition(number).get(interaction_key(contract, conversation))
        return None if raw is None else decode_interaction(raw)

    def names(self, number: int, most: int) -> list[tuple[str, str]]:
        """Contract and conversation of what a partition that is held remembers, at most so many."""
        keys = (key for key in self._store.partition(number) if key not in _APART_KEYS)
        return [interaction_names(key) for key in islice(keys, most)]

    def _partition(self, number: int) -> _Owned:
        owned = self._partitions.get(number)
        if owned is None:
            data = self._store.partition(number)
            # These stand beside the interactions in the table, but are none of them.
            apart = {key: data.pop(key) for key in _APART_KEYS if key in data}
            raw = apart.get(_PROGRESS_KEY)
            try:
                stored = _Stored(0, None) if raw is None else _DECODER.decode(raw)
                lifecycle = LifecyclePartition(
                    self._book,
                    self._settings.lateness_ms,
                    data,
                    stored.progress,
                    apart.get(_ERASURES_KEY),
                )
            except UnknownContracts as error:
                raise missing_contracts(self._changelog, number, error.names) from None
            except _UNREADABLE as error:
                raise foreign_state(self._changelog, number, error) from error
            data.update(apart)
            owned = self._partitions[number] = _Owned(lifecycle, stored.offset)
        return owned

    async def process(self, batch: Batch) -> None:
        """Fold one batch and publish what came of it, before its offsets may be committed.

        Records that the table knows already, for a crash came before their commit, are passed
        over: read again they would meet a later clock.
        Raises OutboxError if anything could not be written, Fenced where another worker has the
        partition, StateError for a foreign table.
        """
        owned = self._partition(batch.partition)
        records = self._unread(owned, batch)
        if records:
            number = batch.partition
            outbox = self._outbox(number)
            self._store.begin(number)
            try:
                self._read(outbox, owned.lifecycle, records)
            except _UNREADABLE as error:  # what is wrong with a record of the topic is a Rejection
                raise foreign_state(self._changelog, number, error) from error
            flush = owned.lifecycle.flush()
            self._put_facts(outbox, flush.facts)
            partitions = self._settings.partitions
            put_deltas(outbox, self._deltas_topic, partitions, number, flush.deltas)
            put_links(outbox, self._links_topic, partitions, number, flush.links)
            if self._billed:
                self._put_billing(outbox, number, flush)
            governance = self._governance_topic
            put_erasures(outbox, governance, partitions, number, flush.notes)
            owned.offset = batch.last + 1
            self._put_changelog(outbox, number, owned.offset, flush)
            written = await outbox.flush()
            self._store.written(number, written.get((self._changelog, number)))
            self._telemetry.batch_done(STAGE, number, len(records))
            if self._partitions.get(number) is owned:
                self._show(number, owned, flush)
        batch.release()

    def _unread(self, owned: _Owned, batch: Batch) -> list[Any]:
        if batch.end is not None and batch.end < owned.offset:
            raise StateError(
                f"{batch.topic}/{batch.partition} ends at {batch.end}, but {self._changelog} was"
                f" made from {owned.offset} records of it: the topic was made anew; start with"
                " another --app-id"
            )
        if batch.first >= owned.offset:
            return batch.records
        return [record for record in batch.records if record.offset >= owned.offset]

    def _show(self, number: int, owned: _Owned, flush: Flush) -> None:
        data = self._store.partition(number)
        self._telemetry.lifecycle_published(number, flush, owned.lifecycle.watermark)
        self._telemetry.interactions(number, _interactions_in(data))

    def _read(self, outbox: Outbox, partition: LifecyclePartition, records: Iterable[Any]) -> None:
        served, telemetry, residency = self._served, self._telemetry, self._residency
        kinds: list[type[Event]] = []
        for record in records:
            try:
                event: Any = decode_event(structured_value(record), served)
                kind = type(event)
                if kind is Tick:
                    partition.tick(epoch_ms(event.time))
                    continue
                if kind not in APART:
                    _check_key(record.key, event)
                    if residency is not None:
                        residency.check(event)
                partition.event(event)
                kinds.append(kind)
                if kind is ConfigChanged:
                    telemetry.config_changed(event)
            except Rejection as error:
                put_dead_letter(outbox, self._dead_letters_topic, STAGE, record, error)
                telemetry.dead_letter(STAGE, error.code)
        telemetry.events_read(kinds)

    def _put_facts(self, outbox: Outbox, facts: list[Fact]) -> None:
        for fact in facts:
            key = self._fact_key(
                fact.contract,
                fact.version,
                (fact.channel, fact.market, fact.journey, fact.supplier),
            )
            partition = partition_of(key, self._settings.partitions)
            outbox.put(self._facts_topic, partition, key, encode_fact(fact))

    def _put_billing(self, outbox: Outbox, number: int, flush: Flush) -> None:
        moved = flush.links[-1].watermark if flush.links else None
        put_billing(
            outbox,
            self._billing_topic,
            self._settings.partitions,
            number,
            moved,
            self._billed,
            flush.billing,
            [one for step in flush.links for one in step.erased],
        )

    def _bounded_key(self, contract: str, version: int, values: tuple[str, ...]) -> bytes:
        # Keys get into logs and tools, so they hold the contract's own words alone: producers may
        # have put anything into a journey or supplier. What was stated stands in the value.
        bounded = self._book.version(contract, version).bounded
        labels = (bounded(name, value) for name, value in zip(_KEYED_BY, values, strict=True))
        return "|".join((contract, *labels)).encode()

    def _put_changelog(self, outbox: Outbox, partition: int, offset: int, flush: Flush) -> None:
        headers = self._store.advance(partition, offset)
        data, erased = self._store.partition(partition), flush.erased
        gone = headers
        if erased or flush.erasures_changed:
            gone = self._store.erased(partition, {*erased, _ERASURES_KEY}, headers)
        for key in erased:
            outbox.put_state(self._changelog, partition, key, flush.states.pop(key), gone)
        for key, encoded in flush.states.items():
            outbox.put_state(self._changelog, partition, key, encoded, headers)
        if flush.erasures_changed:
            if flush.erasures is None:
                data.pop(_ERASURES_KEY, None)
            else:
                data[_ERASURES_KEY] = flush.erasures
            outbox.put_state(self._changelog, partition, _ERASURES_KEY, flush.erasures, gone)
        raw = _ENCODER.encode(_Stored(offset, flush.progress))
        data[_PROGRESS_KEY] = raw
        outbox.put_state(self._changelog, partition, _PROGRESS_KEY, raw, headers)


def _interactions_in(table: Mapping[bytes, bytes]) -> int:
    return len(table) - sum(key in table for key in _APART_KEYS)


def _check_key(key: bytes | None, event: Any) -> None:
    if key != event.data.conversation_id.encode():
        raise Rejection(
            "key_mismatch", "the record's key is not data.conversation_id; key by it to keep order"
        )
