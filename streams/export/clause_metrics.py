"""The gauges and counters of clauses: how far each is from its target, for each key it judges."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from prometheus_client.core import Metric

from streams.domain.budget import PACE_WINDOW, project
from streams.domain.calendar_period import period_of
from streams.domain.clause_counts import (
    COUNTED,
    RATIOS,
    clauses_of,
    misses_allowed,
    misses_of,
    ratio_of,
    window_of,
)
from streams.domain.contract import PPM, Clause, Dimension, Terms
from streams.domain.delta import Key
from streams.domain.window_value import WindowValue
from streams.export import metric_defs as m
from streams.export.families import counter, dimension_labels, gauge
from streams.export.shown_keys import has_version
from streams.export.telemetry import ClauseCounts, Telemetry


def clause_labels(key: Key, clause: Clause) -> tuple[str, ...]:
    """A clause and a key it judges as the values of CLAUSE_LABELS."""
    return (key[0], clause.id, clause.severity, *dimension_labels(key))


class ClauseFamilies:
    """The families that are made from clauses."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._counted_by: dict[tuple[str, tuple[Dimension, ...]], list[Clause]] = {}
        self._value = gauge(m.CLAUSE_VALUE)
        self._target = gauge(m.CLAUSE_TARGET)
        self._samples = gauge(m.CLAUSE_SAMPLES)
        self._minimum = gauge(m.CLAUSE_MINIMUM_VOLUME)
        self._left = gauge(m.CLAUSE_MISSES_LEFT)
        self._budget = gauge(m.CLAUSE_BUDGET_LEFT)
        self._breach_at = gauge(m.CLAUSE_PROJECTED_BREACH)

    def families(self, shown: Container[Key]) -> tuple[Metric, ...]:
        """All of them, filled; counters of the keys `shown` and of those once owned."""
        gauges = (
            self._value,
            self._target,
            self._samples,
            self._minimum,
            self._left,
            self._budget,
            self._breach_at,
        )
        return (*gauges, *self._counters(shown))

    def values(self, key: Key, values: Mapping[str, WindowValue]) -> None:
        """Show the clauses of one key; `values` are its windows by name, all at one boundary."""
        end = next(iter(values.values())).end
        terms = self._telemetry.book.at(key[0], end)
        for clause in clauses_of(terms, key[1]):
            window = window_of(clause)
            if clause.indicator in RATIOS and window is not None and window in values:
                self._clause(key, clause, terms, values[window], values.get(PACE_WINDOW))

    def _clause(
        self,
        key: Key,
        clause: Clause,
        terms: Terms,
        value: WindowValue,
        last_day: WindowValue | None,
    ) -> None:
        labels = clause_labels(key, clause)
        numerator, denominator = ratio_of(clause, value.counts, value.escalated_before)
        self._target.add_metric(labels, clause.target_ppm / PPM)
        self._samples.add_metric(labels, denominator)
        self._minimum.add_metric(labels, clause.minimum_volume)
        if denominator:
            self._value.add_metric(labels, numerator * clause.scale / PPM / denominator)
        allowed = misses_allowed(clause, denominator)
        if allowed is not None:
            self._left.add_metric(labels, allowed - misses_of(clause, numerator, denominator))
        if clause.period is not None and last_day is not None:
            self._projection(labels, clause, terms, (numerator, denominator), last_day)

    def _projection(
        self,
        labels: tuple[str, ...],
        clause: Clause,
        terms: Terms,
        so_far: tuple[int, int],
        last_day: WindowValue,
    ) -> None:
        assert clause.period is not None
        boundary = last_day.end
        _, end = period_of(clause.period, terms.time_zone, boundary)
        projection = project(
            clause,
            boundary_ms=boundary,
            end_ms=end,
            so_far=so_far,
            last_day=ratio_of(clause, last_day.counts, last_day.escalated_before),
        )
        if projection is None:
            return
        if projection.budget_left_ppm is not None:
            self._budget.add_metric(labels, projection.budget_left_ppm / PPM)
        if projection.fails_at_ms is not None:
            self._breach_at.add_metric(labels, projection.fails_at_ms / 1000)

    def _counted(self, key: Key) -> Iterator[Clause]:
        """The clauses of any version that count events of a key."""
        contract, dimensions = key
        grouping = tuple(name for name, _ in dimensions)
        clauses = self._counted_by.get((contract, grouping))
        if clauses is None:
            clauses = self._counted_by[(contract, grouping)] = [
                clause
                for terms in self._telemetry.book.versions(contract)
                for clause in terms.clauses
                if clause.indicator in COUNTED and clause.grouping == grouping
            ]
        values = tuple(value for _, value in dimensions)
        return (clause for clause in clauses if clause.admits(values))

    def _counters(self, shown: Container[Key]) -> tuple[Metric, Metric]:
        telemetry = self._telemetry
        # A series that starts at 0 makes the first event an increase and not a new series.
        totals = {
            (key, clause.id, clause.severity): ClauseCounts()
            for windows in telemetry.windows.values()
            for key in windows.keys
            for clause in self._counted(key)
        } | telemetry.clauses
        events, bad = [], []
        for (key, clause_id, severity), counts in totals.items():
            if key in shown or not has_version(key):
                labels = (key[0], clause_id, severity, *dimension_labels(key))
                events.append((labels, counts.events))
                bad.append((labels, counts.bad))
        return counter(m.CLAUSE_EVENTS, events), counter(m.CLAUSE_BAD, bad)
