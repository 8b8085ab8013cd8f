"""customer-links -> window-deltas: drives LinksPartition with batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from streams.agents import link_table as table
from streams.agents.foreign_state import foreign_state, missing_contracts
from streams.agents.routing import put_deltas
from streams.domain.contract import ContractBook
from streams.domain.links import Link, LinksPartition
from streams.domain.wire import Rejection
from streams.export.telemetry import Telemetry
from streams.kafka import topics
from streams.kafka.batches import Batch
from streams.kafka.dead_letters import put_dead_letter
from streams.kafka.link_codec import LinkRecord, decode_links
from streams.kafka.outbox import Outbox
from streams.kafka.partition_tables import LocalStateError
from streams.kafka.store import PartitionedStore
from streams.settings import Settings

STAGE = "links"


@dataclass(slots=True)
class _Owned:
    """One partition's customers, and the batches whose links they have not wholly taken yet."""

    links: LinksPartition
    untaken: deque[tuple[int, Batch]] = field(default_factory=deque)


class LinksStage:
    """One worker's links partitions. `changelog` is the table's changelog topic, `outbox` gives a
    partition's.
    """

    def __init__(
        self,
        book: ContractBook,
        settings: Settings,
        store: PartitionedStore,
        outbox: Callable[[int], Outbox],
        telemetry: Telemetry,
        changelog: str,
    ) -> None:
        self._book = book
        self._versions = frozenset(
            (name, terms.version) for name in book.names for terms in book.versions(name)
        )
        self._contracts = frozenset(book.names)
        self._settings = settings
        self._store = store
        self._outbox = outbox
        self._telemetry = telemetry
        self._changelog = changelog
        self._deltas_topic = settings.topic(topics.DELTAS)
        self._dead_letters_topic = settings.topic(topics.DEAD_LETTERS)
        self._partitions: dict[int, _Owned] = {}

    def forget(self) -> None:
        """Drop what is derived from the store; after a rebalance it is built anew from it."""
        self._partitions.clear()

    def adopt(self, number: int) -> None:
        """Take over a partition whose table has been recovered."""
        self._partition(number)

    def _partition(self, number: int) -> _Owned:
        owned = self._partitions.get(number)
        if owned is None:
            links = LinksPartition(self._book, self._settings.partitions)
            try:
                held = table.restore(links, self._store.partition(number))
            except LocalStateError:
                raise
            except Exception as error:  # whatever a foreign record makes of reading it
                raise foreign_state(self._changelog, number, error) from error
            missing = {contract for contract, version in held - self._versions}
            if missing:
                raise missing_contracts(self._changelog, number, missing)
            owned = self._partitions[number] = _Owned(links)
        return owned

    def _loaded(self, link: Link) -> bool:
        return (link.contract, link.version) in self._versions

    async def process(self, batch: Batch) -> None:
        """Take one batch of links; publish deltas and the changelog.

        A batch is released when its last step has been taken: what is not taken yet is kept nowhere
        but in the topic. Raises OutboxError if anything could not be written, Fenced where another
        worker has the partition, StateError for a foreign table.
        """
        number = batch.partition
        owned = self._partition(number)
        links = owned.links
        outbox = self._outbox(number)
        self._store.begin(number)
        upto = self._take(outbox, links, batch)
        steps = links.advance()
        partitions = self._settings.partitions
        # To the windows this is one more source, behind the lifecycle partitions.
        put_deltas(outbox, self._deltas_topic, partitions, partitions + number, steps)
        headers = self._store.advance(number, batch.last + 1)
        for key, value in table.changes(links, self._store.partition(number)):
            outbox.put_state(self._changelog, number, key, value, headers)
        written = await outbox.flush()
        self._store.written(number, written.get((self._changelog, number)))
        self._telemetry.batch_done(STAGE, number, len(batch.records))
        owned.untaken.append((upto, batch))
        reached = links.reached
        while owned.untaken and reached is not None and owned.untaken[0][0] <= reached:
            owned.untaken.popleft()[1].release()

    def _take(self, outbox: Outbox, links: LinksPartition, batch: Batch) -> int:
        # Dead letters before it were told.
        told = self._store.upto(batch.partition)
        upto = 0
        for record in batch.records:
            try:
                said = self._decoded(record.value)
            except Rejection as error:
                if record.offset >= told:
                    put_dead_letter(outbox, self._dead_letters_topic, STAGE, record, error)
                    self._telemetry.dead_letter(STAGE, error.code)
                continue
            for step in said.steps:
                links.apply(said.source, step.watermark, step.links)
                upto = max(upto, step.watermark)
        return upto

    def _decoded(self, raw: bytes) -> LinkRecord:
        try:
            said = decode_links(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError, RecursionError):
            raise Rejection("schema_violation", "not a record of customer links") from None
        # A source that does not exist would be waited for, for ever.
        if not 0 <= said.source < self._settings.partitions:
            raise Rejection("schema_violation", f"no events partition has number {said.source}")
        for step in said.steps:
            for link in step.links:
                if link.close and not self._loaded(link):
                    raise Rejection("unknown_contract", "links of a contract that is not loaded")
        return said
