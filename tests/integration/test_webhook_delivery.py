"""Breaches reach a real HTTP server at least once, through its outages, its slowness and ours."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from streams.agents.pager import Pager
from streams.domain.breach_record import BreachStatus, encode_breach
from streams.export.webhook import Webhook
from streams.kafka.admin import ensure_topics
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.topics import BREACHES, TopicSpec
from tests.unit.export.test_webhook import breach
from tests.webhook_receiver import Receiver, until

HOUR_MS = 3_600_000


@dataclass
class Stage:
    """A topic of breaches of its own, and pagers of one group that read it."""

    broker: str
    receiver: Receiver
    timeout_s: float = 5.0
    topic: str = field(default_factory=lambda: f"{uuid4().hex}.{BREACHES}")
    app_id: str = field(default_factory=lambda: uuid4().hex)
    counted: Counter[str] = field(default_factory=Counter)

    @contextlib.asynccontextmanager
    async def pager(self) -> AsyncIterator[None]:
        """One that runs."""
        found = Pager(
            self.topic,
            self.app_id,
            lambda: Webhook(self.receiver.url, timeout_s=self.timeout_s),
            {"bootstrap_servers": self.broker, "session_timeout_ms": 6000},
            counted=lambda outcome: self.counted.update([outcome]),
            now_ms=lambda: int(time.time() * 1000),
            first_wait_s=0.05,
        )
        running = asyncio.create_task(found.run())
        try:
            yield
            assert not running.done(), running
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def publish(
        self, *times: int, status: BreachStatus = "opened", age_ms: int = 0
    ) -> list[str]:
        """Write a breach record for each event time; their ids."""
        producer = AIOKafkaProducer(bootstrap_servers=self.broker)
        await producer.start()
        written_ms = int(time.time() * 1000) - age_ms
        try:
            for each in times:
                record = encode_breach(breach(status, each))
                await producer.send_and_wait(self.topic, record, timestamp_ms=written_ms)
        finally:
            await producer.stop()
        return [f"{breach().id}:{status}:{each}" for each in times]

    async def delivered(self, wanted: list[str]) -> None:
        """Return once all of them were taken."""
        await until(lambda: set(wanted) <= set(self.receiver.taken), f"{len(wanted)} deliveries")


def on_stage(
    embedded: EmbeddedBroker,
    act: Callable[[Stage], Awaitable[None]],
    receiver: Receiver | None = None,
    timeout_s: float = 5.0,
) -> None:
    async def run() -> None:
        stage = Stage(embedded.bootstrap, receiver or Receiver(), timeout_s)
        spec = TopicSpec(stage.topic, 1, {"cleanup.policy": "delete", "retention.ms": "-1"})
        await ensure_topics(stage.broker, (spec,), replication=1)
        try:
            await act(stage)
        finally:
            await stage.receiver.close()

    asyncio.run(run())


def test_openings_and_closings_arrive_in_order_and_updates_do_not(
    embedded: EmbeddedBroker,
) -> None:
    async def act(stage: Stage) -> None:
        await stage.receiver.open()
        async with stage.pager():
            wanted = await stage.publish(1_000, 2_000)
            await stage.publish(3_000, status="updated")
            wanted += await stage.publish(4_000, status="closed")
            await stage.delivered(wanted)
        assert stage.receiver.taken == wanted
        assert stage.counted == {"delivered": 3}

    on_stage(embedded, act)


def test_what_breaches_while_the_receiver_is_gone_arrives_when_it_is_back(
    embedded: EmbeddedBroker,
) -> None:
    async def act(stage: Stage) -> None:
        async with stage.pager():
            wanted = await stage.publish(1_000, 2_000, 3_000)
            await until(lambda: stage.counted["failed"] > 1, "attempts that fail")
            assert stage.receiver.taken == []
            await stage.receiver.open()
            await stage.delivered(wanted)
        assert stage.receiver.taken == wanted
        assert stage.counted["delivered"] == 3

    on_stage(embedded, act)


def test_a_receiver_that_fails_is_asked_again_under_the_same_id(embedded: EmbeddedBroker) -> None:
    async def act(stage: Stage) -> None:
        await stage.receiver.open()
        async with stage.pager():
            wanted = await stage.publish(1_000, 2_000)
            await stage.delivered(wanted)
        assert stage.receiver.taken == wanted
        asked = [body["id"] for body in stage.receiver.bodies]
        assert asked == [wanted[0]] * 3 + [wanted[1]]
        assert stage.counted == {"failed": 2, "delivered": 2}

    on_stage(embedded, act, Receiver(answers=[500, 429]))


def test_a_receiver_that_is_too_slow_is_asked_again(embedded: EmbeddedBroker) -> None:
    async def act(stage: Stage) -> None:
        stage.receiver.holds = asyncio.Event()
        await stage.receiver.open()
        async with stage.pager():
            wanted = await stage.publish(1_000, 2_000)
            await until(lambda: stage.counted["failed"] > 1, "attempts that take too long")
            stage.receiver.holds.set()
            await stage.delivered(wanted)

    on_stage(embedded, act, timeout_s=0.3)


def test_an_event_that_the_receiver_refuses_does_not_hold_up_the_next(
    embedded: EmbeddedBroker,
) -> None:
    async def act(stage: Stage) -> None:
        await stage.receiver.open()
        async with stage.pager():
            wanted = await stage.publish(1_000, 2_000)
            await stage.delivered(wanted[1:])
        assert stage.receiver.taken == wanted[1:]
        assert stage.counted == {"refused": 1, "delivered": 1}

    on_stage(embedded, act, Receiver(answers=[422]))


def test_the_next_worker_goes_on_where_the_last_one_stopped(embedded: EmbeddedBroker) -> None:
    async def act(stage: Stage) -> None:
        await stage.receiver.open()
        async with stage.pager():
            first = await stage.publish(1_000)
            await stage.delivered(first)
            # Its commit comes after the delivery; the next one's delivery after that.
            marker = await stage.publish(1_500)
            await stage.delivered(marker)
        await stage.receiver.close()
        second = await stage.publish(2_000, 3_000)  # while no worker runs and nobody listens
        async with stage.pager():
            await until(lambda: stage.counted["failed"], "an attempt that fails")
            await stage.receiver.open()
            await stage.delivered(second)
        taken = stage.receiver.taken
        assert list(dict.fromkeys(taken)) == [*first, *marker, *second]
        assert taken.count(first[0]) == 1

    on_stage(embedded, act)


def test_a_webhook_that_is_new_is_not_sent_what_breached_before_it(
    embedded: EmbeddedBroker,
) -> None:
    async def act(stage: Stage) -> None:
        await stage.receiver.open()
        await stage.publish(1_000, 2_000, age_ms=HOUR_MS)
        async with stage.pager():
            wanted = await stage.publish(3_000)
            await stage.delivered(wanted)
        assert stage.receiver.taken == wanted

    on_stage(embedded, act)
