"""Contract documents as they are written: `ServiceContract`, and OpenSLO's `SLO`.

A `ServiceContract` document holds the commercial terms; what is measured stands in standard
`openslo/v1` SLO documents that it refers to by name (ECOSYSTEM.md 1.4). No extension of OpenSLO's
kinds: the indicator is named in the SLO's ratioMetric source (`type: baton`). These classes say
which fields there are and what each may hold, schemas/contract.schema.json the same; what takes
more than one field to see is contract_checks.py's.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from streams.domain.audit.terms import Allocation, Split
from streams.domain.commercial import RESOLVERS, Dispute, Proof, Recontact, Resolver
from streams.domain.contract import ContractError, Dimension, Indicator, Severity, in_one_line
from streams.domain.contract_retention import DataKind
from streams.domain.contract_values import (
    Amount,
    Currency,
    Day,
    Decimal,
    Duration,
    Few,
    Instant,
    LocalTime,
    Market,
    Name,
    Percent,
    Span,
    Version,
    Weekday,
    Whole,
    Words,
)
from streams.domain.events import Channel, FailureReason

_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
# A hundred years.
_LONGEST_MS = 36_500 * 86_400_000
WINDOWS_MS = {"5m": 300_000, "1h": 3_600_000, "24h": 86_400_000}


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    pass


class Metadata(_Strict, frozen=True):
    name: Name
    display_name: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Effective(_Strict, frozen=True):
    from_: Instant = msgspec.field(name="from")
    to: Instant | None = None


class Scope(_Strict, frozen=True):
    channels: tuple[Channel, ...]
    markets: tuple[Market, ...] = ()
    journeys: tuple[str, ...] = ()
    suppliers: tuple[str, ...] = ()
    prompt_versions: tuple[Version, ...] = ()
    models: tuple[Version, ...] = ()
    knowledge_versions: tuple[Version, ...] = ()


class Hours(_Strict, frozen=True):
    days: dict[Weekday, tuple[Span, ...]]
    holidays: tuple[Day, ...] = ()
    name: str | None = None


class Handoff(_Strict, frozen=True):
    thresholds: dict[Channel, Duration]
    escalation_expiry: Duration = "7d"
    required_context: tuple[str, ...] = ()
    clock: Literal["elapsed", "service"] = "elapsed"


class ExcludedSpan(_Strict, frozen=True):
    from_: Instant = msgspec.field(name="from")
    to: Instant
    reason: Words
    channels: tuple[Channel, ...] = ()


class Answer(_Strict, frozen=True):
    thresholds: dict[Channel, Duration]
    short_abandon: Duration = "5s"


class FirstResponse(_Strict, frozen=True):
    thresholds: dict[Channel, Duration]


class Qa(_Strict, frozen=True):
    pass_score: Decimal


class Csat(_Strict, frozen=True):
    satisfied_from: Decimal


class CreditBand(_Strict, frozen=True):
    beyond: Amount
    percent: Percent


class EarnBack(_Strict, frozen=True):
    meet_target_for_periods: Few
    percent: Percent = "100"


class ServiceLevel(_Strict, frozen=True):
    slo_ref: Name
    minimum_volume: Whole = 1
    hysteresis: Decimal = "0"
    severity: Severity = "page"
    limit: Amount | None = None
    expected: Amount | None = None
    weight: Percent | None = None
    credits: tuple[CreditBand, ...] = ()
    earn_back: EarnBack | None = None


class AtRisk(_Strict, frozen=True):
    percent_of_fees: Percent
    cap_percent: Percent


class PriceRow(_Strict, frozen=True):
    unit: Literal["resolution"]
    amount: Amount
    channel: Channel | None = None
    journey: str | None = None
    query_type: Words | None = None
    client_former_cost: Amount | None = None
    provider_cost: Amount | None = None
    agent_share: Percent | None = None


class FixedFee(_Strict, frozen=True):
    amount: Amount
    per: Literal["month"] = "month"


class Tier(_Strict, frozen=True):
    from_: Whole = msgspec.field(name="from")
    percent: Percent


class Billing(_Strict, frozen=True):
    bills: Proof = "verified"
    resolved_by: tuple[Resolver, ...] = RESOLVERS
    disputed_by: tuple[Dispute, ...] = ("evidence",)
    recontact: Recontact = "same_issue"
    matter_window: Duration = "7d"
    dispute_window: Duration = "5d"
    close_grace: Duration | None = None
    allowance: Whole | None = None
    tiers: tuple[Tier, ...] = ()
    cap: Amount | None = None
    minimum: Amount | None = None


class Approval(_Strict, frozen=True):
    journey: str
    action: Words
    approver: Words


class Reviews(_Strict, frozen=True):
    approval_points: tuple[Approval, ...] = ()


class Sampling(_Strict, frozen=True):
    confidence: Percent = "95"
    margin: Percent = "5"
    minimum_per_stratum: Few = 5
    allocation: Allocation = "proportional"
    strata: tuple[Split, ...] = ("outcome", "channel", "failure_reason")


Days = Annotated[int, msgspec.Meta(ge=1, le=3650)]


class Retention(_Strict, frozen=True):
    days: dict[DataKind, Days] = {}
    markets: dict[Market, dict[DataKind, Days]] = {}


class ContractSpec(_Strict, frozen=True):
    version: Whole
    effective: Effective
    time_zone: str
    scope: Scope
    inactivity: Duration
    verification_window: Duration
    handoff: Handoff
    service_levels: tuple[ServiceLevel, ...]
    roll_ups: tuple[tuple[Dimension, ...], ...] = ((), ("channel",))
    service_hours: Hours | None = None
    exclusions: tuple[ExcludedSpan, ...] = ()
    answer: Answer | None = None
    first_response: FirstResponse | None = None
    qa: Qa | None = None
    csat: Csat | None = None
    currency: Currency | None = None
    at_risk: AtRisk | None = None
    prices: tuple[PriceRow, ...] = ()
    fixed_fee: FixedFee | None = None
    billing: Billing | None = None
    reviews: Reviews | None = None
    sampling: Sampling | None = None
    retention: Retention | None = None


class ServiceContract(_Strict, frozen=True):
    api_version: Literal["baton/v1"]
    kind: Literal["ServiceContract"]
    metadata: Metadata
    spec: ContractSpec


class IndicatorSource(_Strict, frozen=True):
    indicator: Indicator
    grouping: tuple[Dimension, ...] = ()
    where: dict[Dimension, str] = {}
    reason: FailureReason | None = None


class MetricSource(_Strict, frozen=True):
    type: Literal["baton"]
    spec: IndicatorSource


class Metric(_Strict, frozen=True):
    metric_source: MetricSource


class RatioMetric(_Strict, frozen=True):
    counter: bool
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric | None = None


class IndicatorSpec(_Strict, frozen=True):
    ratio_metric: RatioMetric


class SloIndicator(_Strict, frozen=True):
    metadata: Metadata
    spec: IndicatorSpec


class Calendar(_Strict, frozen=True):
    start_time: LocalTime
    time_zone: str


class TimeWindow(_Strict, frozen=True):
    duration: Literal["5m", "1h", "24h", "1d", "1w", "1M", "1Q"]
    is_rolling: bool
    calendar: Calendar | None = None


class Objective(_Strict, frozen=True):
    target: float
    display_name: str | None = None


class SloSpec(_Strict, frozen=True):
    service: str
    indicator: SloIndicator
    time_window: tuple[TimeWindow]
    budgeting_method: Literal["Occurrences"]
    objectives: tuple[Objective]
    description: str | None = None


class Slo(_Strict, frozen=True):
    api_version: Literal["openslo/v1"]
    kind: Literal["SLO"]
    metadata: Metadata
    spec: SloSpec


def duration_ms(text: str) -> int:
    """`90s`, `2m`, `24h`, `7d` or `250ms` in milliseconds. Raises ContractError otherwise."""
    match = re.fullmatch(r"([1-9][0-9]*)(ms|s|m|h|d)", text)
    if match is None:
        raise ContractError(f"{in_one_line(text)!r} is not a duration like 90s, 2m, 24h or 7d")
    # More digits than the longest has in ms are not worth counting (and Python refuses to).
    if len(match[1]) > 13 or int(match[1]) * _UNIT_MS[match[2]] > _LONGEST_MS:
        raise ContractError(f"{in_one_line(text)!r} is more than 36500d, the longest duration")
    return int(match[1]) * _UNIT_MS[match[2]]
