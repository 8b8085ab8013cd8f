"""What a ticket's change of status, assignee, group or tags says, whoever tells of it.

The status solved is the desk's claim and the end of the contact; `closed`, which follows it days
later, is housekeeping. Whoever is marked as bot is an AI.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from streams.domain.events import (
    AiFailureSignalled,
    Author,
    ContactEnded,
    EndedBy,
    HandoffAccepted,
    HandoffOffered,
    HandoffQueued,
    HandoffRequested,
    HandoffReturned,
    Party,
    ResolutionClaimed,
    ResolutionReopened,
)
from streams.sources.adapter import Item, Talk
from streams.sources.payload import Payload

# A ticket is solved by staff unless it is known to have been another.
_PARTIES: Final[dict[Author | None, Party]] = {
    "ai": "ai",
    "automation": "automation",
    "customer": "customer",
}
_ENDED_BY: Final[dict[Party, EndedBy]] = {
    "ai": "ai",
    "automation": "automation",
    "customer": "customer",
    "human": "human",
}


def turned(
    talk: Talk, at_ms: int | None, by: Author | None, before: Payload, after: Payload
) -> Iterator[Item]:
    """From one status to another."""
    was, now = (before.text() or "").lower(), (after.text() or "").lower()
    if was == now:
        return
    if now == "solved":
        party = _PARTIES.get(by, "human")
        yield talk.tell(ResolutionClaimed, at_ms, claimed_by=party)
        yield talk.tell(ContactEnded, at_ms, ended_by=_ENDED_BY[party])
    elif now == "closed" and was not in ("", "solved"):
        # Merged, or closed without having been solved.
        yield talk.tell(ContactEnded, at_ms, ended_by=_ENDED_BY[_PARTIES.get(by, "human")])
    elif was == "solved" and now in ("new", "open", "pending", "hold", "on-hold"):
        yield talk.tell(ResolutionReopened, at_ms)


def assigned(
    talk: Talk,
    at_ms: int | None,
    by: Author | None,
    actor: str | None,
    before: Payload,
    after: Payload,
) -> Iterator[Item]:
    """From one assignee to another; `actor` is the key of who did it, if that is known."""
    handoff = f"{talk.id}/{at_ms}"
    was_bot, now_bot = before.marked("bot"), after.marked("bot")
    agent = after.key()
    if now_bot:
        if before.key() is not None and not was_bot:
            yield talk.tell(HandoffReturned, at_ms, handoff_id=handoff, to="ai")
        return
    if was_bot:
        yield talk.tell(HandoffRequested, at_ms, handoff_id=handoff, requested_by="ai")
    if agent is None:
        return
    if agent == actor or (by == "human" and actor is None):
        yield talk.tell(HandoffAccepted, at_ms, handoff_id=handoff, agent_id=agent)
    else:
        yield talk.tell(HandoffOffered, at_ms, handoff_id=handoff, agent_id=agent)


def grouped(talk: Talk, at_ms: int | None, before: Payload, after: Payload) -> Iterator[Item]:
    """From one group to another: away from the bots' own it is a handoff into a queue."""
    handoff = f"{talk.id}/{at_ms}"
    if before.marked("bot") and not after.marked("bot"):
        yield talk.tell(HandoffRequested, at_ms, handoff_id=handoff, requested_by="ai")
        yield talk.tell(HandoffQueued, at_ms, handoff_id=handoff, queue_id=after.key())
    elif after.marked("bot") and before.key() is not None and not before.marked("bot"):
        yield talk.tell(HandoffReturned, at_ms, handoff_id=handoff, to="ai")


def tagged(talk: Talk, at_ms: int | None, added: Iterable[Payload]) -> Iterator[Item]:
    """Tags that have been added, by what the options mark them as."""
    for tag in added:
        if tag.marked("human"):
            yield talk.tell(
                AiFailureSignalled, at_ms, signal="human_requested", raw_reason=tag.label()
            )
        if tag.marked("handoff"):
            yield talk.tell(
                HandoffRequested, at_ms, handoff_id=f"{talk.id}/{at_ms}", requested_by="ai"
            )
        if tag.marked("resolved"):
            yield talk.tell(ResolutionClaimed, at_ms, f"{at_ms}.tag", claimed_by="ai")
