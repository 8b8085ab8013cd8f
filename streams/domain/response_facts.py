"""First responses as facts: who answered a customer's first message, and who did not in time.

DEFINITIONS.md sections 5 and 6.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from streams.domain.episode import Episode
from streams.domain.fact_writer import FactWriter
from streams.domain.interaction import Interaction
from streams.domain.milestones import HUMAN_MESSAGE

_AI_PLACE, _HUMAN_PLACE, _MISSED_PLACE = 1, 2, 1


def await_question(writer: FactWriter) -> None:
    """With no episode open, the next one may open with a customer's message still ahead."""
    said = writer.state.customer_messages
    at = bisect_left(said, writer.upto + 1)
    if at < len(said):
        writer.wake(said[at])


def write_responses(writer: FactWriter, episode: Episode) -> None:
    """The answers to an episode's first customer message, and the first response that is missed."""
    state = writer.state
    said = state.customer_messages
    if episode.channel == "voice" or not said:
        return
    close = episode.closed_at
    if close is not None and writer.told(close):
        return
    at = bisect_left(said, episode.opened_at)
    if at == len(said) or (close is not None and said[at] > close):
        return
    asked = said[at]
    if asked > writer.upto:
        writer.wake(asked)
        return
    by_ai = _ai_answer(state, asked, close)
    by_human = _human_answer(state, asked, close)
    # An answer that is still ahead may yet be overtaken by one that has not been read.
    if by_ai is None or by_human is None:
        first = by_human if by_ai is None else by_ai
    else:
        first = min(by_ai, by_human)
    terms = writer.terms_at(asked)
    channel = episode.channel
    limit = None if terms.excluded(asked, channel) else terms.first_response_ms.get(channel)

    def put(by: str, ordinal: int, time: int, is_first: bool) -> None:
        latency = time - asked
        detail: dict[str, Any] = {
            "t0": asked,
            "by": by,
            "first": is_first,
            "latency_ms": latency,
            "within": latency <= limit if is_first and limit is not None else None,
        }
        place = (episode.ordinal, ordinal)
        writer.put("response_given", place, time, terms.version, channel, detail, stated_by=asked)

    if by_ai is not None:
        writer.wake(by_ai)
        if writer.wants(by_ai):
            put("ai", _AI_PLACE, by_ai, by_ai == first)
    if by_human is not None:
        writer.wake(by_human)
        if writer.wants(by_human):
            put("human", _HUMAN_PLACE, by_human, by_human == first and by_ai != first)
    if limit is None or (first is not None and first <= asked + limit):
        return
    missed = asked + limit + 1 if close is None else min(asked + limit + 1, close)
    writer.wake(missed)
    if writer.wants(missed):
        detail = {"t0": asked, "threshold_ms": limit}
        place = (episode.ordinal, _MISSED_PLACE)
        writer.put(
            "response_missed", place, missed, terms.version, channel, detail, stated_by=asked
        )


def _ai_answer(state: Interaction, asked: int, close: int | None) -> int | None:
    answers = state.ai_messages
    at = bisect_left(answers, asked)
    if at == len(answers) or (close is not None and answers[at] > close):
        return None
    return answers[at]


def _human_answer(state: Interaction, asked: int, close: int | None) -> int | None:
    milestones = state.milestones
    for at in range(bisect_left(milestones, (asked,)), len(milestones)):
        time, rank = milestones[at][:2]
        if close is not None and time > close:
            break
        if rank == HUMAN_MESSAGE:
            return time
    return None
