"""Milestones: what moves a conversation along. DEFINITIONS.md section 3, first table."""

from __future__ import annotations

from typing import Final

from streams.domain.events import Moment

# (time ms, rank, channel, a, b, c): section 3's table; all but the first two are text so that any
# two compare.
Milestone = tuple[Moment, int, str, str, str, str]

STARTED: Final = 0
RETURNED_CONTACT: Final = 1
FAILURE: Final = 2
REQUESTED: Final = 3
QUEUED: Final = 4
OFFERED: Final = 5
DEQUEUED: Final = 7
ACCEPTED: Final = 8
CONNECTED: Final = 9
HUMAN_MESSAGE: Final = 10
HANDED_BACK: Final = 11
ABANDONED: Final = 12
CLAIMED: Final = 13
EVIDENCE: Final = 14
ENDED: Final = 15
_PUBLISHING: Final = frozenset({FAILURE, REQUESTED, QUEUED, HUMAN_MESSAGE, ABANDONED, ENDED})

NOT_GIVEN: Final = ""
YES: Final = "t"
NO: Final = "f"
SEPARATOR: Final = "\x1f"


def join_words(words: tuple[str, ...]) -> str:
    """A set of words as one comparable text; the inverse of split_words."""
    return SEPARATOR.join(sorted(set(words)))


def split_words(text: str) -> frozenset[str]:
    """The set of words that join_words wrote down."""
    return frozenset(text.split(SEPARATOR)) if text else frozenset()


def may_publish(milestone: Milestone) -> bool:
    """Whether a fact can bear this milestone's own time; all others only bear on later facts."""
    _, rank, channel, a, _, _ = milestone
    if rank == CONNECTED:
        return channel == "voice"
    if rank == DEQUEUED:
        return a == "abandoned"
    if rank == HANDED_BACK:
        return a == "queue"
    return rank in _PUBLISHING
