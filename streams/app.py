"""The Faust app of one worker: agents, tables and their wiring to the domain stages."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import faust
from aiokafka import AIOKafkaProducer
from faust.types import TP
from prometheus_client import CollectorRegistry

from streams.agents.lifecycle import LifecycleStage
from streams.agents.ticks import TickLeader
from streams.agents.windows import WindowsStage
from streams.domain.contract import ContractBook
from streams.export.collector import BatonCollector
from streams.export.pages import Pages
from streams.export.telemetry import Telemetry
from streams.kafka import topics
from streams.kafka.batches import Batch, BatchConsumer, BatchTransport
from streams.kafka.outbox import MAX_REQUEST_BYTES, MAX_WHOLE_BYTES, Outbox
from streams.kafka.store import PartitionedStore
from streams.settings import Settings

log = logging.getLogger("baton")


class WorkerCrashed(RuntimeError):
    """The worker cannot go on; its cause says why. What was not committed will be processed
    again.
    """


class Worker:
    """One worker process: consumes, computes, publishes, serves its pages.

    `start` returns once it is running (not yet assigned), `run_until` waits, `stop` finishes the
    batch in hand, commits and leaves the group.
    """

    def __init__(self, settings: Settings, book: ContractBook) -> None:
        self.settings = settings
        self.telemetry = Telemetry(book)
        self._book = book
        self._crash: BaseException | None = None
        self._crashed = asyncio.Event()
        self._progressed = time.monotonic()
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.broker,
            client_id=f"{settings.app_id}-outbox",
            acks="all",
            enable_idempotence=settings.idempotence,
            max_batch_size=MAX_WHOLE_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
        )
        self.app = self._new_app()
        self._lifecycle_store, lifecycle_changelog = self._table("interactions")
        self._windows_store, windows_changelog = self._table("windows")
        self._outbox = Outbox(self._producer, whole=(lifecycle_changelog, windows_changelog))
        self._lifecycle = LifecycleStage(
            book,
            settings,
            self._lifecycle_store,
            self._outbox,
            self.telemetry,
            lifecycle_changelog,
        )
        self._windows = WindowsStage(
            book, settings, self._windows_store, self._outbox, self.telemetry, windows_changelog
        )
        self._ticking: asyncio.Task[None] | None = None
        # An outbox of its own: a batch's flush must not be answered for a tick's.
        self._ticks = TickLeader(
            Outbox(self._producer),
            settings.topic(topics.EVENTS),
            settings.partitions,
            interval_s=settings.tick_interval_s,
            leads=self._leads_ticks,
            now_ms=lambda: int(time.time() * 1000),
        )
        self._agent(topics.EVENTS, self._lifecycle.process)
        self._agent(topics.DELTAS, self._windows.process)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(
            BatonCollector(
                self.telemetry, now=time.time, lags=self.lags, ready=lambda: self.ready()[0]
            )
        )
        self._pages = Pages(registry, settings.host, settings.port, self.live, self.ready)
        self.port = settings.port

    def _new_app(self) -> Any:
        settings = self.settings
        app = faust.App(
            settings.app_id,
            broker=[f"kafka://{address}" for address in settings.broker.split(",")],
            broker_client_id=settings.app_id,
            broker_session_timeout=settings.session_timeout,
            broker_rebalance_timeout=settings.session_timeout,
            broker_heartbeat_interval=settings.session_timeout / 5,
            broker_request_timeout=max(40.0, settings.session_timeout + 10),
            broker_commit_interval=settings.commit_interval,
            broker_max_poll_records=settings.batch_records,
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=MAX_REQUEST_BYTES,
            stream_buffer_maxsize=4,
            topic_partitions=settings.partitions,
            topic_replication_factor=settings.replication,
            topic_disable_leader=True,
            table_standby_replicas=0,
            autodiscover=False,
            web_enabled=False,
            datadir=str(Path(tempfile.gettempdir()) / f"baton-{settings.app_id}"),
        )
        app.transport = BatchTransport(app.conf.broker_consumer, app)
        app.on_partitions_revoked.connect(self._on_revoked)
        app.on_rebalance_complete.connect(self._on_recovered)
        return app

    def _table(self, name: str) -> tuple[PartitionedStore, str]:
        table = self.app.Table(
            name,
            partitions=self.settings.partitions,
            key_type=bytes,
            value_type=bytes,
            extra_topic_configs={"max.message.bytes": str(MAX_REQUEST_BYTES)},
        )
        store = PartitionedStore(
            "memory://",
            self.app,
            table,
            table_name=name,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )
        table._data = store
        return store, table.changelog_topic_name

    def _agent(self, topic: str, process: Callable[[Batch], Awaitable[None]]) -> None:
        channel = self.app.topic(
            self.settings.topic(topic),
            partitions=self.settings.partitions,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )

        async def agent(batches: AsyncIterator[Batch]) -> None:
            async for batch in batches:
                await self._drive(process, batch)

        self.app.agent(channel, name=f"baton.{topic}")(agent)

    async def _drive(self, process: Callable[[Batch], Awaitable[None]], batch: Batch) -> None:
        if self._crash is not None:
            return
        try:
            await process(batch)
        except Exception as error:
            self._fail(error)
            return
        self._progressed = time.monotonic()

    def _fail(self, error: BaseException) -> None:
        if self._crash is None:
            self._crash = error
            self._crashed.set()

    async def _on_revoked(self, *_: Any, **__: Any) -> None:
        self._lifecycle.forget()
        self._windows.forget()

    async def _on_recovered(self, *_: Any, **__: Any) -> None:
        # Now and not with the next record: without traffic too, metrics are shown and waits are
        # open.
        self._lifecycle.forget()
        self._windows.forget()
        adopt = {
            self.settings.topic(topics.EVENTS): self._lifecycle.adopt,
            self.settings.topic(topics.DELTAS): self._windows.adopt,
        }
        try:
            for tp in self.app.consumer.assignment():
                if tp.topic in adopt:
                    adopt[tp.topic](tp.partition)
        except Exception as error:
            self._fail(error)

    async def start(self) -> None:
        """Start everything. Raises PagesError or KafkaError where that is impossible."""
        self.port = await self._pages.start()
        await self._producer.start()
        self.app.finalize()
        await self.app.maybe_start()
        if self.settings.ticks:
            self._ticking = asyncio.create_task(self._ticks.run())
            self._ticking.add_done_callback(self._ticks_ended)

    def _leads_ticks(self) -> bool:
        first = TP(self.settings.topic(topics.EVENTS), 0)
        return self.ready()[0] and first in self.app.consumer.assignment()

    def _ticks_ended(self, task: asyncio.Task[None]) -> None:
        # Without ticks nothing would breach in silence: better to end and be replaced.
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    async def run_until(self, stop: asyncio.Event) -> None:
        """Wait until `stop` is set. Raises WorkerCrashed where the worker cannot go on."""
        waits = [
            asyncio.ensure_future(stop.wait()),
            asyncio.ensure_future(self._crashed.wait()),
            asyncio.ensure_future(self.app.wait_until_stopped()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if stop.is_set():
            return
        cause = self._crash or self.app.crash_reason
        raise WorkerCrashed(f"stopped by an error: {cause!r}") from cause

    async def stop(self, grace_s: float = 20.0) -> bool:
        """Finish the batch in hand, commit, leave the group, close.

        False where that took longer than `grace_s`, as it does when the brokers are gone: what was
        not committed will be processed again, and the process should end.
        """
        closing = asyncio.ensure_future(self._close())
        await asyncio.wait([closing], timeout=grace_s)
        if not closing.done():
            closing.cancel()
            return False
        closing.result()
        return True

    async def _close(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        await self._pages.stop()
        await self.app.stop()
        await self._producer.stop()

    def lags(self) -> Mapping[tuple[str, int], int]:
        """Records not yet delivered, by (topic, partition)."""
        consumer = self.app._consumer
        if not isinstance(consumer, BatchConsumer):
            return {}
        return {(tp.topic, tp.partition): lag for tp, lag in consumer.lag().items()}

    def written(self) -> Mapping[str, int]:
        """Records acknowledged so far, by topic."""
        return self._outbox.written

    def settled(self) -> bool:
        """Whether all that was delivered is processed and every window has reached its
        watermark.
        """
        watermarks = self.telemetry.watermarks.values()
        windows = self.telemetry.windows.values()
        return (
            not any(self.lags().values())
            and bool(windows)
            and all(w.watermark == max(watermarks) for w in windows)
        )

    def ready(self) -> tuple[bool, str]:
        """Whether partitions are assigned and state is recovered, and why not."""
        if self._crash is not None:
            return False, "crashed"
        if not self.app.tables.actives_ready:
            return False, "joining the group or recovering state from changelogs"
        return True, "partitions assigned and recovered"

    def live(self) -> tuple[bool, str]:
        """Whether the worker gets on with its work, and why not."""
        if self._crash is not None:
            return False, "crashed"
        waiting = sum(self.lags().values())
        idle = time.monotonic() - self._progressed
        if waiting and self.ready()[0] and idle > self.settings.stall_after:
            return False, f"{waiting} records wait and none was processed for {idle:.0f} s"
        return True, "running"
