"""A clause in the words of people: for alerts, pages and the warning of a budget that runs out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from streams.domain.budget import Projection
from streams.domain.calendar_period import Period, period_name, period_of
from streams.domain.clause_words import WORDS
from streams.domain.contract import AMOUNTS, Clause, Terms
from streams.domain.money import decimal_text, percent_text
from streams.domain.time_zone import zone_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms"))
_SPANS: dict[Period, str] = {
    "1d": "the day",
    "1w": "the week",
    "1M": "the month",
    "1Q": "the quarter",
}
_WINDOWS = {300_000: "5 min", 3_600_000: "1 h", 86_400_000: "24 h"}


def duration_words(ms: int) -> str:
    """The duration in the largest unit that divides it: 2 min, 90 s, 4 h."""
    unit, name = next((unit, name) for unit, name in _UNITS if ms % unit == 0 and ms >= unit)
    return f"{ms // unit} {name}"


def threshold_ms(clause: Clause, terms: Terms) -> int | None:
    """The time that the clause's indicator is measured against, where its keys share one."""
    by_channel = {
        "escalation_wait": terms.thresholds_ms,
        "escalation_within": terms.thresholds_ms,
        "answer_within": terms.answer_ms,
        "answer_removed_within": terms.answer_ms,
        "first_response_within": terms.first_response_ms,
    }.get(clause.indicator)
    channel = dict(clause.where).get("channel")
    return None if by_channel is None or channel is None else by_channel.get(channel)


def target_words(clause: Clause, terms: Terms) -> str:
    """The target alone: 95 % / 2 min; at most 3; at most 4.5 EUR."""
    if clause.indicator == "cost_per_verified":
        return f"{decimal_text(clause.target_ppm)} {terms.currency}"
    if clause.indicator in AMOUNTS:
        return decimal_text(clause.target_ppm)
    within = threshold_ms(clause, terms)
    if clause.indicator == "escalation_wait":
        return "the threshold" if within is None else duration_words(within)
    share = percent_text(clause.target_ppm)
    return share if within is None else f"{share} / {duration_words(within)}"


def promise_words(clause: Clause, terms: Terms) -> str:
    """The whole promise in one line."""
    where = "".join(f", {name} {value}" for name, value in clause.where)
    target = target_words(clause, terms)
    if clause.indicator == "escalation_wait":
        return f"nobody waits longer than {target} for a human{where}"
    words = WORDS[clause.indicator]
    if clause.reason is not None:
        words = words.replace("this reason", clause.reason)
    over = _SPANS[clause.period] if clause.period else _WINDOWS[clause.window_ms]
    limit = "at most" if clause.at_most else "at least"
    if clause.indicator in AMOUNTS:
        return f"{words} {limit} {target}{where}, over {over}"
    return f"{limit} {target} of {words}{where}, over {over}"


def projection_words(clause: Clause, terms: Terms, projection: Projection) -> str:
    """The early warning, for a clause over a calendar period.

    "at this rate the 95 % / 2 min clause for June fails on the 19th; 212 misses left"
    """
    assert clause.period is not None
    left = projection.misses_left
    misses = "1 miss" if abs(left) == 1 else f"{abs(left)} misses"
    budget = f"{misses} left" if left >= 0 else f"{misses} over"
    zone, at = terms.time_zone, projection.fails_at_ms
    which = f"the {target_words(clause, terms)} clause for"
    name = _period_words(clause.period, zone, projection.boundary_ms)
    if at is None:
        return f"at this rate {which} {name} holds; {budget}"
    if left < 0:
        return f"{which} {name} has failed; {budget}"
    return f"at this rate {which} {name} fails {_moment_words(clause.period, zone, at)}; {budget}"


def _period_words(period: Period, zone: str, boundary_ms: int) -> str:
    start, _ = period_of(period, zone, boundary_ms)
    first = _local(zone, start).date()
    match period:
        case "1M":
            return f"{first:%B}"
        case "1Q":
            return period_name(period, zone, boundary_ms)
        case "1w":
            return f"the week of {_day_words(first)}"
        case "1d":
            return _day_words(first)


def _moment_words(period: Period, zone: str, at_ms: int) -> str:
    at = _local(zone, at_ms)
    match period:
        case "1d":
            return f"at {at:%H:%M}"
        case "1M":
            return f"on the {_ordinal(at.day)}"
        case _:
            return f"on {_day_words(at.date())}"


def _local(zone: str, time_ms: int) -> datetime:
    return (_EPOCH + timedelta(milliseconds=time_ms)).astimezone(zone_of(zone))


def _day_words(day: date) -> str:
    return f"{day.day} {day:%B}"


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{({1: 'st', 2: 'nd', 3: 'rd'}).get(number % 10, 'th')}"
