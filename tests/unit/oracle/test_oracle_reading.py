"""Reading a log: what is refused, ignored and counted; files, arrival times and their ticks."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from streams.domain.contract import ContractBook
from streams.oracle.judge import judge
from streams.oracle.log import LogError, arrival_ms, judge_file, read_log
from tests.log_builder import CONTRACT, T, event, failure, requested, started, tick
from tests.unit.oracle.verdicts import BOOK, TERMS, at, judged, timeline


def test_what_is_no_usable_event_is_counted_by_its_code() -> None:
    verdict = judged(
        b"",
        b"{",
        b"\xff",
        event("contact.renamed", "c1", T(0)),
        event("ai.failure_signalled", "c1", T(0)),
        started("c1", T(0), contract="nobody-2026"),
        started("c1", T(0)),
        until=T(10),
    )
    assert verdict.dead_letters == {
        "empty_record": 1,
        "invalid_encoding": 1,
        "malformed_json": 1,
        "schema_violation": 1,
        "unknown_contract": 1,
        "unknown_type": 1,
    }
    assert verdict.events == 1


def test_an_event_more_than_five_minutes_ahead_of_the_clock_is_refused() -> None:
    log: list[bytes | int] = [T(0), failure("c1", T(300)), failure("c2", T(300.001)), T(400)]
    verdict = judge(log, BOOK, lateness_ms=30_000)
    assert verdict.dead_letters == {"future_time": 1}
    assert timeline(verdict) == [(300.0, "ai_failure")]


def test_before_the_first_tick_no_event_is_too_far_ahead() -> None:
    assert judged(failure("c1", T(86_400)), until=T(86_400)).dead_letters == {}


def test_test_events_are_ignored_and_those_about_no_contact_only_counted() -> None:
    change: dict[str, Any] = {"channel": None, "object": "prompt", "to_version": "2"}
    verdict = judged(
        failure("c1", T(0), test=True),
        event("config.changed", "", T(0), conversation_id=None, **change),
        until=T(10),
    )
    assert (verdict.events, verdict.facts, verdict.dead_letters) == (1, (), {})


def test_duplicates_are_counted_as_events_and_change_nothing_else() -> None:
    once = [started("c1", T(0)), failure("c1", T(5)), requested("c1", T(9))]
    verdict, twice = judged(*once, until=T(600)), judged(*once, *once, until=T(600))
    assert (verdict.events, twice.events) == (3, 6)
    assert (verdict.facts, verdict.windows) == (twice.facts, twice.windows)
    assert verdict.breaches == twice.breaches


def test_a_tick_record_moves_time_as_an_int_does() -> None:
    request = requested("c1", T(0))
    by_record = judge([request, tick(T(180))], BOOK, lateness_ms=0)
    assert by_record == judged(request, until=T(180))


def test_two_contracts_conversations_of_one_name_are_two() -> None:
    book = ContractBook([TERMS, replace(TERMS, contract="other-2026")])
    verdict = judged(
        requested("c1", T(0)), requested("c1", T(5), contract="other-2026"), until=T(60), book=book
    )
    assert [(f.contract, at(f.time)) for f in verdict.facts] == [
        (CONTRACT, 0.0),
        ("other-2026", 5.0),
    ]
    assert {w.contract for w in verdict.windows} == {CONTRACT, "other-2026"}


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


def test_a_file_is_judged_with_the_ticks_its_replay_makes(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    records = [requested("c1", T(0)), started("c2", T(61)), started("c3", T(62))]
    log.write_bytes(b"\n".join(records))
    verdict = judge_file(log, BOOK, lateness_ms=30_000, interval_ms=10_000, settle_ms=90_000)
    # Time is confirmed to 61 by the record at 62; 90 s on, less 30 s of lateness.
    assert verdict.watermark == T(121)
    assert timeline(verdict) == [(0.0, "escalation_opened"), (120.001, "escalation_overdue")]
