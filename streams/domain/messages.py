"""Which of a conversation's messages may begin or answer a question. DEFINITIONS.md section 5.

A walk finds the first response; this spares it where a message cannot be part of one. All that is
needed is never to say no in error, so nothing here knows about episodes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from streams.domain.milestones import ENDED

if TYPE_CHECKING:
    from streams.domain.interaction import Interaction


def customer_may_ask(state: Interaction, time: int, expiry_ms: int) -> bool:
    """Whether a customer's message at `time` (ms), already folded, may be the first of an episode.

    `expiry_ms`: no escalation expires sooner than that after it began.
    """
    said = state.customer_messages
    at = bisect_left(said, time)
    return at == 0 or not _within_one_episode(state, said[at - 1], time, expiry_ms)


def is_followed(state: Interaction, time: int) -> bool:
    """Whether a message of the AI or a milestone at `time` (ms) or later is known."""
    answers, milestones = state.ai_messages, state.milestones
    return bool((answers and answers[-1] >= time) or (milestones and milestones[-1][0] >= time))


def ai_may_answer(state: Interaction, time: int, expiry_ms: int) -> bool:
    """Whether an AI's message at `time` (ms), already folded, may be the first since a customer's
    first.
    """
    said, answers = state.customer_messages, state.ai_messages
    at = bisect_left(answers, time)
    asked = bisect_right(said, answers[at - 1]) if at else 0
    if asked == len(said) or said[asked] > time:
        return False
    return asked == 0 or not _within_one_episode(state, said[asked - 1], time, expiry_ms)


def _within_one_episode(state: Interaction, since: int, time: int, expiry_ms: int) -> bool:
    """True only where the episode that was open at `since` is open at `time` for certain.

    A burst that begins opens an episode where none is open; within it, only an end and an expiry
    close one.
    """
    bursts, milestones = state.bursts, state.milestones
    start = bursts[(bisect_right(bursts, time) - 1) // 2 * 2]
    if since < start:
        return False
    if milestones and time - milestones[0][0] >= expiry_ms:
        return False
    for milestone in reversed(milestones):
        if milestone[0] < start:
            break
        if milestone[1] == ENDED:
            return False
    return True
