"""What was erased from a table on disk is in none of its files; what was merely deleted may be."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from streams.kafka.disk_table import DiskTable
from streams.kafka.outbox import Headers, Written
from streams.kafka.partition_tables import MemoryTable
from streams.kafka.store import PartitionedStore

KEY, VALUE = b"a-key-of-a-person", b"what-is-known-of-a-person"


def now_ms() -> int:
    return int(time.time() * 1000)


def found(path: Path, *needles: bytes) -> set[str]:
    """Files that hold any of these."""
    return {
        str(file.relative_to(path))
        for file in path.rglob("*")
        if file.is_file() and any(needle in file.read_bytes() for needle in needles)
    }


def fill(table: DiskTable, rounds: int = 3) -> None:
    """Others, whose values cannot be compressed, in several files."""
    for round in range(rounds):
        for number in range(300):
            table[b"other-%04d" % number] = os.urandom(100)
        table.commit(round, round)
        table._db.flush(True)


@pytest.mark.parametrize("rounds", [0, 1, 3])
@pytest.mark.parametrize("deleted", [True, False], ids=["deleted", "overwritten"])
def test_no_file_holds_what_was_purged(tmp_path: Path, rounds: int, deleted: bool) -> None:
    table = DiskTable(tmp_path / "t", now_ms, create=True)
    fill(table, rounds)
    table[KEY] = VALUE
    table.commit(10, 10)
    fill(table, rounds)
    assert found(table.path, VALUE)
    if deleted:
        del table[KEY]
    else:
        table[KEY] = b"nothing"
    table.commit(11, 11)
    table.purge([KEY])
    assert found(table.path, VALUE, *([KEY] if deleted else [])) == set()
    table.verify()
    assert (len(table), KEY in table) == (300 * bool(rounds) + (not deleted), not deleted)
    table.close()


def test_each_of_several_is_gone_however_often_they_are_purged(tmp_path: Path) -> None:
    table = DiskTable(tmp_path / "t", now_ms, create=True)
    fill(table)
    for number in range(40):
        key = b"%s-%d" % (KEY, number)
        table[key] = VALUE
        table.commit(number, number)
        del table[key]
        table.commit(number, number)
        table.purge([key])
        assert found(table.path, KEY, VALUE) == set()
    table.verify()
    table.close()


def test_a_kill_before_the_purge_is_made_good_at_the_next_start(tmp_path: Path) -> None:
    table = DiskTable(tmp_path / "t", now_ms, create=True)
    table[KEY] = VALUE
    table.commit(1, 1)
    table._db.flush(True)
    del table[KEY]
    table.about_to_purge()
    table.commit(2, 2)
    table.close()
    assert found(table.path, VALUE)
    table = DiskTable(tmp_path / "t", now_ms)
    assert found(table.path, KEY, VALUE) == set()
    assert (table.offset, len(table)) == (2, 0)
    assert not (table.path / "purging").exists()
    table.close()


class Purged(MemoryTable):
    """Notes what it was told to purge, and after which commit."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[int, set[bytes]]] = []

    def purge(self, keys: object) -> None:
        self.told.append((self.offset, set(keys)))  # type: ignore[call-overload]


class Change:
    """A record of a changelog."""

    topic, partition = "changelog", 0

    def __init__(self, offset: int, key: bytes, value: bytes | None, headers: Headers) -> None:
        self.offset, self.key, self.value, self.headers = offset, key, value, headers


def test_owner_and_standby_purge_the_same_keys_once_they_are_committed() -> None:
    owner, standby = (PartitionedStore.__new__(PartitionedStore) for _ in range(2))
    tables = [Purged(), Purged()]
    for store, table in zip((owner, standby), tables, strict=True):
        store.__post_init__()
        store.keep_in(lambda _, table=table: table)
    owner.begin(0)
    del_headers = owner.erased(0, [KEY], owner.advance(0, 7))
    plain = owner.advance(0, 7)
    owner.written(0, Written(None, 4))
    standby.apply(0, [Change(3, KEY, None, del_headers), Change(4, b"p", b"", plain)])
    assert tables[0].told == tables[1].told == [(4, {KEY})]
    standby.apply(0, [Change(5, b"p", b"", standby.advance(0, 8))])
    assert len(tables[1].told) == 1
