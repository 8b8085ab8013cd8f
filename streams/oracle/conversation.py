"""What one conversation's events say, once order and repetition are taken out of them.

DEFINITIONS.md sections 2 and 3. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from streams.domain import events as e
from streams.oracle.notes import Note, note_of, order

ATTRIBUTES = (
    "market",
    "journey",
    "supplier",
    "prompt_version",
    "model",
    "knowledge_version",
    "customer_key",
)
UNKNOWN = "unknown"

_AI_TYPES = frozenset(cls for tag, cls in e.EVENT_TYPES.items() if tag.startswith("baton.ai."))
_ACTIVE_TYPES = frozenset(
    cls
    for tag, cls in e.EVENT_TYPES.items()
    if (
        tag.startswith(("baton.contact.", "baton.ai.", "baton.handoff."))
        or tag == "baton.resolution.reopened"
    )
    and tag != "baton.contact.ended"
)


class Milestone(NamedTuple):
    """One row of section 3's table, as it happened.

    `kind` is the event type without `baton.`; both ways in which a human's public message is
    reported are `human_message`, for they say the same. `word` is the row's closed-list field
    (signal, requested_by, outcome, to, claimed_by, evidence kind, ended_by), `skills` the required
    or the agent's, `identity` a failure's source and id, `flag` its yes-or-no field (qualified,
    customer_repeated_info, result), `query_type` a claim's.
    """

    time: int
    rank: int
    channel: str
    kind: str
    word: str = ""
    agent: str | None = None
    skills: tuple[str, ...] | None = None
    fields_present: tuple[str, ...] = ()
    flag: bool | None = None
    identity: tuple[str, str] = ("", "")
    query_type: str | None = None

    def order(self) -> tuple[object, ...]:
        """Section 3's order: time, rank, own fields. An absent field stands before any value."""
        return (
            self.time,
            self.rank,
            self.channel,
            self.kind if self.rank == 1 else "",
            self.word,
            self.identity,
            self.agent or "",
            self.skills is not None,
            self.skills or (),
            self.fields_present,
            -1 if self.flag is None else self.flag,
            self.query_type or "",
        )


class Statement(NamedTuple):
    """All that is remembered of one event. Equal statements are one (section 2).

    `message_by`: whose public message it is, `customer` or `ai`; "" for anything else.
    """

    time: int
    channel: str
    market: str | None
    journey: str | None
    supplier: str | None
    prompt_version: str | None
    model: str | None
    knowledge_version: str | None
    customer_key: str | None
    activity: bool
    by_ai: bool
    by_customer: bool
    message_by: str
    milestone: Milestone | None
    note: Note | None


class Burst(NamedTuple):
    """A closed interval of activity; `channel` is that of its first activity."""

    start: int
    end: int
    channel: str


@dataclass(frozen=True)
class Conversation:
    """A conversation's memory, everything in it in order; no times where never.

    `first_said` is F, the time of the earliest event; the messages are times of public ones.
    """

    contract: str
    id: str
    first_said: int
    milestones: tuple[Milestone, ...]
    notes: tuple[Note, ...]
    customer_messages: tuple[int, ...]
    ai_messages: tuple[int, ...]
    bursts: tuple[Burst, ...]
    attributes: dict[str, tuple[int, str]]
    ai_seen: int | None
    customer_spoke: int | None

    def attribute_at(self, name: str, time: int) -> str:
        """The attribute's value as known at `time`."""
        known_since, value = self.attributes.get(name, (time + 1, UNKNOWN))
        return value if known_since <= time else UNKNOWN

    def customer_at(self, time: int) -> str | None:
        """The customer's key, if it is known at `time`."""
        known_since, key = self.attributes.get("customer_key", (time + 1, ""))
        return key if known_since <= time else None


def state_of(event: e.Event, time: int) -> Statement:
    """What an event about a contact says. The event must carry `data` with a conversation."""
    data: e.Data = event.data  # type: ignore[attr-defined]
    cls = type(event)
    activity = cls in _ACTIVE_TYPES
    by_ai = cls in _AI_TYPES
    by_customer = False
    message_by = ""
    versions: tuple[str | None, str | None, str | None] = (None, None, None)
    match event:
        case e.MessageSent(data=message) if message.visibility == "public":
            activity = message.author in ("customer", "human", "ai")
            by_ai = message.author == "ai"
            if message.author in ("customer", "ai"):
                message_by = message.author
            by_customer = message_by == "customer"
        case e.AiTurn(data=turn):
            versions = (turn.prompt_version, turn.model, turn.knowledge_version)
        case e.AiFailureSignalled(data=failure):
            versions = (failure.prompt_version, failure.model, failure.knowledge_version)
            by_customer = failure.signal == "human_requested"
        case e.ContactStarted():
            by_customer = data.channel == "voice" and data.direction != "outbound"
        case e.ResolutionClaimed(data=claim):
            by_ai = claim.claimed_by == "ai"
        case e.ResolutionReopened(data=reopening):
            activity = not reopening.trivial
    return Statement(
        time=time,
        channel=data.channel,
        market=data.market,
        journey=data.journey,
        supplier=data.supplier,
        prompt_version=versions[0],
        model=versions[1],
        knowledge_version=versions[2],
        customer_key=data.customer_key,
        activity=activity,
        by_ai=by_ai,
        by_customer=by_customer,
        message_by=message_by,
        milestone=_milestone(event, time, data.channel),
        note=note_of(event, time),
    )


def _milestone(event: e.Event, at: int, channel: str) -> Milestone | None:
    # `handoff.declined` and `.timed_out` (rank 6) decide nothing and are left out.
    match event:
        case e.ContactStarted():
            return Milestone(at, 0, channel, "contact.started")
        case e.ResolutionReopened(data=d) if not d.trivial:
            return Milestone(at, 1, channel, "resolution.reopened")
        case e.ResolutionRecontacted(data=d) if not d.trivial:
            return Milestone(at, 1, channel, "resolution.recontacted")
        case e.AiFailureSignalled(source=source, id=id_, data=d):
            return Milestone(
                at, 2, channel, "ai.failure_signalled", d.signal, identity=(source, id_)
            )
        case e.HandoffRequested(data=d):
            fields = _as_set(d.context.fields_present)
            skills = _as_set(d.required_skills)
            return Milestone(
                at, 3, channel, "handoff.requested", d.requested_by, None, skills, fields
            )
        case e.HandoffQueued():
            return Milestone(at, 4, channel, "handoff.queued")
        case e.HandoffOffered():
            return Milestone(at, 5, channel, "handoff.offered")
        case e.HandoffDequeued(data=d):
            return Milestone(at, 7, channel, "handoff.dequeued", d.outcome)
        case e.HandoffAccepted(data=d) | e.HandoffConnected(data=d):
            skills_shown = None if d.skills is None else _as_set(d.skills)
            rank, kind = (
                (8, "handoff.accepted")
                if isinstance(event, e.HandoffAccepted)
                else (9, "handoff.connected")
            )
            return Milestone(
                at, rank, channel, kind, "", d.agent_id, skills_shown, flag=d.qualified
            )
        case e.MessageSent(data=d) if d.author == "human" and d.visibility == "public":
            return _human_message(at, channel, d.agent_id, d.customer_repeated_info)
        case e.HandoffFirstHumanMessage(data=d):
            return _human_message(at, channel, d.agent_id, d.customer_repeated_info)
        case e.HandoffReturned(data=d):
            return Milestone(at, 11, channel, "handoff.returned", d.to)
        case e.HandoffAbandoned():
            return Milestone(at, 12, channel, "handoff.abandoned")
        case e.ResolutionClaimed(data=d):
            return Milestone(
                at, 13, channel, "resolution.claimed", d.claimed_by, query_type=d.query_type
            )
        case e.ResolutionEvidence(data=d):
            return Milestone(at, 14, channel, "resolution.evidence", d.kind, flag=d.result)
        case e.ContactEnded(data=d):
            return Milestone(at, 15, channel, "contact.ended", d.ended_by)
    return None


def _human_message(at: int, channel: str, agent: str | None, repeated: bool | None) -> Milestone:
    return Milestone(at, 10, channel, "human_message", agent=agent, flag=repeated)


def _as_set(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def conversation_of(
    contract: str, conversation: str, statements: Iterable[Statement], inactivity_ms: int
) -> Conversation:
    """The conversation that the statements, in any order and however often made, describe.

    There must be at least one.
    """
    said = set(statements)
    attributes: dict[str, tuple[int, str]] = {}
    for name in ATTRIBUTES:
        stated = [(s.time, value) for s in said if (value := getattr(s, name)) is not None]
        if stated:
            attributes[name] = min(stated)
    return Conversation(
        contract=contract,
        id=conversation,
        first_said=min(s.time for s in said),
        milestones=tuple(sorted({s.milestone for s in said if s.milestone}, key=Milestone.order)),
        notes=tuple(sorted({s.note for s in said if s.note}, key=order)),
        customer_messages=tuple(sorted(s.time for s in said if s.message_by == "customer")),
        ai_messages=tuple(sorted(s.time for s in said if s.message_by == "ai")),
        bursts=_bursts(sorted((s.time, s.channel) for s in said if s.activity), inactivity_ms),
        attributes=attributes,
        ai_seen=min((s.time for s in said if s.by_ai), default=None),
        customer_spoke=min((s.time for s in said if s.by_customer), default=None),
    )


def _bursts(activity: list[tuple[int, str]], gap_ms: int) -> tuple[Burst, ...]:
    found: list[Burst] = []
    for time, channel in activity:
        if found and time - found[-1].end <= gap_ms:
            found[-1] = found[-1]._replace(end=time)
        else:
            found.append(Burst(time, time, channel))
    return tuple(found)
