"""An SLO document and the service level that names it, to one clause.

What an SLO may say beyond the kinds of its fields is checked here as well: which side of the ratio
an indicator stands on, its window, its target.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from math import isfinite
from typing import cast

from streams.domain.calendar_period import Period
from streams.domain.contract import AMOUNTS, AT_MOST, DIMENSIONS, PPM, Clause, Indicator
from streams.domain.contract_document import (
    WINDOWS_MS,
    IndicatorSource,
    ServiceLevel,
    Slo,
    TimeWindow,
)
from streams.domain.contract_source import Findings, KeyPath, SourceDocument, shown
from streams.domain.money import millionths

_RATIO: KeyPath = ("spec", "indicator", "spec", "ratioMetric")
_WINDOW: KeyPath = ("spec", "timeWindow", 0)
_PERIODS = ("1d", "1w", "1M", "1Q")


def has_one_side(slo: Slo) -> bool:
    """Whether exactly one of `good` and `bad` is there."""
    ratio = slo.spec.indicator.spec.ratio_metric
    return (ratio.good is None) != (ratio.bad is None)


def side_of(slo: Slo) -> str:
    """`good` or `bad`: on which side of the ratio the indicator stands."""
    return "good" if slo.spec.indicator.spec.ratio_metric.good else "bad"


def source_of(slo: Slo) -> IndicatorSource:
    """What the SLO measures. The SLO has been checked."""
    ratio = slo.spec.indicator.spec.ratio_metric
    metric = ratio.good or ratio.bad
    assert metric is not None
    return metric.metric_source.spec


def source_path(slo: Slo) -> KeyPath:
    """The key path of the indicator's spec."""
    return (*_RATIO, side_of(slo), "metricSource", "spec")


def check_slo(document: SourceDocument, slo: Slo, findings: Findings) -> None:
    """Note what is wrong with an SLO taken by itself."""
    if not has_one_side(slo):
        findings.error(document, _RATIO, "needs exactly one of `good` and `bad`")
        return
    source, path = source_of(slo), source_path(slo)
    side = "bad" if source.indicator in AT_MOST else "good"
    if side_of(slo) != side:
        more = "more of it is worse" if side == "bad" else "more of it is better"
        findings.error(
            document,
            (*path, "indicator"),
            f"{source.indicator} stands under `{side}`: {more}",
        )
    if source.indicator == "failure_share" and source.reason is None:
        findings.error(document, (*path, "reason"), "failure_share needs the reason it is about")
    if source.indicator != "failure_share" and source.reason is not None:
        findings.error(
            document, (*path, "reason"), f"{source.indicator} has no reason; leave it out"
        )
    _check_window(document, slo.spec.time_window[0], source.indicator, findings)
    if _target_ppm(slo.spec.objectives[0].target) is None:
        findings.error(
            document,
            ("spec", "objectives", 0, "target"),
            f"{shown(slo.spec.objectives[0].target)} must lie in 0..1 with at most 6 decimals",
        )


def _check_window(
    document: SourceDocument, window: TimeWindow, indicator: Indicator, findings: Findings
) -> None:
    duration = (*_WINDOW, "duration")
    if window.is_rolling:
        if window.duration not in WINDOWS_MS:
            findings.error(
                document,
                duration,
                f"a window of {window.duration} is a calendar window: isRolling: false",
                allowed=WINDOWS_MS,
            )
        if window.calendar is not None:
            findings.error(
                document, (*_WINDOW, "calendar"), "a rolling window has no calendar; leave it out"
            )
        return
    if window.duration not in _PERIODS:
        findings.error(
            document,
            duration,
            f"a window of {window.duration} is a rolling window: isRolling: true",
            allowed=_PERIODS,
        )
    elif indicator == "escalation_wait":
        findings.error(
            document,
            _WINDOW,
            "escalation_wait is judged at every moment: give {duration: 5m, isRolling: true}",
        )
    elif window.calendar is None:
        findings.error(
            document,
            (*_WINDOW, "calendar"),
            "a calendar window needs a calendar: {startTime: 2026-01-01 00:00:00, timeZone: ...}",
        )
    else:
        problem = _start_problem(window.duration, window.calendar.start_time)
        if problem is not None:
            findings.error(document, (*_WINDOW, "calendar", "startTime"), problem)


def _start_problem(period: str, text: str) -> str | None:
    """What is wrong with a calendar's start: Baton's periods begin where everybody's do."""
    try:
        start = datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return f"{shown(text)} is no time that there is"
    begins = {
        "1d": True,
        "1w": start.weekday() == 0,
        "1M": start.day == 1,
        "1Q": start.day == 1 and start.month in (1, 4, 7, 10),
    }[period]
    if not begins or (start.hour, start.minute, start.second) != (0, 0, 0):
        where = {
            "1d": "a midnight",
            "1w": "the midnight of a Monday",
            "1M": "the midnight of a month's first day",
            "1Q": "the midnight of the first of January, April, July or October",
        }[period]
        return f"a window of {period} begins at {where}"
    return None


def clause_from(slo: Slo, level: ServiceLevel) -> Clause:
    """The clause that an SLO and its service level make. Both have been checked."""
    source = source_of(slo)
    wait = source.indicator == "escalation_wait"
    window = slo.spec.time_window[0]
    return Clause(
        id=slo.metadata.name,
        indicator=source.indicator,
        grouping=tuple(d for d in DIMENSIONS if d in source.grouping or d in source.where),
        where=tuple(sorted(source.where.items())),
        window_ms=0 if wait else WINDOWS_MS.get(window.duration, 0),
        target_ppm=0 if wait else target_in_clause(slo, level),
        hysteresis_ppm=0 if wait else millionths(level.hysteresis),
        minimum_volume=1 if wait else level.minimum_volume,
        severity=level.severity,
        reason=source.reason,
        period=None if window.is_rolling else cast(Period, window.duration),
    )


def target_in_clause(slo: Slo, level: ServiceLevel) -> int:
    """The clause's bound in its own terms: a least share, a greatest one, or a limit in millionths.

    OpenSLO's target is the good share; a clause that sets a most bounds the bad one. Of an amount
    the limit stands in the service level.
    """
    indicator = source_of(slo).indicator
    if indicator in AMOUNTS:
        return millionths(level.limit or "0")
    target = _target_ppm(slo.spec.objectives[0].target) or 0
    return PPM - target if indicator in AT_MOST else target


def _target_ppm(target: float) -> int | None:
    # The shortest decimal that reads back as this float is what the author wrote.
    exact = Fraction(repr(target)) * PPM if isfinite(target) else Fraction(-1)
    return int(exact) if exact.denominator == 1 and 0 <= exact <= PPM else None
