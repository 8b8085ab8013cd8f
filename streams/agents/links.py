"""customer-links -> window-deltas: drives LinksPartition with batches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, MutableMapping

import msgspec

from streams.agents import link_table
from streams.agents.foreign_state import missing_contracts
from streams.agents.governance import put_dropped
from streams.agents.routing import put_deltas
from streams.agents.stepwise import StepwiseStage
from streams.domain.contract import ContractBook
from streams.domain.links import Link, LinksPartition
from streams.domain.wire import Rejection
from streams.export.telemetry import Telemetry
from streams.kafka import topics
from streams.kafka.link_codec import LinkRecord, decode_links
from streams.kafka.outbox import Outbox
from streams.kafka.store import PartitionedStore
from streams.settings import Settings

STAGE = "links"


class LinksStage(StepwiseStage[LinksPartition, None]):
    """One worker's links partitions. `changelog` is the table's changelog topic, `outbox` gives a
    partition's.
    """

    name = STAGE

    def __init__(
        self,
        book: ContractBook,
        settings: Settings,
        store: PartitionedStore,
        outbox: Callable[[int], Outbox],
        telemetry: Telemetry,
        changelog: str,
    ) -> None:
        super().__init__(settings, store, outbox, telemetry, changelog)
        self._book = book
        self._versions = frozenset(
            (name, terms.version) for name in book.names for terms in book.versions(name)
        )
        self._sources = settings.partitions
        self._deltas_topic = settings.topic(topics.DELTAS)
        self._governance_topic = settings.topic(topics.GOVERNANCE)

    def _empty(self) -> LinksPartition:
        return LinksPartition(self._book, self._sources)

    def _restore(
        self, number: int, held: LinksPartition, data: MutableMapping[bytes, bytes]
    ) -> None:
        closes = link_table.restore(held, data)
        missing = {contract for contract, _ in closes - self._versions}
        if missing:
            raise missing_contracts(self._changelog, number, missing)

    def _loaded(self, link: Link) -> bool:
        return (link.contract, link.version) in self._versions

    def _advance(self, outbox: Outbox, number: int, held: LinksPartition) -> None:
        # To the windows this is one more source, behind the lifecycle partitions.
        source = self._sources + number
        put_deltas(outbox, self._deltas_topic, self._sources, source, held.advance())

    def _erased(self, outbox: Outbox, number: int, held: LinksPartition) -> Collection[bytes]:
        dropped = held.dropped()
        put_dropped(outbox, self._governance_topic, self._sources, number, dropped)
        return frozenset(link_table.key_of(one.customer) for one in dropped)

    def _changes(
        self, held: LinksPartition, data: MutableMapping[bytes, bytes]
    ) -> Iterator[tuple[bytes, bytes | None]]:
        return link_table.changes(held, data)

    def _hear(self, held: LinksPartition, raw: bytes) -> int:
        said = self._decoded(raw)
        for step in said.steps:
            held.apply(said.source, step.watermark, step.links, step.erased)
        return max((step.watermark for step in said.steps), default=0)

    def _decoded(self, raw: bytes) -> LinkRecord:
        try:
            said = decode_links(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError, RecursionError):
            raise Rejection("schema_violation", "not a record of customer links") from None
        # A source that does not exist would be waited for, for ever.
        if not 0 <= said.source < self._sources:
            raise Rejection("schema_violation", f"no events partition has number {said.source}")
        for step in said.steps:
            for link in step.links:
                if link.close and not self._loaded(link):
                    raise Rejection("unknown_contract", "links of a contract that is not loaded")
        return said
