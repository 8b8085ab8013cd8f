"""A run's failures, waits and outcomes as facts. DEFINITIONS.md sections 6 and 7."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from streams.domain.episode import Episode, Escalation
from streams.domain.fact_writer import FactWriter
from streams.domain.facts import FactKind
from streams.domain.milestones import CLAIMED, EVIDENCE, NO, NOT_GIVEN, YES
from streams.domain.notes import standing_evaluations

_POSITIVE: Final = frozenset({"customer_confirmed", "system_of_record", "qa_pass"})


def write_episode(
    writer: FactWriter, episode: Episode, episodes: Sequence[Episode], returns: Sequence[int]
) -> None:
    """Facts of one of a conversation's `episodes`; `returns` are the times (ms) at which the
    customer is known to have come back.
    """
    close = episode.closed_at
    if close is None or not writer.told(close):
        _write_course(writer, episode)
    if close is not None:
        _write_close(writer, episode, close, episodes, returns)


def _write_course(writer: FactWriter, episode: Episode) -> None:
    for ordinal, (time, channel, reason) in enumerate(episode.failures, 1):
        if writer.wants(time):
            detail = {"reason": reason, "first": ordinal == 1}
            version = writer.terms_at(time).version
            place = (episode.ordinal, ordinal)
            writer.put("ai_failure", place, time, version, channel, detail)
    _write_visit(writer, episode)
    for ordinal, escalation in enumerate(episode.escalations, 1):
        _write_escalation(writer, episode, ordinal, escalation)


def _write_visit(writer: FactWriter, episode: Episode) -> None:
    """When its customer is known and has spoken: section 7a."""
    state = writer.state
    if state.customer_key is None or state.spoke is None:
        return
    visit = max(episode.opened_at, state.spoke, state.customer_key[0])
    if episode.closed_at is None:
        writer.wake(visit)
    elif visit > episode.closed_at:
        return
    if writer.wants(visit):
        version = writer.terms_at(visit).version
        writer.put("customer_visited", (episode.ordinal, 1), visit, version, episode.channel, {})


def _write_escalation(
    writer: FactWriter, episode: Episode, ordinal: int, escalation: Escalation
) -> None:
    version, channel, known = escalation.terms.version, escalation.channel, escalation.known
    place = (episode.ordinal, ordinal)

    def put(kind: FactKind, time: int, detail: dict[str, Any]) -> None:
        # All facts of an escalation stand where it opened, else its wait would not end there.
        writer.put(kind, place, time, version, channel, detail, stated_by=known)

    if writer.wants(known):
        excluded = escalation.excluded
        eligible = not excluded and _served(writer, episode, known)
        put(
            "escalation_opened",
            known,
            {"t0": escalation.t0, "eligible": eligible, "excluded": excluded},
        )
    overdue_at = escalation.overdue_at
    if overdue_at is not None:
        if writer.wants(overdue_at):
            limit = escalation.threshold_ms
            put("escalation_overdue", overdue_at, {"t0": escalation.t0, "threshold_ms": limit})
        if escalation.ended_at is None:
            writer.wake(overdue_at)
    if escalation.ended_at is not None and writer.wants(escalation.ended_fact_at):
        put("escalation_ended", escalation.ended_fact_at, escalation.ended_detail())


def _write_close(
    writer: FactWriter,
    episode: Episode,
    close: int,
    episodes: Sequence[Episode],
    returns: Sequence[int],
) -> None:
    terms = writer.terms_at(close)
    matured = close + terms.verification_ms
    if writer.told(matured):
        return
    writer.wake(matured)
    if not writer.wants(close) and not writer.wants(matured):
        return
    place = (episode.ordinal, 1)
    excluded = terms.excluded(close, episode.channel)
    eligible = not excluded and _served(writer, episode, close)
    outcome, safe = episode.outcome() if eligible else (None, None)
    if writer.wants(close):
        detail = {
            "cause": episode.cause,
            "eligible": eligible,
            "outcome": outcome,
            "safe": safe,
            "excluded": excluded,
            "repeated": episode.repeated,
            "resolved": _resolved(writer, episode, outcome, close) if eligible else None,
        }
        writer.put("episode_ended", place, close, terms.version, episode.channel, detail)
    if outcome is not None and writer.wants(matured):
        came_back = any(close < e.opened_at <= matured for e in episodes if e is not episode) or (
            any(close < time <= matured for time in returns)
        )
        detail = _matured_detail(writer, episode, outcome, safe, close, matured, came_back)
        writer.put("episode_matured", place, matured, terms.version, episode.channel, detail)


def _resolved(writer: FactWriter, episode: Episode, outcome: str | None, close: int) -> bool:
    """Contained, or its resolution claimed by anyone while it was open."""
    return outcome == "contained" or any(
        rank == CLAIMED and episode.opened_at <= time <= close
        for time, rank, *_ in writer.state.milestones
    )


def _served(writer: FactWriter, episode: Episode, time: int) -> bool:
    """Whether by then an AI was involved and the customer had spoken."""
    state = writer.state
    served = (state.ai_seen is not None and state.ai_seen <= time) or any(
        failed <= time for failed, _, _ in episode.failures
    )
    return served and state.spoke is not None and state.spoke <= time


def _matured_detail(
    writer: FactWriter,
    episode: Episode,
    outcome: str,
    safe: bool | None,
    close: int,
    matured: int,
    came_back: bool,
) -> dict[str, Any]:
    claimed_by_ai = claimed_before_close = confirmed = refuted = False
    claimed_at: int | None = None
    query_type = NOT_GIVEN
    for time, rank, _, a, b, _ in writer.state.milestones:
        if time > matured:
            break
        if rank == EVIDENCE and b == NO and close < time:
            refuted = True
        elif time < episode.opened_at:
            continue
        elif rank == CLAIMED:
            claimed_by_ai = claimed_by_ai or a == "ai"
            claimed_before_close = claimed_before_close or time <= close
            if claimed_at is None:
                claimed_at = time
            query_type = query_type or b
        elif rank == EVIDENCE:
            confirmed = confirmed or (b == YES and a in _POSITIVE)
    reverted = came_back or refuted
    resolved = outcome == "contained" or claimed_before_close
    taken_over = sum(e.outcome == "taken_over" for e in episode.escalations)
    requeued = any(e.from_queue for e in episode.escalations)
    if outcome == "escalated":
        outcome = "escalated_safe" if safe else "escalated_unsafe"
    elif outcome == "contained" and reverted:
        outcome = "void"
    elif outcome == "contained":
        outcome = "verified" if claimed_by_ai and confirmed else "assumed"
    covered = {
        subject
        for time, subject, deleted in standing_evaluations(writer.state.notes)
        if episode.opened_at <= time <= matured and (deleted is None or deleted > matured)
    }
    return {
        "outcome": outcome,
        "human": episode.human_involved,
        "claimed": claimed_by_ai,
        "resolved": resolved,
        "returned": resolved and reverted,
        "first_contact": resolved and not reverted and taken_over <= 1 and not requeued,
        "qa_ai": "ai" in covered,
        "qa_human": "human" in covered,
        "claimed_at": claimed_at,
        "query_type": query_type or None,
        "proven": confirmed,
    }
