"""Promises in words, for people who did not write the YAML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.domain.contract import AMOUNTS, Clause, Indicator
from streams.domain.money import decimal_text, percent_text

WORDS: dict[Indicator, str] = {
    "escalation_wait": "nobody waits longer than the threshold for a qualified human",
    "escalation_within": "escalations taken over within the threshold",
    "answer_within": "requests for a human answered in time, short abandons apart",
    "answer_removed_within": "requests that left the queue in time, however",
    "first_response_within": "first messages answered in time",
    "containment_raw": "episodes in which no human was needed",
    "containment_safe": "episodes contained or handed over safely",
    "containment_no_recontact": "episodes contained whose customer did not come back",
    "containment_safe_verified": "episodes verified or handed over safely",
    "verified_resolution": "claimed resolutions verified by evidence",
    "first_contact": "resolved episodes that took one contact",
    "recontact": "resolved episodes whose customer came back",
    "recontact_24h": "resolutions whose customer came back in 24 h, by whatever channel",
    "recontact_72h": "resolutions whose customer came back in 72 h, by whatever channel",
    "recontact_7d": "resolutions whose customer came back in 7 d, by whatever channel",
    "recontact_same_24h": "resolutions whose customer came back for the same in 24 h",
    "recontact_same_72h": "resolutions whose customer came back for the same in 72 h",
    "recontact_same_7d": "resolutions whose customer came back for the same in 7 d",
    "unlinked": "resolutions of customers who are not known",
    "human_takeover": "episodes in which a human took over",
    "abandonment": "escalations that the customer gave up",
    "context_complete": "handoffs that carried the required context",
    "customer_repeated": "handed over customers who had to repeat themselves",
    "failure_share": "AI failures for this reason",
    "qa_coverage_ai": "episodes whose AI part was evaluated",
    "qa_coverage_human": "episodes with a human whose human part was evaluated",
    "qa_pass_ai": "evaluations of the AI passed",
    "qa_pass_human": "evaluations of humans passed",
    "csat_satisfied": "answered surveys satisfied",
    "csat_response": "surveys answered",
    "compliance_exceptions": "compliance exceptions",
    "cost_per_verified": "cost of a verified resolution",
}
_PERIODS = {"1d": "each day", "1w": "each week", "1M": "each month", "1Q": "each quarter"}
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def span_text(span_ms: int) -> str:
    """A span (ms) in the greatest unit that gives a whole number; seconds up to two minutes."""
    for unit, name in _UNITS:
        if span_ms and span_ms % unit == 0 and not (unit == 60_000 and span_ms <= 120_000):
            return f"{span_ms // unit} {name}"
    return f"{span_ms} ms"


def join_words(words: Iterable[str]) -> str:
    """`a, b and c`, sorted."""
    *most, last = sorted(words)
    return f"{', '.join(most)} and {last}" if most else last


def value_text(indicator: Indicator, value: int) -> str:
    """A bound of an indicator: per cent of a share (ppm), or the amount itself (millionths)."""
    return decimal_text(value) if indicator in AMOUNTS else percent_text(value)


def bound_text(clause: Clause) -> str:
    """`at least 80 %`, `at most 25`."""
    word = "at most" if clause.at_most else "at least"
    return f"{word} {value_text(clause.indicator, clause.target_ppm)}"


def where_text(grouping: Sequence[str], where: Sequence[tuple[str, str]] = ()) -> str:
    """For whom: `for channel chat, by market`, `for the whole contract`."""
    fixed = dict(where)
    told = [f"for {name} {value}" for name, value in fixed.items()]
    apart = [name for name in grouping if name not in fixed]
    if apart:
        told.append(f"by {join_words(apart)}")
    return ", ".join(told) or "for the whole contract"


def clause_text(clause: Clause) -> str:
    """The whole promise in one line."""
    what = WORDS[clause.indicator]
    if clause.reason is not None:
        what = what.replace("this reason", clause.reason)
    place = where_text(clause.grouping, clause.where)
    if clause.indicator == "escalation_wait":
        return f"{what}, {place}"
    over = _PERIODS[clause.period] if clause.period else f"in any {span_text(clause.window_ms)}"
    of = f"{bound_text(clause)}"
    if clause.indicator in AMOUNTS:
        return f"{what} {of} {over}, {place}"
    return f"{of} of {what} {over}, {place}"
