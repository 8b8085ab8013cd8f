"""Drives a stage that hears several sources and goes on with the slowest of them.

A record tells steps of one source: what it published, up to a watermark. What is told is taken in
at once and worked off when every source has come as far. Until then it is kept nowhere but in the
topic, so a batch is released, and its offsets may be committed, when all of it was worked off.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from streams.agents.foreign_state import foreign_state
from streams.domain.wire import Rejection, RejectionCode
from streams.export.telemetry import Telemetry
from streams.kafka import topics
from streams.kafka.batches import Batch
from streams.kafka.dead_letters import put_dead_letter
from streams.kafka.outbox import Outbox
from streams.kafka.partition_tables import LocalStateError
from streams.kafka.store import PartitionedStore, StateError
from streams.settings import Settings


class PartlyRejected(Rejection):
    """A record of which some could not be used. The rest was taken in, up to `upto` (ms)."""

    def __init__(self, code: RejectionCode, message: str, upto: int) -> None:
        super().__init__(code, message)
        self.upto = upto


class Stepped(Protocol):
    """What one partition of the stage holds. `reached` is the time (ms) up to which all sources
    were worked off.
    """

    @property
    def reached(self) -> int | None: ...


_Held = TypeVar("_Held", bound=Stepped)
_Outcome = TypeVar("_Outcome")


@dataclass(slots=True)
class _Owned(Generic[_Held]):
    held: _Held
    # With the last watermark that each batch tells.
    unfinished: deque[tuple[int, Batch]] = field(default_factory=deque)


class StepwiseStage(ABC, Generic[_Held, _Outcome]):
    """One worker's partitions of such a stage. `changelog` is the table's changelog topic, `outbox`
    gives a partition's. An outcome is what an advance came to.
    """

    name: str

    def __init__(
        self,
        settings: Settings,
        store: PartitionedStore,
        outbox: Callable[[int], Outbox],
        telemetry: Telemetry,
        changelog: str,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._telemetry = telemetry
        self._changelog = changelog
        self._dead_letters_topic = settings.topic(topics.DEAD_LETTERS)
        self._partitions: dict[int, _Owned[_Held]] = {}

    @abstractmethod
    def _empty(self) -> _Held:
        """A partition that nothing is known of."""

    @abstractmethod
    def _restore(self, number: int, held: _Held, data: MutableMapping[bytes, bytes]) -> None:
        """Fill it from its table. Raises StateError for a table that another set of contracts made;
        whatever else it raises was made of a foreign record.
        """

    @abstractmethod
    def _hear(self, held: _Held, raw: bytes) -> int:
        """Take in the steps of one record; its last watermark (ms). Raises Rejection."""

    @abstractmethod
    def _advance(self, outbox: Outbox, number: int, held: _Held) -> _Outcome:
        """Work off what all sources have passed, and put what came of it."""

    @abstractmethod
    def _changes(
        self, held: _Held, data: MutableMapping[bytes, bytes]
    ) -> Iterator[tuple[bytes, bytes | None]]:
        """Write what changed into the table; yields it for the changelog."""

    def _erased(self, outbox: Outbox, number: int, held: _Held) -> Collection[bytes]:
        """Tell what was erased; keys under which nothing may stay that stood there before."""
        return ()

    def _adopted(self, number: int, held: _Held) -> None:
        """The partition was taken over."""

    def _told(self, number: int, held: _Held, outcome: _Outcome) -> None:
        """All that an advance came to was acknowledged."""

    def forget(self) -> None:
        """Drop what is derived from the store; after a rebalance it is built anew from it."""
        self._partitions.clear()

    def adopt(self, number: int) -> None:
        """Take over a partition whose table has been recovered."""
        self._partition(number)

    def _partition(self, number: int) -> _Owned[_Held]:
        owned = self._partitions.get(number)
        if owned is None:
            held = self._empty()
            try:
                self._restore(number, held, self._store.partition(number))
            except (LocalStateError, StateError):
                raise
            except Exception as error:  # whatever a foreign record makes of reading it
                raise foreign_state(self._changelog, number, error) from error
            owned = self._partitions[number] = _Owned(held)
            self._adopted(number, held)
        return owned

    async def process(self, batch: Batch) -> None:
        """Take one batch in, work off what can be, publish that and the changelog.

        Raises OutboxError if anything could not be written, Fenced where another worker has the
        partition, StateError for a foreign table.
        """
        number = batch.partition
        owned = self._partition(number)
        held = owned.held
        outbox = self._outbox(number)
        self._store.begin(number)
        upto = self._take(outbox, held, batch)
        outcome = self._advance(outbox, number, held)
        erased = self._erased(outbox, number, held)
        headers = self._store.advance(number, batch.last + 1)
        gone = self._store.erased(number, erased, headers) if erased else headers
        for key, value in self._changes(held, self._store.partition(number)):
            which = gone if key in erased else headers
            outbox.put_state(self._changelog, number, key, value, which)
        written = await outbox.flush()
        self._store.written(number, written.get((self._changelog, number)))
        self._telemetry.batch_done(self.name, number, len(batch.records))
        self._told(number, held, outcome)
        owned.unfinished.append((upto, batch))
        reached = held.reached
        while owned.unfinished and reached is not None and owned.unfinished[0][0] <= reached:
            owned.unfinished.popleft()[1].release()

    def _take(self, outbox: Outbox, held: _Held, batch: Batch) -> int:
        # What came before was worked off, or is told again; dead letters were told.
        told = self._store.upto(batch.partition)
        upto = 0
        for record in batch.records:
            try:
                upto = max(upto, self._hear(held, record.value))
            except Rejection as error:
                if isinstance(error, PartlyRejected):
                    upto = max(upto, error.upto)
                if record.offset >= told:
                    put_dead_letter(outbox, self._dead_letters_topic, self.name, record, error)
                    self._telemetry.dead_letter(self.name, error.code)
        return upto
