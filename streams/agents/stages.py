"""The stages of a worker, in the order in which data flows through them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from streams.agents import billing, lifecycle, links, windows
from streams.domain.billing.feed import billed_contracts
from streams.domain.contract import ContractBook
from streams.export.telemetry import Telemetry
from streams.kafka import topics
from streams.kafka.batches import Batch
from streams.kafka.outbox import Outbox
from streams.kafka.store import PartitionedStore
from streams.settings import Settings


class Stage(Protocol):
    """What drives a stage's partitions."""

    def forget(self) -> None:
        """Drop what is derived from the store."""

    def adopt(self, number: int) -> None:
        """Take over a partition whose table has been recovered."""

    async def process(self, batch: Batch) -> None:
        """Take one batch of the stage's topic."""


# As LifecycleStage takes it: book, settings, store, outbox of a partition, telemetry, changelog.
_Maker = Callable[
    [ContractBook, Settings, PartitionedStore, Callable[[int], Outbox], Telemetry, str], Stage
]


@dataclass(frozen=True, slots=True)
class StageKind:
    """A stage's name, the topic that it reads (without prefix), its table, and what makes one."""

    name: str
    topic: str
    table: str
    new: _Maker


STAGES = (
    StageKind(lifecycle.STAGE, topics.EVENTS, "interactions", lifecycle.LifecycleStage),
    StageKind(links.STAGE, topics.LINKS, "customers", links.LinksStage),
    StageKind(windows.STAGE, topics.DELTAS, "windows", windows.WindowsStage),
    StageKind(billing.STAGE, topics.BILLING_RECORDS, "accounts", billing.BillingStage),
)


def stages_for(book: ContractBook) -> tuple[StageKind, ...]:
    """The stages that a worker of these contracts runs: none for what no contract asks for."""
    billed = bool(billed_contracts(book))
    return tuple(kind for kind in STAGES if billed or kind.name != billing.STAGE)
