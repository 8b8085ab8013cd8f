"""A store whose partitions outlive it: what a start, a rebalance and a failed batch find."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from faust.types import TP

from streams.kafka.outbox import Written
from streams.kafka.state_directory import StateDirectory
from streams.kafka.store import PartitionedStore

CHANGELOG = "baton-interactions-changelog"


class Life:
    """One life of a worker's store."""

    def __init__(self, root: Path) -> None:
        now = int(time.time() * 1000)
        self.directory = StateDirectory(root, "baton", lambda: now, lambda *_: None)
        self.directory.acquire("cluster", {})
        self.store = PartitionedStore.__new__(PartitionedStore)
        self.store.__post_init__()
        topic = SimpleNamespace(get_topic_name=lambda: CHANGELOG)
        self.store.table = SimpleNamespace(changelog_topic=topic)  # type: ignore[assignment]
        self.store.keep_in(lambda number: self.directory.open("interactions", CHANGELOG, number))

    def batch(self, upto: int, value: bytes, offset: int | None) -> None:
        """Fold one batch of partition 0 that reached `upto`, written at `offset`."""
        self.store.begin(0)
        self.store.partition(0)[b"k"] = value
        self.store.advance(0, upto)
        self.store.written(0, None if offset is None else Written(None, offset))

    def holds(self) -> tuple[dict[bytes, bytes], int, int]:
        """Partition 0 with its offset in the changelog and how far its source was read."""
        held = dict(self.store.partition(0))
        return held, self.store.persisted_offset(TP(CHANGELOG, 0)), self.store.upto(0)

    def end(self) -> None:
        self.store.close()
        self.directory.release()


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    made = Life(tmp_path)
    yield made
    made.end()


def test_a_start_goes_on_where_the_last_written_batch_ended(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.batch(10, b"v", 7)
    life.store.begin(0)
    life.store.partition(0)[b"k"] = b"not written"
    life.store.advance(0, 20)
    life.end()
    again = Life(tmp_path)
    assert again.holds() == ({b"k": b"v"}, 7, 10)
    again.end()


def test_a_start_goes_on_where_the_changelog_was_read(tmp_path: Path) -> None:
    life = Life(tmp_path)
    headers = [("baton.upto", b"10")]
    records = [
        SimpleNamespace(topic=CHANGELOG, key=key, value=value, headers=headers, offset=offset)
        for offset, key, value in ((3, b"k", b"v"), (4, b"gone", b"v"), (9, b"gone", None))
    ]
    life.store.apply(0, records)
    life.end()
    again = Life(tmp_path)
    assert again.holds() == ({b"k": b"v"}, 9, 10)
    again.end()


def test_a_batch_that_was_not_written_is_undone(life: Life) -> None:
    life.batch(10, b"v", 7)
    life.store.begin(0)
    life.store.partition(0)[b"k"] = b"aborted"
    life.store.advance(0, 20)
    life.store.discard_unwritten()
    assert life.holds() == ({b"k": b"v"}, 7, 10)


def test_a_batch_written_at_an_unknown_offset_is_read_once_more(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.batch(10, b"v", 7)
    life.batch(20, b"w", None)
    assert life.holds() == ({b"k": b"w"}, 7, 20)
    life.end()
    again = Life(tmp_path)
    assert again.holds() == ({b"k": b"v"}, 7, 10)
    again.end()


def test_a_partition_that_comes_back_is_still_there(life: Life) -> None:
    life.batch(10, b"v", 7)
    asyncio.run(life.store.on_rebalance(set(), {TP(CHANGELOG, 0)}, set()))
    assert life.holds() == ({b"k": b"v"}, 7, 10)


def test_a_batch_under_way_in_a_rebalance_says_nothing_of_the_table_opened_since(
    life: Life,
) -> None:
    life.batch(10, b"v", 7)
    life.store.begin(0)
    life.store.partition(0)[b"k"] = b"w"
    life.store.advance(0, 20)
    asyncio.run(life.store.on_rebalance(set(), {TP(CHANGELOG, 0)}, set()))
    assert life.holds() == ({b"k": b"v"}, 7, 10)
    life.store.written(0, Written(None, 8))
    assert life.holds() == ({b"k": b"v"}, 7, 10)


def test_a_table_that_does_not_belong_to_the_changelog_is_gone_for_good(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.batch(10, b"v", 7)
    life.store.discard(0)
    assert life.holds() == ({}, -1, 0)
    life.end()
    again = Life(tmp_path)
    assert again.holds() == ({}, -1, 0)
    again.end()
