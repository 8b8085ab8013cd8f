"""What a fact counts for, under which keys, and the ratios made of such counts.

DEFINITIONS.md section 8. Counts are plain integers, ratios a numerator and a denominator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.domain.contract import Clause, ContractBook, Dimension, Indicator, Terms
from streams.domain.facts import Fact
from streams.domain.window_value import SLICE_MS

Key = tuple[tuple[str, str], ...]
Counts = Mapping[str, int]
# One escalation: conversation, life, episode, ordinal.
About = tuple[str, int, int, int]
# Ratios in whose denominator a customer who still waits stands.
WAITING_COUNTS: frozenset[Indicator] = frozenset(("containment_raw", "containment_safe"))
# Each ratio as the counters whose sums are its numerator and denominator; a name that ends in `*`
# stands for every counter that begins so. failure_share's numerator is its reason's counter, and
# compliance_exceptions are a plain number: so many to 1.
_RATIOS: dict[Indicator, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "escalation_within": (("within",), ("within", "missed")),
    "answer_within": (("answer.within",), ("answer.within", "answer.beyond")),
    "answer_removed_within": (("answer.removed_within",), ("answer.ended",)),
    "first_response_within": (("response.within",), ("response.within", "response.missed")),
    "containment_raw": (("outcome.contained",), ("eligible", "waiting")),
    "containment_safe": (("outcome.contained", "safe"), ("eligible", "waiting")),
    "containment_no_recontact": (("final.verified", "final.assumed"), ("matured",)),
    "containment_safe_verified": (("final.verified", "final.escalated_safe"), ("matured",)),
    "verified_resolution": (("final.verified",), ("claimed",)),
    "first_contact": (("first_contact",), ("resolved",)),
    "recontact": (("returned",), ("resolved",)),
    "recontact_24h": (("returned.24h",), ("links.24h",)),
    "recontact_72h": (("returned.72h",), ("links.72h",)),
    "recontact_7d": (("returned.7d",), ("links.7d",)),
    "recontact_same_24h": (("returned_same.24h",), ("links.24h",)),
    "recontact_same_72h": (("returned_same.72h",), ("links.72h",)),
    "recontact_same_7d": (("returned_same.7d",), ("links.7d",)),
    "unlinked": (("unlinked",), ("resolved_closes",)),
    "human_takeover": (("outcome.escalated",), ("eligible",)),
    "abandonment": (("ended.abandoned",), ("ended.*",)),
    "context_complete": (("context.complete",), ("context.judged",)),
    "customer_repeated": (("repeated",), ("outcome.escalated",)),
    "failure_share": ((), ("failure.*",)),
    "qa_coverage_ai": (("covered.ai",), ("matured",)),
    "qa_coverage_human": (("covered.human",), ("human",)),
    "qa_pass_ai": (("qa_passed.ai",), ("qa.ai",)),
    "qa_pass_human": (("qa_passed.human",), ("qa.human",)),
    "csat_satisfied": (("csat.satisfied",), ("csat.received",)),
    "csat_response": (("csat.received",), ("csat.requested",)),
    "compliance_exceptions": (
        ("compliance.minor", "compliance.major", "compliance.critical"),
        (),
    ),
    "cost_per_verified": (("cost_micros",), ("final.verified",)),
}
RATIOS: tuple[Indicator, ...] = tuple(_RATIOS)


class Versions:
    """The terms that a fact names by contract and version."""

    def __init__(self, book: ContractBook) -> None:
        self._terms = {
            (name, terms.version): terms for name in book.names for terms in book.versions(name)
        }

    def of(self, fact: Fact) -> Terms:
        """The terms the fact was judged by."""
        return self._terms[fact.contract, fact.version]

    def key(self, fact: Fact, grouping: Iterable[Dimension]) -> Key:
        """The fact's key in a grouping; values outside its version's scope are `other`."""
        terms = self.of(fact)
        return tuple((name, terms.bounded(name, getattr(fact, name))) for name in grouping)


def slice_end(time_ms: int) -> int:
    """The end of the slice that holds `time_ms`, both in ms: the next multiple of a minute."""
    return -(-time_ms // SLICE_MS) * SLICE_MS


def escalation_of(fact: Fact) -> About:
    """Which escalation of the contract an escalation fact is about."""
    return (fact.conversation, fact.life, fact.episode, fact.ordinal)


def ratio_of(counts: Counts, indicator: Indicator, reason: str | None = None) -> tuple[int, int]:
    """Numerator and denominator of a ratio indicator, both sums of counters.

    `reason` is failure_share's. Raises ValueError for `escalation_wait`, which is no ratio.
    """
    if indicator not in _RATIOS:
        raise ValueError(f"{indicator} is not a ratio")
    numerator, denominator = _RATIOS[indicator]
    if indicator == "failure_share":
        numerator = (f"failure.{reason}",)
    above = sum(_total(counts, name) for name in numerator)
    if not denominator:
        return above, 1
    return above, sum(_total(counts, name) for name in denominator)


def _total(counts: Counts, name: str) -> int:
    if name.endswith("*"):
        return sum(n for counter, n in counts.items() if counter.startswith(name[:-1]))
    return counts.get(name, 0)


def is_containment(indicator: Indicator) -> bool:
    """Whether the ratio is unknown until its key has opened an escalation."""
    return indicator.startswith("containment_")


def judges(clause: Clause, key: Key) -> bool:
    """Whether the key is of the clause's grouping and its filter admits it."""
    return clause.grouping == tuple(name for name, _ in key) and clause.admits(
        tuple(value for _, value in key)
    )
