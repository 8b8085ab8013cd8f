"""The ratios that clauses and gauges speak of, from a window's counters. DEFINITIONS.md section
8.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.domain.contract import Indicator

CONTAINMENT: dict[str, Indicator] = {
    "raw": "containment_raw",
    "safe": "containment_safe",
    "no_recontact": "containment_no_recontact",
    "safe_verified": "containment_safe_verified",
}


def ratio(
    indicator: Indicator, counts: Mapping[str, int], reason: str | None = None
) -> tuple[int, int]:
    """(numerator, denominator) of a ratio indicator; (0, 0) where nothing was counted.

    Raises ValueError for `escalation_wait`, which is a limit and no ratio.
    """
    get = counts.get
    match indicator:
        case "escalation_within":
            within = get("within", 0)
            return within, within + get("missed", 0)
        case "containment_raw":
            return get("outcome.contained", 0), get("eligible", 0) + get("waiting", 0)
        case "containment_safe":
            contained = get("outcome.contained", 0) + get("safe", 0)
            return contained, get("eligible", 0) + get("waiting", 0)
        case "containment_no_recontact":
            return get("final.verified", 0) + get("final.assumed", 0), get("matured", 0)
        case "containment_safe_verified":
            return get("final.verified", 0) + get("final.escalated_safe", 0), get("matured", 0)
        case "failure_share":
            failures = sum(n for name, n in counts.items() if name.startswith("failure."))
            return get(f"failure.{reason}", 0), failures
        case "escalation_wait":
            raise ValueError("escalation_wait is judged escalation by escalation")
