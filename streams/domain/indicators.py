"""The ratios that clauses and gauges speak of, from a window's counters. DEFINITIONS.md section
8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from streams.domain.contract import Indicator
from streams.domain.events import FailureReason

CONTAINMENT: dict[str, Indicator] = {
    "raw": "containment_raw",
    "safe": "containment_safe",
    "no_recontact": "containment_no_recontact",
    "safe_verified": "containment_safe_verified",
}
# Unknown for a key that has never opened an escalation: it may just not be told of them.
NEEDS_ESCALATION: Final[frozenset[Indicator]] = frozenset(CONTAINMENT.values())

_Names = tuple[str, ...]
_EPISODES: Final = ("eligible", "waiting")
_ENDED: Final = ("ended.taken_over", "ended.abandoned", "ended.trapped", "ended.expired")
_FAILURES: Final = tuple(f"failure.{reason}" for reason in get_args(FailureReason))
_LINKED: Final[Mapping[Indicator, tuple[_Names, _Names]]] = {
    "recontact_24h": (("returned.24h",), ("links.24h",)),
    "recontact_72h": (("returned.72h",), ("links.72h",)),
    "recontact_7d": (("returned.7d",), ("links.7d",)),
    "recontact_same_24h": (("returned_same.24h",), ("links.24h",)),
    "recontact_same_72h": (("returned_same.72h",), ("links.72h",)),
    "recontact_same_7d": (("returned_same.7d",), ("links.7d",)),
}
# Sums of counters: section 8's list, in its order.
_RATIOS: Final[Mapping[Indicator, tuple[_Names, _Names]]] = {
    "containment_raw": (("outcome.contained",), _EPISODES),
    "containment_safe": (("outcome.contained", "safe"), _EPISODES),
    "containment_no_recontact": (("final.verified", "final.assumed"), ("matured",)),
    "containment_safe_verified": (("final.verified", "final.escalated_safe"), ("matured",)),
    "escalation_within": (("within",), ("within", "missed")),
    "answer_within": (("answer.within",), ("answer.within", "answer.beyond")),
    "answer_removed_within": (("answer.removed_within",), ("answer.ended",)),
    "first_response_within": (("response.within",), ("response.within", "response.missed")),
    "verified_resolution": (("final.verified",), ("claimed",)),
    "first_contact": (("first_contact",), ("resolved",)),
    "recontact": (("returned",), ("resolved",)),
    **_LINKED,
    "unlinked": (("unlinked",), ("resolved_closes",)),
    "human_takeover": (("outcome.escalated",), ("eligible",)),
    "abandonment": (("ended.abandoned",), _ENDED),
    "context_complete": (("context.complete",), ("context.judged",)),
    "customer_repeated": (("repeated",), ("outcome.escalated",)),
    "qa_coverage_ai": (("covered.ai",), ("matured",)),
    "qa_coverage_human": (("covered.human",), ("human",)),
    "qa_pass_ai": (("qa_passed.ai",), ("qa.ai",)),
    "qa_pass_human": (("qa_passed.human",), ("qa.human",)),
    "csat_satisfied": (("csat.satisfied",), ("csat.received",)),
    "csat_response": (("csat.received",), ("csat.requested",)),
    "cost_per_verified": (("cost_micros",), ("final.verified",)),
}
_EXCEPTIONS: Final = ("compliance.minor", "compliance.major", "compliance.critical")


def ratio(
    indicator: Indicator, counts: Mapping[str, int], reason: str | None = None
) -> tuple[int, int]:
    """(numerator, denominator) of an indicator; a denominator of 0 is unknown, not 0.

    `reason` is the failure whose share is asked for (`failure_share` alone). Numerators of
    `cost_per_verified` are micro-units of the contract's currency and may be negative. Raises
    ValueError for `escalation_wait`, which is a limit and no ratio.
    """
    summed = _RATIOS.get(indicator)
    if summed is not None:
        numerator, denominator = summed
        return _sum(numerator, counts), _sum(denominator, counts)
    if indicator == "failure_share":
        return counts.get(f"failure.{reason}", 0), _sum(_FAILURES, counts)
    if indicator == "compliance_exceptions":
        return _sum(_EXCEPTIONS, counts), 1
    raise ValueError("escalation_wait is judged escalation by escalation")


def _sum(names: _Names, counts: Mapping[str, int]) -> int:
    total = 0
    for name in names:
        total += counts.get(name, 0)
    return total
