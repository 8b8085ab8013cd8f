"""The Faust app of one worker: agents, tables and their wiring to the domain stages."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer
from faust.types import TP

from streams.agents.access_log import AccessLog
from streams.agents.lifecycle import LifecycleStage
from streams.agents.memory import WorkerMemory
from streams.agents.pager import Pager
from streams.agents.stages import Stage, StageKind, stages_for
from streams.agents.ticks import TickLeader
from streams.domain.contract import ContractBook
from streams.export.access import pages_access
from streams.export.collector import VERSION, BatonCollector
from streams.export.live.page import LivePage
from streams.export.live.snapshot import Snapshots
from streams.export.otlp import OtlpPush, OtlpReceiver
from streams.export.pages import Pages
from streams.export.telemetry import Telemetry
from streams.export.trace_api import TraceApi
from streams.export.webhook import Webhook
from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.batches import BatchConsumer
from streams.kafka.connection import client_options, denied, let_go, security_options
from streams.kafka.drive import Drive
from streams.kafka.faust_app import add_agent, add_table, new_app
from streams.kafka.instances import InstanceTaken
from streams.kafka.outbox import MAX_REQUEST_BYTES, MAX_WHOLE_BYTES, Outbox
from streams.kafka.recovery import ChangelogReader, ChangelogRecovery
from streams.kafka.state_directory import StateDirectory
from streams.kafka.store import PartitionedStore
from streams.kafka.topic_ids import identities
from streams.kafka.topics import changelog_topics
from streams.kafka.transactions import AtLeastOnce, ExactlyOnce
from streams.secrets import secret
from streams.settings import Settings

log = logging.getLogger("baton")


@dataclass(frozen=True, slots=True)
class _Part:
    """A stage as this worker runs it."""

    kind: StageKind
    topic: str
    store: PartitionedStore
    changelog: str
    stage: Stage


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
        self._book = book
        self._crash: BaseException | None = None
        self._crashed = asyncio.Event()
        producing = self._producing()
        self._guarantee = (
            ExactlyOnce(producing, settings.app_id)
            if settings.guarantee == "exactly-once"
            else AtLeastOnce(producing)
        )
        self.app = app = new_app(
            settings,
            isolation_level=self._guarantee.isolation_level,
            held=self._held,
            quiesced=lambda: self._drive.idle(),
        )
        app.on_partitions_revoked.connect(self._on_revoked)
        app.on_rebalance_complete.connect(self._on_recovered)
        self._drive = Drive(
            spell=lambda: app.consumer.spell,
            fail=self._fail,
            gave_up=lambda topic: self.telemetry.gave_up(self._reading[topic].kind.name),
            patience_s=2 * settings.session_timeout,
        )
        self._state = (
            StateDirectory(
                settings.state_dir,
                settings.app_id,
                lambda: int(time.time() * 1000),
                self.telemetry.local_state_discarded,
            )
            if settings.state_dir is not None
            else None
        )
        self._parts = tuple(map(self._new_part, stages_for(book)))
        self._reading = {part.topic: part for part in self._parts}
        self._changelogs = tuple(part.changelog for part in self._parts)
        self._pager = self._new_pager(webhook_secret) if settings.webhook else None
        self._paging: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._pushing: asyncio.Task[None] | None = None
        # Ticks are a source: they are no part of a batch's transaction.
        self._tick_producer = AIOKafkaProducer(**producing)
        # Who looks is told whatever becomes of the batches.
        self._access_producer = AIOKafkaProducer(**producing)
        self._ticks = TickLeader(
            Outbox(self._tick_producer),
            settings.topic(topics.EVENTS),
            settings.partitions,
            interval_s=settings.tick_interval_s,
            leads=self._leads_ticks,
            now_ms=lambda: int(time.time() * 1000),
        )
        for part in self._parts:
            add_agent(app, settings, part.kind.topic, partial(self._drive.run, part.stage.process))
        collector = BatonCollector(
            self.telemetry, now=time.time, lags=self.lags, ready=lambda: self.ready()[0]
        )
        self._push = None if otlp is None else self._new_push(collector, otlp)
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
            self._new_api() if settings.trace_api else None,
        )
        self.port = settings.port

    def _producing(self) -> dict[str, Any]:
        return {
            **client_options(self.settings),
            "client_id": f"{self.settings.app_id}-outbox",
            "acks": "all",
            "enable_idempotence": self.settings.idempotence,
            "max_batch_size": MAX_WHOLE_BYTES,
            "max_request_size": MAX_REQUEST_BYTES,
        }

    def _new_pager(self, token: str) -> Pager:
        settings = self.settings
        return Pager(
            settings.topic(topics.BREACHES),
            settings.app_id,
            lambda: Webhook(settings.webhook, token),
            {**client_options(settings), "isolation_level": self._guarantee.isolation_level},
            counted=self.telemetry.webhook_delivery,
            now_ms=lambda: int(time.time() * 1000),
        )

    def _new_push(self, collector: BatonCollector, receiver: OtlpReceiver) -> OtlpPush:
        settings = self.settings
        return OtlpPush(
            collector.parts,
            receiver,
            {
                "service.name": "baton",
                "service.namespace": settings.app_id,
                "service.version": VERSION,
                "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            },
            interval_s=settings.otlp_interval_s,
            now_ns=time.time_ns,
            counted=self.telemetry.otlp_push,
        )

    def _new_api(self) -> TraceApi:
        stage = self._parts[0].stage
        assert isinstance(stage, LifecycleStage)
        memory = WorkerMemory(stage, self.settings.partitions)
        access = AccessLog(
            Outbox(self._access_producer),
            self.settings.topic(topics.GOVERNANCE),
            self.settings.partitions,
            lambda: int(time.time() * 1000),
        )
        return TraceApi(memory, self._book, now=time.monotonic, told=access.told)

    def _new_part(self, kind: StageKind) -> _Part:
        store, changelog = add_table(self.app, self.settings, kind.table)
        store.tell_foreign(self.telemetry.foreign_records)
        if self._state is not None:
            store.keep_in(partial(self._state.open, kind.table, changelog))
        outbox = partial(self._guarantee.outbox, kind.name)
        stage = kind.new(self._book, self.settings, store, outbox, self.telemetry, changelog)
        return _Part(kind, self.settings.topic(kind.topic), store, changelog, stage)

    def _fail(self, error: BaseException) -> None:
        if self._crash is None:
            self._crash = error
            self._crashed.set()

    def _held(self, tp: TP) -> int:
        return self._reading[tp.topic].store.upto(tp.partition)

    async def _take_over(self, partitions: Collection[int]) -> None:
        await self._guarantee.take_over(
            (part.kind.name, number) for part in self._parts for number in sorted(partitions)
        )

    def _recovery(self) -> ChangelogRecovery:
        stores = {part.changelog: part.store for part in self._parts}
        reading = {
            **client_options(self.settings),
            "isolation_level": self._guarantee.isolation_level,
        }
        return ChangelogRecovery(
            self.app,
            self.app.tables,
            stores=stores,
            reader=lambda: ChangelogReader(stores, reading),
            quiesced=self._drive.idle,
            take_over=self._take_over,
            recovered=self.telemetry.recovered,
            behind=self.telemetry.standing_by,
            beacon=self.app.tables.beacon,
            loop=self.app.loop,
        )

    async def _on_revoked(self, *_: Any, **__: Any) -> None:
        for part in self._parts:
            part.stage.forget()

    async def _on_recovered(self, *_: Any, **__: Any) -> None:
        # Now and not with the next record: without traffic too, metrics are shown and waits are
        # open.
        for part in self._parts:
            part.stage.forget()
        self._drive.resume()
        try:
            for number in self._assigned():
                for part in self._parts:
                    part.stage.adopt(number)
        except Exception as error:
            self._fail(error)

    def _assigned(self) -> frozenset[int]:
        """The numbers of the partitions assigned. Raises WorkerCrashed unless the topics agree.

        Faust leaves a topic out that the group's leader has not heard of yet: a changelog too,
        whose state would then be missing without a word.
        """
        names = list(self._reading)
        assigned = self.app.assignor.assigned_actives()
        numbers = {
            name: frozenset(tp.partition for tp in assigned if tp.topic == name)
            for name in (*names, *self._changelogs)
        }
        if len(set(numbers.values())) > 1:
            told = ", ".join(f"{name} {sorted(found)}" for name, found in numbers.items())
            raise WorkerCrashed(f"partitions that belong together were not assigned so: {told}")
        return numbers[names[0]]

    async def start(self) -> None:
        """Start everything.

        Raises PagesError, TopicsError, LocalStateError or KafkaError where it cannot.
        """
        self.port = await self._pages.start()
        settings = self.settings
        security = security_options(settings)
        if settings.create_topics:
            specs = changelog_topics(self._changelogs, settings.partitions)
            await ensure_topics(settings.broker, specs, settings.replication, security)
        if self._state is not None:
            self._state.acquire(*await identities(self._changelogs, client_options(settings)))
        await self._guarantee.start()
        self.app.finalize()
        self.app.tables._recovery = self._recovery()
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
        if isinstance(cause, InstanceTaken):
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
        for part in self._parts:
            part.store.close()
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
