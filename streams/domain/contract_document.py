"""Contract documents (`ServiceContract` + OpenSLO `SLO`) to Terms.

A `ServiceContract` document holds the commercial terms; what is measured stands in standard
`openslo/v1` SLO documents that it refers to by name (ECOSYSTEM.md 1.4). No extension of OpenSLO's
kinds: the indicator is named in the SLO's ratioMetric source (`type: baton`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from fractions import Fraction
from math import isfinite
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import inspect

from streams.domain.contract import (
    DIMENSIONS,
    INDICATORS,
    PPM,
    Clause,
    ContractError,
    Dimension,
    Indicator,
    Severity,
    Terms,
    in_one_line,
)
from streams.domain.events import EARLIEST, LATEST, Channel, FailureReason, epoch_ms
from streams.domain.time_zone import zone_of

_T = TypeVar("_T")
Duration = Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]*(ms|s|m|h|d)$")]
Decimal = Annotated[str, msgspec.Meta(pattern=r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$")]
Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]

Whole = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]

# One step of a path in msgspec's messages: a field, or an index, which is not named.
_STEP = re.compile(r"\.(\w+)|\[[^]]*\]")
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
    from_: datetime = msgspec.field(name="from")
    to: datetime | None = None


class Scope(_Strict, frozen=True):
    channels: tuple[Channel, ...]
    markets: tuple[str, ...] = ()
    journeys: tuple[str, ...] = ()
    suppliers: tuple[str, ...] = ()


class Handoff(_Strict, frozen=True):
    thresholds: dict[Channel, Duration]
    escalation_expiry: Duration = "7d"
    required_context: tuple[str, ...] = ()


class ServiceLevel(_Strict, frozen=True):
    slo_ref: Name
    minimum_volume: Whole = 1
    hysteresis: Decimal = "0"
    severity: Severity = "page"


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


class TimeWindow(_Strict, frozen=True):
    duration: Literal["5m", "1h", "24h"]
    is_rolling: Literal[True]


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


def terms_from_documents(documents: Iterable[tuple[str, Any]]) -> list[Terms]:
    """Terms from parsed YAML documents, each with the place it came from (`file:line`).

    Raises ContractError naming place, key path and what is allowed.
    """
    contracts: list[tuple[str, ServiceContract]] = []
    slos: dict[str, tuple[str, Slo]] = {}
    for place, document in documents:
        kind = document.get("kind") if isinstance(document, Mapping) else None
        if kind == "ServiceContract":
            contracts.append((place, _convert(place, document, ServiceContract)))
        elif kind == "SLO":
            slo = _convert(place, document, Slo)
            if slo.metadata.name in slos:
                raise ContractError(f"{place}: SLO {slo.metadata.name!r} is defined twice")
            slos[slo.metadata.name] = (place, slo)
        else:
            # Never the whole of it: of an alias of aliases that would be gigabytes.
            told = repr(in_one_line(kind)) if isinstance(kind, str) else type(kind).__name__
            shown = "None" if kind is None else told
            raise ContractError(f"{place}: kind is {shown}; allowed: ServiceContract, SLO")
    if not contracts:
        raise ContractError("no ServiceContract document was given")
    return [_terms(place, contract, slos) for place, contract in contracts]


def _convert(place: str, document: Any, to: type[_T]) -> _T:
    try:
        return msgspec.convert(document, to)
    except msgspec.ValidationError as error:
        text = str(error)
        raise ContractError(f"{place}: {in_one_line(text)}{_allowed(to, text)}") from None


def _allowed(to: type, message: str) -> str:
    """What the closed list admits at the path that msgspec's message names; else nothing."""
    path = message.rpartition(" - at ")[2]
    place: inspect.Type = inspect.type_info(to)
    for step in _STEP.finditer(path):
        place = _within(place, step[1])
    if isinstance(place, inspect.UnionType):
        place = place.types[0]  # the other one is None
    if path.startswith("`key` in") and isinstance(place, inspect.DictType):
        place = place.key_type
    if not isinstance(place, inspect.LiteralType):
        return ""
    return f"; allowed: {', '.join(map(str, place.values))}"


def _within(place: inspect.Type, name: str | None) -> inspect.Type:
    match place:
        case inspect.UnionType(types=types):
            return _within(types[0], name)  # the other one is None
        case inspect.StructType(fields=fields):
            return next((f.type for f in fields if f.encode_name == name), place)
        case inspect.DictType(value_type=inner) | inspect.VarTupleType(item_type=inner):
            return inner
        case inspect.TupleType(item_types=(inner,)):
            return inner
    return place


def _terms(place: str, contract: ServiceContract, slos: Mapping[str, tuple[str, Slo]]) -> Terms:
    spec = contract.spec
    try:
        zone_of(spec.time_zone)
    except ValueError:
        raise ContractError(
            f"{place}: spec.timeZone {in_one_line(spec.time_zone)!r} is not an IANA time zone"
        ) from None
    clauses = []
    for level in spec.service_levels:
        if level.slo_ref not in slos:
            known = ", ".join(sorted(slos)) or "none"
            raise ContractError(
                f"{place}: spec.serviceLevels.sloRef {level.slo_ref!r} names no SLO document;"
                f" there are: {known}"
            )
        clauses.append(_clause(*slos[level.slo_ref], level))
    if len({c.id for c in clauses}) != len(clauses):
        raise ContractError(f"{place}: spec.serviceLevels names an SLO twice")
    groupings = dict.fromkeys((*spec.roll_ups, *(c.grouping for c in clauses)))
    return Terms(
        contract=contract.metadata.name,
        version=spec.version,
        effective_from_ms=_instant_ms(place, spec.effective.from_),
        effective_to_ms=None
        if spec.effective.to is None
        else _instant_ms(place, spec.effective.to),
        time_zone=spec.time_zone,
        inactivity_ms=_span_ms(place, "inactivity", spec.inactivity),
        escalation_expiry_ms=_span_ms(
            place, "handoff.escalationExpiry", spec.handoff.escalation_expiry
        ),
        verification_ms=_span_ms(place, "verificationWindow", spec.verification_window),
        thresholds_ms={
            channel: _span_ms(place, f"handoff.thresholds.{channel}", text)
            for channel, text in spec.handoff.thresholds.items()
        },
        required_context=frozenset(spec.handoff.required_context),
        groupings=tuple(groupings),
        scope={
            "channel": frozenset(spec.scope.channels),
            "market": frozenset(spec.scope.markets),
            "journey": frozenset(spec.scope.journeys),
            "supplier": frozenset(spec.scope.suppliers),
        },
        clauses=tuple(clauses),
    )


def _clause(place: str, slo: Slo, level: ServiceLevel) -> Clause:
    ratio = slo.spec.indicator.spec.ratio_metric
    metric = ratio.good or ratio.bad
    if metric is None or (ratio.good and ratio.bad):
        raise ContractError(f"{place}: ratioMetric needs exactly one of good and bad")
    source = metric.metric_source.spec
    grouping = tuple(d for d in DIMENSIONS if d in source.grouping or d in source.where)
    if source.indicator == "failure_share":
        if source.reason is None or ratio.bad is None:
            raise ContractError(f"{place}: failure_share needs a `reason` and stands under `bad`")
    elif source.reason is not None or ratio.good is None:
        raise ContractError(f"{place}: {source.indicator} stands under `good`, without a `reason`")
    wait = source.indicator == "escalation_wait"
    target_ppm = _ppm(place, slo.spec.objectives[0].target)
    if source.indicator == "failure_share":
        # OpenSLO's target is the good share; the clause bounds the bad one.
        target_ppm = PPM - target_ppm
    return Clause(
        id=slo.metadata.name,
        indicator=source.indicator,
        grouping=grouping,
        where=tuple(sorted(source.where.items())),
        window_ms=0 if wait else WINDOWS_MS[slo.spec.time_window[0].duration],
        target_ppm=0 if wait else target_ppm,
        hysteresis_ppm=0 if wait else int(Fraction(level.hysteresis) * PPM),
        minimum_volume=1 if wait else level.minimum_volume,
        severity=level.severity,
        reason=source.reason,
    )


def _ppm(place: str, target: float) -> int:
    # The shortest decimal that reads back as this float is what the author wrote.
    exact = Fraction(repr(target)) * PPM if isfinite(target) else Fraction(-1)
    if exact.denominator != 1 or not 0 <= exact <= PPM:
        raise ContractError(
            f"{place}: objectives.target {target!r} must lie in 0..1 with at most 6 decimals"
        )
    return int(exact)


def _instant_ms(place: str, moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ContractError(f"{place}: spec.effective needs an offset, for example {moment}Z")
    if not EARLIEST <= moment <= LATEST:
        raise ContractError(f"{place}: spec.effective must lie in the years 1 to 9000")
    return epoch_ms(moment)


def _span_ms(place: str, field: str, text: str) -> int:
    try:
        return duration_ms(text)
    except ContractError as error:
        raise ContractError(f"{place}: spec.{field} {error}") from None


__all__ = ["INDICATORS", "WINDOWS_MS", "duration_ms", "terms_from_documents"]
