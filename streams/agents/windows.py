"""window-deltas -> windows and breaches: drives WindowPartition with batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import msgspec
import orjson

from streams.agents import window_table
from streams.agents.foreign_state import missing_contracts
from streams.agents.stepwise import StepwiseStage
from streams.domain.breach_record import BreachRecord, encode_breach
from streams.domain.contract import ContractBook
from streams.domain.delta import Deltas
from streams.domain.window_value import encode_window
from streams.domain.windows import WindowPartition
from streams.domain.wire import Rejection
from streams.export.telemetry import Telemetry
from streams.kafka import topics
from streams.kafka.delta_codec import decode_deltas
from streams.kafka.outbox import Outbox
from streams.kafka.store import PartitionedStore
from streams.settings import Settings

STAGE = "windows"


class WindowsStage(StepwiseStage[WindowPartition, list[BreachRecord]]):
    """One worker's window partitions. `changelog` is the table's changelog topic, `outbox` gives a
    partition's.
    """

    name = STAGE

    def __init__(
        self,
        book: ContractBook,
        settings: Settings,
        store: PartitionedStore,
        outbox: Callable[[int], Outbox],
        telemetry: Telemetry,
        changelog: str,
    ) -> None:
        super().__init__(settings, store, outbox, telemetry, changelog)
        self._book = book
        self._contracts = frozenset(book.names)
        # The lifecycle partitions, then the links partitions.
        self._sources = 2 * settings.partitions
        self._windows_topic = settings.topic(topics.WINDOWS)
        self._breaches_topic = settings.topic(topics.BREACHES)

    def forget(self) -> None:
        """Drop what is derived from the store; after a rebalance it is built anew from it."""
        super().forget()
        self._telemetry.windows_forgotten()

    def _empty(self) -> WindowPartition:
        return WindowPartition(self._book, self._sources)

    def _restore(
        self, number: int, held: WindowPartition, data: MutableMapping[bytes, bytes]
    ) -> None:
        try:
            window_table.restore(held, data, self._sources)
        except KeyError:
            missing = {contract for contract, _ in held.keys} - self._contracts
            if missing:
                raise missing_contracts(self._changelog, number, missing) from None
            raise

    def _adopted(self, number: int, held: WindowPartition) -> None:
        self._telemetry.windows_owned(number, held)

    def _hear(self, held: WindowPartition, raw: bytes) -> int:
        source, deltas = self._decoded(raw)
        held.apply(source, deltas)
        return deltas.watermark

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

    def _advance(self, outbox: Outbox, number: int, held: WindowPartition) -> list[BreachRecord]:
        breaches = held.advance()
        for breach in breaches:
            key = _key(breach.contract, breach.clause, breach.key)
            outbox.put(self._breaches_topic, number, key, encode_breach(breach))
        for value in held.changed_values():
            key = _key(value.contract, value.window, value.key)
            outbox.put(self._windows_topic, number, key, encode_window(value))
        return breaches

    def _changes(
        self, held: WindowPartition, data: MutableMapping[bytes, bytes]
    ) -> Iterator[tuple[bytes, bytes | None]]:
        return window_table.changes(held, data)

    def _told(self, number: int, held: WindowPartition, outcome: list[BreachRecord]) -> None:
        self._telemetry.breaches(outcome)
        self._telemetry.windows_judged(number, held)


def _key(contract: str, subject: str, dimensions: Any) -> bytes:
    return orjson.dumps([contract, subject, dict(dimensions)])
