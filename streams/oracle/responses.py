"""How soon an episode's customer was first answered, by the AI and by a human.

DEFINITIONS.md section 5, "First response". All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from streams.domain.contract import Terms
from streams.oracle.conversation import Conversation
from streams.oracle.episodes import Episode


@dataclass(frozen=True, slots=True)
class Answer:
    """One party's first public answer. `within` None unless it is the first response and there is
    a threshold.
    """

    by: Literal["ai", "human"]
    at: int
    latency_ms: int
    first: bool
    within: bool | None


@dataclass(frozen=True, slots=True)
class FirstResponse:
    """The answers to a customer who first spoke at `asked_at`; `missed_at` None where one came in
    time or the contract sets no threshold.
    """

    asked_at: int
    threshold_ms: int | None
    answers: tuple[Answer, ...]
    missed_at: int | None


def first_response(
    conversation: Conversation, episode: Episode, terms_at: Callable[[int], Terms]
) -> FirstResponse | None:
    """None on voice, and where the customer never wrote in the episode."""
    close = episode.closed_at
    asked_at = _first(conversation.customer_messages, episode.opened_at, close)
    if episode.channel == "voice" or asked_at is None:
        return None
    terms = terms_at(asked_at)
    excluded = terms.excluded(asked_at, episode.channel)
    threshold = None if excluded else terms.first_response_ms.get(episode.channel)
    by_ai = _first(conversation.ai_messages, asked_at, close)
    by_human = _first(
        (m.time for m in conversation.milestones if m.kind == "human_message"), asked_at, close
    )
    earliest = min((at for at in (by_ai, by_human) if at is not None), default=None)
    ai_is_first = by_ai is not None and by_ai == earliest

    def answer(by: Literal["ai", "human"], at: int, first: bool) -> Answer:
        latency = at - asked_at
        within = latency <= threshold if first and threshold is not None else None
        return Answer(by, at, latency, first, within)

    answers = []
    if by_ai is not None:
        answers.append(answer("ai", by_ai, ai_is_first))
    if by_human is not None:
        answers.append(answer("human", by_human, not ai_is_first))
    missed_at = None
    if threshold is not None:
        deadline = asked_at + threshold + 1
        if earliest is None:
            missed_at = min(deadline, close)
        elif earliest >= deadline:
            missed_at = deadline
    return FirstResponse(asked_at, threshold, tuple(answers), missed_at)


def _first(times: Iterable[int], begin: int, end: int) -> int | None:
    return min((time for time in times if begin <= time <= end), default=None)
