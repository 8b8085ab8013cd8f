"""Clauses on a worker's page: value, target and what is left; counters that see each event once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.domain.contract import PPM, Clause, ContractBook
from streams.domain.events import ConfigChanged
from streams.domain.lifecycle import LifecyclePartition
from streams.domain.windows import WindowPartition
from streams.domain.wire import decode_event
from streams.export import metric_defs
from streams.export.shown_keys import MOST_VERSION_KEYS
from streams.export.telemetry import Telemetry
from tests.log_builder import (
    CONTRACT,
    T,
    ai_turn,
    customer_message,
    ended,
    event,
    failure,
    human_message,
    requested,
)
from tests.unit.export.test_collector import counted, scraped, series
from tests.unit.oracle.verdicts import TERMS, book_with

CHAT = (("channel", "chat"),)
WITHIN = Clause(
    "within", "escalation_within", ("channel",), CHAT, 300_000, 800_000, minimum_volume=2
)
MONTHLY = Clause("monthly", "escalation_within", (), period="1M", target_ppm=500_000)
WAIT = Clause("wait", "escalation_wait", ("channel",), CHAT)
PLACE = {"contract": CONTRACT, "clause": "within", "severity": "page", "channel": "chat"}
BOOK = book_with(WITHIN, MONTHLY, WAIT)
# One taken over within 120 s, one that is overdue at 120 s.
TWO = [
    requested("c1", T(0)),
    human_message("c1", T(20)),
    requested("c2", T(1)),
]


def test_a_clause_shows_value_target_volume_and_what_it_may_miss() -> None:
    telemetry = counted(*TWO, until=T(180), book=BOOK)
    shown = {
        of.name: series(telemetry, of, **PLACE)
        for of in (
            metric_defs.CLAUSE_VALUE,
            metric_defs.CLAUSE_TARGET,
            metric_defs.CLAUSE_SAMPLES,
            metric_defs.CLAUSE_MINIMUM_VOLUME,
            metric_defs.CLAUSE_MISSES_LEFT,
        )
    }
    assert list(shown.values()) == [[0.5], [0.8], [2], [2], [-1]]


def test_a_clause_without_data_has_samples_of_0_and_no_value() -> None:
    telemetry = counted(failure("c1", T(0)), until=T(60), book=BOOK)
    assert series(telemetry, metric_defs.CLAUSE_SAMPLES, **PLACE) == [0]
    assert series(telemetry, metric_defs.CLAUSE_VALUE, **PLACE) == []
    assert series(telemetry, metric_defs.CLAUSE_MISSES_LEFT, **PLACE) == [0]


def test_a_wait_has_no_value_but_its_overdue_handoffs() -> None:
    telemetry = counted(*TWO, until=T(180), book=BOOK)
    assert series(telemetry, metric_defs.CLAUSE_TARGET, clause="wait") == []
    assert series(telemetry, metric_defs.CLAUSE_EVENTS, clause="wait") == []
    key = {"contract": CONTRACT, "grouping": "channel", "channel": "chat"}
    assert series(telemetry, metric_defs.OVERDUE_HANDOFFS, **key) == [1]
    assert series(telemetry, metric_defs.OPEN_HANDOFFS, **key) == [1]


def test_a_calendar_clause_shows_its_budget_and_when_it_will_fail() -> None:
    telemetry = counted(*TWO, until=T(180), book=BOOK)
    # 1 of 2 missed in a month that has 30 days to go: 1 a day allows as much as it misses.
    assert series(telemetry, metric_defs.CLAUSE_BUDGET_LEFT, clause="monthly")[0] < 1
    assert series(telemetry, metric_defs.CLAUSE_PROJECTED_BREACH, clause="monthly") == []
    strict = book_with(replace(MONTHLY, target_ppm=900_000))
    telemetry = counted(*TWO, until=T(180), book=strict)
    (at,) = series(telemetry, metric_defs.CLAUSE_PROJECTED_BREACH, clause="monthly")
    assert at > T(180) / 1000
    assert series(telemetry, metric_defs.CLAUSE_BUDGET_LEFT, clause="within") == []


def test_an_amount_is_shown_in_its_own_unit_and_has_no_events() -> None:
    clause = Clause("x", "compliance_exceptions", (), period="1M", target_ppm=3 * PPM)
    exception = event(
        "compliance.exception", "c1", T(0), exception_id="e1", rule_id="r", severity="major"
    )
    telemetry = counted(exception, until=T(60), book=book_with(clause))
    assert series(telemetry, metric_defs.CLAUSE_VALUE, clause="x") == [1]
    assert series(telemetry, metric_defs.CLAUSE_TARGET, clause="x") == [3]
    assert series(telemetry, metric_defs.CLAUSE_MISSES_LEFT, clause="x") == [2]
    assert series(telemetry, metric_defs.CLAUSE_EVENTS, clause="x") == []
    amount = {"indicator": "compliance_exceptions", "window": "1h", "grouping": "contract"}
    assert series(telemetry, metric_defs.INDICATOR_AMOUNT, **amount) == [1]


class Worker:
    """A lifecycle partition, a window partition and the telemetry they are counted in."""

    def __init__(self, book: ContractBook) -> None:
        self.telemetry = Telemetry(book, lateness_ms=2_000)
        self.lifecycle = LifecyclePartition(book, 0, {})
        self.windows = WindowPartition(book, 1)
        self.telemetry.windows_owned(0, self.windows)

    def batch(self, *log: bytes, until: int) -> None:
        for raw in log:
            self.lifecycle.event(decode_event(raw, self.telemetry.book))
        self.lifecycle.tick(until)
        deltas = self.lifecycle.flush().deltas
        assert deltas is not None
        self.windows.apply(0, deltas)
        self.windows.advance()
        self.telemetry.windows_judged(0, self.windows)

    def counts(self) -> tuple[list[float], list[float]]:
        return (
            series(self.telemetry, metric_defs.CLAUSE_EVENTS, **PLACE),
            series(self.telemetry, metric_defs.CLAUSE_BAD, **PLACE),
        )


def test_events_are_counted_once_when_their_minute_closes() -> None:
    worker = Worker(BOOK)
    worker.batch(*TWO, until=T(59))
    assert worker.counts() == ([0], [0])
    worker.batch(until=T(61))
    assert worker.counts() == ([1], [0])
    worker.batch(until=T(119))
    worker.batch(until=T(125))
    assert worker.counts() == ([1], [0])
    worker.batch(until=T(185))
    assert worker.counts() == ([2], [1])
    worker.batch(until=T(100_000))
    assert worker.counts() == ([2], [1])


def test_however_a_log_is_batched_the_counters_end_the_same() -> None:
    whole, cut = Worker(BOOK), Worker(BOOK)
    whole.batch(*TWO, until=T(600))
    for index, raw in enumerate(TWO):
        cut.batch(raw, until=T(index))
    for second in range(10, 601, 10):
        cut.batch(until=T(second))
    assert whole.counts() == cut.counts() == ([2], [1])


def test_the_heartbeat_is_the_time_of_the_tick_that_came_through() -> None:
    worker = Worker(BOOK)
    assert series(worker.telemetry, metric_defs.HEARTBEAT) == []
    worker.batch(*TWO, until=T(70))
    assert series(worker.telemetry, metric_defs.HEARTBEAT, partition="0") == [T(72) / 1000]
    worker.telemetry.windows_forgotten()
    assert series(worker.telemetry, metric_defs.HEARTBEAT) == []


def test_indicators_are_shown_over_every_window_with_their_samples() -> None:
    telemetry = counted(*TWO, until=T(180), book=BOOK)
    for window in ("5m", "1h", "24h", "1M"):
        place = {"indicator": "escalation_within", "window": window, "grouping": "contract"}
        assert series(telemetry, metric_defs.INDICATOR_RATIO, **place) == [0.5]
        assert series(telemetry, metric_defs.INDICATOR_SAMPLES, **place) == [2]


def test_an_indicator_of_nothing_has_no_series() -> None:
    telemetry = counted(*TWO, until=T(180), book=BOOK)
    for of in (metric_defs.INDICATOR_RATIO, metric_defs.INDICATOR_SAMPLES):
        assert series(telemetry, of, indicator="csat_satisfied") == []


VERSIONED = ContractBook(
    [
        replace(
            TERMS,
            groupings=((), ("prompt_version",)),
            scope={**TERMS.scope, "prompt_version": frozenset(("p-*",))},
            clauses=(Clause("v", "escalation_within", ("prompt_version",), (), 300_000, 800_000),),
        )
    ]
)


def served_by(version: str, times: int) -> list[bytes]:
    return [
        raw
        for n in range(times)
        for name in (f"{version}-{n}",)
        for raw in (
            customer_message(name, T(1)),
            ai_turn(name, T(2), prompt_version=version),
            requested(name, T(3)),
            human_message(name, T(5)),
            ended(name, T(9)),
        )
    ]


def test_of_versions_the_most_populous_are_shown() -> None:
    log = [raw for n in range(30) for raw in served_by(f"p-{n:02d}", 2 if n < 10 else 1)]
    telemetry = counted(*log, until=T(600), book=VERSIONED)
    for labels in (
        metric_defs.OPEN_HANDOFFS,
        metric_defs.CLAUSE_SAMPLES,
        metric_defs.CLAUSE_EVENTS,
    ):
        found = {
            sample.labels["prompt_version"]
            for sample in scraped(telemetry)[labels.name].samples
            if sample.labels.get("prompt_version")
        }
        assert len(found) == MOST_VERSION_KEYS
        assert {f"p-{n:02d}" for n in range(10)} <= found


def test_a_breach_is_shown_of_however_small_a_version() -> None:
    missed = [ai_turn("small", T(2), prompt_version="p-99"), requested("small", T(3))]
    log = [raw for n in range(30) for raw in served_by(f"p-{n:02d}", 2)]
    telemetry = counted(*log, *missed, until=T(240), book=VERSIONED)
    assert series(telemetry, metric_defs.BREACH_ACTIVE, prompt_version="p-99") == [1]
    assert series(telemetry, metric_defs.OPEN_HANDOFFS, prompt_version="p-99") == []


def changed(object_: str, to: str, time: int = T(0), **data: object) -> bytes:
    return event("config.changed", "", time, object=object_, to_version=to, **data)


def read_change(telemetry: Telemetry, raw: bytes) -> None:
    event = decode_event(raw, telemetry.book)
    assert isinstance(event, ConfigChanged)
    telemetry.config_changed(event)


def test_changes_are_counted_once_and_shown_at_their_time() -> None:
    telemetry = Telemetry(VERSIONED)
    change = changed("prompt", "p-119", T(5))
    for raw in (change, change, changed("prompt", "p-120", T(7))):
        read_change(telemetry, raw)
    place = {"contract": CONTRACT, "object": "prompt"}
    assert series(telemetry, metric_defs.CONFIG_CHANGES, **place) == [2]
    shown = series(telemetry, metric_defs.CONFIG_CHANGE_TIME, to_version="p-119", **place)
    assert shown == [T(5) / 1000]


@pytest.mark.parametrize(
    ("object_", "said", "shown"),
    [
        ("prompt", "p-7", "p-7"),
        ("prompt", "ann@example.com", "other"),
        ("model", "m-1", "other"),
        ("sla", "1", "1"),
        ("sla", "77", "other"),
        ("routing", "call +65 5550 0000", "other"),
    ],
)
def test_a_version_that_the_contract_does_not_list_is_other(
    object_: str, said: str, shown: str
) -> None:
    telemetry = Telemetry(VERSIONED)
    read_change(telemetry, changed(object_, said))
    (found,) = scraped(telemetry)[metric_defs.CONFIG_CHANGE_TIME.name].samples
    assert found.labels["to_version"] == shown


def test_the_latest_ten_changes_are_shown() -> None:
    telemetry = Telemetry(VERSIONED)
    for n in (*range(6, 30), *range(6)):
        read_change(telemetry, changed("prompt", f"p-{n}", T(n)))
    shown = series(telemetry, metric_defs.CONFIG_CHANGE_TIME)
    assert sorted(shown) == [T(n) / 1000 for n in range(20, 30)]


def test_the_running_version_is_told() -> None:
    assert series(Telemetry(BOOK), metric_defs.BUILD_INFO) == [1]
