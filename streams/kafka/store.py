"""Table storage by partition: what a rebalance takes away goes whole, what it brings comes
whole.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, MutableMapping, Sequence
from typing import Any

from faust.stores.base import Store
from faust.types import TP

from streams.kafka.outbox import Headers, Written
from streams.kafka.partition_tables import MemoryTable, PartitionTable

_UPTO = "baton.upto"
_ERASED = "baton.erased"

log = logging.getLogger("baton")


class StateError(RuntimeError):
    """A table that does not belong to the topic, or cannot be read; the message says which and what
    to do.
    """


class PartitionedStore(Store[bytes, bytes]):
    """Bytes by key, a table a partition, restored from the changelog by recovery.py.

    Faust's memory store mixes partitions and keeps what was revoked, so an old owner would go on
    exporting it; and one interaction written to two partitions would overwrite itself.

    Each record of the changelog says how far its writer had read. A worker that was paused for
    longer than its session writes on for a moment with a partition that another has taken over;
    what it says is behind what stands in the changelog already, and is passed over.
    """

    def __post_init__(self) -> None:
        self._new_table: Callable[[int], PartitionTable] = lambda _: MemoryTable()
        self._tell_foreign: Callable[[str, int], None] = lambda *_: None
        self._partitions: dict[int, PartitionTable] = {}
        self._upto: dict[int, int] = {}
        self._changing: dict[int, PartitionTable] = {}
        # Where the changelog ended when it was last read or written, and the partitions that did
        # not see all of it since.
        self._next: dict[int, int] = {}
        self._apart: set[int] = set()
        # What was erased and may still stand in a table's files under these keys.
        self._erased: dict[int, set[bytes]] = {}

    def tell_foreign(self, told: Callable[[str, int], None]) -> None:
        """Let `told` hear of changelog records that are not a worker's: topic and how many."""
        self._tell_foreign = told

    def keep_in(self, tables: Callable[[int], PartitionTable]) -> None:
        """Keep partitions in what `tables` opens for their numbers, not in memory."""
        self._new_table = tables

    def partition(self, number: int) -> MutableMapping[bytes, bytes]:
        """The live mapping of one partition; opened, or created empty.

        Raises LocalStateError where it cannot be had.
        """
        return self._table(number)

    def _table(self, number: int) -> PartitionTable:
        table = self._partitions.get(number)
        if table is None:
            table = self._partitions[number] = self._new_table(number)
            self._upto[number] = table.upto
        return table

    def upto(self, number: int) -> int:
        """The offset of the source up to which the partition has taken it in; 0 if empty."""
        return self._upto.get(number, 0)

    def begin(self, number: int) -> None:
        """Say that the partition is about to change: until `written` it is ahead of its
        changelog.
        """
        self._changing[number] = self._table(number)

    def advance(self, number: int, offset: int) -> Headers:
        """Note that a partition has taken in its source up to `offset`: the headers that say so."""
        self._upto[number] = max(offset, self._upto.get(number, 0))
        return [(_UPTO, str(self._upto[number]).encode())]

    def erased(self, number: int, keys: Collection[bytes], headers: Headers) -> Headers:
        """Say that the change about to be `written` erases what these keys held before: the headers
        of their records, for those who follow the changelog.
        """
        self._erased.setdefault(number, set()).update(keys)
        return [*headers, (_ERASED, b"1")]

    def read_up_to(self, number: int, position: int) -> None:
        """Say that the changelog has been read to its end, `position`, where one writes next."""
        self._next[number] = position

    def written(self, number: int, where: Written | None) -> None:
        """Say that all changes since `begin` stand in the changelog, and where.

        None where the broker did not say it: the changelog is then read once more from before. So
        it is where another has written since: a worker that was paused past its session writes
        what it had in hand behind all that its successor wrote, and none of that is in its table.
        Raises LocalStateError where the table cannot be kept.
        """
        changed = self._changing.pop(number, None)
        if where is None:
            self._apart.add(number)
            return
        if where.first is None:
            self._apart.discard(number)
        elif where.first != self._next.get(number, where.first):
            self._apart.add(number)
        self._next[number] = where.last + 1
        # A partition that was revoked meanwhile may be held anew, without these changes.
        held = changed is not None and self._partitions.get(number) is changed
        if held and changed is not None and number not in self._apart:
            changed.commit(where.last, self._upto[number])
            self._purge(number, changed)

    def _purge(self, number: int, table: PartitionTable) -> None:
        keys = self._erased.pop(number, None)
        if keys is not None:
            table.purge(keys)

    def discard_unwritten(self) -> None:
        """Undo what is ahead of its changelog: what changed does not count."""
        for number, table in self._changing.items():
            if self._partitions.get(number) is table:
                table.revert()
                self._upto[number] = table.upto
        self._changing.clear()

    def discard(self, number: int) -> None:
        """Forget a partition that does not belong to the changelog as it is."""
        self._table(number).destroy()
        self._drop(number)

    def apply(self, number: int, records: Sequence[Any]) -> None:
        """Apply a partition's records of the changelog in their order, tombstones included.

        A record without our header is not ours and is passed over.
        """
        if not records:
            return
        data = self._table(number)
        limit, said, foreign = self._upto.get(number, 0), b"", 0
        upto = 0
        for record in records:
            headers = record.headers
            raw = headers[0][1] if headers and headers[0][0] == _UPTO else b""
            if raw != said:
                said, upto = raw, int(raw) if raw.isdigit() else -1
            if not said or upto < 0 or record.key is None:
                foreign += 1
                continue
            if upto < limit:
                continue
            limit = upto
            if record.value is None:
                data.pop(record.key, None)
            else:
                data[record.key] = record.value
            if len(headers) > 1 and headers[1][0] == _ERASED:
                self._erased.setdefault(number, set()).add(record.key)
        if foreign:
            self._tell_foreign(records[0].topic, foreign)
            log.error(
                "%s/%d: %d records between offsets %d and %d are not a worker's and were passed"
                " over; find out who else writes there",
                *(records[0].topic, number, foreign, records[0].offset, records[-1].offset),
            )
        self._upto[number] = limit
        self._apart.discard(number)
        data.commit(records[-1].offset, limit)
        self._purge(number, data)

    def apply_changelog_batch(
        self,
        batch: Iterable[Any],
        to_key: Callable[[Any], Any],
        to_value: Callable[[Any], Any],
    ) -> None:
        """Raises NotImplementedError: recovery.py reads changelogs and calls `apply`."""
        raise NotImplementedError("changelogs are read by ChangelogRecovery")

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Let go of the partitions whose changelog is no longer ours; what is on disk stays."""
        name = self.table.changelog_topic.get_topic_name()
        for tp in revoked:
            if tp.topic == name and tp.partition in self._partitions:
                self._partitions[tp.partition].close()
                self._drop(tp.partition)

    def persisted_offset(self, tp: TP) -> int:
        """The last offset of the changelog that was applied to what is held, -1 where none was.

        Faust keeps such offsets too, also of partitions that were dropped here while one rebalance
        overtook another, and would then recover from the middle.
        """
        return self._table(tp.partition).offset

    def reset_state(self) -> None:
        """Forget everything."""
        for number in list(self._partitions):
            self.discard(number)

    def close(self) -> None:
        """Let go of all partitions: what is on disk stays, without what was not `written`."""
        for number in list(self._partitions):
            self._partitions[number].close()
            self._drop(number)

    def _drop(self, number: int) -> None:
        self._partitions.pop(number, None)
        self._upto.pop(number, None)
        self._next.pop(number, None)
        self._apart.discard(number)
        self._erased.pop(number, None)

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
