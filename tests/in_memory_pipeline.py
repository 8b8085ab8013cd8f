"""The stream without a broker: domain stages driven by hand, in any batches, partitions and order.

What Kafka adds (delivery, commits, rebalances) is tested in tests/integration and tests/kafka;
here is what
the stages themselves must promise.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from streams.agents import link_table, window_table
from streams.agents.routing import customer_partition
from streams.domain.breach_record import BreachRecord
from streams.domain.contract import ContractBook
from streams.domain.delta import Deltas, KeyDelta
from streams.domain.erasure import ErasureNote
from streams.domain.events import APART, ErasureRequested, Tick, epoch_ms
from streams.domain.facts import Fact
from streams.domain.lifecycle import LifecyclePartition, Progress
from streams.domain.links import LinksPartition, LinkStep
from streams.domain.residency import Residency
from streams.domain.window_value import WindowValue
from streams.domain.windows import WindowPartition
from streams.domain.wire import Rejection, decode_event
from streams.event_log import address
from streams.kafka.outbox import partition_of

Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass
class Published:
    """What came out, in the order in which it came out."""

    facts: list[Fact] = field(default_factory=list)
    breaches: list[BreachRecord] = field(default_factory=list)
    windows: dict[tuple[Key, str], WindowValue] = field(default_factory=dict)
    dead_letters: dict[str, int] = field(default_factory=dict)
    events: int = 0


class InMemoryPipeline:
    """`partitions` of each stage; `batch` records at a time; `restart_every` batches all state is
    reread.

    `chance` interleaves the partitions; the result must not depend on it. `markets`: those that the
    worker was started for, if it was for certain ones.
    """

    def __init__(
        self,
        book: ContractBook,
        *,
        lateness_ms: int,
        partitions: int = 1,
        batch: int = 1,
        restart_every: int | None = None,
        chance: random.Random | None = None,
        markets: Collection[str] = (),
    ) -> None:
        self.book = book
        self.lateness_ms = lateness_ms
        self.partitions = partitions
        self.batch = batch
        self.restart_every = restart_every
        self.chance = chance or random.Random(0)
        self._residency = Residency(markets, book) if markets else None
        self.published = Published()
        self.states: list[dict[bytes, bytes]] = [{} for _ in range(partitions)]
        self._progress: list[Progress | None] = [None] * partitions
        self.erasures: list[bytes | None] = [None] * partitions
        self.notes: list[ErasureNote] = []
        self.tables: list[dict[bytes, bytes]] = [{} for _ in range(partitions)]
        self._lifecycle = [self._new_lifecycle(p) for p in range(partitions)]
        self._windows = [self._new_windows(p) for p in range(partitions)]
        self.customers: list[dict[bytes, bytes]] = [{} for _ in range(partitions)]
        self._links = [self._new_links(p) for p in range(partitions)]
        self._untaken: list[list[tuple[int, LinkStep]]] = [[] for _ in range(partitions)]
        self._unjudged: list[list[tuple[int, Deltas]]] = [[] for _ in range(partitions)]
        self._batches = 0

    def _new_lifecycle(self, partition: int) -> LifecyclePartition:
        states, progress = self.states[partition], self._progress[partition]
        erasures = self.erasures[partition]
        return LifecyclePartition(self.book, self.lateness_ms, states, progress, erasures)

    def _new_windows(self, partition: int) -> WindowPartition:
        windows = WindowPartition(self.book, 2 * self.partitions)
        window_table.restore(windows, self.tables[partition], 2 * self.partitions)
        return windows

    def _new_links(self, partition: int) -> LinksPartition:
        links = LinksPartition(self.book, self.partitions)
        link_table.restore(links, self.customers[partition])
        return links

    def run(self, log: Iterable[bytes | int]) -> Published:
        """Read a log: records, and what goes to every partition: ticks (ms), erasure requests."""
        queues: list[list[bytes | int]] = [[] for _ in range(self.partitions)]
        for index, item in enumerate(log):
            if isinstance(item, int) or b"governance.erasure_requested" in item:
                for queue in queues:
                    queue.append(item)
            else:
                queues[self._place(item, index)].append(item)
        cursors = [0] * self.partitions
        while any(at < len(q) for at, q in zip(cursors, queues, strict=True)):
            partition = self.chance.randrange(self.partitions)
            at = cursors[partition]
            records = queues[partition][at : at + self.batch]
            if records:
                cursors[partition] += len(records)
                self._read(partition, records)
        self._show()
        return self.published

    def _place(self, raw: bytes, index: int) -> int:
        conversation = address(raw).conversation
        if conversation is None:
            return index % self.partitions
        return partition_of(conversation.encode(), self.partitions)

    def _read(self, partition: int, records: Sequence[bytes | int]) -> None:
        lifecycle = self._lifecycle[partition]
        for record in records:
            if isinstance(record, int):
                lifecycle.tick(record)
                continue
            try:
                event = decode_event(record, self.book)
                if isinstance(event, Tick):
                    lifecycle.tick(epoch_ms(event.time))
                else:
                    if self._residency is not None and type(event) not in APART:
                        self._residency.check(event)
                    lifecycle.event(event)
                    if partition == 0 or not isinstance(event, ErasureRequested):
                        self.published.events += 1
            except Rejection as error:
                if partition and b"governance.erasure_requested" in record:
                    continue  # refused in each partition, counted once
                counts = self.published.dead_letters
                counts[error.code] = counts.get(error.code, 0) + 1
        flush = lifecycle.flush()
        self.published.facts += flush.facts
        self.notes += flush.notes
        self._progress[partition] = flush.progress or self._progress[partition]
        if flush.erasures_changed:
            self.erasures[partition] = flush.erasures
        self._batches += 1
        for facts_partition in range(self.partitions):
            self._deliver(facts_partition, partition, flush.deltas)
        for links_partition in range(self.partitions):
            self._link(links_partition, partition, flush.links)
        if self.restart_every is not None and self._batches % self.restart_every == 0:
            self._restart()

    def _link(self, partition: int, source: int, steps: list[LinkStep]) -> None:
        links = self._links[partition]
        for step in steps:
            mine = [
                link
                for link in step.links
                if customer_partition(link.customer, self.partitions) == partition
            ]
            erased = [
                one
                for one in step.erased
                if customer_partition(one.customer, self.partitions) == partition
            ]
            links.apply(source, step.watermark, mine, erased)
            self._untaken[partition].append((source, LinkStep(step.watermark, mine, erased)))
        told = links.advance()
        for _ in link_table.changes(links, self.customers[partition]):
            pass
        reached = links.reached
        self._untaken[partition] = [
            (of, step)
            for of, step in self._untaken[partition]
            if reached is None or step.watermark > reached
        ]
        for facts_partition in range(self.partitions):
            self._deliver(facts_partition, self.partitions + partition, told)

    def _deliver(self, facts_partition: int, source: int, deltas: Deltas | None) -> None:
        if deltas is None:
            return
        windows = self._windows[facts_partition]
        keys = [delta for delta in deltas.keys if self._place_key(delta) == facts_partition]
        mine = Deltas(deltas.watermark, keys)
        windows.apply(source, mine)
        self._unjudged[facts_partition].append((source, mine))
        self.published.breaches += windows.advance()
        for _ in window_table.changes(windows, self.tables[facts_partition]):
            pass
        reached = windows.reached
        self._unjudged[facts_partition] = [
            (of, deltas)
            for of, deltas in self._unjudged[facts_partition]
            if reached is None or deltas.watermark > reached
        ]

    def _place_key(self, delta: KeyDelta) -> int:
        key = "|".join((delta.contract, *(f"{n}={v}" for n, v in delta.dimensions)))
        return partition_of(key.encode(), self.partitions)

    def _restart(self) -> None:
        """Everything in memory is lost; tables and uncommitted records are read again."""
        self._lifecycle = [self._new_lifecycle(p) for p in range(self.partitions)]
        for partition in range(self.partitions):
            links = self._links[partition] = self._new_links(partition)
            for source, taken in self._untaken[partition]:
                links.apply(source, taken.watermark, taken.links, taken.erased)
            windows = self._windows[partition] = self._new_windows(partition)
            for source, deltas in self._unjudged[partition]:
                windows.apply(source, deltas)

    def _show(self) -> None:
        for windows in self._windows:
            for value in windows.values():
                key = (value.contract, value.key)
                self.published.windows[(key, value.window)] = value
