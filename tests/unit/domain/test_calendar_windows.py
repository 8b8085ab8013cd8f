"""Calendar periods in the windows: what they hold, that a restart changes nothing, breaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from streams.agents import window_table
from streams.domain.breach_record import BreachRecord
from streams.domain.calendar_period import period_of
from streams.domain.contract import Clause, ContractBook
from streams.domain.delta import Entry, Timed, slice_end_of
from streams.domain.windows import WindowPartition
from tests.deltas import one_step
from tests.log_builder import CONTRACT, LIFE, T
from tests.unit.oracle.verdicts import TERMS, book_with

DAY, HOUR = 86_400, 3_600
ZONE = "Asia/Singapore"  # the tests begin at 08:00 there, on Monday, 2 March 2026
MIDNIGHT = 16 * HOUR
KEY = (CONTRACT, ())


def clause(period: Any, indicator: Any = "escalation_within", **terms: Any) -> Clause:
    said = {"target_ppm": 800_000, "minimum_volume": 2, "id": f"of-{period}", **terms}
    return Clause(indicator=indicator, grouping=(), period=period, **said)


BOOK = book_with(clause("1d"), clause("1w"), clause("1M"), clause("1Q"))


class Windows:
    """One partition of one source; `restarted` reads its table back."""

    def __init__(self, book: ContractBook = BOOK) -> None:
        self.book = book
        self.table: dict[bytes, bytes] = {}
        self.partition = WindowPartition(book, 1)
        self.records: list[BreachRecord] = []
        self.steps: list[tuple[int, list[Entry]]] = []

    def read(self, second: float, **counts: int) -> list[BreachRecord]:
        """Advance to this second, with so many of each counter in the slice that ends there."""
        entries = [Entry(*KEY, slice_end_of(T(second)), dict(counts))] if counts else []
        self.steps.append((T(second), entries))
        self.partition.apply(0, one_step(T(second), entries))
        records = self.partition.advance()
        self.records += records
        return records

    def stored(self) -> list[tuple[bytes, bytes | None]]:
        return list(window_table.changes(self.partition, self.table))

    def restarted(self, table: Mapping[bytes, bytes] | None = None) -> None:
        self.stored()
        if table is not None:
            self.table = dict(table)
        self.partition = WindowPartition(self.book, 1)
        window_table.restore(self.partition, self.table, 1)

    def counts(self, window: str) -> dict[str, int]:
        return {value.window: value.counts for value in self.partition.values()}[window]


def test_every_key_has_the_periods_that_any_clause_is_judged_over() -> None:
    windows = Windows(book_with(clause("1w"), clause("1d")))
    windows.read(60, within=1)
    assert [v.window for v in windows.partition.values()] == ["5m", "1h", "24h", "1d", "1w"]


def test_a_period_holds_what_came_since_local_midnight_and_is_begun_anew_after_it() -> None:
    windows = Windows()
    windows.read(60, within=1)
    windows.read(MIDNIGHT, within=2)
    assert windows.counts("1d") == windows.counts("1M") == {"within": 3}
    windows.read(MIDNIGHT + 59)
    assert windows.counts("1d") == {"within": 3}
    windows.read(MIDNIGHT + 60)
    assert (windows.counts("1d"), windows.counts("1w")) == ({}, {"within": 3})
    windows.read(MIDNIGHT + 120, within=4)
    assert (windows.counts("1d"), windows.counts("1M")) == ({"within": 4}, {"within": 7})


def test_a_period_outlasts_the_slices() -> None:
    windows = Windows()
    for day in range(20):
        windows.read(day * DAY + 60, within=1, cost_micros=-5)
    assert windows.counts("24h") == {"within": 1, "cost_micros": -5}
    assert windows.counts("1M") == {"within": 20, "cost_micros": -100}
    # The third Saturday: the week began on Monday.
    assert windows.counts("1w") == {"within": 6, "cost_micros": -30}
    assert len(windows.partition.keys[KEY].slices) <= 2


@pytest.mark.parametrize("every", [1, 2, 5])
def test_a_restart_at_any_step_changes_no_period(every: int) -> None:
    plain, restarted = Windows(), Windows()
    for number in range(60):
        second = number * 11 * HOUR + 60
        for windows in (plain, restarted):
            windows.read(second, within=number % 3, missed=1)
        if number % every == 0:
            restarted.restarted()
        assert list(restarted.partition.values()) == list(plain.partition.values())
    assert restarted.records == plain.records


def test_steps_told_again_change_no_period() -> None:
    plain, again = Windows(), Windows()
    for number in range(40):
        second = number * 7 * HOUR + 60
        plain.read(second, within=1)
        again.read(second, within=1)
        again.restarted()
        for watermark, entries in again.steps[-3:]:
            again.partition.apply(0, one_step(watermark, entries))
        assert again.partition.advance() == []
        assert list(again.partition.values()) == list(plain.partition.values())


@pytest.mark.parametrize("cut", range(7))
def test_a_table_of_which_the_last_records_were_not_written_is_made_good(cut: int) -> None:
    plain, torn = Windows(), Windows()
    for number in range(30):
        second = number * 5 * HOUR + 60
        plain.read(second, within=1)
        before = dict(torn.table)
        torn.read(second, within=1)
        written = torn.stored()
        for name, raw in written[: max(0, len(written) - cut)]:
            if raw is None:
                before.pop(name, None)
            else:
                before[name] = raw
        torn.restarted(before)
        watermark, entries = torn.steps[-1]
        torn.partition.apply(0, one_step(watermark, entries))
        torn.partition.advance()
        torn.stored()
        assert list(torn.partition.values()) == list(plain.partition.values())


def test_a_day_of_25_hours_holds_all_of_them() -> None:
    terms = replace(TERMS, time_zone="Europe/Berlin", clauses=(clause("1d"),))
    start, end = period_of("1d", "Europe/Berlin", 1_792_900_000_000)  # 25 October 2026
    windows = WindowPartition(ContractBook([terms]), 1)
    assert end - start == 25 * HOUR * 1000
    for number, boundary in enumerate(range(start + 60_000, end + 1, 3_600_000), 1):
        windows.apply(0, one_step(boundary, [Entry(*KEY, boundary, {"within": 1})]))
        windows.advance()
        assert {v.window: v.counts for v in windows.values()}["1d"] == {"within": number}
    windows.apply(0, one_step(end + 60_000))
    windows.advance()
    assert {v.window: v.counts for v in windows.values()}["1d"] == {}


def told(records: list[BreachRecord]) -> list[tuple[float, str, str, int, int]]:
    return [
        ((r.time - T(0)) / 1000, r.clause, r.status, r.numerator, r.denominator) for r in records
    ]


def test_a_breach_closes_at_the_first_boundary_after_its_period() -> None:
    windows = Windows(book_with(clause("1d")))
    windows.read(60, missed=2)
    windows.read(MIDNIGHT)
    assert told(windows.records) == [(60, "of-1d", "opened", 0, 2)]
    assert told(windows.read(MIDNIGHT + 600)) == [(MIDNIGHT + 60, "of-1d", "closed", 0, 0)]


@pytest.mark.parametrize("restart", [False, True])
def test_it_closes_so_however_bad_the_new_period_begins_and_may_open_again_then(
    restart: bool,
) -> None:
    windows = Windows(book_with(clause("1d")))
    windows.read(60, missed=2)
    windows.read(MIDNIGHT + 60, missed=7)
    if restart:
        windows.restarted()
    windows.read(MIDNIGHT + 600)
    assert told(windows.records) == [
        (60, "of-1d", "opened", 0, 2),
        (MIDNIGHT + 60, "of-1d", "closed", 0, 7),
        (MIDNIGHT + 120, "of-1d", "opened", 0, 7),
    ]


def test_a_breach_is_the_same_whether_a_worker_restarts_within_it_or_not() -> None:
    plain, restarted = Windows(), Windows()
    for number in range(100):
        second = number * 5 * HOUR + 60
        bad = number // 10 % 2
        for windows in (plain, restarted):
            windows.read(second, within=3 * (1 - bad), missed=2 * bad)
        restarted.restarted()
    assert told(restarted.records) == told(plain.records)
    assert {r.clause for r in plain.records} == {"of-1d", "of-1w", "of-1M", "of-1Q"}


def test_a_clause_that_turns_to_a_period_closes_what_is_older_than_that_period() -> None:
    rolling = replace(clause(None, id="x"), window_ms=86_400_000)
    first = replace(TERMS, effective_to_ms=T(2 * DAY), clauses=(rolling,))
    later = replace(TERMS, version=2, effective_from_ms=T(2 * DAY), clauses=(clause("1d", id="x"),))
    windows = Windows(ContractBook([first, later]))
    windows.read(DAY + 12 * HOUR, missed=2)
    windows.read(2 * DAY + 600)
    assert [(at, status) for at, _, status, _, _ in told(windows.records)] == [
        (DAY + 12 * HOUR, "opened"),
        (2 * DAY, "closed"),
    ]


def test_a_limit_on_exceptions_is_of_their_number() -> None:
    limit = clause("1M", "compliance_exceptions", target_ppm=2_000_000, minimum_volume=1)
    windows = Windows(book_with(limit))
    windows.read(60, **{"compliance.minor": 1, "compliance.critical": 1})
    windows.read(120, **{"compliance.major": 1})
    assert told(windows.records) == [(120, "of-1M", "opened", 3, 1)]


def test_costs_per_resolution_are_compared_in_currency_and_may_be_taken_back() -> None:
    limit = clause("1M", "cost_per_verified", target_ppm=2_000_000, hysteresis_ppm=500_000)
    windows = Windows(book_with(limit))
    windows.read(60, cost_micros=4_000_000, **{"final.verified": 2})
    windows.read(120, cost_micros=1)
    windows.read(180, cost_micros=-1_000_000)
    windows.read(240, cost_micros=-9_000_000)
    assert told(windows.records) == [
        (120, "of-1M", "opened", 4_000_001, 2),
        (180, "of-1M", "updated", 3_000_001, 2),
        (240, "of-1M", "closed", -5_999_999, 2),
    ]


def test_an_open_wait_alone_can_breach_a_period_without_slices_and_ends_with_it() -> None:
    contained = clause("1d", "containment_raw", minimum_volume=1)
    windows = Windows(book_with(contained))
    timed = Timed(T(MIDNIGHT - 30), ("c1", LIFE, 1, 1), T(MIDNIGHT - 30), True)
    opening = Entry(*KEY, slice_end_of(T(MIDNIGHT - 30)), {"escalations": 1}, opened=[timed])
    windows.partition.apply(0, one_step(T(MIDNIGHT), [opening]))
    windows.records += windows.partition.advance()
    windows.read(MIDNIGHT + 2 * DAY + 600)
    day = [(0, "opened"), (60, "closed"), (120, "opened"), (60 + DAY, "closed")]
    expected = [(MIDNIGHT + at, status) for at, status in day]
    found = [(at, status) for at, _, status, _, _ in told(windows.records)]
    assert found[:4] == expected
