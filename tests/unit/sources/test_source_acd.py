"""Call logs: what each kind of row becomes, and that no row can break the adapter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.domain.events import (
    ContactEnded,
    ContactStarted,
    HandoffConnected,
    HandoffDequeued,
    epoch_ms,
)
from streams.sources.base import pseudonym
from tests.unit.sources.source_files import OPTIONS, Reading, read, table

MIDNIGHT = epoch_ms(datetime(2001, 2, 3, tzinfo=UTC)) // 1000
HEADER = [
    "vru+line",
    "call_id",
    "type",
    "vru_entry",
    "vru_exit",
    "q_start",
    "q_exit",
    "outcome",
    "ser_start",
    "ser_exit",
    "server",
]
QUEUED = {
    "vru+line": "ZZ0909",
    "call_id": "7",
    "type": "QQ",
    "vru_entry": "10:00:00",
    "vru_exit": "10:00:30",
    "q_start": "10:00:30",
    "q_exit": "10:01:30",
    "outcome": "AGENT",
    "ser_start": "10:01:31",
    "ser_exit": "10:05:00",
    "server": "WILHELMINA",
}
NEVER = {"q_start": "0:00:00", "q_exit": "0:00:00"}
UNSERVED = {"ser_start": "0:00:00", "ser_exit": "0:00:00", "server": "NO_SERVER"}


def clock(hours: int, minutes: int, seconds: int) -> int:
    return MIDNIGHT + hours * 3600 + minutes * 60 + seconds


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "calls.csv"


def read_rows(log: Path, *rows: dict[str, str]) -> Reading:
    log.write_bytes(table(dict.fromkeys([*HEADER, *(k for row in rows for k in row)]), rows))
    return read("acd", log)


def test_an_answered_call_is_requested_at_the_exit_from_the_unit(log: Path) -> None:
    reading = read_rows(log, QUEUED)
    assert sorted(reading.told()) == [
        ("contact.ended", clock(10, 5, 0)),
        ("contact.started", clock(10, 0, 0)),
        ("handoff.connected", clock(10, 1, 31)),
        ("handoff.dequeued", clock(10, 1, 30)),
        ("handoff.queued", clock(10, 0, 30)),
        ("handoff.requested", clock(10, 0, 30)),
    ]
    assert reading.problems == []


def test_a_caller_who_is_served_at_once_is_never_queued(log: Path) -> None:
    kinds = [kind for kind, _ in read_rows(log, {**QUEUED, **NEVER}).told()]
    assert kinds == ["contact.started", "handoff.requested", "handoff.connected", "contact.ended"]


def test_hanging_up_in_the_unit_is_no_handoff(log: Path) -> None:
    reading = read_rows(log, {**QUEUED, **NEVER, **UNSERVED, "outcome": "HANG"})
    assert reading.told() == [
        ("contact.started", clock(10, 0, 0)),
        ("contact.ended", clock(10, 0, 30)),
    ]
    assert [e.data.ended_by for e in reading.events if isinstance(e, ContactEnded)] == ["customer"]


def test_hanging_up_in_the_queue_ends_the_call_there(log: Path) -> None:
    reading = read_rows(log, {**QUEUED, **UNSERVED, "outcome": "HANG"})
    (left,) = [e for e in reading.events if isinstance(e, HandoffDequeued)]
    assert left.data.outcome == "abandoned"
    assert ("contact.ended", clock(10, 1, 30)) in reading.told()


def test_service_that_a_caller_who_hung_up_cannot_have_had_is_named(log: Path) -> None:
    reading = read_rows(log, {**QUEUED, "outcome": "HANG", "server": "NO_SERVER"})
    assert reading.problems == ["abandoned_with_service"]
    assert "handoff.connected" not in dict(reading.told())


def test_an_answer_before_the_queue_exit_keeps_both_times(log: Path) -> None:
    told = dict(read_rows(log, {**QUEUED, "ser_start": "10:01:28"}).told())
    assert told["handoff.connected"] == clock(10, 1, 28)
    assert told["handoff.dequeued"] == clock(10, 1, 30)


def test_an_entry_after_the_exit_starts_at_the_exit(log: Path) -> None:
    reading = read_rows(log, {**QUEUED, "vru_entry": "10:01:00"})
    assert ("contact.started", clock(10, 0, 30)) in reading.told()
    assert reading.problems == ["entry_after_exit"]


def test_steps_back_that_no_clock_error_explains_leave_the_row_out(log: Path) -> None:
    reading = read_rows(log, {**QUEUED, "vru_entry": "10:06:00"})
    assert (reading.events, reading.problems) == ([], ["times_disagree"])


def test_a_call_runs_across_midnight(log: Path) -> None:
    reading = read_rows(
        log,
        {
            **QUEUED,
            "vru_entry": "23:59:00",
            "vru_exit": "23:59:30",
            "q_start": "23:59:30",
            "q_exit": "0:00:00",
            "ser_start": "0:00:01",
            "ser_exit": "0:02:00",
        },
    )
    told = dict(reading.told())
    assert told["handoff.dequeued"] == clock(24, 0, 0)
    assert told["handoff.connected"] == clock(24, 0, 1)
    assert reading.problems == []


def test_an_answer_without_times_is_taken_at_the_queue_exit_and_named(log: Path) -> None:
    reading = read_rows(log, {**QUEUED, "ser_start": "0:00:00", "ser_exit": "0:00:00"})
    assert dict(reading.told())["handoff.connected"] == clock(10, 1, 30)
    assert reading.problems == ["no_service_times"]


def test_an_answer_by_nobody_named_is_named(log: Path) -> None:
    reading = read_rows(log, {**QUEUED, "server": "NO_SERVER"})
    (answer,) = [e for e in reading.events if isinstance(e, HandoffConnected)]
    assert (answer.data.agent_id, answer.data.qualified) == ("unrecorded", True)
    assert reading.problems == ["agent_unrecorded"]


def test_calls_with_one_id_on_one_line_stay_apart(log: Path) -> None:
    reading = read_rows(log, QUEUED, {**QUEUED, "vru_entry": "10:00:01"})
    assert len({e.subject for e in reading.events}) == 2
    assert len({e.id for e in reading.events}) == len(reading.events) == 12


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"outcome": "PHANTOM"}, "phantom"),
        ({"outcome": "LOST"}, "unknown_outcome"),
        ({"vru_exit": "10:61:00"}, "bad_time"),
        ({"q_exit": "soon"}, "bad_time"),
        ({"call_id": ""}, "bad_identifier"),
    ],
)
def test_rows_that_cannot_be_read_are_counted(log: Path, change: dict[str, str], code: str) -> None:
    reading = read_rows(log, {**QUEUED, **change})
    assert (reading.events, reading.problems) == ([], [code])


def test_a_date_column_wins_over_the_option(log: Path) -> None:
    for text in ("990804", "1999-08-04"):
        reading = read_rows(log, {**QUEUED, "date": text})
        (start,) = [e for e in reading.events if isinstance(e, ContactStarted)]
        assert start.time == datetime(1999, 8, 4, 10, tzinfo=UTC)


def test_without_any_date_a_row_is_a_problem(log: Path) -> None:
    log.write_bytes(table(HEADER, [QUEUED]))
    assert read("acd", log, replace(OPTIONS, date=None)).problems == ["no_date"]


def test_times_are_read_in_the_zone_of_the_options(log: Path) -> None:
    log.write_bytes(table(HEADER, [QUEUED]))
    options = replace(OPTIONS, time_zone="Asia/Jerusalem", date=date(1999, 8, 4))
    reading = read("acd", log, options)
    assert reading.events[0].time == datetime(1999, 8, 4, 7, tzinfo=UTC)


def test_customers_and_agents_become_pseudonyms(log: Path) -> None:
    reading = read_rows(log, {**QUEUED, "customer_id": "40404040404"})
    (answer,) = [e for e in reading.events if isinstance(e, HandoffConnected)]
    assert answer.data.customer_key == pseudonym("pepper", "40404040404")
    assert answer.data.agent_id == pseudonym("pepper", "WILHELMINA")


def test_customer_zero_is_nobody(log: Path) -> None:
    reading = read_rows(log, {**QUEUED, "customer_id": "0"})
    assert b"customer_key" not in b"".join(reading.raws)


CLOCKS = st.one_of(
    st.just("0:00:00"),
    st.builds("{}:{:02}:{:02}".format, st.integers(0, 24), st.integers(0, 60), st.integers(0, 60)),
    st.text(max_size=8),
)
ROWS = st.fixed_dictionaries(
    {
        "vru+line": st.sampled_from(["AA01", "AA02", "", "é"]),
        "call_id": st.one_of(st.integers(0, 9).map(str), st.text(max_size=5)),
        "type": st.one_of(st.just("PS"), st.text(max_size=5)),
        **dict.fromkeys(
            ["vru_entry", "vru_exit", "q_start", "q_exit", "ser_start", "ser_exit"], CLOCKS
        ),
        "outcome": st.sampled_from(["AGENT", "HANG", "PHANTOM", "?"]),
        "server": st.one_of(
            st.just("NO_SERVER"), st.text("GHJK", min_size=8, max_size=8).map("NAME".__add__)
        ),
        "customer_id": st.one_of(st.just("0"), st.integers(10**11, 10**12 - 1).map(str)),
        "date": st.one_of(st.just(""), st.just("990804"), st.text("0123456789-", max_size=10)),
    }
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(ROWS, max_size=5))
def test_every_row_gives_events_or_a_problem_and_no_name(
    log: Path, rows: list[dict[str, str]]
) -> None:
    log.write_bytes(table([*HEADER, "customer_id", "date"], rows))
    first, again = read("acd", log), read("acd", log)
    assert first == again
    started = sum(isinstance(e, ContactStarted) for e in first.events)
    assert started + len(first.problems) >= len(rows)
    everything = b"\n".join(first.raws)
    for row in rows:
        assert row["server"] == "NO_SERVER" or row["server"].encode() not in everything
        assert row["customer_id"] == "0" or row["customer_id"].encode() not in everything
