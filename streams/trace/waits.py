"""Why an escalation went as it did: T0, its legs, the context, the promise, its end.

DEFINITIONS.md section 5. Times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.domain.contract import Clause
from streams.oracle.conversation import Milestone
from streams.oracle.episodes import Episode
from streams.oracle.escalation import Escalation
from streams.trace.model import Leg, Wait

_OPENED_BY = {
    "ai.failure_signalled": "the customer asked for a human",
    "handoff.requested": "a handoff was requested",
    "handoff.queued": "the contact was queued",
    "handoff.returned": "the human returned the contact to the queue",
}
_ENDS = {
    "abandoned": "the customer left while waiting",
    "expired": "nobody came before the contract's escalationExpiry",
}


def wait_of(one: Escalation, episode: Episode, about: Sequence[Milestone], upto: int) -> Wait:
    """What the escalation was as of `upto`; it opened by then.

    `about` are the conversation's milestones, in order.
    """
    ended = one.ended_at <= upto
    terms = one.terms
    required = terms.required_context
    # Nothing after `upto` is told: a request that is still ahead may yet be overtaken.
    told = [m for m in about if one.known <= m.time <= min(one.ended_at, upto)]
    passed = one.fields_present if ended else _passed(told)
    overdue = one.overdue_at if one.overdue_at is not None and one.overdue_at <= upto else None
    return Wait(
        ordinal=one.ordinal,
        t0=one.t0,
        t0_why=_t0_why(one, episode, about),
        known_at=one.known,
        channel=one.channel,
        version=terms.version,
        clock="service hours" if terms.service_clock and terms.hours else "elapsed",
        t0_in_service_hours=None if terms.hours is None else terms.hours.is_open(one.t0),
        promised_by=[clause.id for clause in terms.clauses if _is_about(clause, one.channel)],
        threshold_ms=one.threshold_ms,
        answer_threshold_ms=None if one.excluded else terms.answer_ms.get(one.channel),
        excluded=_excluded(one),
        legs=_legs(one, upto),
        required_skills=sorted(one.required_skills) if ended else _skills(told),
        context_required=sorted(required),
        context_passed=sorted(passed),
        context_missing=sorted(required - passed),
        context_complete=one.context_complete if ended else None,
        outcome=one.outcome if ended else "waiting",
        outcome_why=_outcome_why(one, about) if ended else "",
        ended_at=one.ended_at if ended else None,
        latency_ms=one.latency_ms if ended else None,
        service_latency_ms=one.service_latency_ms if ended else None,
        age_ms=None if ended else upto - one.t0,
        within=one.within if ended else None,
        overdue_at=overdue,
        answer=one.answer if ended else None,
        clamped=one.clamped,
    )


def _is_about(clause: Clause, channel: str) -> bool:
    """Whether the clause is a promise about waits on the channel."""
    wanted = dict(clause.where).get("channel", channel)
    return clause.indicator in ("escalation_wait", "escalation_within") and wanted == channel


def _t0_why(one: Escalation, episode: Episode, about: Sequence[Milestone]) -> str:
    opening = _opening(one, about)
    signal = next((m for m in episode.failures if m.time == one.t0), None)
    if one.returned_to_queue:
        return _OPENED_BY["handoff.returned"]
    if one.t0 == one.known:
        if signal is None or opening == "ai.failure_signalled":
            earlier = "" if signal else "; no failure of the AI had been signalled"
            return f"{_OPENED_BY[opening]}{earlier}"
        return f"the AI signalled {signal.word} in the same millisecond"
    word = signal.word if signal else "a failure"
    return (
        f"the AI's earliest failure signal ({word}) since it had the contact;"
        f" {_OPENED_BY[opening]} {one.known - one.t0:,} ms later"
    )


def _opening(one: Escalation, about: Sequence[Milestone]) -> str:
    """The kind of milestone that opened it."""
    for m in about:
        if m.time != one.known:
            continue
        if m.kind in ("handoff.requested", "handoff.queued"):
            return m.kind
        if m.kind == "ai.failure_signalled" and m.word == "human_requested":
            return m.kind
    return "handoff.returned"


def _excluded(one: Escalation) -> str | None:
    for exclusion in one.terms.exclusions:
        if exclusion.covers(one.t0, one.channel):
            return exclusion.reason
    return None


def _legs(one: Escalation, upto: int) -> list[Leg]:
    reached = (
        ("requested", one.requested_at),
        ("queued", one.queued_at),
        ("offered", one.offered_at),
        ("accepted", one.accepted_at),
    )
    legs = [
        Leg(name=name, at=at, after_ms=max(0, at - one.t0))
        for name, at in reached
        if at is not None and at <= upto
    ]
    if one.outcome == "taken_over" and one.ended_at <= upto:
        taken = one.t0 + one.latency_ms
        legs.append(Leg(name="T1", at=taken, after_ms=one.latency_ms))
    return legs


def _passed(told: Sequence[Milestone]) -> set[str]:
    return {name for m in told if m.kind == "handoff.requested" for name in m.fields_present}


def _skills(told: Sequence[Milestone]) -> list[str]:
    asked = (m.skills for m in told if m.kind == "handoff.requested" and m.skills)
    return sorted(next(asked, ()))


def _outcome_why(one: Escalation, about: Sequence[Milestone]) -> str:
    if one.outcome == "trapped":
        if one.requested_at is None:
            return "the contact ended before any handoff was requested"
        ended = next(m for m in about if m.time == one.ended_at and m.kind == "contact.ended")
        return f"the contact was ended by {ended.word} while the customer waited"
    if one.outcome in _ENDS:
        return _ENDS[one.outcome]
    if one.clamped:
        return "a human had the contact already; two clocks had swapped request and takeover"
    taken_by = [m for m in about if m.time == one.ended_at and m.channel == "voice"]
    connected = any(m.kind == "handoff.connected" for m in taken_by)
    return "a qualified human was connected" if connected else "a qualified human wrote"
