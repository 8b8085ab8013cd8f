"""When a worker has nothing left to do: `baton demo` ends by it, the benchmark is timed by it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from streams.agents.windows import WindowsStage
from streams.app import Worker
from streams.domain.delta import Deltas
from streams.kafka import topics
from streams.kafka.batches import Batch
from streams.kafka.delta_codec import encode_deltas
from streams.settings import Settings
from tests.bare_worker import BareStore, KeptOutbox, Record
from tests.log_builder import T
from tests.unit.oracle.verdicts import BOOK

READ_TO = T(600)


class SlowOutbox(KeptOutbox):
    """What is put is acknowledged when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = asyncio.Event()
        self.acknowledged = asyncio.Event()

    async def flush(self) -> Mapping[tuple[str, int], int]:
        self.sent.set()
        await self.acknowledged.wait()
        return {}


def test_a_worker_is_settled_only_when_its_last_windows_are_acknowledged() -> None:
    async def scenario() -> list[bool]:
        worker = Worker(Settings(partitions=1), BOOK)
        outbox = SlowOutbox()
        stage = WindowsStage(
            BOOK, worker.settings, BareStore(), lambda _: outbox, worker.telemetry, "changelog"
        )
        stage.adopt(0)
        worker.telemetry.watermarks[0] = READ_TO
        told = [worker.settled()]  # the windows have not heard of it
        # One partition each of the lifecycle and the links stage have told all that they had.
        records = [
            Record(topics.DELTAS, 0, source, b"0", encode_deltas(source, Deltas(READ_TO, [])))
            for source in (0, 1)
        ]
        done = asyncio.create_task(stage.process(Batch(topics.DELTAS, 0, records, None)))
        await outbox.sent.wait()
        told.append(worker.settled())  # computed and sent, and could yet be lost
        outbox.acknowledged.set()
        await done
        told.append(worker.settled())
        worker.telemetry.watermarks[0] = READ_TO + 1
        told.append(worker.settled())  # time has gone on
        return told

    assert asyncio.run(scenario()) == [False, False, True, False]


def test_a_worker_without_any_window_partition_is_not_settled() -> None:
    async def scenario() -> bool:
        worker = Worker(Settings(partitions=1), BOOK)
        worker.telemetry.watermarks[0] = READ_TO
        return worker.settled()

    assert not asyncio.run(scenario())
