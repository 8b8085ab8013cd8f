"""Telemetry as Prometheus families, made at scrape time: only what this worker owns now is
shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.export import metric_defs as m
from streams.export.billing_metrics import billing_families
from streams.export.clause_metrics import ClauseFamilies
from streams.export.families import counter, gauge
from streams.export.shown_keys import shown_keys
from streams.export.telemetry import Telemetry
from streams.export.window_metrics import WindowFamilies

# (topic, partition) -> records not yet delivered
Lags = Callable[[], Mapping[tuple[str, int], int]]
VERSION = version("baton-streams")


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
        return (family for family in self.parts() if family is not None)

    def parts(self) -> Iterator[Metric | None]:
        """The same, and None where others may run before it goes on: keys that follow may then be
        shown as of a later time, one key's windows never.
        """
        yield from self._counters()
        yield self._latency()
        yield from self._progress()
        yield from billing_families(self._telemetry.billing())
        yield from self._windows()

    def _counters(self) -> Iterator[Metric]:
        t = self._telemetry
        types = ((str(cls.__struct_config__.tag), n) for cls, n in t.events.items())
        yield counter(m.EVENTS, (((name,), count) for name, count in types))
        yield counter(m.DEAD_LETTERS, t.dead_letters.items())
        yield counter(m.FACTS, (((kind,), n) for kind, n in t.facts.items()))
        # Known series start at 0, so that a first late fact is an increase and not a new series.
        late = dict.fromkeys(t.book.names, 0) | dict(t.late_facts)
        yield counter(m.LATE_FACTS, (((name,), n) for name, n in late.items()))
        yield counter(m.AI_FAILURES, t.ai_failures.items())
        yield counter(m.HANDOFFS_MISSED, t.missed.items())
        yield counter(m.HANDOFFS_WITHIN, t.within.items())
        yield counter(m.BREACHES, self._breaches_opened())
        yield counter(m.RECORDS, (((stage,), n) for stage, n in t.records.items()))
        yield counter(m.BATCHES, (((stage,), n) for stage, n in t.batches.items()))
        yield counter(m.RECOVERIES, [((), t.recoveries)])
        yield counter(m.FOREIGN_RECORDS, (((topic,), n) for topic, n in t.foreign.items()))
        yield counter(m.FENCED, (((stage,), n) for stage, n in t.fenced.items()))
        yield counter(m.LOCAL_STATE_DISCARDED, t.state_discarded.items())
        yield counter(m.WEBHOOK_DELIVERIES, (((outcome,), n) for outcome, n in t.webhook.items()))
        yield counter(m.OTLP_PUSHES, (((outcome,), n) for outcome, n in t.otlp.items()))
        yield from self._config_changes()

    def _config_changes(self) -> Iterator[Metric]:
        changes = self._telemetry.config_changes
        yield counter(m.CONFIG_CHANGES, changes.counts.items())
        times = gauge(m.CONFIG_CHANGE_TIME)
        for contract, latest in changes.latest.items():
            for place, ms in latest.items():
                times.add_metric((contract, *place), ms / 1000)
        yield times

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
        watermark, lag = gauge(m.WATERMARK), gauge(m.WATERMARK_LAG)
        now = self._now()
        for partition, ms in t.watermarks.items():
            watermark.add_metric((str(partition),), ms / 1000)
            lag.add_metric((str(partition),), now - ms / 1000)
        yield watermark
        yield lag
        consumer = gauge(m.CONSUMER_LAG)
        for (topic, partition), records in self._lags().items():
            consumer.add_metric((topic, str(partition)), records)
        yield consumer
        interactions = gauge(m.INTERACTIONS)
        for partition, count in t.remembered.items():
            interactions.add_metric((str(partition),), count)
        yield interactions
        yield from self._recovery()
        ready = gauge(m.READY)
        ready.add_metric((), int(self._ready()))
        yield ready

    def _recovery(self) -> Iterator[Metric]:
        t = self._telemetry
        seconds, records = gauge(m.RECOVERY_SECONDS), gauge(m.RECOVERY_RECORDS)
        seconds.add_metric((), t.recovery_seconds)
        records.add_metric((), t.recovery_records)
        standby = gauge(m.STANDBY_LAG)
        for (topic, partition), lag in t.standby_lag.items():
            standby.add_metric((topic, str(partition)), lag)
        yield from (seconds, records, standby)

    def _windows(self) -> Iterator[Metric | None]:
        telemetry = self._telemetry
        heartbeat, build = gauge(m.HEARTBEAT), gauge(m.BUILD_INFO)
        for partition, judged in telemetry.judged.items():
            heartbeat.add_metric((str(partition),), (judged + telemetry.lateness_ms) / 1000)
        build.add_metric((VERSION,), 1)
        yield from (heartbeat, build)
        shown = shown_keys(telemetry.windows.values())
        families, clauses = WindowFamilies(), ClauseFamilies(telemetry)
        for partition, windows in list(telemetry.windows.items()):
            families.add(partition, windows, shown)
            for key in sorted(shown & windows.keys.keys()):
                if by_window := {value.window: value for value in windows.values_of(key)}:
                    families.values(key, by_window.values())
                    clauses.values(key, by_window)
                yield None
        yield from families.families()
        yield from clauses.families(shown)
