"""A table in memory and one on disk are the same mapping; the one on disk outlives its process."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streams.kafka.disk_table import DiskTable
from streams.kafka.partition_tables import (
    MemoryTable,
    PartitionTable,
    StateInUseError,
    TableClosedError,
)

NOW = 1_800_000_000_000
# Waiting for a disk is not what is tested; None is the usual place.
IN_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


def disk_table(path: Path, create: bool = False) -> DiskTable:
    table = DiskTable(path, lambda: NOW, create=create)
    table.verify()
    return table


@pytest.fixture(params=["memory", "disk"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PartitionTable]:
    made = MemoryTable() if request.param == "memory" else disk_table(tmp_path / "t", create=True)
    yield made
    made.close()


def test_a_new_table_holds_nothing(table: PartitionTable) -> None:
    assert (dict(table), table.offset, table.upto) == ({}, -1, 0)


def test_what_is_set_can_be_read_before_and_after_a_commit(table: PartitionTable) -> None:
    table[b"k"] = b"v"
    before = (table[b"k"], len(table), list(table.items()), b"k" in table)
    table.commit(7, 70)
    after = (table[b"k"], len(table), list(table.items()), b"k" in table)
    assert before == after == (b"v", 1, [(b"k", b"v")], True)
    assert (table.offset, table.upto) == (7, 70)


def test_what_is_deleted_is_gone_before_and_after_a_commit(table: PartitionTable) -> None:
    table[b"k"] = b"v"
    table.commit(1, 1)
    del table[b"k"]
    before = (table.get(b"k"), len(table), list(table.items()), b"k" in table)
    table.commit(2, 2)
    after = (table.get(b"k"), len(table), list(table.items()), b"k" in table)
    assert before == after == (None, 0, [], False)


def test_a_missing_key_is_a_key_error(table: PartitionTable) -> None:
    with pytest.raises(KeyError):
        table[b"k"]
    with pytest.raises(KeyError):
        del table[b"k"]
    assert table.pop(b"k", None) is None


def test_an_iteration_shows_the_table_as_it_was_when_it_began(tmp_path: Path) -> None:
    table = disk_table(tmp_path / "t", create=True)
    table[b"a"], table[b"b"] = b"1", b"1"
    table.commit(1, 1)
    table[b"c"] = b"1"
    entries = iter(table.items())
    seen = [next(entries)]
    table[b"b"], table[b"d"] = b"2", b"2"
    table.commit(2, 2)
    seen += entries
    assert dict(seen) == {b"a": b"1", b"b": b"1", b"c": b"1"}


def test_an_empty_key_is_refused_and_not_found(tmp_path: Path) -> None:
    table = disk_table(tmp_path / "t", create=True)
    with pytest.raises(ValueError, match="not empty"):
        table[b""] = b"v"
    assert b"" not in table


def test_a_table_is_open_once(tmp_path: Path) -> None:
    table = disk_table(tmp_path / "t", create=True)
    with pytest.raises(StateInUseError, match="--state-dir of its own"):
        disk_table(tmp_path / "t")
    table.close()
    disk_table(tmp_path / "t").close()


def test_a_closed_table_says_so_and_is_not_corrupt(tmp_path: Path) -> None:
    table = disk_table(tmp_path / "t", create=True)
    table[b"k"] = b"v"
    table.close()
    for touch in (lambda: table.get(b"other"), lambda: table.commit(1, 1)):
        with pytest.raises(TableClosedError, match="no longer this worker's"):
            touch()
    assert dict(disk_table(tmp_path / "t")) == {}


def test_a_destroyed_table_leaves_nothing(tmp_path: Path) -> None:
    disk_table(tmp_path / "t", create=True).destroy()
    assert list(tmp_path.iterdir()) == []


KEYS = st.sampled_from([b"\x00progress", *(b"acme\x00%d" % n for n in range(12))])


def files(path: Path) -> dict[str, tuple[int, int]]:
    """Size and time of last change of each file of a table."""
    found = {}
    for place in path.rglob("*"):
        with suppress(FileNotFoundError):
            stat = place.stat()
            found[place.name] = (stat.st_size, stat.st_mtime_ns)
    return found


def copy_at_a_moment(path: Path, to: Path) -> None:
    """Copy a table in use; again, where RocksDB merged files meanwhile."""
    while True:
        before = files(path)
        with suppress(shutil.Error):
            shutil.copytree(path, to)
            if files(path) == before:
                return
        shutil.rmtree(to)


class DiskIsADict(RuleBasedStateMachine):
    """A crash is a copy of the folder while it is open: what a killed process would leave."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(dir=IN_MEMORY))
        self.table = disk_table(self.root / "0", create=True)
        self.model: dict[bytes, bytes] = {}
        self.committed: tuple[dict[bytes, bytes], int, int] = ({}, -1, 0)
        self.copies = 0

    def teardown(self) -> None:
        with suppress(AttributeError):
            self.table.close()
            shutil.rmtree(self.root)

    @rule(key=KEYS, value=st.binary(max_size=300))
    def put(self, key: bytes, value: bytes) -> None:
        self.table[key] = self.model[key] = value

    @rule(key=KEYS)
    def remove(self, key: bytes) -> None:
        assert self.table.pop(key, None) == self.model.pop(key, None)

    @rule(key=KEYS)
    def read(self, key: bytes) -> None:
        assert self.table.get(key) == self.model.get(key)
        assert (key in self.table) == (key in self.model)

    @rule()
    def count(self) -> None:
        assert len(self.table) == len(self.model)

    @rule(records=st.integers(1, 9), read=st.integers(0, 9))
    def commit(self, records: int, read: int) -> None:
        self.table.commit(self.table.offset + records, self.table.upto + read)
        self.committed = (dict(self.model), self.table.offset, self.table.upto)

    @rule()
    def reopen(self) -> None:
        self.table.close()
        self.table = disk_table(self.table.path)
        self.model = dict(self.committed[0])

    @rule()
    def crash(self) -> None:
        self.copies += 1
        copy = self.root / str(self.copies)
        copy_at_a_moment(self.table.path, copy)
        self.table.close()
        self.table = disk_table(copy)
        self.model = dict(self.committed[0])

    @invariant()
    def shows_what_was_put_and_how_far_it_goes(self) -> None:
        if not hasattr(self, "table"):
            return
        assert dict(self.table.items()) == self.model
        assert (self.table.offset, self.table.upto) == self.committed[1:]


TestDiskIsADict = DiskIsADict.TestCase
TestDiskIsADict.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
