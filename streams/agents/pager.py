"""sla-breaches -> a webhook: each opening and closing at least once, in the order of its partition.

It reads the topic as a group of its own, `<app id>-webhook`, and commits what the receiver has
taken. So the stream never waits for it, what waits for a receiver waits in Kafka and not in memory,
and a worker that ends is followed by another where it stopped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from streams.export.webhook import BreachEvent, Outcome, Webhook, breach_event
from streams.kafka.connection import denied, let_go

GROUP_SUFFIX = "-webhook"
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
_POLL_MS = 1000
_MOST_AT_ONCE = 50

log = logging.getLogger("baton")


class Pager:
    """`options` are an aiokafka consumer's (connection, isolation level); `counted` is told the
    outcome of every request. `now_ms` gives the wall clock.

    A group that has never committed begins with what is published from its start on: nobody wants
    to be paged for last year.
    """

    def __init__(
        self,
        topic: str,
        app_id: str,
        webhook: Callable[[], Webhook],
        options: dict[str, Any],
        *,
        counted: Callable[[Outcome], None],
        now_ms: Callable[[], int],
        first_wait_s: float = _FIRST_WAIT_S,
    ) -> None:
        self._topic = topic
        self._group = app_id + GROUP_SUFFIX
        self._make_webhook = webhook
        self._options = options
        self._counted = counted
        self._since_ms = now_ms()
        self._first_wait_s = first_wait_s
        self._wait_s = first_wait_s
        self._new: set[TopicPartition] = set()
        self._failing = False

    async def run(self) -> None:
        """Until cancelled; what goes wrong is logged and tried again.

        Raises KafkaError where the brokers deny the topic or the group.
        """
        webhook = self._make_webhook()
        try:
            while True:
                try:
                    await self._read(webhook)
                except KafkaError as error:
                    if denied(error):
                        raise
                    log.warning("the webhook's reader of %s failed: %r", self._topic, error)
                    await self._back_off()
        finally:
            await webhook.close()

    async def _read(self, webhook: Webhook) -> None:
        consumer = AIOKafkaConsumer(
            **self._options,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await consumer.start()
            consumer.subscribe([self._topic], listener=_Assigned(consumer, self._new))
            while True:
                await self._round(consumer, webhook)
        finally:
            await let_go(consumer.stop())

    async def _round(self, consumer: AIOKafkaConsumer, webhook: Webhook) -> None:
        batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_AT_ONCE)
        failed = False
        for tp, records in batches.items():
            taken: int | None = None
            for record in records:
                if failed or not await self._deliver(tp, record, webhook):
                    # Polled for again after the pause, so that the group sees us alive meanwhile.
                    failed = True
                    consumer.seek(tp, record.offset)
                    break
                taken = record.offset + 1
            if taken is not None:
                # Refused after a rebalance, by an error that run() sees: another will send them.
                await consumer.commit({tp: taken})
        if failed:
            await self._back_off()

    async def _deliver(self, tp: TopicPartition, record: Any, webhook: Webhook) -> bool:
        """Whether the record is done with."""
        if tp in self._new and record.timestamp < self._since_ms:
            return True
        event = breach_event(record.value or b"")
        return event is None or await self._post(event, webhook)

    async def _post(self, event: BreachEvent, webhook: Webhook) -> bool:
        answer = await webhook.post(event)
        self._counted(answer.outcome)
        if answer.outcome == "failed":
            if not self._failing:
                log.warning("the webhook takes no breach (%s); trying again", answer.why)
            self._failing = True
            self._wait_s = max(self._wait_s, answer.wait_s)
            return False
        if answer.outcome == "refused":
            log.error("the webhook refused %s (%s); it is not sent again", event.id, answer.why)
        elif self._failing:
            log.warning("the webhook takes breaches again")
        self._failing = False
        self._wait_s = self._first_wait_s
        return True

    async def _back_off(self) -> None:
        await asyncio.sleep(self._wait_s)
        self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)


class _Assigned(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Notes which partitions the group has never committed."""

    def __init__(self, consumer: AIOKafkaConsumer, new: set[TopicPartition]) -> None:
        self._consumer = consumer
        self._new = new

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Nothing is held of them."""

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Ask the group for each."""
        for tp in assigned:
            if await self._consumer.committed(tp) is None:
                self._new.add(tp)
            else:
                self._new.discard(tp)
