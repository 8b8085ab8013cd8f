"""A worker's stages with their tables: made, recovered, handed over, and whose they are now."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from faust.types import TP

from streams.agents.stages import Stage, StageKind, stages_for
from streams.domain.contract import ContractBook
from streams.export.telemetry import Telemetry
from streams.kafka.connection import client_options
from streams.kafka.drive import Drive
from streams.kafka.faust_app import add_agent, add_table
from streams.kafka.recovery import ChangelogReader, ChangelogRecovery
from streams.kafka.state_directory import StateDirectory
from streams.kafka.store import PartitionedStore
from streams.kafka.transactions import AtLeastOnce, ExactlyOnce
from streams.settings import Settings


class ApartError(RuntimeError):
    """Partitions that belong together are not with one worker."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stage as this worker runs it."""

    kind: StageKind
    topic: str
    store: PartitionedStore
    changelog: str
    stage: Stage


class Parts:
    """All stages of one worker, in the order of the stream."""

    def __init__(
        self,
        app: Any,
        settings: Settings,
        book: ContractBook,
        guarantee: ExactlyOnce | AtLeastOnce,
        telemetry: Telemetry,
        state: StateDirectory | None,
    ) -> None:
        self._app = app
        self._settings = settings
        self._book = book
        self._guarantee = guarantee
        self._telemetry = telemetry
        self._state = state
        self._parts = tuple(map(self._new, stages_for(book)))
        self._reading = {part.topic: part for part in self._parts}
        self.changelogs = tuple(part.changelog for part in self._parts)

    def _new(self, kind: StageKind) -> Part:
        settings = self._settings
        store, changelog = add_table(self._app, settings, kind.table)
        store.tell_foreign(self._telemetry.foreign_records)
        if self._state is not None:
            store.keep_in(partial(self._state.open, kind.table, changelog))
        outbox = partial(self._guarantee.outbox, kind.name)
        stage = kind.new(self._book, settings, store, outbox, self._telemetry, changelog)
        return Part(kind, settings.topic(kind.topic), store, changelog, stage)

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts)

    @property
    def first(self) -> Stage:
        """The stage that reads the events."""
        return self._parts[0].stage

    def name_of(self, topic: str) -> str:
        """The name of the stage that reads a topic."""
        return self._reading[topic].kind.name

    def held(self, tp: TP) -> int:
        """Up to which offset the table behind a partition has taken it in."""
        return self._reading[tp.topic].store.upto(tp.partition)

    def drive_by(self, drive: Drive) -> None:
        """Hand each stage its batches."""
        for part in self._parts:
            agent = partial(drive.run, part.stage.process)
            add_agent(self._app, self._settings, part.kind.topic, agent)

    def recovery(self, drive: Drive) -> ChangelogRecovery:
        """What rebuilds the tables when partitions are assigned."""
        app, telemetry = self._app, self._telemetry
        stores = {part.changelog: part.store for part in self._parts}
        reading = {
            **client_options(self._settings),
            "isolation_level": self._guarantee.isolation_level,
        }
        return ChangelogRecovery(
            app,
            app.tables,
            stores=stores,
            reader=lambda: ChangelogReader(stores, reading),
            quiesced=drive.idle,
            take_over=self._take_over,
            recovered=telemetry.recovered,
            behind=telemetry.standing_by,
            beacon=app.tables.beacon,
            loop=app.loop,
        )

    async def _take_over(self, partitions: Collection[int]) -> None:
        await self._guarantee.take_over(
            (part.kind.name, number) for part in self._parts for number in sorted(partitions)
        )

    def forget(self) -> None:
        """Let go of what was computed of partitions that may be another's now."""
        for part in self._parts:
            part.stage.forget()

    def adopt(self) -> None:
        """Begin with what is assigned. Raises ApartError."""
        for number in self._assigned():
            for part in self._parts:
                part.stage.adopt(number)

    def _assigned(self) -> frozenset[int]:
        """The numbers of the partitions assigned. Raises ApartError unless the topics agree.

        Faust leaves a topic out that the group's leader has not heard of yet: a changelog too,
        whose state would then be missing without a word.
        """
        names = list(self._reading)
        assigned = self._app.assignor.assigned_actives()
        numbers = {
            name: frozenset(tp.partition for tp in assigned if tp.topic == name)
            for name in (*names, *self.changelogs)
        }
        if len(set(numbers.values())) > 1:
            told = ", ".join(f"{name} {sorted(found)}" for name, found in numbers.items())
            raise ApartError(f"partitions that belong together were not assigned so: {told}")
        return numbers[names[0]]

    def close(self) -> None:
        """Close the tables."""
        for part in self._parts:
            part.store.close()
