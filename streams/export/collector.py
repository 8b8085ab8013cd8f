"""Telemetry as Prometheus families, made at scrape time: only what this worker owns now is
shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from streams.domain.delta import Key
from streams.domain.indicators import CONTAINMENT, ratio
from streams.domain.window_value import WindowValue
from streams.domain.windows import WindowPartition
from streams.export import metric_defs as m
from streams.export.telemetry import Telemetry

# (topic, partition) -> records not yet delivered
Lags = Callable[[], Mapping[tuple[str, int], int]]


def _counter(definition: m.MetricDef, samples: Iterable[tuple[tuple[str, ...], int]]) -> Metric:
    family = CounterMetricFamily(definition.name, definition.help, labels=definition.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _gauge(definition: m.MetricDef) -> GaugeMetricFamily:
    return GaugeMetricFamily(definition.name, definition.help, labels=definition.labels)


def key_labels(key: Key) -> tuple[str, ...]:
    """A window key as the values of KEY_LABELS."""
    contract, dimensions = key
    values = dict[str, str](dimensions)
    grouping = "+".join(values) or "contract"
    return (contract, grouping, *(values.get(name, "") for name in m.KEY_LABELS[2:]))


class BatonCollector(Collector):
    """Reads Telemetry. `now` gives wall-clock seconds, `lags` the consumer's lag, `ready`
    readiness.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        *,
        now: Callable[[], float],
        lags: Lags,
        ready: Callable[[], bool],
    ) -> None:
        self._telemetry = telemetry
        self._now = now
        self._lags = lags
        self._ready = ready

    def collect(self) -> Iterator[Metric]:
        """Every family of metric_defs.ALL."""
        yield from self._counters()
        yield self._latency()
        yield from self._progress()
        yield from self._windows()

    def _counters(self) -> Iterator[Metric]:
        t = self._telemetry
        types = ((str(cls.__struct_config__.tag), n) for cls, n in t.events.items())
        yield _counter(m.EVENTS, (((name,), count) for name, count in types))
        yield _counter(m.DEAD_LETTERS, t.dead_letters.items())
        yield _counter(m.FACTS, (((kind,), n) for kind, n in t.facts.items()))
        # Known series start at 0, so that a first late fact is an increase and not a new series.
        late = dict.fromkeys(t.book.names, 0) | dict(t.late_facts)
        yield _counter(m.LATE_FACTS, (((name,), n) for name, n in late.items()))
        yield _counter(m.AI_FAILURES, t.ai_failures.items())
        yield _counter(m.HANDOFFS_MISSED, t.missed.items())
        yield _counter(m.HANDOFFS_WITHIN, t.within.items())
        yield _counter(m.BREACHES, self._breaches_opened())
        yield _counter(m.RECORDS, (((stage,), n) for stage, n in t.records.items()))
        yield _counter(m.BATCHES, (((stage,), n) for stage, n in t.batches.items()))
        yield _counter(m.RECOVERIES, [((), t.recoveries)])
        yield _counter(m.FOREIGN_RECORDS, (((topic,), n) for topic, n in t.foreign.items()))
        yield _counter(m.FENCED, (((stage,), n) for stage, n in t.fenced.items()))
        yield _counter(m.LOCAL_STATE_DISCARDED, t.state_discarded.items())

    def _breaches_opened(self) -> Iterable[tuple[tuple[str, ...], int]]:
        t = self._telemetry
        opened = {
            (name, clause.id, clause.severity): 0
            for name in t.book.names
            for terms in t.book.versions(name)
            for clause in terms.clauses
        } | dict(t.breaches_opened)
        return opened.items()

    def _latency(self) -> Metric:
        t = self._telemetry
        definition = m.HANDOFF_LATENCY
        family = HistogramMetricFamily(definition.name, definition.help, labels=definition.labels)
        bounds = [*(str(ms / 1000) for ms in t.bounds_ms), "+Inf"]
        for labels, child in t.latencies.items():
            buckets = list(zip(bounds, accumulate(child.counts), strict=True))
            family.add_metric(labels, buckets, sum_value=child.sum_ms / 1000)
        return family

    def _progress(self) -> Iterator[Metric]:
        t = self._telemetry
        watermark, lag = _gauge(m.WATERMARK), _gauge(m.WATERMARK_LAG)
        now = self._now()
        for partition, ms in t.watermarks.items():
            watermark.add_metric((str(partition),), ms / 1000)
            lag.add_metric((str(partition),), now - ms / 1000)
        yield watermark
        yield lag
        consumer = _gauge(m.CONSUMER_LAG)
        for (topic, partition), records in self._lags().items():
            consumer.add_metric((topic, str(partition)), records)
        yield consumer
        interactions = _gauge(m.INTERACTIONS)
        for partition, count in t.remembered.items():
            interactions.add_metric((str(partition),), count)
        yield interactions
        yield from self._recovery()
        ready = _gauge(m.READY)
        ready.add_metric((), int(self._ready()))
        yield ready

    def _recovery(self) -> Iterator[Metric]:
        t = self._telemetry
        seconds, records = _gauge(m.RECOVERY_SECONDS), _gauge(m.RECOVERY_RECORDS)
        seconds.add_metric((), t.recovery_seconds)
        records.add_metric((), t.recovery_records)
        standby = _gauge(m.STANDBY_LAG)
        for (topic, partition), lag in t.standby_lag.items():
            standby.add_metric((topic, str(partition)), lag)
        yield from (seconds, records, standby)

    def _windows(self) -> Iterator[Metric]:
        shown = _WindowFamilies()
        for partition, windows in self._telemetry.windows.items():
            shown.add(partition, windows)
        yield from shown.families()


class _WindowFamilies:
    """The gauges that are made from windows."""

    def __init__(self) -> None:
        self.open = _gauge(m.OPEN_HANDOFFS)
        self.oldest = _gauge(m.OLDEST_OPEN)
        self.latency = _gauge(m.LATENCY_WINDOW)
        self.latency_samples = _gauge(m.LATENCY_SAMPLES)
        self.within = _gauge(m.WITHIN_RATIO)
        self.containment = _gauge(m.CONTAINMENT)
        self.containment_samples = _gauge(m.CONTAINMENT_SAMPLES)
        self.failures = _gauge(m.FAILURES_WINDOW)
        self.end = _gauge(m.WINDOW_END)
        self.breach = _gauge(m.BREACH_ACTIVE)

    def families(self) -> tuple[Metric, ...]:
        """All of them, filled."""
        return tuple(vars(self).values())

    def add(self, partition: int, windows: WindowPartition) -> None:
        """Show one partition's windows."""
        if windows.closed is not None:
            self.end.add_metric((str(partition),), windows.closed / 1000)
        for key, held in windows.keys.items():
            labels = key_labels(key)
            self.open.add_metric(labels, len(held.waiting))
            if held.waiting:
                oldest = min(timed.t0 for timed in held.waiting.values())
                self.oldest.add_metric(labels, oldest / 1000)
            for breach in held.breaches.open.values():
                self.breach.add_metric((breach.clause, breach.severity, *labels), 1)
        for value in windows.values():
            self._value(value, key_labels((value.contract, value.key)))  # type: ignore[arg-type]

    def _value(self, value: WindowValue, labels: tuple[str, ...]) -> None:
        window = value.window
        for stat, ms in value.latency_ms.items():
            if ms is not None:
                self.latency.add_metric((stat, window, *labels), ms / 1000)
        self.latency_samples.add_metric((window, *labels), value.samples)
        within, decided = ratio("escalation_within", value.counts)
        if decided:
            self.within.add_metric((window, *labels), within / decided)
        for kind, indicator in CONTAINMENT.items():
            contained, episodes = ratio(indicator, value.counts)
            if episodes and value.escalated_before:
                self.containment.add_metric((kind, window, *labels), contained / episodes)
                self.containment_samples.add_metric((kind, window, *labels), episodes)
        for name, count in value.counts.items():
            if name.startswith("failure."):
                self.failures.add_metric((name[8:], window, *labels), count)
