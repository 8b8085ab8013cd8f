"""What one fact adds to the counters of each of its keys. DEFINITIONS.md section 8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from streams.domain.contract import ContractBook
from streams.domain.facts import Fact, FactKind

Counts = list[tuple[str, int]]
_Detail = dict[str, Any]


def counted(fact: Fact, book: ContractBook) -> Counts:
    """The fact's counters, each with what is added to it. `book` says what currency a contract
    version is in.
    """
    if fact.kind == "cost_recorded":
        detail = fact.detail
        if detail["currency"] != book.version(fact.contract, fact.version).currency:
            return [("cost.other_currency", 1)]
        return [("cost_micros", detail["amount_micros"])]
    return _COUNTERS[fact.kind](fact.detail)


def _ai_failure(detail: _Detail) -> Counts:
    found = [(f"failure.{detail['reason']}", 1)]
    if detail["first"]:
        found.append((f"first_failure.{detail['reason']}", 1))
    return found


def _response_given(detail: _Detail) -> Counts:
    by = detail["by"]
    found = [(f"response.{by}", 1), (f"response.{by}_ms", detail["latency_ms"])]
    if detail["within"]:
        found.append(("response.within", 1))
    return found


def _escalation_opened(detail: _Detail) -> Counts:
    if detail["excluded"]:
        return [("escalations", 1), ("excluded.escalations", 1)]
    return [("escalations", 1)]


def _escalation_ended(detail: _Detail) -> Counts:
    found = [(f"ended.{detail['outcome']}", 1), ("latency_ms", detail["latency_ms"])]
    if detail["within"]:
        found.append(("within", 1))
    elif detail["within"] is False and not detail["overdue"]:
        found.append(("missed", 1))
    if detail["clamped"]:
        found.append(("clamped", 1))
    if detail["answer"] is not None:
        found += [(f"answer.{detail['answer']}", 1), ("answer.ended", 1)]
        if detail["removed_within"]:
            found.append(("answer.removed_within", 1))
    if detail["context_complete"] is not None:
        found.append(("context.judged", 1))
        if detail["context_complete"]:
            found.append(("context.complete", 1))
    return found


def _episode_ended(detail: _Detail) -> Counts:
    if detail["excluded"]:
        return [("excluded.episodes", 1)]
    if not detail["eligible"]:
        return [("ineligible", 1)]
    found = [("eligible", 1), (f"outcome.{detail['outcome']}", 1)]
    if detail["safe"]:
        found.append(("safe", 1))
    if detail["repeated"] and detail["outcome"] == "escalated":
        found.append(("repeated", 1))
    if detail["resolved"]:
        found.append(("resolved_closes", 1))
    return found


def _episode_matured(detail: _Detail) -> Counts:
    found = [("matured", 1), (f"final.{detail['outcome']}", 1)]
    found += [
        (name, 1)
        for name in ("human", "claimed", "resolved", "returned", "first_contact")
        if detail[name]
    ]
    if detail["qa_ai"]:
        found.append(("covered.ai", 1))
    if detail["qa_human"] and detail["human"]:
        found.append(("covered.human", 1))
    return found


def _qa_evaluated(detail: _Detail) -> Counts:
    found = [(f"qa.{detail['subject']}", 1)]
    if detail["passed"]:
        found.append((f"qa_passed.{detail['subject']}", 1))
    return found


def _csat_received(detail: _Detail) -> Counts:
    if detail["satisfied"]:
        return [("csat.received", 1), ("csat.satisfied", 1)]
    return [("csat.received", 1)]


_COUNTERS: Final[dict[FactKind, Callable[[_Detail], Counts]]] = {
    "ai_failure": _ai_failure,
    "customer_visited": lambda _: [],  # counted of the close that it returns to: links.py
    "response_given": _response_given,
    "response_missed": lambda _: [("response.missed", 1)],
    "escalation_opened": _escalation_opened,
    "escalation_overdue": lambda _: [("overdue", 1), ("missed", 1)],
    "escalation_ended": _escalation_ended,
    "episode_ended": _episode_ended,
    "episode_matured": _episode_matured,
    "qa_evaluated": _qa_evaluated,
    "csat_requested": lambda _: [("csat.requested", 1)],
    "csat_received": _csat_received,
    "compliance_opened": lambda detail: [(f"compliance.{detail['severity']}", 1)],
    "compliance_overdue": lambda _: [("compliance.overdue", 1)],
    "compliance_closed": lambda _: [("compliance.closed", 1)],
    "resolution_disputed": lambda _: [],  # it moves money, and no indicator
}
