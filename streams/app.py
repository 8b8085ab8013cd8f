"""The Faust app of one worker: agents, tables and their wiring to the domain stages."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from faust.types import TP

from streams.agents.lifecycle import LifecycleStage
from streams.agents.ticks import TickLeader
from streams.domain.contract import ContractBook
from streams.export.access import pages_access
from streams.export.collector import BatonCollector
from streams.export.live.page import LivePage
from streams.export.live.snapshot import Snapshots
from streams.export.otlp import OtlpReceiver
from streams.export.pages import Pages
from streams.export.telemetry import Telemetry
from streams.export.trace_api import TraceApi
from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.batches import BatchConsumer
from streams.kafka.connection import client_options, denied, let_go, security_options
from streams.kafka.drive import Drive
from streams.kafka.faust_app import new_app
from streams.kafka.instances import InstanceTaken
from streams.kafka.outbox import Outbox
from streams.kafka.state_directory import StateDirectory
from streams.kafka.topic_ids import identities
from streams.kafka.topics import changelog_topics
from streams.kafka.transactions import AtLeastOnce, ExactlyOnce
from streams.outlets import pager_of, producing, push_of, trace_api_of, wall_ms
from streams.parts import ApartError, Parts
from streams.secrets import secret
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
        access = pages_access(settings)  # first: what follows must be closed once it is made
        webhook_secret = secret(settings, "webhook_secret")
        otlp = OtlpReceiver(settings.otlp) if settings.otlp else None
        self.settings = settings
        self.telemetry = Telemetry(book, settings.lateness_ms)
        self._crash: BaseException | None = None
        self._crashed = asyncio.Event()
        with_all = producing(settings)
        self._guarantee = (
            ExactlyOnce(with_all, settings.app_id)
            if settings.guarantee == "exactly-once"
            else AtLeastOnce(with_all)
        )
        self.app = app = new_app(
            settings,
            isolation_level=self._guarantee.isolation_level,
            held=lambda tp: self._parts.held(tp),
            quiesced=lambda: self._drive.idle(),
        )
        app.on_partitions_revoked.connect(self._on_revoked)
        app.on_rebalance_complete.connect(self._on_recovered)
        self._drive = Drive(
            spell=lambda: app.consumer.spell,
            fail=self._fail,
            gave_up=lambda topic: self.telemetry.gave_up(self._parts.name_of(topic)),
            patience_s=2 * settings.session_timeout,
        )
        self._state = (
            StateDirectory(
                settings.state_dir,
                settings.app_id,
                wall_ms,
                self.telemetry.local_state_discarded,
            )
            if settings.state_dir is not None
            else None
        )
        self._parts = Parts(app, settings, book, self._guarantee, self.telemetry, self._state)
        self._pager = (
            pager_of(
                settings,
                webhook_secret,
                self._guarantee.isolation_level,
                self.telemetry.webhook_delivery,
            )
            if settings.webhook
            else None
        )
        self._paging: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._pushing: asyncio.Task[None] | None = None
        # Ticks are a source: they are no part of a batch's transaction.
        self._tick_producer = AIOKafkaProducer(**with_all)
        # Who looks is told whatever becomes of the batches.
        self._access_producer = AIOKafkaProducer(**with_all)
        self._ticks = TickLeader(
            Outbox(self._tick_producer),
            settings.topic(topics.EVENTS),
            settings.partitions,
            interval_s=settings.tick_interval_s,
            leads=self._leads_ticks,
            now_ms=wall_ms,
        )
        self._parts.drive_by(self._drive)
        collector = BatonCollector(
            self.telemetry, now=time.time, lags=self.lags, ready=lambda: self.ready()[0]
        )
        self._push = (
            None if otlp is None else push_of(settings, collector, otlp, self.telemetry.otlp_push)
        )
        page = LivePage(
            Snapshots(self.telemetry, book, settings.partitions),
            access,
            now=time.time,
            lags=self.lags,
            ready=self.ready,
        )
        self._pages = Pages(
            collector.parts,
            settings.host,
            settings.port,
            self.live,
            self.ready,
            access,
            page,
            self._trace_api(book) if settings.trace_api else None,
        )
        self.port = settings.port

    def _trace_api(self, book: ContractBook) -> TraceApi:
        stage = self._parts.first
        assert isinstance(stage, LifecycleStage)
        return trace_api_of(self.settings, book, stage, self._access_producer)

    def _fail(self, error: BaseException) -> None:
        if self._crash is None:
            self._crash = error
            self._crashed.set()

    async def _on_revoked(self, *_: Any, **__: Any) -> None:
        self._parts.forget()

    async def _on_recovered(self, *_: Any, **__: Any) -> None:
        # Now and not with the next record: without traffic too, metrics are shown and waits are
        # open.
        self._parts.forget()
        self._drive.resume()
        try:
            self._parts.adopt()
        except Exception as error:
            self._fail(error)

    async def start(self) -> None:
        """Start everything.

        Raises PagesError, TopicsError, LocalStateError or KafkaError where it cannot.
        """
        self.port = await self._pages.start()
        settings = self.settings
        security = security_options(settings)
        if settings.create_topics:
            specs = changelog_topics(self._parts.changelogs, settings.partitions)
            await ensure_topics(settings.broker, specs, settings.replication, security)
        if self._state is not None:
            self._state.acquire(*await identities(self._parts.changelogs, client_options(settings)))
        await self._guarantee.start()
        self.app.finalize()
        self.app.tables._recovery = self._parts.recovery(self._drive)
        if self._pager is not None:
            self._paging = asyncio.create_task(self._pager.run())
            self._paging.add_done_callback(self._part_ended)
        if self._push is not None:
            self._pushing = asyncio.create_task(self._push.run())
            self._pushing.add_done_callback(self._part_ended)
        if settings.trace_api:
            await self._access_producer.start()
        await self.app.maybe_start()
        if self.settings.ticks:
            await self._tick_producer.start()
            self._ticking = asyncio.create_task(self._ticks.run())
            self._ticking.add_done_callback(self._part_ended)

    def _leads_ticks(self) -> bool:
        first = TP(self.settings.topic(topics.EVENTS), 0)
        return self.ready()[0] and first in self.app.consumer.assignment()

    def _part_ended(self, task: asyncio.Task[None]) -> None:
        # Without ticks nothing would breach, without the pager nobody would hear of it: better to
        # end and be replaced.
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
        if isinstance(cause, InstanceTaken | ApartError):
            raise WorkerCrashed(str(cause)) from cause
        raise WorkerCrashed(denied(cause) or f"stopped by an error: {cause!r}") from cause

    async def stop(self, grace_s: float = 20.0) -> bool:
        """Finish the batch in hand, commit, leave the group, close.

        False where that took longer than `grace_s` or failed, as it does when the brokers are gone
        or deny the commit: what was not committed will be processed again, and the process should
        end.
        """
        closing = asyncio.ensure_future(self._close())
        await asyncio.wait([closing], timeout=grace_s)
        if not closing.done():
            closing.cancel()
            return False
        if closing.cancelled():  # by Faust, whose consumer has crashed
            return False
        if (error := closing.exception()) is not None:
            log.warning("could not close: %r", error)
            return False
        return True

    async def _close(self) -> None:
        for task in (self._ticking, self._paging, self._pushing):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        await self._pages.stop()
        await self.app.stop()
        await self._guarantee.stop()
        for producer in (self._tick_producer, self._access_producer):
            await let_go(producer.stop())
        self._parts.close()
        if self._state is not None:
            self._state.release()

    def lags(self) -> Mapping[tuple[str, int], int]:
        """Records not yet delivered, by (topic, partition)."""
        consumer = self.app._consumer
        if not isinstance(consumer, BatchConsumer):
            return {}
        return {(tp.topic, tp.partition): lag for tp, lag in consumer.lag().items()}

    def written(self) -> Mapping[str, int]:
        """Records acknowledged so far, by topic."""
        return self._guarantee.written

    def settled(self) -> bool:
        """Whether all that was delivered is processed, and what every window came to at its
        watermark is acknowledged.
        """
        watermarks = self.telemetry.watermarks.values()
        judged = self.telemetry.judged
        windows = self.telemetry.windows
        return (
            not any(self.lags().values())
            and bool(windows)
            and all(judged.get(number) == max(watermarks) for number in windows)
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
        idle = self._drive.idle_s
        if waiting and self.ready()[0] and idle > self.settings.stall_after:
            return False, f"{waiting} records wait and none was processed for {idle:.0f} s"
        return True, "running"
