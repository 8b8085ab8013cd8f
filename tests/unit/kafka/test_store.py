"""Table storage by partition: restored from a changelog, dropped with the partition."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from faust.types import TP

from streams.kafka.store import PartitionedStore

CHANGELOG = "baton-interactions-changelog"


@pytest.fixture
def store() -> PartitionedStore:
    made = PartitionedStore.__new__(PartitionedStore)
    made.__post_init__()
    topic = SimpleNamespace(get_topic_name=lambda: CHANGELOG)
    made.table = SimpleNamespace(changelog_topic=topic)  # type: ignore[assignment]
    return made


def recover(store: PartitionedStore, *records: tuple[int, bytes, bytes | None]) -> None:
    """Read (partition, key, value) records of the changelog, each from a step of its own."""
    for upto, (partition, key, value) in enumerate(records, 1):
        recover_one(store, upto, partition, key, value)


def recover_one(
    store: PartitionedStore, upto: int, partition: int, key: bytes, value: bytes | None
) -> None:
    """Read one record, written when its writer had read the source up to `upto`."""
    headers = [("baton.upto", str(upto).encode())]
    message = SimpleNamespace(partition=partition, key=key, value=value, headers=headers)
    event = SimpleNamespace(message=message)
    store.apply_changelog_batch([event], lambda key: key, lambda value: value)


def rebalance(store: PartitionedStore, revoked: set[TP]) -> None:
    asyncio.run(store.on_rebalance(set(), revoked, set()))


def test_one_key_in_two_partitions_is_two(store: PartitionedStore) -> None:
    recover(store, (0, b"k", b"there"), (1, b"k", b"here"))
    assert (store.partition(0), store.partition(1)) == ({b"k": b"there"}, {b"k": b"here"})


def test_the_last_record_of_a_key_holds_and_a_tombstone_removes_it(store: PartitionedStore) -> None:
    recover(store, (0, b"k", b"old"), (0, b"gone", b"v"), (0, b"k", b"new"), (0, b"gone", None))
    assert store.partition(0) == {b"k": b"new"}


def test_a_tombstone_of_nothing_is_nothing(store: PartitionedStore) -> None:
    recover(store, (0, b"k", None))
    assert store.partition(0) == {}


def test_a_writer_that_was_overtaken_is_passed_over(store: PartitionedStore) -> None:
    recover_one(store, 20, 0, b"k", b"of the new owner")
    recover_one(store, 10, 0, b"k", b"of the paused one")
    recover_one(store, 20, 0, b"also", b"of the same step")
    assert store.partition(0) == {b"k": b"of the new owner", b"also": b"of the same step"}


def test_a_revoked_partition_is_dropped_whole_and_the_others_stay(store: PartitionedStore) -> None:
    recover(store, (0, b"k", b"v"), (1, b"k", b"v"))
    rebalance(store, {TP(CHANGELOG, 0)})
    assert (store.partition(0), store.partition(1)) == ({}, {b"k": b"v"})


def test_a_revoked_partition_of_another_topic_drops_nothing(store: PartitionedStore) -> None:
    recover(store, (0, b"k", b"v"))
    rebalance(store, {TP("interaction-events", 0), TP("another-changelog", 0)})
    assert store.partition(0) == {b"k": b"v"}


def test_what_is_written_to_a_partition_stays_in_it(store: PartitionedStore) -> None:
    store.partition(3)[b"k"] = b"v"
    assert store.partition(3) == {b"k": b"v"}


def test_a_reset_forgets_everything(store: PartitionedStore) -> None:
    recover(store, (0, b"k", b"v"))
    store.reset_state()
    assert store.partition(0) == {}


def test_recovery_always_reads_the_changelog_from_its_start(store: PartitionedStore) -> None:
    assert store.persisted_offset(TP(CHANGELOG, 0)) is None
