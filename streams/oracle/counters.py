"""The counters that each fact adds to. DEFINITIONS.md section 8. Times in ms since 1970 UTC."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

from streams.domain.contract import Dimension, Terms
from streams.domain.facts import Fact
from streams.oracle.indicators import Counts, Key, Versions, slice_end


class Counted(NamedTuple):
    """A fact, the end of the slice in which it counts, and what for."""

    fact: Fact
    end: int
    counts: Counts


def counted(facts: Iterable[Fact], versions: Versions, customers: Container[str]) -> list[Counted]:
    """The facts, each with what it counts for; `customers` holds the ids of the resolved closes
    whose customer is known. Not those that add to no counter: they make no key either.
    """
    each = (
        Counted(f, slice_end(f.time), counts_of(f, versions.of(f), linked=f.id in customers))
        for f in facts
    )
    return [found for found in each if found.counts]


def by_slice(
    facts: Iterable[Counted], grouping: tuple[Dimension, ...], versions: Versions
) -> dict[Key, dict[int, Counts]]:
    """What the facts whose own terms publish the grouping count for, by key and end of slice."""
    found: dict[Key, dict[int, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for one in facts:
        if grouping in versions.of(one.fact).groupings:
            sums = found[versions.key(one.fact, grouping)][one.end]
            for name, number in one.counts.items():
                sums[name] += number
    return {key: dict(slices) for key, slices in found.items()}


def counts_of(fact: Fact, terms: Terms, *, linked: bool) -> dict[str, int]:
    """The counters that one fact adds to, each by how much; `terms` are those it was judged by.

    `linked`: whether the customer of a resolved close is known (section 7a). A visit adds to none:
    what comes of it is counted in links.py; a dispute is billing's alone. Latencies in ms, costs in
    millionths of the contract's currency.
    """
    detail = fact.detail
    match fact.kind:
        case "ai_failure":
            counts = {f"failure.{detail['reason']}": 1}
            if detail["first"]:
                counts[f"first_failure.{detail['reason']}"] = 1
            return counts
        case "customer_visited":
            return {}
        case "response_given":
            by = detail["by"]
            return {
                f"response.{by}": 1,
                f"response.{by}_ms": detail["latency_ms"],
                "response.within": int(detail["within"] is True),
            }
        case "response_missed":
            return {"response.missed": 1}
        case "escalation_opened":
            return {"escalations": 1, "excluded.escalations": int(detail["excluded"])}
        case "escalation_overdue":
            return {"overdue": 1, "missed": 1}
        case "escalation_ended":
            return _ended_escalation(detail)
        case "episode_ended":
            return _ended_episode(detail, linked)
        case "episode_matured":
            return _matured_episode(detail)
        case "qa_evaluated":
            subject = detail["subject"]
            return {f"qa.{subject}": 1, f"qa_passed.{subject}": int(detail["passed"])}
        case "csat_requested":
            return {"csat.requested": 1}
        case "csat_received":
            return {"csat.received": 1, "csat.satisfied": int(detail["satisfied"])}
        case "compliance_opened":
            return {f"compliance.{detail['severity']}": 1}
        case "compliance_overdue":
            return {"compliance.overdue": 1}
        case "compliance_closed":
            return {"compliance.closed": 1}
        case "cost_recorded":
            if detail["currency"] != terms.currency:
                return {"cost.other_currency": 1}
            return {"cost_micros": detail["amount_micros"]}
        case "resolution_disputed":
            return {}


def _ended_escalation(detail: Mapping[str, Any]) -> dict[str, int]:
    missed = detail["within"] is False and not detail["overdue"]
    counts = {
        f"ended.{detail['outcome']}": 1,
        "within": int(detail["within"] is True),
        "missed": int(missed),
        "clamped": int(detail["clamped"]),
        "latency_ms": detail["latency_ms"],
    }
    if detail["answer"] is not None:
        counts[f"answer.{detail['answer']}"] = 1
        counts["answer.ended"] = 1
        counts["answer.removed_within"] = int(detail["removed_within"])
    if detail["context_complete"] is not None:
        counts["context.judged"] = 1
        counts["context.complete"] = int(detail["context_complete"])
    return counts


def _ended_episode(detail: Mapping[str, Any], linked: bool) -> dict[str, int]:
    if detail["excluded"]:
        return {"excluded.episodes": 1}
    if not detail["eligible"]:
        return {"ineligible": 1}
    return {
        "eligible": 1,
        f"outcome.{detail['outcome']}": 1,
        "safe": int(detail["safe"] is True),
        "repeated": int(detail["outcome"] == "escalated" and detail["repeated"]),
        "resolved_closes": int(detail["resolved"]),
        "unlinked": int(detail["resolved"] and not linked),
    }


def _matured_episode(detail: Mapping[str, Any]) -> dict[str, int]:
    flags = ("human", "claimed", "resolved", "returned", "first_contact")
    return {
        "matured": 1,
        f"final.{detail['outcome']}": 1,
        **{flag: int(detail[flag]) for flag in flags},
        "covered.ai": int(detail["qa_ai"]),
        "covered.human": int(detail["human"] and detail["qa_human"]),
    }
