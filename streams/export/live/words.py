"""Figures as people read them. page.js says ages in the same way; a test holds the two together."""

from __future__ import annotations

from datetime import UTC, datetime

from streams.domain.contract import PPM
from streams.domain.significance import Comparison

_DAY_MS = 86_400_000
VERDICTS = {
    "too_few": "too few to tell",
    "no_difference": "no difference shown",
    "lower": "lower",
    "higher": "higher",
}
INDICATORS: dict[str, str] = {
    "escalation_wait": "longest wait",
    "containment_raw": "containment",
    "csat_response": "CSAT response",
    "csat_satisfied": "CSAT satisfied",
    "qa_coverage_ai": "QA coverage, AI",
    "qa_coverage_human": "QA coverage, human",
    "qa_pass_ai": "QA pass, AI",
    "qa_pass_human": "QA pass, human",
    "containment_safe": "containment or safe handoff",
}


def age(ms: int) -> str:
    """9 s, 2 m 05 s, 3 h 20 m, 4 d 06 h; what lies ahead of the clock is 0 s old."""
    seconds = max(0, ms) // 1000
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} m {seconds % 60:02d} s"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} m"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3600:02d} h"


def span(ms: int) -> str:
    """A length of time without parts that are 0: 90 s, 2 m, 6 h, 20 h."""
    for unit, length in (("h", 3_600_000), ("m", 60_000)):
        if ms and ms % length == 0:
            return f"{ms // length} {unit}"
    return f"{ms / 1000:g} s"


def moment(ms: int, clock_ms: int | None = None) -> str:
    """A time of the event clock, UTC: 01 Jun 10:42:17, without the date on the clock's day."""
    said = datetime.fromtimestamp(ms // 1000, UTC)
    same = clock_ms is not None and clock_ms // _DAY_MS == ms // _DAY_MS
    return f"{said:%H:%M:%S}" if same else f"{said:%d %b %H:%M:%S}"


def clock(ms: int) -> str:
    """The event clock: 2026-06-01 10:42:17."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%d %H:%M:%S}"


def share(numerator: int, denominator: int) -> str:
    """84.0 %; unknown where nothing was counted."""
    return f"{100 * numerator / denominator:.1f} %" if denominator else "unknown"


def value(indicator: str, ppm: int, currency: str) -> str:
    """A clause's value or target (millionths) in its indicator's unit."""
    match indicator:
        case "compliance_exceptions":
            return f"{ppm / PPM:g}"
        case "cost_per_verified":
            return f"{ppm / PPM:.2f} {currency}"
        case _:
            return f"{100 * ppm / PPM:.1f} %"


def points(difference: float) -> str:
    """A difference of shares in percentage points, signed: +2.1."""
    return f"{100 * difference:+.1f}".replace("-", "\N{MINUS SIGN}")


def interval(found: Comparison) -> str:
    """The interval of a difference in percentage points."""
    return f"{points(found.low)} to {points(found.high)}"


def indicator(name: str) -> str:
    """An indicator in words."""
    return INDICATORS.get(name, name.replace("_", " "))


def place(contract: str | None, key: tuple[tuple[str, str], ...]) -> str:
    """A key's values, "all" for the whole contract; `contract` where it must be said which."""
    said = " / ".join(one for _, one in key)
    return " / ".join(part for part in (contract or "", said) if part) or "all"


def numbers(found: tuple[int, ...]) -> str:
    """0-3, or 0, 2, 5: partitions."""
    if len(found) > 2 and found == tuple(range(found[0], found[-1] + 1)):
        return f"{found[0]}\N{EN DASH}{found[-1]}"
    return ", ".join(map(str, found)) or "none"
