"""window-deltas -> windows and breaches: drives WindowPartition with batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from streams.agents import window_table as table
from streams.agents.foreign_state import foreign_state, missing_contracts
from streams.domain.breach_record import BreachRecord, encode_breach
from streams.domain.contract import ContractBook
from streams.domain.delta import Deltas
from streams.domain.window_value import encode_window
from streams.domain.windows import WindowPartition
from streams.domain.wire import Rejection
from streams.export.telemetry import Telemetry
from streams.kafka import topics
from streams.kafka.batches import Batch
from streams.kafka.dead_letters import put_dead_letter
from streams.kafka.delta_codec import decode_deltas
from streams.kafka.outbox import Outbox
from streams.kafka.partition_tables import LocalStateError
from streams.kafka.store import PartitionedStore
from streams.settings import Settings

STAGE = "windows"


@dataclass(slots=True)
class _Owned:
    """One partition's windows, and the batches whose steps they have not wholly judged yet."""

    windows: WindowPartition
    unjudged: deque[tuple[int, Batch]] = field(default_factory=deque)


class WindowsStage:
    """One worker's window partitions. `changelog` is the table's changelog topic, `outbox` gives a
    partition's.
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
        self._contracts = frozenset(book.names)
        # The lifecycle partitions, then the links partitions.
        self._sources = 2 * settings.partitions
        self._store = store
        self._outbox = outbox
        self._telemetry = telemetry
        self._changelog = changelog
        self._windows_topic = settings.topic(topics.WINDOWS)
        self._breaches_topic = settings.topic(topics.BREACHES)
        self._dead_letters_topic = settings.topic(topics.DEAD_LETTERS)
        self._partitions: dict[int, _Owned] = {}

    def forget(self) -> None:
        """Drop what is derived from the store; after a rebalance it is built anew from it."""
        self._partitions.clear()
        self._telemetry.windows_forgotten()

    def adopt(self, number: int) -> None:
        """Take over a partition whose table has been recovered."""
        self._partition(number)

    def _partition(self, number: int) -> _Owned:
        owned = self._partitions.get(number)
        if owned is None:
            windows = WindowPartition(self._book, self._sources)
            try:
                table.restore(windows, self._store.partition(number), self._sources)
            except LocalStateError:
                raise
            except Exception as error:  # whatever a foreign record makes of reading it
                missing = {contract for contract, _ in windows.keys} - self._contracts
                if missing:
                    raise missing_contracts(self._changelog, number, missing) from None
                raise foreign_state(self._changelog, number, error) from error
            owned = self._partitions[number] = _Owned(windows)
            self._telemetry.windows_owned(number, windows)
        return owned

    async def process(self, batch: Batch) -> None:
        """Take one batch of deltas; publish breaches, values and the changelog.

        A batch is released when its last step has been judged: what is not judged yet is kept
        nowhere but in the topic. Raises OutboxError if anything could not be written, Fenced where
        another worker has the partition.
        """
        number = batch.partition
        owned = self._partition(number)
        windows = owned.windows
        outbox = self._outbox(number)
        self._store.begin(number)
        upto = self._take(outbox, windows, batch)
        breaches = windows.advance()
        self._put_breaches(outbox, number, breaches)
        self._put_values(outbox, number, windows)
        headers = self._store.advance(number, batch.last + 1)
        for key, value in table.changes(windows, self._store.partition(number)):
            outbox.put_state(self._changelog, number, key, value, headers)
        written = await outbox.flush()
        self._store.written(number, written.get((self._changelog, number)))
        self._telemetry.batch_done(STAGE, number, len(batch.records))
        self._telemetry.breaches(breaches)
        self._telemetry.windows_judged(number, windows)
        owned.unjudged.append((upto, batch))
        reached = windows.reached
        while owned.unjudged and reached is not None and owned.unjudged[0][0] <= reached:
            owned.unjudged.popleft()[1].release()

    def _take(self, outbox: Outbox, windows: WindowPartition, batch: Batch) -> int:
        # Steps before it were judged, or are told again; dead letters were told.
        told = self._store.upto(batch.partition)
        upto = 0
        for record in batch.records:
            try:
                source, deltas = self._decoded(record.value)
            except Rejection as error:
                if record.offset >= told:
                    put_dead_letter(outbox, self._dead_letters_topic, STAGE, record, error)
                    self._telemetry.dead_letter(STAGE, error.code)
                continue
            windows.apply(source, deltas)
            upto = max(upto, deltas.watermark)
        return upto

    def _decoded(self, raw: bytes) -> tuple[int, Deltas]:
        try:
            source, deltas = decode_deltas(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError, RecursionError):
            raise Rejection("schema_violation", "not a record of window deltas") from None
        # A source that does not exist would be waited for, for ever.
        if not 0 <= source < self._sources:
            raise Rejection("schema_violation", f"no stage's partition has number {source}")
        for delta in deltas.keys:
            if delta.contract not in self._contracts:
                raise Rejection("unknown_contract", "deltas of a contract that is not loaded")
        return source, deltas

    def _put_breaches(self, outbox: Outbox, partition: int, breaches: list[BreachRecord]) -> None:
        for breach in breaches:
            key = _key(breach.contract, breach.clause, breach.key)
            outbox.put(self._breaches_topic, partition, key, encode_breach(breach))

    def _put_values(self, outbox: Outbox, partition: int, windows: WindowPartition) -> None:
        for value in windows.changed_values():
            key = _key(value.contract, value.window, value.key)
            outbox.put(self._windows_topic, partition, key, encode_window(value))


def _key(contract: str, subject: str, dimensions: Any) -> bytes:
    return orjson.dumps([contract, subject, dict(dimensions)])
