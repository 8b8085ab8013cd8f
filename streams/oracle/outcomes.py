"""What an episode came to at its close, and what had become of that once it matured.

DEFINITIONS.md section 7. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streams.oracle.conversation import Conversation
from streams.oracle.episodes import Episode
from streams.oracle.notes import deletions, evaluations

_VERIFYING_EVIDENCE = frozenset(("customer_confirmed", "system_of_record", "qa_pass"))
_RETURNS = ("resolution.reopened", "resolution.recontacted")


def eligible_at(conversation: Conversation, time: int) -> bool:
    """Whether AI was involved and the customer had spoken by then."""
    return _by(conversation.ai_seen, time) and _by(conversation.customer_spoke, time)


def outcome_of(episode: Episode) -> str:
    """The outcome of an eligible episode."""
    ends = {one.outcome for one in episode.escalations}
    if "trapped" in ends:
        return "trapped"
    if ends & {"abandoned", "expired"}:
        return "abandoned"
    return "escalated" if episode.human_involved else "contained"


def is_resolved(conversation: Conversation, episode: Episode) -> bool:
    """Whether an eligible episode was contained, or anyone claimed in it that it was resolved."""
    return outcome_of(episode) == "contained" or any(
        m.kind == "resolution.claimed" and episode.opened_at <= m.time <= episode.closed_at
        for m in conversation.milestones
    )


def is_safe(episode: Episode) -> bool:
    """Whether every handover of an escalated episode was in time and with its context."""
    if episode.repeated:
        return False
    for one in episode.escalations:
        if one.outcome != "taken_over" or one.within is False:
            return False
        if not one.returned_to_queue and not one.terms.required_context <= one.fields_present:
            return False
    return True


def maturity(
    conversation: Conversation, episodes: Sequence[Episode], episode: Episode, until: int
) -> dict[str, Any]:
    """What `episode_matured` carries of an eligible episode that matures at `until`."""
    outcome = outcome_of(episode)
    came_back = _came_back(conversation, episodes, episode, until)
    claims = [
        m
        for m in conversation.milestones
        if m.kind == "resolution.claimed" and episode.opened_at <= m.time <= until
    ]
    claimed = any(m.word == "ai" for m in claims)
    proven = _proven(conversation, episode.opened_at, until)
    resolved = is_resolved(conversation, episode)
    returned = resolved and came_back
    if outcome == "escalated":
        final = "escalated_safe" if is_safe(episode) else "escalated_unsafe"
    elif outcome != "contained":
        final = outcome
    elif came_back:
        final = "void"
    else:
        final = "verified" if claimed and proven else "assumed"
    takeovers = sum(one.outcome == "taken_over" for one in episode.escalations)
    queued_again = any(one.returned_to_queue for one in episode.escalations)
    evaluated = _evaluated(conversation, episode.opened_at, until)
    return {
        "outcome": final,
        "human": episode.human_involved,
        "claimed": claimed,
        "resolved": resolved,
        "returned": returned,
        "first_contact": resolved and not returned and takeovers <= 1 and not queued_again,
        "qa_ai": "ai" in evaluated,
        "qa_human": "human" in evaluated,
        "claimed_at": claims[0].time if claims else None,
        "query_type": next((m.query_type for m in claims if m.query_type is not None), None),
        "proven": proven,
    }


def _by(happened_at: int | None, time: int) -> bool:
    return happened_at is not None and happened_at <= time


def _came_back(
    conversation: Conversation, episodes: Sequence[Episode], episode: Episode, until: int
) -> bool:
    close = episode.closed_at
    return any(close < other.opened_at <= until for other in episodes) or any(
        m.kind in _RETURNS or (m.kind == "resolution.evidence" and m.flag is False)
        for m in conversation.milestones
        if close < m.time <= until
    )


def _proven(conversation: Conversation, begin: int, until: int) -> bool:
    return any(
        m.kind == "resolution.evidence" and m.flag and m.word in _VERIFYING_EVIDENCE
        for m in conversation.milestones
        if begin <= m.time <= until
    )


def _evaluated(conversation: Conversation, begin: int, until: int) -> set[str]:
    """Whose part was evaluated then by what was not deleted again by `until`."""
    deleted_at = deletions(conversation.notes)
    return {
        one.subject
        for one in evaluations(conversation.notes)
        if begin <= one.time <= until and deleted_at.get(one.evaluation_id, until + 1) > until
    }
