"""What is spilled comes back as it was, bucket by bucket, and leaves no file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.spill import BUCKETS, Spill, SpillError, bucket_of


@given(st.lists(st.tuples(st.integers(0, BUCKETS - 1), st.binary(max_size=200)), max_size=60))
def test_each_bucket_gives_back_what_was_put_in_it_in_order(items: list[tuple[int, bytes]]) -> None:
    spill = Spill()
    for bucket, item in items:
        spill.add(bucket, item)
    for bucket in {0, *(bucket for bucket, _ in items)}:
        wanted = [item for at, item in items if at == bucket]
        assert list(spill.read(bucket)) == list(spill.read(bucket)) == wanted


def test_what_is_more_than_a_chunk_lies_on_disk_under_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spill = Spill()
    items = [os.urandom(50_000) for _ in range(9)]
    for number, item in enumerate(items):
        spill.add(number % 2, item)
    assert list(tmp_path.iterdir()) == []
    # Read by turns, as a merge of buckets does.
    assert list(zip(spill.read(0), spill.read(1), strict=False)) == [*zip(items[::2], items[1::2])]  # noqa: B905
    assert list(spill.read(0)) == items[::2]
    spill.close()


def test_a_full_disk_is_said_with_where_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "r+b") as full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full)
        spill = Spill()
        spill.add(3, os.urandom(50_000))
        with pytest.raises(SpillError, match="No space left on device; set TMPDIR"):
            spill.add(3, os.urandom(50_000))


@given(st.text())
def test_a_name_is_always_in_the_same_bucket(name: str) -> None:
    assert 0 <= bucket_of(name) < BUCKETS
    assert bucket_of(name) == bucket_of(name)
