"""Recovery of tables from their changelogs, and standby copies: Faust's service, reading anew.

Faust's own recovery takes records one by one through a queue (some 15,000/s), ends on offsets that
a transaction marker or a compacted tail never reaches, swallows its errors and goes on with half a
table. Here the changelogs are read by a consumer of their own in batches, to the end that a fetch
names, and a failure ends the worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.types import TP
from mode import Service

from streams.kafka.connection import let_go
from streams.kafka.store import PartitionedStore

_POLL_MS = 200
# A fetch of this size holds some thousand interactions; all assigned partitions may be in one.
_FETCH_BYTES = 8 * 1024 * 1024

log = logging.getLogger("baton")


class ChangelogReader:
    """Reads changelog partitions into the stores of their tables; `stores` are by topic."""

    def __init__(self, stores: Mapping[str, PartitionedStore], options: Mapping[str, Any]) -> None:
        """`options` are the consumer's: brokers, credentials and isolation_level."""
        self._stores = stores
        self._consumer = AIOKafkaConsumer(
            **options,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=_POLL_MS,
            max_partition_fetch_bytes=_FETCH_BYTES,
        )

    async def __aenter__(self) -> ChangelogReader:
        """Connect. Raises KafkaError."""
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await let_go(self._consumer.stop())

    async def load(self, wanted: Iterable[TP]) -> int:
        """Read each partition from where its table stands to its end; returns how many records.

        The end is that of a fetch, after whoever wrote before has been fenced: nothing follows it.
        """
        left = await self._seek(wanted)
        count = 0
        while left:
            count += await self._take(left)
            done = [tp for tp in left if await self._at_end(tp)]
            for tp in done:
                end = await self._consumer.position(tp)
                self._stores[tp.topic].read_up_to(tp.partition, end)
            left.difference_update(done)
            self._consumer.pause(*done)
        return count

    async def follow(self, wanted: Iterable[TP], behind: Callable[[str, int, int], None]) -> None:
        """Keep copies up to date until cancelled; `behind` is told topic, partition and lag."""
        places = await self._seek(wanted)
        while True:
            await self._take(places)
            for tp in places:
                end = self._consumer.highwater(tp)
                if end is not None:
                    behind(tp.topic, tp.partition, end - await self._consumer.position(tp))

    async def _seek(self, wanted: Iterable[TP]) -> set[TopicPartition]:
        places = {TopicPartition(tp.topic, tp.partition) for tp in wanted}
        self._consumer.assign(sorted(places))
        if not places:
            return places
        starts = await self._consumer.beginning_offsets(list(places))
        ends = await self._consumer.end_offsets(list(places))
        for tp in places:
            store = self._stores[tp.topic]
            held = store.persisted_offset(TP(tp.topic, tp.partition)) + 1
            if held and not starts[tp] <= held <= ends[tp]:
                log.warning(
                    "%s/%d: the table stands at %d, the changelog goes from %d to %d: read anew",
                    *(tp.topic, tp.partition, held, starts[tp], ends[tp]),
                )
                store.discard(tp.partition)
                held = 0
            self._consumer.seek(tp, max(held, starts[tp]))
        return places

    async def _take(self, places: Collection[TopicPartition]) -> int:
        count = 0
        fetched = await self._consumer.getmany(*places, timeout_ms=_POLL_MS)
        for tp, records in fetched.items():
            self._stores[tp.topic].apply(tp.partition, records)
            count += len(records)
            await asyncio.sleep(0)
        return count

    async def _at_end(self, tp: TopicPartition) -> bool:
        end = self._consumer.highwater(tp)
        return end is not None and await self._consumer.position(tp) >= end


class ChangelogRecovery(Recovery):
    """Faust's recovery service: what is read, and when a partition may go on, is ours.

    `quiesced` returns once no batch is being processed, `take_over` fences the last owners of
    partitions, by number; `reader` makes a ChangelogReader; `recovered` is told how many seconds a
    recovery took and how many records it read, `behind` how far a standby is.
    """

    def __init__(
        self,
        app: Any,
        tables: Any,
        *,
        stores: Mapping[str, PartitionedStore],
        reader: Callable[[], ChangelogReader],
        quiesced: Callable[[], Awaitable[None]],
        take_over: Callable[[Collection[int]], Awaitable[None]],
        recovered: Callable[[float, int], None],
        behind: Callable[[str, int, int], None],
        **options: Any,
    ) -> None:
        super().__init__(app, tables, **options)
        self._stores = stores
        self._reader = reader
        self._quiesced = quiesced
        self._take_over = take_over
        self._recovered = recovered
        self._behind = behind

    @Service.task
    async def _restart_recovery(self) -> None:
        # mode takes any awaitable with a `wait`; its types name its own Event only.
        while not await self.wait_for_stopped(self.signal_recovery_start.wait()):
            self.signal_recovery_start.clear()
            try:
                await self._until_overtaken(self._recover(self._generation_id))
            except (RebalanceAgain, IllegalStateError):
                continue
            except ServiceStopped:
                break

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Nothing: the reader applies what it reads."""

    async def _until_overtaken(self, recovering: Any) -> None:
        # `_wait` cancels what it no longer waits for but does not see it end; two recoveries at
        # once would read into one table.
        task = asyncio.ensure_future(recovering)
        try:
            await self._wait(task)
        finally:
            if not task.done():
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def _recover(self, generation: int) -> None:
        self._set_recovery_started()
        began = time.monotonic()
        await self._quiesced()
        for store in self._stores.values():
            store.discard_unwritten()
        await self._take_over({tp.partition for tp in self.active_tps})
        async with self._reader() as reader:
            records = await reader.load(self.active_tps)
            self._recovered(time.monotonic() - began, records)
            self._set_recovery_ended()
            await self._resume_streams(generation)
            if self.standby_tps:
                await reader.follow(self.standby_tps, self._behind)

    def flush_buffers(self) -> None:
        """Nothing: no record waits in a buffer."""
