"""Prometheus families of what metric_defs declares."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.samples import Sample

from streams.domain.delta import Key
from streams.export import metric_defs as m


class Gauge(Metric):
    """A gauge's family, filled with values now and asked for samples later.

    Values are read on the worker's loop. Samples, which cost more than all that is read, are made
    by whoever asks for them, each time; who writes the page takes `values` and makes none.
    """

    def __init__(self, definition: m.MetricDef) -> None:
        self.values: list[tuple[tuple[str, ...], float]] = []
        super().__init__(definition.name, definition.help, "gauge")
        self.label_names = definition.labels

    def add_metric(self, labels: tuple[str, ...], value: float) -> None:
        """Show a value with the values of the definition's labels."""
        self.values.append((labels, value))

    @property
    def samples(self) -> list[Sample]:
        """One a value, in the order in which they were added."""
        name, names = self.name, self.label_names
        return [
            Sample(name, dict(zip(names, labels, strict=True)), value)
            for labels, value in self.values
        ]

    @samples.setter
    def samples(self, none: list[Sample]) -> None:
        """What Metric begins with."""


def counter(definition: m.MetricDef, samples: Iterable[tuple[tuple[str, ...], int]]) -> Metric:
    """A counter's family with all its samples."""
    family = CounterMetricFamily(definition.name, definition.help, labels=definition.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def gauge(definition: m.MetricDef) -> Gauge:
    """A gauge's family, empty."""
    return Gauge(definition)


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
