"""One batch, one transaction: who takes over fences the last owner, and reads a settled table."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from faust.types import TP

from streams.kafka.admin import ensure_topics
from streams.kafka.outbox import MAX_REQUEST_BYTES, MAX_WHOLE_BYTES, Fenced, OutboxError, Written
from streams.kafka.recovery import ChangelogReader
from streams.kafka.store import PartitionedStore
from streams.kafka.topics import TopicSpec
from streams.kafka.transactions import ExactlyOnce
from tests.kafka.apache import ApacheKafka
from tests.topic_records import read_topic

STAGE, PARTITION = "lifecycle", 0
PLACE = (STAGE, PARTITION)


class Scene:
    """Two topics of its own, and owners of the one partition one after another."""

    def __init__(self, broker: str) -> None:
        self.broker = broker
        self.name = f"tx-{uuid.uuid4().hex[:8]}"
        self.outputs, self.changelog = f"{self.name}-facts", f"{self.name}-changelog"
        self._owners: list[ExactlyOnce] = []

    async def owner(self) -> ExactlyOnce:
        """A worker's transactions, which have just taken the partition over."""
        options = {
            "bootstrap_servers": self.broker,
            "max_batch_size": MAX_WHOLE_BYTES,
            "max_request_size": MAX_REQUEST_BYTES,
        }
        owner = ExactlyOnce(options, self.name)
        self._owners.append(owner)
        await owner.take_over([PLACE])
        return owner

    def put(self, owner: ExactlyOnce, word: bytes) -> Any:
        """The owner's outbox with an output and a change of the table, to be flushed."""
        store = bare_store()
        outbox = owner.outbox(*PLACE)
        outbox.put(self.outputs, 0, word, word)
        outbox.put_state(self.changelog, 0, word, word, store.advance(0, 1))
        return outbox

    async def told(self) -> list[bytes | None]:
        """The outputs that a reader of committed records sees."""
        records = await read_topic(self.broker, self.outputs, 1, committed=True)
        return [record.value for record in records]

    async def recovered(self) -> PartitionedStore:
        """A table made from the changelog as it is now."""
        store = bare_store()
        reading = {"bootstrap_servers": self.broker, "isolation_level": "read_committed"}
        async with asyncio.timeout(20), ChangelogReader({self.changelog: store}, reading) as reader:
            await reader.load([TP(self.changelog, 0)])
        return store

    @asynccontextmanager
    async def topics(self) -> AsyncIterator[None]:
        """Both topics; in the end no producer is left."""
        await ensure_topics(
            self.broker, [TopicSpec(name, 1, {}) for name in (self.outputs, self.changelog)], 1
        )
        try:
            yield
        finally:
            for owner in self._owners:
                await owner.stop()


def bare_store() -> PartitionedStore:
    store = PartitionedStore.__new__(PartitionedStore)
    store.__post_init__()
    return store


def play(scene: Scene, acts: Coroutine[Any, Any, None]) -> None:
    async def run() -> None:
        async with scene.topics():
            await acts

    asyncio.run(run())


@pytest.fixture
def scene(kafka: ApacheKafka) -> Scene:
    return Scene(kafka.bootstrap)


def test_an_overtaken_owner_is_fenced_and_nothing_of_it_is_read(scene: Scene) -> None:
    async def acts() -> None:
        first = await scene.owner()
        await scene.put(first, b"first").flush()
        second = await scene.owner()
        with pytest.raises(Fenced):
            await scene.put(first, b"too late").flush()
        await scene.put(second, b"second").flush()
        assert await scene.told() == [b"first", b"second"]
        assert dict((await scene.recovered()).partition(0)) == {
            b"first": b"first",
            b"second": b"second",
        }

    play(scene, acts())


def test_what_an_owner_left_open_is_aborted_before_its_table_is_read(scene: Scene) -> None:
    async def acts() -> None:
        first = await scene.owner()
        await scene.put(first, b"whole").flush()
        # As a worker that was killed between its writes and its commit.
        producer = first.outbox(*PLACE)._producer
        await producer.begin_transaction()
        torn = scene.put(first, b"torn")
        await torn._acknowledged(torn._states, whole=True)
        await scene.owner()
        store = await scene.recovered()
        assert dict(store.partition(0)) == {b"whole": b"whole"}

    play(scene, acts())


def test_a_batch_that_cannot_be_written_whole_leaves_nothing(scene: Scene) -> None:
    async def acts() -> None:
        owner = await scene.owner()
        outbox = scene.put(owner, b"with one too large")
        outbox.put(scene.outputs, 0, b"k", bytes(MAX_WHOLE_BYTES * 3 // 4))
        with pytest.raises(OutboxError, match=f"could not write to .*{scene.outputs}/0"):
            await outbox.flush()
        await scene.put(await scene.owner(), b"next").flush()
        assert await scene.told() == [b"next"]

    play(scene, acts())


def test_a_table_that_is_ahead_of_its_changelog_is_read_anew(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    async def acts() -> None:
        await scene.put(await scene.owner(), b"all there is").flush()
        store = bare_store()
        store.begin(0)
        store.partition(0)[b"of another topic of that name"] = b"v"
        store.written(0, Written(None, 1_000))
        reading = {"bootstrap_servers": scene.broker, "isolation_level": "read_committed"}
        async with ChangelogReader({scene.changelog: store}, reading) as reader:
            await reader.load([TP(scene.changelog, 0)])
        assert dict(store.partition(0)) == {b"all there is": b"all there is"}
        assert "stands at 1001, the changelog goes from 0" in caplog.text

    play(scene, acts())
