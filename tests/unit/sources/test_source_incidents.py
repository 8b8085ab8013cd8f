"""Incident audit logs: what changes between updates become, whatever the order of the rows."""

from __future__ import annotations

import random
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.domain.events import ContactEnded, ContactStarted, Event, ResolutionClaimed, epoch_ms
from streams.sources.base import SourceRecord, pseudonym
from streams.sources.registry import read_records
from tests.unit.sources.source_files import OPTIONS, Reading, read, table

HEADER = [
    "number",
    "incident_state",
    "reopen_count",
    "sys_mod_count",
    "caller_id",
    "opened_at",
    "sys_updated_at",
    "contact_type",
    "category",
    "resolved_at",
    "closed_at",
]


def at(minute: int) -> int:
    return epoch_ms(datetime(2001, 2, 3, 10, minute, tzinfo=UTC)) // 1000


def row(minute: int, state: str, reopens: int = 0, **cells: str) -> dict[str, str]:
    return {
        "number": "INC1",
        "incident_state": state,
        "reopen_count": str(reopens),
        "sys_mod_count": str(minute),
        "caller_id": "Caller 90909",
        "opened_at": "3/2/2001 10:00",
        "sys_updated_at": f"3/2/2001 10:{minute:02}",
        "contact_type": "Email",
        "category": "Category 5",
        # The end of the story, as such logs have it on every row.
        "resolved_at": "3/2/2001 10:50",
        "closed_at": "3/2/2001 10:55",
        **cells,
    }


LIFE = [
    row(1, "New"),
    row(5, "Active"),
    row(9, "Resolved"),
    row(12, "Resolved"),
    row(20, "Active", 1),
    row(30, "Resolved", 1),
    row(40, "Closed", 1),
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "incidents.csv"


def read_rows(log: Path, rows: list[dict[str, str]]) -> Reading:
    log.write_bytes(table(HEADER, rows))
    return read("incidents", log)


def test_a_life_is_told_by_each_rows_own_time(log: Path) -> None:
    reading = read_rows(log, LIFE)
    assert reading.told() == [
        ("contact.started", at(0)),
        ("contact.data_updated", at(5)),
        ("resolution.claimed", at(9)),
        ("contact.data_updated", at(12)),
        ("resolution.reopened", at(20)),
        ("resolution.claimed", at(30)),
        ("contact.ended", at(40)),
    ]
    assert reading.problems == []


def test_people_resolve_and_nobody_is_said_to_close(log: Path) -> None:
    events = read_rows(log, LIFE).events
    assert {e.data.claimed_by for e in events if isinstance(e, ResolutionClaimed)} == {"human"}
    assert {e.data.ended_by for e in events if isinstance(e, ContactEnded)} == {"unknown"}


def test_shuffled_rows_tell_the_same_life(log: Path) -> None:
    expected = read_rows(log, LIFE).raws
    for seed in range(5):
        shuffled = random.Random(seed).sample(LIFE, len(LIFE))
        assert read_rows(log, shuffled).raws == expected


def test_events_come_in_the_order_of_the_file_and_say_when_they_were_recorded(log: Path) -> None:
    other = row(2, "New", number="INC2")
    log.write_bytes(table(HEADER, [LIFE[0], LIFE[4], other]))
    recorded = [
        item.recorded_ms // 1000
        for item in read_records("incidents", log, OPTIONS)
        if isinstance(item, SourceRecord)
    ]
    assert recorded == [at(1), at(20), at(2)]


@pytest.mark.parametrize(
    ("contact", "channel"),
    [
        ("Phone", "voice"),
        ("IVR", "voice"),
        ("Email", "email"),
        ("Self service", "email"),
        ("", "email"),
    ],
)
def test_the_contact_type_gives_the_channel(log: Path, contact: str, channel: str) -> None:
    (started,) = read_rows(log, [row(1, "New", contact_type=contact)]).events
    assert isinstance(started, ContactStarted)
    assert started.data.channel == channel


def test_callers_become_pseudonyms(log: Path) -> None:
    reading = read_rows(log, LIFE)
    assert b"90909" not in b"".join(reading.raws)
    keys = {e.data.customer_key for e in reading.events if isinstance(e, ContactStarted)}
    assert keys == {pseudonym("pepper", "Caller 90909")}


def test_an_unknown_caller_is_nobody(log: Path) -> None:
    (raw,) = read_rows(log, [row(1, "New", caller_id="?", category="?")]).raws
    assert b"customer_key" not in raw
    assert b"journey" not in raw


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"incident_state": "-100"}, "unknown_state"),
        ({"incident_state": ""}, "unknown_state"),
        ({"sys_updated_at": "2001-02-03"}, "bad_time"),
        ({"opened_at": "?"}, "bad_time"),
        ({"reopen_count": "-1"}, "bad_count"),
        ({"number": "?"}, "bad_identifier"),
    ],
)
def test_rows_that_cannot_be_read_are_counted(log: Path, change: dict[str, str], code: str) -> None:
    reading = read_rows(log, [{**row(1, "New"), **change}])
    assert (reading.events, reading.problems) == ([], [code])


def test_reopenings_without_a_row_are_counted_not_made_up(log: Path) -> None:
    reading = read_rows(log, [row(1, "Active", 2), row(2, "Active", 5)])
    assert [kind for kind, _ in reading.told()] == ["contact.started", "resolution.reopened"]
    assert reading.problems == ["reopening_unseen", "reopening_unseen"]


def test_an_update_before_the_opening_moves_the_opening(log: Path) -> None:
    reading = read_rows(log, [row(1, "New", opened_at="3/2/2001 11:00")])
    assert reading.told() == [("contact.started", at(1))]
    assert reading.problems == ["updated_before_opened"]


def test_a_zip_is_read_like_its_csv(log: Path) -> None:
    expected = read_rows(log, LIFE).raws
    packed = log.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("readme.txt", "nothing")
        archive.write(log, "folder/incidents.csv")
    assert read("incidents", packed).raws == expected


TIMES = st.one_of(
    st.builds(
        "{}/{}/2001 10:{:02}".format, st.integers(0, 32), st.integers(0, 13), st.integers(0, 60)
    ),
    st.text(max_size=8),
)
ROWS = st.fixed_dictionaries(
    {
        "number": st.sampled_from(["INC1", "INC2", "", "é"]),
        "incident_state": st.sampled_from(["New", "Active", "Resolved", "Closed", "-100", "é"]),
        "reopen_count": st.one_of(st.integers(-1, 3).map(str), st.text(max_size=3)),
        "sys_mod_count": st.one_of(st.integers(-1, 3).map(str), st.text(max_size=3)),
        "caller_id": st.integers(10**11, 10**12 - 1).map(str),
        "opened_at": TIMES,
        "sys_updated_at": TIMES,
        "contact_type": st.one_of(st.just("Phone"), st.text(max_size=5)),
        "category": st.text(max_size=5),
    }
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(ROWS, max_size=6))
def test_every_row_gives_an_event_or_a_problem_and_no_caller(
    log: Path, rows: list[dict[str, str]]
) -> None:
    first, again = read_rows(log, rows), read_rows(log, rows)
    assert first == again
    assert len(first.events) + len(first.problems) >= len(rows)
    everything = b"\n".join(first.raws)
    assert not [r for r in rows if r["caller_id"].encode() in everything]
    started = [_subject(e) for e in first.events if isinstance(e, ContactStarted)]
    assert len(started) == len(set(started))


def _subject(event: Event) -> str | None:
    return event.subject
