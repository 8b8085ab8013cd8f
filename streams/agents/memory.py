"""What a worker remembers of interactions, for who asks about one: read from its tables."""

from __future__ import annotations

from collections.abc import Mapping

from streams.agents.lifecycle import LifecycleStage
from streams.domain.interaction import Interaction
from streams.kafka.outbox import partition_of


class WorkerMemory:
    """The lifecycle partitions of one worker. Each answer is of the last batch that was folded."""

    def __init__(self, stage: LifecycleStage, partitions: int) -> None:
        self._stage = stage
        self._partitions = partitions

    def partition_of(self, conversation: str) -> int:
        """The partition that holds a conversation, here or elsewhere."""
        return partition_of(conversation.encode(), self._partitions)

    def watermarks(self) -> Mapping[int, int | None]:
        """The partitions held here, and how far each was read (ms)."""
        return self._stage.watermarks()

    def interaction(self, contract: str, conversation: str) -> Interaction | None:
        """What is remembered of a conversation whose partition is held here."""
        return self._stage.remembered(self.partition_of(conversation), contract, conversation)

    def names(self, partition: int, most: int) -> list[tuple[str, str]]:
        """(contract, conversation) of what a partition remembers, at most so many."""
        return self._stage.names(partition, most)

    def remembered(self) -> int:
        """How many interactions all partitions held here remember."""
        return self._stage.interactions
