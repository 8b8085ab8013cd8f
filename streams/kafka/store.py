"""Table storage by partition: what a rebalance takes away goes whole, what it brings comes
whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from faust.stores.base import Store
from faust.types import TP

from streams.kafka.outbox import Headers

_UPTO = "baton.upto"


class PartitionedStore(Store[bytes, bytes]):
    """Bytes by key, a dict a partition, restored from the changelog by Faust's recovery.

    Faust's memory store mixes partitions and keeps what was revoked, so an old owner would go on
    exporting it; and one interaction written to two partitions would overwrite itself.

    Each record of the changelog says how far its writer had read. A worker that was paused for
    longer than its session writes on for a moment with a partition that another has taken over;
    what it says is behind what stands in the changelog already, and is passed over.
    """

    def __post_init__(self) -> None:
        self._partitions: dict[int, dict[bytes, bytes]] = {}
        self._upto: dict[int, int] = {}

    def partition(self, number: int) -> dict[bytes, bytes]:
        """The live mapping of one partition; created empty."""
        return self._partitions.setdefault(number, {})

    def advance(self, number: int, offset: int) -> Headers:
        """Note that a partition has taken in its source up to `offset`: the headers that say so."""
        self._upto[number] = max(offset, self._upto.get(number, 0))
        return [(_UPTO, str(self._upto[number]).encode())]

    def apply_changelog_batch(
        self,
        batch: Iterable[Any],
        to_key: Callable[[Any], Any],
        to_value: Callable[[Any], Any],
    ) -> None:
        """Apply records of the changelog, tombstones included."""
        for event in batch:
            message = event.message
            upto = int(dict(message.headers)[_UPTO])
            if upto < self._upto.get(message.partition, 0):
                continue
            self._upto[message.partition] = upto
            data = self.partition(message.partition)
            if message.value is None:
                data.pop(message.key, None)
            else:
                data[message.key] = message.value

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Drop the partitions whose changelog is no longer ours."""
        name = self.table.changelog_topic.get_topic_name()
        for tp in revoked:
            if tp.topic == name:
                self._partitions.pop(tp.partition, None)
                self._upto.pop(tp.partition, None)

    def persisted_offset(self, tp: TP) -> int | None:
        """None: nothing is kept on disk, recovery reads the changelog from its start."""
        return None

    def reset_state(self) -> None:
        """Forget everything."""
        self._partitions.clear()
        self._upto.clear()

    async def backup_partition(
        self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1
    ) -> None:
        """Raises NotImplementedError: the changelog is the backup."""
        raise NotImplementedError("the changelog is the backup of a table in memory")

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """Raises NotImplementedError: the changelog is the backup."""
        raise NotImplementedError("the changelog is the backup of a table in memory")

    def _clear(self) -> None:
        self.reset_state()
