"""Every metric Baton exports, once: name, kind, labels, meaning. README's table is checked against
it.

No metric exists without an entry here, for families are made from it (collector.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streams.domain.contract import DIMENSIONS

Kind = Literal["counter", "gauge", "histogram"]

# The key of a window: which grouping it belongs to ("contract" for the whole contract), and the
# values of its dimensions; those that are not in the grouping are empty, which to Prometheus is
# absent.
KEY_LABELS = ("contract", "grouping", *DIMENSIONS)
# What a clause is judged for: its own grouping is the contract's to say, so it is no label.
CLAUSE_LABELS = ("contract", "clause", "severity", *DIMENSIONS)


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
INDICATOR_RATIO = MetricDef(
    "baton_indicator_ratio",
    "gauge",
    "An indicator that is a share, over an event-time window; absent where it is unknown."
    " failure_share is in baton_ai_failures_window, by reason.",
    ("indicator", "window", *KEY_LABELS),
)
INDICATOR_AMOUNT = MetricDef(
    "baton_indicator_amount",
    "gauge",
    "An indicator that is no share, over an event-time window: compliance_exceptions (a count),"
    " cost_per_verified (units of the contract's currency); absent where it is unknown.",
    ("indicator", "window", *KEY_LABELS),
)
INDICATOR_SAMPLES = MetricDef(
    "baton_indicator_samples",
    "gauge",
    "What stands in the denominator of an indicator over an event-time window; absent where"
    " nothing does.",
    ("indicator", "window", *KEY_LABELS),
)
OVERDUE_HANDOFFS = MetricDef(
    "baton_overdue_handoffs",
    "gauge",
    "Customers waiting for a human beyond their threshold, as of the watermark.",
    KEY_LABELS,
)
CLAUSE_VALUE = MetricDef(
    "baton_clause_value",
    "gauge",
    "What a clause judges, over its own window: a share, or an amount in the unit of its target;"
    " absent where it is unknown.",
    CLAUSE_LABELS,
)
CLAUSE_TARGET = MetricDef(
    "baton_clause_target", "gauge", "What the clause promises, in the same unit.", CLAUSE_LABELS
)
CLAUSE_SAMPLES = MetricDef(
    "baton_clause_samples",
    "gauge",
    "What stands in the denominator of the clause's value; 0 where nothing was seen.",
    CLAUSE_LABELS,
)
CLAUSE_MINIMUM_VOLUME = MetricDef(
    "baton_clause_minimum_volume",
    "gauge",
    "Samples below which the clause is not judged.",
    CLAUSE_LABELS,
)
CLAUSE_MISSES_LEFT = MetricDef(
    "baton_clause_misses_left",
    "gauge",
    "How many more misses the volume of the clause's window so far allows; negative: over.",
    CLAUSE_LABELS,
)
CLAUSE_BUDGET_LEFT = MetricDef(
    "baton_clause_budget_left_ratio",
    "gauge",
    "Of a clause over a calendar period: the share left of the misses that the volume projected"
    " to the period's end allows; 1: untouched, below 0: overspent.",
    CLAUSE_LABELS,
)
CLAUSE_PROJECTED_BREACH = MetricDef(
    "baton_clause_projected_breach_timestamp_seconds",
    "gauge",
    "When, at the rate of the last 24 h, the clause has failed for the rest of its calendar period;"
    " absent where it would not.",
    CLAUSE_LABELS,
)
CLAUSE_EVENTS = MetricDef(
    "baton_clause_events",
    "counter",
    "What entered the clause's denominator, counted as its minute closed; not of amounts, waits"
    " and csat_response.",
    CLAUSE_LABELS,
)
CLAUSE_BAD = MetricDef(
    "baton_clause_bad",
    "counter",
    "What of baton_clause_events_total speaks against the clause.",
    CLAUSE_LABELS,
)
CONFIG_CHANGES = MetricDef(
    "baton_config_changes",
    "counter",
    "Changes of the service that were read (config.changed), by what was changed.",
    ("contract", "object"),
)
CONFIG_CHANGE_TIME = MetricDef(
    "baton_config_change_timestamp_seconds",
    "gauge",
    "When a change took place: the latest 10 of each contract. A version that the contract's scope"
    " does not list is `other`.",
    ("contract", "object", "to_version"),
)
BILLING_AMOUNT = MetricDef(
    "baton_billing_amount_micros",
    "counter",
    "Items booked since the worker started, in millionths of the contract's currency, by status:"
    " provisional counts its estimate, and what a reversal takes back counts upwards too. To watch:"
    " `baton invoice` settles.",
    ("contract", "status"),
)
BILLING_PERIOD = MetricDef(
    "baton_billing_period_micros",
    "gauge",
    "What is booked so far in the billing period that is open, and in the oldest that is in grace,"
    " in millionths of the contract's currency; absent where there is none.",
    ("contract", "period_state"),
)
BILLING_PREVIEW = MetricDef(
    "baton_billing_preview_micros",
    "gauge",
    "What the oldest period that is not closed would come to if it closed now, in millionths of the"
    " contract's currency.",
    ("contract",),
)
MONEY_AT_RISK = MetricDef(
    "baton_clause_money_at_risk_micros",
    "gauge",
    "What the clause's service credits would take from that, 0 or more and before the cap, in"
    " millionths of the contract's currency.",
    ("contract", "clause"),
)
BILLING_WATERMARK = MetricDef(
    "baton_billing_watermark_timestamp_seconds",
    "gauge",
    "Event time up to which everything is booked.",
    ("contract",),
)
HEARTBEAT = MetricDef(
    "baton_heartbeat_timestamp_seconds",
    "gauge",
    "When the newest tick was written that has passed through all stages, from every partition of"
    " the events to this one; on a replay, the data's time.",
    ("partition",),
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
WEBHOOK_DELIVERIES = MetricDef(
    "baton_webhook_deliveries",
    "counter",
    "Attempts to hand a breach to the webhook: delivered, failed (tried again) or refused.",
    ("outcome",),
)
OTLP_PUSHES = MetricDef(
    "baton_otlp_pushes",
    "counter",
    "Snapshots of these metrics pushed by OTLP: delivered, or failed (the next has it all).",
    ("outcome",),
)
BUILD_INFO = MetricDef("baton_build_info", "gauge", "1; the version that runs.", ("version",))
READY = MetricDef("baton_ready", "gauge", "1 when partitions are assigned and state is recovered.")

ALL: tuple[MetricDef, ...] = tuple(
    value for value in dict(globals()).values() if isinstance(value, MetricDef)
)
