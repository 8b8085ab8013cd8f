"""Prometheus families of what metric_defs declares."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from streams.domain.delta import Key
from streams.export import metric_defs as m


def counter(definition: m.MetricDef, samples: Iterable[tuple[tuple[str, ...], int]]) -> Metric:
    """A counter's family with all its samples."""
    family = CounterMetricFamily(definition.name, definition.help, labels=definition.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def gauge(definition: m.MetricDef) -> GaugeMetricFamily:
    """A gauge's family, empty."""
    return GaugeMetricFamily(definition.name, definition.help, labels=definition.labels)


def key_labels(key: Key) -> tuple[str, ...]:
    """A window key as the values of KEY_LABELS."""
    contract, dimensions = key
    values = dict[str, str](dimensions)
    grouping = "+".join(values) or "contract"
    return (contract, grouping, *dimension_labels(key))


def dimension_labels(key: Key) -> tuple[str, ...]:
    """The values of a window key's dimensions as the last of KEY_LABELS and CLAUSE_LABELS; empty
    where the grouping has none.
    """
    values = dict[str, str](key[1])
    return tuple(values.get(name, "") for name in m.KEY_LABELS[2:])
