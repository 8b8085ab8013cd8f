"""Every metric Baton exports, once: name, kind, labels, meaning. README's table is checked against
it.

No metric exists without an entry here, for families are made from it (collector.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

# The key of a window: which grouping it belongs to ("contract" for the whole contract), and the
# values of its dimensions; those that are not in the grouping are empty, which to Prometheus is
# absent.
KEY_LABELS = ("contract", "grouping", "channel", "market", "journey", "supplier")


@dataclass(frozen=True, slots=True)
class MetricDef:
    """One metric family. Counters are named without `_total`, which the exposition adds."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


EVENTS = MetricDef(
    "baton_events", "counter", "Valid events read, ticks not counted, by type.", ("type",)
)
DEAD_LETTERS = MetricDef(
    "baton_dead_letters",
    "counter",
    "Records diverted to the dead-letter topic, by stage and error code.",
    ("stage", "code"),
)
FACTS = MetricDef("baton_facts", "counter", "Facts published on time, by kind.", ("kind",))
LATE_FACTS = MetricDef(
    "baton_late_facts",
    "counter",
    "Corrections published because an event came after its watermark; windows leave them out.",
    ("contract",),
)
AI_FAILURES = MetricDef(
    "baton_ai_failures",
    "counter",
    "AI failure signals published, by reason.",
    ("contract", "channel", "reason"),
)
HANDOFF_LATENCY = MetricDef(
    "baton_handoff_latency_seconds",
    "histogram",
    "From the AI's failure to a qualified human or another end, over all escalations that ended."
    " A bucket boundary lies on every threshold of the contracts.",
    ("contract", "channel", "outcome"),
)
HANDOFFS_MISSED = MetricDef(
    "baton_handoffs_missed",
    "counter",
    "Escalations that crossed their threshold, or ended without a human; open ones count as they"
    " cross.",
    ("contract", "channel"),
)
HANDOFFS_WITHIN = MetricDef(
    "baton_handoffs_within",
    "counter",
    "Escalations taken over by a qualified human within their threshold.",
    ("contract", "channel"),
)
BREACHES = MetricDef(
    "baton_breaches",
    "counter",
    "Breaches opened in the stream.",
    ("contract", "clause", "severity"),
)
BREACH_ACTIVE = MetricDef(
    "baton_breach_active",
    "gauge",
    "1 while the clause is in breach for this key.",
    ("clause", "severity", *KEY_LABELS),
)
OPEN_HANDOFFS = MetricDef(
    "baton_open_handoffs",
    "gauge",
    "Customers waiting for a human, as of the watermark. Filter on grouping before summing.",
    KEY_LABELS,
)
OLDEST_OPEN = MetricDef(
    "baton_oldest_open_handoff_timestamp_seconds",
    "gauge",
    "When the longest waiting customer's AI failed (T0).",
    KEY_LABELS,
)
LATENCY_WINDOW = MetricDef(
    "baton_handoff_latency_window_seconds",
    "gauge",
    "Latency quantile over an event-time window, open escalations at their age.",
    ("stat", "window", *KEY_LABELS),
)
LATENCY_SAMPLES = MetricDef(
    "baton_handoff_latency_window_samples",
    "gauge",
    "Escalations, ended and open, behind the latency quantiles.",
    ("window", *KEY_LABELS),
)
WITHIN_RATIO = MetricDef(
    "baton_handoff_within_ratio",
    "gauge",
    "Share of decided escalations taken over within their threshold; absent where none was.",
    ("window", *KEY_LABELS),
)
CONTAINMENT = MetricDef(
    "baton_containment_ratio",
    "gauge",
    "Containment over an event-time window; absent where it is unknown. raw and safe are"
    " provisional (at the close), no_recontact and safe_verified final (matured).",
    ("kind", "window", *KEY_LABELS),
)
CONTAINMENT_SAMPLES = MetricDef(
    "baton_containment_window_samples",
    "gauge",
    "Eligible episodes and waiting customers (or matured episodes) behind the containment ratio.",
    ("kind", "window", *KEY_LABELS),
)
FAILURES_WINDOW = MetricDef(
    "baton_ai_failures_window",
    "gauge",
    "AI failures over an event-time window, by reason.",
    ("reason", "window", *KEY_LABELS),
)
WINDOW_END = MetricDef(
    "baton_window_end_timestamp_seconds",
    "gauge",
    "End of the event-time windows shown for this partition's keys.",
    ("partition",),
)
WATERMARK = MetricDef(
    "baton_watermark_timestamp_seconds",
    "gauge",
    "Event time up to which this partition's facts are published.",
    ("partition",),
)
WATERMARK_LAG = MetricDef(
    "baton_watermark_lag_seconds",
    "gauge",
    "Wall clock minus watermark; on a replay of old data it is the data's age.",
    ("partition",),
)
CONSUMER_LAG = MetricDef(
    "baton_consumer_lag_records",
    "gauge",
    "Records between what was delivered and the end of the partition.",
    ("topic", "partition"),
)
RECORDS = MetricDef(
    "baton_records", "counter", "Records taken from the broker, by stage.", ("stage",)
)
BATCHES = MetricDef("baton_batches", "counter", "Batches processed, by stage.", ("stage",))
INTERACTIONS = MetricDef(
    "baton_interactions", "gauge", "Interactions remembered, by partition.", ("partition",)
)
RECOVERIES = MetricDef(
    "baton_recoveries", "counter", "Times that partitions were assigned and their tables recovered."
)
RECOVERY_SECONDS = MetricDef(
    "baton_recovery_seconds", "gauge", "How long the last recovery of tables took."
)
RECOVERY_RECORDS = MetricDef(
    "baton_recovery_records", "gauge", "Changelog records that the last recovery read."
)
STANDBY_LAG = MetricDef(
    "baton_standby_lag_records",
    "gauge",
    "Changelog records that a standby copy of a table has yet to read.",
    ("topic", "partition"),
)
FOREIGN_RECORDS = MetricDef(
    "baton_foreign_records",
    "counter",
    "Records of a changelog that no worker wrote: passed over, their place is in the log.",
    ("topic",),
)
FENCED = MetricDef(
    "baton_fenced",
    "counter",
    "Batches given up because another worker had taken the partition over.",
    ("stage",),
)
LOCAL_STATE_DISCARDED = MetricDef(
    "baton_local_state_discarded",
    "counter",
    "Partitions' tables on local disk that were thrown away, to be rebuilt from the changelog:"
    " corrupt, foreign (of other topics) or stale (a day old).",
    ("table", "reason"),
)
READY = MetricDef("baton_ready", "gauge", "1 when partitions are assigned and state is recovered.")

ALL: tuple[MetricDef, ...] = tuple(
    value for value in dict(globals()).values() if isinstance(value, MetricDef)
)
