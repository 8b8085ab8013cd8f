"""What a scrape shows: every declared metric and no other, bounded labels, nothing unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest as text_page
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_page

from streams.domain.contract import ContractBook
from streams.domain.events import ContactStarted, epoch_ms
from streams.domain.lifecycle import LifecyclePartition
from streams.domain.windows import WindowPartition
from streams.domain.wire import decode_event
from streams.export import metric_defs
from streams.export.collector import BatonCollector
from streams.export.exposition import written
from streams.export.metric_defs import ALL, KEY_LABELS, MetricDef
from streams.export.telemetry import Telemetry
from tests.log_builder import (
    CONTRACT,
    T,
    ai_turn,
    customer_message,
    ended,
    failure,
    human_message,
    requested,
    started,
)
from tests.unit.oracle.verdicts import BOOK, TERMS

CONTAINED = [
    started("c1", T(0)),
    customer_message("c1", T(1)),
    ai_turn("c1", T(2)),
    ended("c1", T(9)),
]
HANDED_OVER = [
    failure("c2", T(0), "human_requested"),
    requested("c2", T(1)),
    human_message("c2", T(20)),
    ended("c2", T(30)),
]
WHOLE = {"contract": CONTRACT, "grouping": "contract"}


def counted(*log: bytes, until: int, book: ContractBook = BOOK, partition: int = 0) -> Telemetry:
    """Telemetry of a worker that has read this log, of one partition."""
    telemetry = Telemetry(book)
    read(telemetry, *log, until=until, partition=partition)
    return telemetry


def read(telemetry: Telemetry, *log: bytes, until: int, partition: int = 0) -> None:
    lifecycle = LifecyclePartition(telemetry.book, 0, {})
    for raw in log:
        event = decode_event(raw, telemetry.book)
        lifecycle.event(event)
        telemetry.events[type(event)] += 1
    lifecycle.tick(until)
    flush = lifecycle.flush()
    windows = WindowPartition(telemetry.book, 1)
    assert flush.deltas is not None
    windows.apply(0, flush.deltas)
    telemetry.breaches(windows.advance())
    telemetry.windows_owned(partition, windows)
    telemetry.lifecycle_published(partition, flush, lifecycle.watermark)
    telemetry.interactions(partition, lifecycle.interactions)


def scraped(telemetry: Telemetry) -> dict[str, Metric]:
    collector = BatonCollector(
        telemetry, now=lambda: T(100) / 1000, lags=lambda: {("events", 0): 7}, ready=lambda: True
    )
    families = list(collector.collect())
    assert len({family.name for family in families}) == len(families)
    return {family.name: family for family in families}


def series(telemetry: Telemetry, of: MetricDef, **labels: str) -> list[float]:
    """The values of a metric's series that carry these labels; absent and empty are one."""
    return [
        sample.value
        for sample in scraped(telemetry)[of.name].samples
        if all(sample.labels.get(name, "") == value for name, value in labels.items())
        and not sample.name.endswith(("_created", "_bucket", "_count", "_sum"))
    ]


def test_every_declared_metric_is_exposed_and_nothing_else() -> None:
    for telemetry in (Telemetry(BOOK), counted(*CONTAINED, *HANDED_OVER, until=T(120))):
        found = scraped(telemetry)
        assert set(found) == {each.name for each in ALL}
        for each in ALL:
            assert (found[each.name].type, found[each.name].documentation) == (each.kind, each.help)


def test_every_definition_of_the_module_is_declared_once() -> None:
    names = [each.name for each in ALL]
    defined = [v for v in vars(metric_defs).values() if isinstance(v, MetricDef)]
    assert (len(set(names)), list(ALL)) == (len(names), defined)


def test_every_sample_carries_the_labels_of_its_definition() -> None:
    waiting = requested("c3", T(0))
    found = scraped(counted(*CONTAINED, *HANDED_OVER, waiting, until=T(180)))
    for each in ALL:
        for sample in found[each.name].samples:
            # A histogram's buckets have one more; an empty value is no label to Prometheus.
            assert set(sample.labels) - {"le"} == set(each.labels)


def test_no_series_stands_twice() -> None:
    for family in scraped(counted(*CONTAINED, *HANDED_OVER, until=T(120))).values():
        places = [(s.name, tuple(sorted(s.labels.items()))) for s in family.samples]
        assert len(places) == len(set(places))


def test_a_market_outside_the_contracts_scope_is_other() -> None:
    telemetry = counted(failure("c1", T(0), market="FR", journey="sauna"), until=T(60))
    shown = {
        (name, sample.labels[name])
        for family in scraped(telemetry).values()
        for sample in family.samples
        for name in ("market", "journey")
        if sample.labels.get(name)
    }
    assert shown == {("market", "other"), ("journey", "other")}


def test_however_many_values_come_there_are_no_more_series_than_the_scope_allows() -> None:
    many = [
        failure(f"c{n}", T(0), market=f"{chr(65 + n % 26)}X", journey=f"journey-{n}")
        for n in range(100)
    ]
    few = [failure("c1", T(0), market="QX", journey="x"), failure("c2", T(0), market="QX")]
    one = scraped(counted(*many, until=T(60)))[metric_defs.OPEN_HANDOFFS.name]
    other = scraped(counted(*few, few[0], until=T(60)))[metric_defs.OPEN_HANDOFFS.name]
    assert len(one.samples) <= len(other.samples)


def test_no_conversation_is_a_label() -> None:
    named = [requested("secret-conversation", T(0)), ended("secret-conversation", T(200))]
    for family in scraped(counted(*named, until=T(300))).values():
        for sample in family.samples:
            assert "secret-conversation" not in sample.labels.values()


def test_unknown_containment_has_no_series() -> None:
    telemetry = counted(*CONTAINED, until=T(60))
    assert series(telemetry, metric_defs.CONTAINMENT) == []
    assert series(telemetry, metric_defs.CONTAINMENT_SAMPLES) == []


def test_containment_is_shown_where_its_key_has_escalated() -> None:
    telemetry = counted(*CONTAINED, *HANDED_OVER, until=T(60))
    shown = {"window": "5m", **WHOLE}
    assert series(telemetry, metric_defs.CONTAINMENT, kind="raw", **shown) == [0.5]
    assert series(telemetry, metric_defs.CONTAINMENT, kind="safe", **shown) == [1.0]
    assert series(telemetry, metric_defs.CONTAINMENT_SAMPLES, kind="raw", **shown) == [2.0]
    assert series(telemetry, metric_defs.CONTAINMENT, kind="safe_verified", **shown) == []


def test_a_share_of_nothing_and_a_quantile_of_nothing_have_no_series() -> None:
    telemetry = counted(failure("c1", T(0)), until=T(60))
    assert series(telemetry, metric_defs.WITHIN_RATIO) == []
    assert series(telemetry, metric_defs.LATENCY_WINDOW) == []
    assert series(telemetry, metric_defs.LATENCY_SAMPLES, window="5m", **WHOLE) == [0.0]


def test_waits_are_shown_as_of_the_watermark() -> None:
    telemetry = counted(requested("c1", T(0)), requested("c2", T(70)), until=T(90))
    assert series(telemetry, metric_defs.OPEN_HANDOFFS, **WHOLE) == [2.0]
    assert series(telemetry, metric_defs.OLDEST_OPEN, **WHOLE) == [T(0) / 1000]


def test_who_waits_for_nobody_has_no_oldest() -> None:
    telemetry = counted(*HANDED_OVER, until=T(90))
    assert series(telemetry, metric_defs.OPEN_HANDOFFS, **WHOLE) == [0.0]
    assert series(telemetry, metric_defs.OLDEST_OPEN) == []


def test_a_breach_is_active_while_it_is_open_and_counted_when_it_opened() -> None:
    telemetry = counted(requested("c1", T(0)), until=T(180))
    place = {"clause": "chat-wait", "severity": "page"}
    assert series(telemetry, metric_defs.BREACH_ACTIVE, channel="chat", **place) == [1.0]
    assert series(telemetry, metric_defs.BREACHES, **place) == [1.0]
    over = counted(requested("c1", T(0)), human_message("c1", T(150)), until=T(180))
    assert series(over, metric_defs.BREACH_ACTIVE, **place) == []
    assert series(over, metric_defs.BREACHES, **place) == [1.0]


def test_clauses_and_late_facts_start_at_zero() -> None:
    telemetry = Telemetry(BOOK)
    assert series(telemetry, metric_defs.BREACHES) == [0.0] * len(TERMS.clauses)
    assert series(telemetry, metric_defs.LATE_FACTS, contract=CONTRACT) == [0.0]


@pytest.mark.parametrize("of", [metric_defs.WATERMARK, metric_defs.INTERACTIONS])
def test_a_partition_that_was_taken_away_has_no_lifecycle_series(of: MetricDef) -> None:
    telemetry = counted(*CONTAINED, until=T(60), partition=3)
    assert len(series(telemetry, of, partition="3")) == 1
    telemetry.lifecycle_forgotten()
    assert series(telemetry, of) == []


def test_a_partition_that_was_taken_away_has_no_windows() -> None:
    telemetry = counted(*HANDED_OVER, until=T(60), partition=3)
    read(telemetry, failure("c9", T(0), market="MY"), until=T(60), partition=4)
    telemetry.windows_forgotten()
    read(telemetry, failure("c9", T(0), market="MY"), until=T(60), partition=4)
    assert series(telemetry, metric_defs.WINDOW_END, partition="3") == []
    keyed = [each for each in ALL if set(KEY_LABELS) <= set(each.labels)]
    assert all(series(telemetry, each, market="SG") == [] for each in keyed)
    assert series(telemetry, metric_defs.OPEN_HANDOFFS, market="MY") == [0.0]


def test_progress_is_shown_in_seconds() -> None:
    telemetry = counted(*CONTAINED, until=T(60))
    assert series(telemetry, metric_defs.WATERMARK, partition="0") == [T(60) / 1000]
    assert series(telemetry, metric_defs.WATERMARK_LAG, partition="0") == [40.0]
    assert series(telemetry, metric_defs.CONSUMER_LAG, topic="events", partition="0") == [7.0]
    assert series(telemetry, metric_defs.READY) == [1.0]


def test_events_are_counted_by_type_and_dead_letters_by_code() -> None:
    telemetry = counted(*CONTAINED, until=T(60))
    telemetry.dead_letter("lifecycle", "future_time")
    kind = str(ContactStarted.__struct_config__.tag)
    assert series(telemetry, metric_defs.EVENTS, type=kind) == [1.0]
    assert series(telemetry, metric_defs.DEAD_LETTERS, stage="lifecycle", code="future_time") == [1]


def buckets(telemetry: Telemetry, **labels: str) -> dict[str, float]:
    samples = scraped(telemetry)[metric_defs.HANDOFF_LATENCY.name].samples
    return {
        sample.labels["le"]: sample.value
        for sample in samples
        if sample.name.endswith("_bucket") and labels.items() <= sample.labels.items()
    }


def test_the_histogram_has_a_bucket_at_each_threshold_of_each_version() -> None:
    odd: dict[str, Any] = {"thresholds_ms": {"chat": 77_500, "voice": 33_000}}
    first = replace(TERMS, effective_to_ms=T(-1))
    book = ContractBook([first, replace(TERMS, version=2, effective_from_ms=T(-1), **odd)])
    telemetry = counted(*HANDED_OVER, until=T(60), book=book)
    thresholds = {ms / 1000 for ms in (*TERMS.thresholds_ms.values(), 77_500, 33_000)}
    assert thresholds <= {float(le) for le in buckets(telemetry)}


@pytest.mark.parametrize(("waited", "within"), [(120, 1.0), (120.001, 0.0)])
def test_a_wait_of_exactly_the_threshold_is_in_its_bucket(waited: float, within: float) -> None:
    log = [requested("c1", T(0)), human_message("c1", T(waited))]
    telemetry = counted(*log, until=T(200))
    shown = buckets(telemetry, channel="chat", outcome="taken_over")
    assert (shown["120.0"], shown["+Inf"]) == (within, 1.0)
    assert series(telemetry, metric_defs.HANDOFFS_WITHIN, channel="chat") == [1.0] * int(within)
    assert series(telemetry, metric_defs.HANDOFFS_MISSED) == [1.0] * int(1 - within)


def test_buckets_are_cumulative() -> None:
    log = [requested("c1", T(0)), human_message("c1", T(7)), requested("c2", T(0))]
    shown = buckets(counted(*log, human_message("c2", T(50)), until=T(60)), channel="chat")
    assert [shown[le] for le in ("5.0", "10.0", "45.0", "60.0", "+Inf")] == [0, 1, 1, 2, 2]


def test_late_corrections_are_counted_apart() -> None:
    telemetry = Telemetry(BOOK)
    lifecycle = LifecyclePartition(BOOK, 0, {})
    lifecycle.tick(T(60))
    lifecycle.event(decode_event(failure("c1", T(5)), BOOK))
    telemetry.lifecycle_published(0, lifecycle.flush(), lifecycle.watermark)
    assert series(telemetry, metric_defs.LATE_FACTS, contract=CONTRACT) == [1.0]
    assert series(telemetry, metric_defs.FACTS) == []
    assert telemetry.watermarks == {0: epoch_ms(decode_event(failure("c", T(60)), BOOK).time)}


@pytest.mark.parametrize("openmetrics", [False, True])
def test_the_page_in_pieces_is_the_one_that_prometheus_client_writes(openmetrics: bool) -> None:
    telemetry = counted(*CONTAINED, *HANDED_OVER, until=T(120))
    registry = CollectorRegistry(auto_describe=False)
    collector = BatonCollector(telemetry, now=lambda: 0.0, lags=dict, ready=lambda: True)
    registry.register(collector)
    library = openmetrics_page(registry) if openmetrics else text_page(registry)
    pieces = list(written(collector.parts(), openmetrics=openmetrics))
    assert "" in pieces
    assert "".join(pieces).encode() == library
