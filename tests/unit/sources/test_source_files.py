"""What holds of every source: any file is survived, options are checked, orders are kept."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.domain.events import ContactStarted, Data, Event, MessageData, MessageSent
from streams.sources.base import Conversation, SourceOptions, SourceProblem, pseudonym
from streams.sources.platforms import PLATFORMS
from streams.sources.registry import SOURCES, read_records, read_sorted
from tests.unit.sources.source_files import OPTIONS, read, table
from tests.unit.sources.test_source_acd import HEADER, QUEUED

# Files of platforms are read by one reader: one of them stands for all.
EVERY_SOURCE = pytest.mark.parametrize("source", sorted({*SOURCES} - {*PLATFORMS} | {"twilio"}))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@EVERY_SOURCE
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_bytes_are_survived(log: Path, source: str, content: bytes) -> None:
    log.write_bytes(content)
    assert read(source, log) == read(source, log)


@EVERY_SOURCE
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(2, 400), flip=st.integers(0, 399))
def test_damaged_archives_are_survived(log: Path, source: str, cut: int, flip: int) -> None:
    for packed in (gzip.compress(table(HEADER, [QUEUED]), mtime=0), _zipped(log)):
        spoiled = bytearray(packed[:cut])
        spoiled[flip % len(spoiled)] ^= 0xFF
        log.write_bytes(bytes(spoiled))
        read(source, log)


def _zipped(log: Path) -> bytes:
    with zipfile.ZipFile(log, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", table(HEADER, [QUEUED]))
    return log.read_bytes()


@EVERY_SOURCE
def test_an_absent_file_is_a_problem(log: Path, source: str) -> None:
    assert read(source, log).problems == ["unreadable_file"]


@EVERY_SOURCE
def test_an_empty_file_is_a_problem(log: Path, source: str) -> None:
    log.write_bytes(b"")
    assert set(read(source, log).problems) <= {"missing_column", "not_json"}
    assert read(source, log).problems


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_the_delimiter_is_the_headers(log: Path, delimiter: str) -> None:
    log.write_bytes(table(HEADER, [QUEUED]).replace(b",", delimiter.encode()))
    assert len(read("acd", log).events) == 6


def test_a_ragged_row_is_left_out_and_the_next_is_read(log: Path) -> None:
    header, row = table(HEADER, [QUEUED]).splitlines()
    log.write_bytes(b"\n".join([header, b"only,two", row]))
    reading = read("acd", log)
    assert (len(reading.events), reading.problems) == (6, ["ragged_row"])


def test_problems_say_where_and_never_quote_the_log(log: Path) -> None:
    log.write_bytes(table(HEADER, [QUEUED, {**QUEUED, "vru_exit": "SECRET"}]))
    _, problems = read_sorted("acd", log, OPTIONS)
    assert [problem.where for problem in problems] == ["log:3"]
    assert "SECRET" not in str(problems)


def test_a_missing_column_is_named(log: Path) -> None:
    log.write_bytes(b"vru+line,call_id\n")
    _, problems = read_sorted("acd", log, OPTIONS)
    assert "no column outcome" in " ".join(problem.message for problem in problems)


def test_an_unknown_source_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no source 'siebel'; there are: acd, amazon-connect"):
        list(read_records("siebel", Path("x"), OPTIONS))


def test_records_come_by_time_then_id_or_as_the_file_has_them(log: Path) -> None:
    later = {**QUEUED, "call_id": "8", "vru_entry": "9:59:59"}
    log.write_bytes(table(HEADER, [QUEUED, later]))
    by_time, _ = read_sorted("acd", log, OPTIONS)
    by_file, _ = read_sorted("acd", log, OPTIONS, order="file")
    keys = [(d["time"], d["id"]) for d in map(orjson.loads, by_time)]
    assert keys == sorted(keys)
    assert sorted(by_time) == sorted(by_file)
    assert by_time != by_file


def test_records_in_recorded_order_never_step_back_in_writing(log: Path) -> None:
    rows = [
        ("A", "1/2/2001 10:00", "1/2/2001 12:00"),
        ("B", "1/2/2001 11:00", "1/2/2001 11:01"),
    ]
    header = ["number", "incident_state", "reopen_count", "opened_at", "sys_updated_at"]
    log.write_bytes(
        table(header, [dict(zip(header, [n, "New", "0", o, u], strict=True)) for n, o, u in rows])
    )
    subjects = {
        order: [
            orjson.loads(raw)["subject"] for raw in read_sorted("incidents", log, OPTIONS, order)[0]
        ]
        for order in ("time", "recorded", "file")
    }
    assert subjects == {"time": ["A", "B"], "recorded": ["B", "A"], "file": ["A", "B"]}


def test_records_hold_no_nulls(log: Path) -> None:
    log.write_bytes(table(HEADER, [QUEUED]))
    assert b"null" not in b"".join(read("acd", log).raws)


class Nameless:
    """A source whose event has a field that the decoder refuses."""

    name = "nameless"

    def read(self, path: Path, options: SourceOptions) -> Iterator[Event | SourceProblem]:
        talk = Conversation(self.name, "t-1", options, "chat")
        yield ContactStarted(**talk.stamp("fine", 1_000), data=Data(**talk.shared()))
        yield MessageSent(
            **talk.stamp("nobody", 2_000),
            data=MessageData(**talk.shared(), author="human", agent_id=""),
        )


def test_what_the_decoder_refuses_is_a_problem_not_a_record(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCES, "nameless", Nameless())
    reading = read("nameless", log)
    assert (len(reading.events), reading.problems) == (1, ["not_canonical"])


def test_what_is_no_text_is_a_problem_not_a_record(log: Path) -> None:
    log.write_bytes(table(HEADER, [QUEUED]))
    options = SourceOptions(contract="c-1", salt="s", supplier="\ud800", date=date(2001, 2, 3))
    items = list(read_records("acd", log, options))
    assert {item.code for item in items if isinstance(item, SourceProblem)} == {"not_canonical"}
    assert len(items) == 6


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"contract": ""}, "contract"),
        ({"salt": ""}, "salt"),
        ({"supplier": ""}, "supplier"),
        ({"journey": "x" * 129}, "journey"),
        ({"channel": "fax"}, "channel"),
        ({"market": "il"}, "market"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
        ({"start": datetime(2001, 2, 3)}, "start"),
        ({"start": datetime(1970, 1, 1, tzinfo=UTC)}, "start"),
        ({"step_ms": 0}, "step_ms"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named} "):
        SourceOptions(**{"contract": "c", "salt": "s", **change})


@given(value=st.text(), salt=st.text(min_size=1))
def test_pseudonyms_are_sixteen_hex_digits_that_depend_on_the_salt(value: str, salt: str) -> None:
    key = pseudonym(salt, value)
    assert len(key) == 16
    assert set(key) <= set("0123456789abcdef")
    assert key == pseudonym(salt, value)
    assert key != pseudonym(salt + "x", value)
