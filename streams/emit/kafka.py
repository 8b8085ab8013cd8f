"""Events straight onto the events topic."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from streams.emit.buffer import Outgoing
from streams.emit.transport import Refusal, Unreachable

TOPIC = "interaction-events"
# CloudEvents 1.0, Kafka protocol binding 3.3: structured mode is told by this header.
HEADERS = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
_FAREWELL_S = 5.0


class KafkaTransport:
    """An idempotent producer, keyed by conversation; it sends what it was given until it arrives.

    `options` are aiokafka's for security (`security_protocol`, `sasl_mechanism`,
    `sasl_plain_username`, `sasl_plain_password`, `ssl_context`).
    """

    def __init__(self, broker: str, topic: str, options: Mapping[str, Any]) -> None:
        self._broker = broker
        self._topic = topic
        self._options = options
        self._producer: AIOKafkaProducer | None = None

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Refusal]:
        """As Transport.send."""
        producer = await self._started()
        refused: list[Refusal] = []
        sent: list[tuple[Outgoing, asyncio.Future[Any]]] = []
        try:
            for event in batch:
                try:
                    answer = await producer.send(
                        self._topic, value=event.raw, key=event.key, headers=HEADERS
                    )
                    sent.append((event, answer))
                except MessageSizeTooLargeError:
                    refused.append(Refusal(event, "larger than the brokers take"))
            for event, answer in sent:
                try:
                    await answer
                except MessageSizeTooLargeError:
                    refused.append(Refusal(event, "larger than the topic takes"))
        except KafkaError as error:
            # What else it has sent would follow a gap in its sequence numbers.
            await self.stop()
            raise Unreachable(type(error).__name__) from error
        return refused

    async def stop(self) -> None:
        """As Transport.stop."""
        producer, self._producer = self._producer, None
        if producer is not None:
            stopping = asyncio.ensure_future(producer.stop())
            await asyncio.wait({stopping}, timeout=_FAREWELL_S)

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            options: dict[str, Any] = {"enable_idempotence": True, **self._options}
            producer = AIOKafkaProducer(
                bootstrap_servers=self._broker, acks="all", linger_ms=5, **options
            )
            try:
                await producer.start()
            except KafkaError as error:
                await producer.stop()
                raise Unreachable(f"{self._broker}: {type(error).__name__}") from error
            self._producer = producer
        return self._producer
