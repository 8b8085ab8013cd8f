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


def counts_of(fact: Fact) -> dict[str, int]:
    """The counters that one fact adds to, each by how much."""
    detail = fact.detail
    match fact.kind:
        case "ai_failure":
            counts = {f"failure.{detail['reason']}": 1}
            if detail["first"]:
                counts[f"first_failure.{detail['reason']}"] = 1
            return counts
        case "escalation_opened":
            return {"escalations": 1}
        case "escalation_overdue":
            return {"overdue": 1, "missed": 1}
        case "escalation_ended":
            missed = detail["within"] is False and not detail["overdue"]
            return {
                f"ended.{detail['outcome']}": 1,
                "within": int(detail["within"] is True),
                "missed": int(missed),
                "clamped": int(detail["clamped"]),
                "latency_ms": detail["latency_ms"],
            }
        case "episode_ended":
            if not detail["eligible"]:
                return {"ineligible": 1}
            return {
                "eligible": 1,
                f"outcome.{detail['outcome']}": 1,
                "safe": int(detail["safe"] is True),
            }
        case "episode_matured":
            return {"matured": 1, f"final.{detail['outcome']}": 1}


def ratio_of(counts: Counts, indicator: Indicator, reason: str | None = None) -> tuple[int, int]:
    """Numerator and denominator of a ratio indicator; both are sums of counters.

    `reason` is failure_share's. Raises ValueError for `escalation_wait`, which is no ratio.
    """

    def total(*names: str) -> int:
        return sum(counts.get(name, 0) for name in names)

    match indicator:
        case "escalation_within":
            return total("within"), total("within", "missed")
        case "containment_raw":
            return total("outcome.contained"), total("eligible", "waiting")
        case "containment_safe":
            return total("outcome.contained", "safe"), total("eligible", "waiting")
        case "containment_no_recontact":
            return total("final.verified", "final.assumed"), total("matured")
        case "containment_safe_verified":
            return total("final.verified", "final.escalated_safe"), total("matured")
        case "failure_share":
            failures = sum(n for name, n in counts.items() if name.startswith("failure."))
            return total(f"failure.{reason}"), failures
        case _:
            raise ValueError(f"{indicator} is not a ratio")


def is_containment(indicator: Indicator) -> bool:
    """Whether the ratio is unknown until its key has opened an escalation."""
    return indicator.startswith("containment_")


def judges(clause: Clause, key: Key) -> bool:
    """Whether the key is of the clause's grouping and its filter admits it."""
    return clause.grouping == tuple(name for name, _ in key) and clause.admits(
        tuple(value for _, value in key)
    )
