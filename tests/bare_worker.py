"""All stages of a worker and its metrics without a broker: what they would have written is kept.

Unlike in_memory_pipeline.py, which drives the domain alone, this goes through streams/agents: keys,
headers, partitions and telemetry are those of the service. Not shown: rebalances and crashes.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from streams.agents.stages import STAGES
from streams.domain.contract import ContractBook
from streams.event_log import address, asks_to_erase
from streams.export.collector import BatonCollector
from streams.export.telemetry import Telemetry
from streams.kafka import topics
from streams.kafka.batches import Batch
from streams.kafka.outbox import Headers, Outbox, partition_of
from streams.kafka.store import PartitionedStore
from streams.replay import tick_record
from streams.settings import Settings

PARTITIONS = 2
BATCH = 500
CHANGELOGS = tuple(f"{kind.table}-changelog" for kind in STAGES)
NO_HEADERS: Headers = []


@dataclass
class Record:
    """What the stages read of an aiokafka ConsumerRecord, and what they wrote."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = field(default_factory=list)
    timestamp: int | None = None


class KeptOutbox(Outbox):
    """Keeps what is put, by topic, in order."""

    def __init__(self) -> None:
        super().__init__(None)
        self.records: defaultdict[str, list[Record]] = defaultdict(list)

    def put(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = NO_HEADERS,
        timestamp_ms: int | None = None,
    ) -> None:
        kept = self.records[topic]
        kept.append(Record(topic, partition, len(kept), key, value, headers, timestamp_ms))

    def put_state(
        self, topic: str, partition: int, key: bytes, value: bytes | None, headers: Headers
    ) -> None:
        self.put(topic, partition, key, value, headers)

    async def flush(self) -> Mapping[tuple[str, int], int]:
        return {}


class BareStore(PartitionedStore):
    """The store without the Faust table that it belongs to."""

    def __init__(self) -> None:
        self.__post_init__()


class BareWorker:
    """All stages of a worker and its metrics, as app.py makes them, without a broker.

    `interactions`, `customers`, `windows` and `accounts` are what the tables of the first partition
    hold at the start.
    """

    def __init__(
        self,
        book: ContractBook,
        *,
        interactions: Mapping[bytes, bytes] | None = None,
        customers: Mapping[bytes, bytes] | None = None,
        windows: Mapping[bytes, bytes] | None = None,
        accounts: Mapping[bytes, bytes] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        told = Settings(partitions=PARTITIONS, **(settings or {}))
        self.outbox = KeptOutbox()
        self.telemetry = Telemetry(book)
        parts = (lambda _: self.outbox, self.telemetry)
        tables = (interactions, customers, windows, accounts)
        self._stores = tuple(BareStore() for _ in STAGES)
        for store, table in zip(self._stores, tables, strict=True):
            store.partition(0).update(table or {})
        self._stages = {
            kind.topic: kind.new(book, told, store, *parts, changelog)
            for kind, store, changelog in zip(STAGES, self._stores, CHANGELOGS, strict=True)
        }

    def adopt(self) -> None:
        """Take over the first partition with the tables given, as after a recovery."""
        for stage in self._stages.values():
            stage.adopt(0)

    def window_tables(self) -> list[dict[bytes, bytes]]:
        """The windows table, by partition."""
        return [self._stores[2].partition(number) for number in range(PARTITIONS)]

    def interaction_tables(self) -> list[dict[bytes, bytes]]:
        """The interactions table, by partition."""
        return [self._stores[0].partition(number) for number in range(PARTITIONS)]

    def customer_tables(self) -> list[dict[bytes, bytes]]:
        """The customers table, by partition."""
        return [self._stores[1].partition(number) for number in range(PARTITIONS)]

    def account_tables(self) -> list[dict[bytes, bytes]]:
        """Billing's table, by partition."""
        return [self._stores[3].partition(number) for number in range(PARTITIONS)]

    def read(self, log: Iterable[bytes | int], keys: dict[bytes, bytes] | None = None) -> None:
        """Process a log to its end: records, keyed by conversation or as `keys` says, and ticks."""
        queues: list[list[Record]] = [[] for _ in range(PARTITIONS)]
        for item in log:
            if isinstance(item, int):
                places, key, raw = range(PARTITIONS), None, tick_record(item)
            elif asks_to_erase(item):
                places, key, raw = range(PARTITIONS), None, item
            else:
                raw = item
                key = (keys or {}).get(raw) or (address(raw).conversation or "").encode()
                at = partition_of(key, PARTITIONS)
                places = range(at, at + 1)
            for partition in places:
                queue = queues[partition]
                queue.append(Record(topics.EVENTS, partition, len(queue), key, raw))
        asyncio.run(self._process(queues))

    async def _process(self, queues: list[list[Record]]) -> None:
        self.outbox.records[topics.EVENTS] = [record for queue in queues for record in queue]
        for topic, stage in self._stages.items():
            written = self.outbox.records[topic]
            for partition in range(PARTITIONS):
                for batch in _batches([r for r in written if r.partition == partition]):
                    await stage.process(batch)

    def take_deltas(self, *values: bytes) -> None:
        """Let the window stage read these records."""
        self.take(topics.DELTAS, *values)

    def take_links(self, *values: bytes) -> None:
        """Let the links stage read these records."""
        self.take(topics.LINKS, *values)

    def take(self, topic: str, *values: bytes, partition: int = 0) -> None:
        """Let the stage that reads a topic take these records of it."""
        records = [Record(topic, partition, at, b"0", value) for at, value in enumerate(values)]
        asyncio.run(self._stages[topic].process(Batch(topic, partition, records, None)))

    def exposition(self) -> str:
        """/metrics."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(
            BatonCollector(self.telemetry, now=lambda: 0.0, lags=dict, ready=lambda: True)
        )
        return generate_latest(registry).decode()

    def error_headers(self) -> list[str]:
        """The `baton.error.*` headers of all dead letters, as `name=value`."""
        return [
            f"{name}={value.decode()}"
            for record in self.outbox.records[topics.DEAD_LETTERS]
            for name, value in record.headers
            if name.startswith("baton.error.")
        ]


def _batches(records: list[Record]) -> Iterator[Batch]:
    for at in range(0, len(records), BATCH):
        some = records[at : at + BATCH]
        yield Batch(some[0].topic, some[0].partition, some, None)
