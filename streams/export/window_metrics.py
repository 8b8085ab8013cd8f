"""The gauges of windows: every indicator and quantile of each key that is shown."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from prometheus_client.core import Metric

from streams.domain.clause_counts import RATIOS
from streams.domain.contract import AMOUNTS, INDICATORS, PPM, Indicator
from streams.domain.delta import Key
from streams.domain.indicators import CONTAINMENT, NEEDS_ESCALATION, ratio
from streams.domain.window_value import WindowValue
from streams.domain.windows import WindowPartition
from streams.export import metric_defs as m
from streams.export.families import gauge, key_labels

# A share of one failure reason among all is no one number: baton_ai_failures_window has them.
_INDICATORS: tuple[Indicator, ...] = tuple(
    name for name in INDICATORS if name in RATIOS and name != "failure_share"
)


class WindowFamilies:
    """The gauges that are made from windows."""

    def __init__(self) -> None:
        self.open = gauge(m.OPEN_HANDOFFS)
        self.oldest = gauge(m.OLDEST_OPEN)
        self.overdue = gauge(m.OVERDUE_HANDOFFS)
        self.latency = gauge(m.LATENCY_WINDOW)
        self.latency_samples = gauge(m.LATENCY_SAMPLES)
        self.within = gauge(m.WITHIN_RATIO)
        self.containment = gauge(m.CONTAINMENT)
        self.containment_samples = gauge(m.CONTAINMENT_SAMPLES)
        self.indicator = gauge(m.INDICATOR_RATIO)
        self.amount = gauge(m.INDICATOR_AMOUNT)
        self.indicator_samples = gauge(m.INDICATOR_SAMPLES)
        self.failures = gauge(m.FAILURES_WINDOW)
        self.end = gauge(m.WINDOW_END)
        self.breach = gauge(m.BREACH_ACTIVE)

    def families(self) -> Iterator[Metric]:
        """All of them, filled. Each is let go, so that not all are freed in one go."""
        held = vars(self)
        while held:
            yield held.pop(next(iter(held)))

    def add(self, partition: int, windows: WindowPartition, shown: Container[Key]) -> None:
        """Show one partition's windows: of the keys `shown`, and every breach."""
        if windows.closed is not None:
            self.end.add_metric((str(partition),), windows.closed / 1000)
        for key, held in windows.keys.items():
            labels = key_labels(key)
            for breach in held.breaches.open.values():
                self.breach.add_metric((breach.clause, breach.severity, *labels), 1)
            if key not in shown:
                continue
            self.open.add_metric(labels, len(held.waiting))
            self.overdue.add_metric(labels, len(held.breaches.waits))
            if held.waiting:
                oldest = min(timed.t0 for timed in held.waiting.values())
                self.oldest.add_metric(labels, oldest / 1000)

    def values(self, key: Key, values: Iterable[WindowValue]) -> None:
        """Show the windows of one key."""
        labels = key_labels(key)
        for value in values:
            self._value(value, labels)

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
        for indicator in _INDICATORS:
            self._indicator(indicator, value, (indicator, window, *labels))
        for name, count in value.counts.items():
            if name.startswith("failure."):
                self.failures.add_metric((name[8:], window, *labels), count)

    def _indicator(self, indicator: Indicator, value: WindowValue, labels: tuple[str, ...]) -> None:
        numerator, denominator = ratio(indicator, value.counts)
        known = value.escalated_before or indicator not in NEEDS_ESCALATION
        if not denominator or not known:
            return
        self.indicator_samples.add_metric(labels, denominator)
        if indicator not in AMOUNTS:
            self.indicator.add_metric(labels, numerator / denominator)
        elif indicator == "cost_per_verified":
            self.amount.add_metric(labels, numerator / denominator / PPM)
        else:
            self.amount.add_metric(labels, numerator / denominator)
