"""Exactly once: what a batch puts out and what it changes in its table, in one transaction.

One transactional id a stage and partition fences as Kafka Streams' first exactly-once mode did:
who takes a partition over initialises its id before it reads the table, which aborts what the
last owner had open and refuses all that it still sends. (Fencing a worker's one producer by the
group's generation, KIP-447, needs a TxnOffsetCommit that aiokafka 0.14 does not speak.)

The source's offset lies in the table, so it is in the transaction too; the group's committed
offsets only say where to begin reading, and what the table has folded already is passed over.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IllegalOperation,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaError,
    ProducerFenced,
)

from streams.kafka.connection import let_go
from streams.kafka.outbox import Fenced, Outbox, Written, failure

# The broker aborts a transaction, or the epoch has moved on: either way another writes here now.
_FENCING = (ProducerFenced, InvalidProducerEpoch, InvalidProducerIdMapping, InvalidTxnState)
# Above it a failover of brokers would abort what is under way; until it is over readers wait for a
# worker that died and was not replaced.
TRANSACTION_TIMEOUT_MS = 60_000


class TransactionalOutbox(Outbox):
    """An outbox whose flush is one transaction of its own producer: all of it is read, or nothing.

    `flush` raises Fenced where another producer of the same transactional id has started since.
    """

    async def flush(self) -> Mapping[tuple[str, int], Written]:
        """Write and commit everything put since the last flush, as Outbox.flush."""
        outputs, states = self._taken()
        if not outputs and not states:
            return {}
        try:
            await self._producer.begin_transaction()
            acknowledged = await asyncio.gather(
                self._acknowledged(outputs, whole=False),
                self._acknowledged(states, whole=True),
                return_exceptions=True,
            )
            errors = [each for each in acknowledged if isinstance(each, BaseException)]
            if errors:
                raise self._telling(errors)
            await self._producer.commit_transaction()
        except (KafkaError, IllegalOperation) as error:
            if fencing(error):
                raise Fenced(f"fenced: {error!r}") from error
            raise failure(error, outputs, states) from error
        written = acknowledged[1]
        assert not isinstance(written, BaseException)
        self._count(outputs, states)
        # Markers stand between two transactions, and nothing of a worker that was not fenced.
        return {place: where._replace(first=None) for place, where in written.items()}

    def _telling(self, errors: Sequence[BaseException]) -> BaseException:
        # What may not be written is not added to the transaction, and the broker then refuses it as
        # if it were fenced, and what is sent after it; the reason stands at the transaction.
        end = self._producer._txn_manager.wait_for_transaction_end()
        reason: BaseException | None = end.exception() if end.done() else None
        candidates = [*errors] if reason is None else [reason, *errors]
        return next((each for each in candidates if not _in_consequence(each)), candidates[0])

    def _torn(self, topic: str, partition: int, pieces: int) -> None:
        """Nothing: the transaction holds the pieces together."""


def fencing(error: BaseException) -> bool:
    """Whether an error says that another producer of the same transactional id has started."""
    return any(isinstance(each, _FENCING) for each in _chain(error))


def _in_consequence(error: BaseException) -> bool:
    return isinstance(error, IllegalOperation) or fencing(error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


class AtLeastOnce:
    """Outboxes on one idempotent producer. What a crash repeats carries the same ids."""

    isolation_level = "read_uncommitted"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._producer = AIOKafkaProducer(**options)
        self.written: Counter[str] = Counter()

    async def start(self) -> None:
        """Connect. Raises KafkaError."""
        await self._producer.start()

    async def take_over(self, places: Iterable[tuple[str, int]]) -> None:
        """Nothing: what an overtaken owner still writes is passed over by its offset."""

    def outbox(self, stage: str, partition: int) -> Outbox:
        """The outbox of a stage's partition."""
        return Outbox(self._producer, self.written)

    async def stop(self) -> None:
        """Close, once what is under way has been written."""
        await let_go(self._producer.stop())


class ExactlyOnce:
    """A transactional producer for each stage and partition taken over."""

    isolation_level = "read_committed"

    def __init__(self, options: Mapping[str, Any], app_id: str) -> None:
        self._options = options
        self._app_id = app_id
        self._producers: dict[tuple[str, int], AIOKafkaProducer] = {}
        self._outboxes: dict[tuple[str, int], TransactionalOutbox] = {}
        self.written: Counter[str] = Counter()

    async def start(self) -> None:
        """Nothing: producers start as partitions are taken over."""

    async def take_over(self, places: Iterable[tuple[str, int]]) -> None:
        """Fence whoever wrote for these (stage, partition) until now; then they may be read.

        Also those that were ours before: between two assignments that we saw another worker may
        have had them. Raises KafkaError where the brokers refuse a transactional id.
        """
        await self.stop()
        for place in places:
            stage, partition = place
            producer = AIOKafkaProducer(
                **self._options,
                transactional_id=f"{self._app_id}-{stage}-{partition}",
                transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            )
            self._producers[place] = producer
            self._outboxes[place] = TransactionalOutbox(producer, self.written)
        # A start returns with the id initialised: the last owner is fenced.
        await asyncio.gather(*(each.start() for each in self._producers.values()))

    def outbox(self, stage: str, partition: int) -> Outbox:
        """The outbox of a stage's partition. Raises Fenced for one that is not taken over."""
        try:
            return self._outboxes[stage, partition]
        except KeyError:
            raise Fenced(f"{stage}/{partition} was given up") from None

    async def stop(self) -> None:
        """Close all producers; an open transaction is aborted by whoever comes next."""
        producers = list(self._producers.values())
        self._producers.clear()
        self._outboxes.clear()
        await asyncio.gather(*(let_go(each.stop()) for each in producers), return_exceptions=True)
