"""All stages of one partition without a broker: what they would send is encoded and counted.

The calls are those of streams/agents/, so that CPU and bytes are a worker's less its Kafka client.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from streams.agents import link_table, window_table
from streams.domain.breach_record import encode_breach
from streams.domain.contract import ContractBook
from streams.domain.delta import Deltas
from streams.domain.events import Tick, epoch_ms
from streams.domain.facts import encode_fact
from streams.domain.lifecycle import Flush, LifecyclePartition
from streams.domain.links import LinksPartition, LinkStep
from streams.domain.window_value import encode_window
from streams.domain.windows import WindowPartition
from streams.domain.wire import Rejection, decode_event
from streams.export.telemetry import Telemetry
from streams.kafka import topics
from streams.kafka.delta_codec import decode_deltas, encode_deltas
from streams.kafka.link_codec import decode_links, encode_links
from streams.kafka.partition_tables import MemoryTable, PartitionTable

STAGES = ("lifecycle", "links", "windows")
CHANGELOGS = {stage: f"{stage} changelog" for stage in STAGES}
# A changelog's record says up to where its source was folded.
_HEADERS_BYTES = len(b"baton.upto") + 8
_KEY_BYTES = 40


class StagesInProcess:
    """Reads one partition's records, a batch at a time.

    `cpu_s` by stage; `records` and `sent` (bytes of keys, values and headers) by topic; `tables` by
    stage. `entries` are what the windows took, `values` what they published.
    """

    def __init__(self, book: ContractBook, lateness_ms: int) -> None:
        self.book = book
        self.telemetry = Telemetry(book, lateness_ms)
        self.tables: dict[str, PartitionTable] = {stage: MemoryTable() for stage in STAGES}
        self.lifecycle = LifecyclePartition(book, lateness_ms, self.tables["lifecycle"])
        self.links = LinksPartition(book, 1)
        link_table.restore(self.links, self.tables["links"])
        self.windows = WindowPartition(book, 2)
        window_table.restore(self.windows, self.tables["windows"], 2)
        self.telemetry.windows_owned(0, self.windows)
        self.cpu_s: Counter[str] = Counter()  # type: ignore[assignment]
        self.records: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.events = self.entries = self.values = 0

    @property
    def cpu_us(self) -> float:
        """CPU of all stages, us an event."""
        return sum(self.cpu_s.values()) / self.events * 1e6

    def read(self, items: Sequence[bytes | int], batch: int) -> None:
        """Read records, and ticks (ms)."""
        for at in range(0, len(items), batch):
            self._batch(items[at : at + batch])

    def _batch(self, items: Sequence[bytes | int]) -> None:
        with self._timed("lifecycle"):
            flush = self._lifecycle(items)
        with self._timed("links"):
            told = self._links(flush.links)
        with self._timed("windows"):
            self._windows(0, flush.deltas)
            self._windows(1, told)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.cpu_s[stage] += time.process_time() - began

    def _put(
        self, topic: str, value: bytes | None, key: int = _KEY_BYTES, headers: int = 0
    ) -> None:
        self.records[topic] += 1
        self.sent[topic] += key + headers + len(value or b"")

    def _lifecycle(self, items: Sequence[bytes | int]) -> Flush:
        partition = self.lifecycle
        read = []
        for item in items:
            if isinstance(item, int):
                partition.tick(item)
                continue
            try:
                event = decode_event(item, self.book)
                if type(event) is Tick:
                    partition.tick(epoch_ms(event.time))
                    continue
                partition.event(event)
                read.append(type(event))
            except Rejection:
                self._put(topics.DEAD_LETTERS, item)
        self.telemetry.events_read(read)
        self.events += len(read)
        flush = partition.flush()
        for fact in flush.facts:
            self._put(topics.FACTS, encode_fact(fact))
        for key, encoded in flush.states.items():
            self._put(CHANGELOGS["lifecycle"], encoded, len(key), _HEADERS_BYTES)
        self.telemetry.lifecycle_published(0, flush, partition.watermark)
        return flush

    def _links(self, steps: Sequence[LinkStep]) -> Deltas | None:
        if not steps:
            return None
        raw = encode_links(0, steps)
        self._put(topics.LINKS, raw)
        links = self.links
        for step in decode_links(raw).steps:
            links.apply(0, step.watermark, step.links)
        told = links.advance()
        for key, value in link_table.changes(links, self.tables["links"]):
            self._put(CHANGELOGS["links"], value, len(key), _HEADERS_BYTES)
        return told

    def _windows(self, source: int, told: Deltas | None) -> None:
        if told is None:
            return
        raw = encode_deltas(source, told)
        self._put(topics.DELTAS, raw)
        windows = self.windows
        _, deltas = decode_deltas(raw)
        windows.apply(source, deltas)
        self.entries += sum(len(key.added) for key in deltas.keys)
        for breach in windows.advance():
            self._put(topics.BREACHES, encode_breach(breach))
        for value in windows.changed_values():
            self._put(topics.WINDOWS, encode_window(value))
            self.values += 1
        for key, stored in window_table.changes(windows, self.tables["windows"]):
            self._put(CHANGELOGS["windows"], stored, len(key), _HEADERS_BYTES)
        self.telemetry.windows_judged(0, windows)
