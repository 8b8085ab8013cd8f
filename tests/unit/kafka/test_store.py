"""Table storage by partition: restored from a changelog, dropped with the partition."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from faust.types import TP

from streams.kafka.outbox import Written
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
        recover_one(store, upto, partition, key, value, offset=upto + 40)


def recover_one(
    store: PartitionedStore,
    upto: int,
    partition: int,
    key: bytes,
    value: bytes | None,
    offset: int = 0,
) -> None:
    """Read one record, written when its writer had read the source up to `upto`."""
    headers = [("baton.upto", str(upto).encode())]
    record = SimpleNamespace(topic=CHANGELOG, key=key, value=value, headers=headers, offset=offset)
    store.apply(partition, [record])


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


def test_recovery_goes_on_behind_the_last_record_applied(store: PartitionedStore) -> None:
    recover(store, (0, b"k", b"v"), (0, b"k", b"w"))
    assert store.persisted_offset(TP(CHANGELOG, 0)) == 42


def test_recovery_reads_from_the_start_what_is_not_held(store: PartitionedStore) -> None:
    recover(store, (0, b"k", b"v"))
    rebalance(store, {TP(CHANGELOG, 0)})
    assert store.persisted_offset(TP(CHANGELOG, 0)) == -1


def test_a_record_that_is_not_a_workers_is_passed_over_and_told(
    store: PartitionedStore, caplog: pytest.LogCaptureFixture
) -> None:
    recover(store, (0, b"k", b"v"))
    told: list[tuple[str, int]] = []
    store.tell_foreign(lambda *each: told.append(each))
    for headers in ([], [("other", b"1")], [("baton.upto", b"x")]):
        record = SimpleNamespace(topic=CHANGELOG, key=b"k", value=b"", headers=headers, offset=77)
        store.apply(0, [record])
    assert store.partition(0) == {b"k": b"v"}
    assert store.persisted_offset(TP(CHANGELOG, 0)) == 77
    assert "offsets 77 and 77 are not a worker's" in caplog.text
    assert told == [(CHANGELOG, 1)] * 3


def test_a_partition_ahead_of_its_changelog_is_dropped_others_stay(
    store: PartitionedStore,
) -> None:
    recover(store, (0, b"k", b"v"), (1, b"k", b"v"))
    for partition in (0, 1):
        store.begin(partition)
        store.partition(partition)[b"k"] = b"new"
        store.advance(partition, 9)
    store.written(1, Written(None, 50))
    store.discard_unwritten()
    assert (store.partition(0), store.upto(0)) == ({}, 0)
    assert store.persisted_offset(TP(CHANGELOG, 0)) == -1
    assert (store.partition(1), store.upto(1)) == ({b"k": b"new"}, 9)
    assert store.persisted_offset(TP(CHANGELOG, 1)) == 50


def test_what_a_successor_wrote_is_read_by_one_that_was_paused_and_wrote_behind_it(
    store: PartitionedStore,
) -> None:
    place = TP(CHANGELOG, 0)
    recover_one(store, 100, 0, b"mine", b"old", offset=10)
    store.read_up_to(0, 11)
    # In hand when it was paused; its successor has written 11 to 30 meanwhile.
    store.begin(0)
    store.partition(0)[b"mine"] = b"new"
    store.advance(0, 150)
    store.written(0, Written(31, 32))
    assert store.persisted_offset(place) == 10
    # What it writes next stands right behind its own, and is no more of a reason to go on there.
    store.begin(0)
    store.written(0, Written(33, 33))
    assert store.persisted_offset(place) == 10
    recover_one(store, 140, 0, b"mine", b"older than mine", offset=11)
    recover_one(store, 270, 0, b"successors", b"state", offset=30)
    assert store.partition(0) == {b"mine": b"new", b"successors": b"state"}
    assert store.persisted_offset(place) == 30


def test_one_that_writes_alone_goes_on_from_what_it_has_written(store: PartitionedStore) -> None:
    store.read_up_to(0, 0)
    for first, last in ((0, 4), (5, 5)):
        store.begin(0)
        store.advance(0, last)
        store.written(0, Written(first, last))
        assert store.persisted_offset(TP(CHANGELOG, 0)) == last
