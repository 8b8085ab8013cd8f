"""What the ways in have done, in plain integers, and the metrics that show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.core import Metric

from streams.export.families import counter, gauge
from streams.export.metric_defs import MetricDef

READ = MetricDef(
    "baton_source_payloads_read", "counter", "Foreign payloads read, by source.", ("source",)
)
MAPPED = MetricDef(
    "baton_source_events",
    "counter",
    "Canonical events made of them and acknowledged by the brokers.",
    ("source",),
)
DROPPED = MetricDef(
    "baton_source_payloads_dropped",
    "counter",
    "Payloads of which nothing concerns Baton.",
    ("source",),
)
PROBLEMS = MetricDef(
    "baton_source_dead_letters",
    "counter",
    "What of payloads could not be carried over and went to the dead letters, by code.",
    ("source", "code"),
)
REPEATED = MetricDef(
    "baton_source_events_repeated",
    "counter",
    "Events that were known to be on the topic, or on their way to it, and were not written again.",
    ("source",),
)
REQUESTS = MetricDef(
    "baton_hook_requests", "counter", "Requests to a hook, by answer.", ("source", "status")
)
PENDING = MetricDef(
    "baton_hook_pending_bytes", "gauge", "Bytes that wait for the brokers' acknowledgement."
)
LAG = MetricDef(
    "baton_source_lag_records",
    "gauge",
    "Records of the source topic that are still to be read.",
    ("source", "partition"),
)
RESTARTS = MetricDef(
    "baton_source_batches_retried",
    "counter",
    "Batches that were given up and are read again: brokers away, or a partition lost.",
    ("source",),
)
ALL = (READ, MAPPED, DROPPED, PROBLEMS, REPEATED, REQUESTS, PENDING, LAG, RESTARTS)


@dataclass
class IntakeCounts:
    """Counters of one process; one event loop writes them, a scrape only reads."""

    read: Counter[str] = field(default_factory=Counter)
    mapped: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    problems: Counter[tuple[str, str]] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    pending_bytes: int = 0
    lag: dict[tuple[str, int], int] = field(default_factory=dict)

    def families(self) -> Iterator[Metric | None]:
        """Every metric of ALL, for export.pages."""
        for definition, counts in (
            (READ, self.read),
            (MAPPED, self.mapped),
            (DROPPED, self.dropped),
            (REPEATED, self.repeated),
            (RESTARTS, self.retried),
        ):
            yield counter(definition, [((name,), count) for name, count in counts.items()])
        yield counter(PROBLEMS, list(self.problems.items()))
        yield counter(
            REQUESTS, [((name, str(code)), count) for (name, code), count in self.requests.items()]
        )
        pending, lag = gauge(PENDING), gauge(LAG)
        pending.add_metric((), self.pending_bytes)
        for (name, partition), count in self.lag.items():
            lag.add_metric((name, str(partition)), count)
        yield pending
        yield lag
