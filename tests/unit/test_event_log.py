"""Logs on disk: their records, when each arrived and which conversation keys it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from streams.event_log import MAX_LINE_BYTES, Address, LogError, address, arrival_ms, read_log
from tests.log_builder import T, event, failure, started, tick


def test_an_event_arrives_when_it_was_recorded_else_when_it_happened() -> None:
    assert arrival_ms(started("c1", T(5), recorded=T(9))) == T(9)
    assert arrival_ms(started("c1", T(5))) == T(5)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff", b"[]", b"{}", b'{"time": "noon"}', b'{"time": 5}']
)
def test_a_record_whose_time_cannot_be_read_has_no_arrival(raw: bytes) -> None:
    assert arrival_ms(raw) is None


def test_a_log_reads_alike_plain_and_compressed(tmp_path: Path) -> None:
    records = [started("c1", T(0)), b"not json", failure("c1", T(5))]
    content = b"\n".join(records) + b"\n\n"
    plain, gz, zst = (tmp_path / f"log.jsonl{suffix}" for suffix in ("", ".gz", ".zst"))
    plain.write_bytes(content)
    gz.write_bytes(gzip.compress(content))
    # Two frames: a log that was appended to.
    compressor = zstandard.ZstdCompressor()
    zst.write_bytes(compressor.compress(content[:99]) + compressor.compress(content[99:]))
    assert [list(read_log(path)) for path in (plain, gz, zst)] == [records] * 3


def test_a_log_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    cut_off = tmp_path / "cut.jsonl.gz"
    cut_off.write_bytes(gzip.compress(started("c1", T(0)))[:-9])
    no_frame = tmp_path / "not.jsonl.zst"
    no_frame.write_bytes(b"plain text")
    for path in (tmp_path / "none.jsonl", cut_off, no_frame):
        with pytest.raises(LogError, match=path.name):
            list(read_log(path))


def test_a_record_is_keyed_by_its_conversation() -> None:
    assert address(started("c1", T(5))) == Address(T(5), "c1")


@pytest.mark.parametrize(
    "raw", [tick(T(5)), event("config.changed", "", T(5))], ids=["tick", "empty id"]
)
def test_a_record_about_no_conversation_has_no_key(raw: bytes) -> None:
    assert address(raw) == Address(T(5), None)


def test_a_line_longer_than_any_record_ends_the_log(tmp_path: Path) -> None:
    # A few kilobytes, packed, that would be gigabytes in memory if the line were read whole.
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id":"1"}\n' + b"0" * (MAX_LINE_BYTES + 1)))
    records = read_log(path)
    assert next(records) == b'{"id":"1"}'
    with pytest.raises(LogError, match=rf"bomb\.jsonl\.gz:2: a line of more than {MAX_LINE_BYTES}"):
        next(records)


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xff\xff\xff\xff")
    with pytest.raises(LogError, match=r"log\.jsonl\.gz: cannot be read as a log"):
        list(read_log(path))
