"""Tells on the governance log who looks at a worker's memory, before it is shown."""

from __future__ import annotations

from collections.abc import Callable

from streams.domain.governance import (
    AccessKind,
    GovernanceEntry,
    access_record,
    conversation_digest,
    encode_governance,
    governance_key,
)
from streams.export.trace_api import NotTold
from streams.kafka.outbox import Fenced, Outbox, OutboxError, partition_of


class AccessLog:
    """`now_ms` gives the wall clock in ms since 1970 UTC; `outbox` is used for nothing else."""

    def __init__(
        self, outbox: Outbox, topic: str, partitions: int, now_ms: Callable[[], int]
    ) -> None:
        self._outbox = outbox
        self._topic = topic
        self._partitions = partitions
        self._now_ms = now_ms

    async def told(
        self, actor: str, purpose: str | None, what: AccessKind, contract: str, conversation: str
    ) -> None:
        """Return once it is acknowledged. Raises NotTold."""
        entry = GovernanceEntry(
            contract=contract,
            actor=actor,
            purpose=purpose,
            what=what,
            count=1,
            conversation=conversation_digest(conversation),
        )
        record = access_record(self._now_ms(), entry)
        key = governance_key(record)
        where = partition_of(key, self._partitions)
        self._outbox.put(self._topic, where, key, encode_governance(record))
        try:
            await self._outbox.flush()
        except (OutboxError, Fenced) as error:
            raise NotTold(str(error)) from None
