"""A trace from a worker's table: what it remembers of a conversation, not the records themselves.

Times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from streams.domain.contract import ContractBook
from streams.domain.facts import Fact
from streams.domain.interaction import Interaction
from streams.domain.milestones import SEPARATOR, YES, Milestone, split_words
from streams.domain.notes import (
    ABSENT,
    COST,
    DISPUTE,
    EVALUATED,
    EXCEPTION,
    EXCEPTION_CLOSED,
    SURVEY_ANSWERED,
    SURVEY_REQUESTED,
    Note,
)
from streams.domain.walk import walk
from streams.oracle import conversation as told
from streams.oracle import notes as noted
from streams.trace.build import life_of
from streams.trace.model import ErasedLife, EventLine, Trace
from streams.trace.shown import Agents

LIMITS: Final = (
    "read from what the worker remembers, not from the records: no sources or ids of events; of"
    " AI turns, tool calls, private messages and the like no more than that they were",
    "duplicates and records that were rejected are not remembered, nor are lives before this one",
    "of facts that a late event corrected the last revision is told, not those before it, and it is"
    " not remembered whether one was late",
    "returns of the customer by other conversations and breaches are not looked up here;"
    " `baton trace` finds them in the topics",
    "what the batch in hand brought is in it, though it may not have been committed yet",
)
_KINDS: Final = {
    0: "contact.started",
    2: "ai.failure_signalled",
    3: "handoff.requested",
    4: "handoff.queued",
    5: "handoff.offered",
    7: "handoff.dequeued",
    8: "handoff.accepted",
    9: "handoff.connected",
    10: "human_message",
    11: "handoff.returned",
    12: "handoff.abandoned",
    13: "resolution.claimed",
    14: "resolution.evidence",
    15: "contact.ended",
}
_WORDS: Final = {
    "ai.failure_signalled": "signal",
    "handoff.requested": "requested_by",
    "handoff.dequeued": "outcome",
    "handoff.returned": "to",
    "resolution.claimed": "claimed_by",
    "resolution.evidence": "kind",
    "contact.ended": "ended_by",
}
_FLAGS: Final = {
    "handoff.accepted": "qualified",
    "handoff.connected": "qualified",
    "human_message": "customer_repeated_info",
    "resolution.evidence": "result",
}


def remembered_trace(
    state: Interaction,
    contract: str,
    conversation: str,
    book: ContractBook,
    watermark: int | None,
    basis: str,
) -> Trace:
    """The trace of the life that is remembered, as of `watermark`."""
    about = conversation_from(state, contract, conversation)
    agents = Agents(m.agent for m in about.milestones)
    facts = standing_from(state, contract, conversation, book, watermark)
    known = state.customer_key
    linked = {f.id for f in facts if known is not None and known[0] <= f.time}
    erased = None
    if state.erased is not None:
        # Whose it was is not known any more, nor what was linked before.
        linked, erased = set(), ErasedLife(asked_at=state.erased[0], gone=False)
    upto = -(1 << 62) if watermark is None else watermark
    events = list(_events(about, agents))
    lives = [life_of(about, events, facts, linked, book, upto, agents, erased)]
    return Trace(
        contract=contract,
        conversation=conversation,
        time_zone=book.versions(contract)[0].time_zone,
        watermark=watermark,
        basis=basis,
        limits=list(LIMITS),
        lives=lives,
        unused=[],
        looked_around=False,
        links=[],
        link_counts=[],
        breaches=[],
    )


def standing_from(
    state: Interaction,
    contract: str,
    conversation: str,
    book: ContractBook,
    watermark: int | None,
) -> list[Fact]:
    """The facts that stand at `watermark`, at their last revisions."""
    if watermark is None:
        return []
    facts, _ = walk(state, contract, conversation, book, None, watermark)
    return [replace(f, revision=state.revisions.get(_place(f), 0)) for f in facts]


def _place(fact: Fact) -> str:
    return f"{fact.life}:{fact.kind}:{fact.episode}:{fact.ordinal}"


def conversation_from(state: Interaction, contract: str, conversation: str) -> told.Conversation:
    """The same memory as the batch judge writes it down. The state must hold an event."""
    assert state.earliest is not None
    stated = {
        name: value for name in told.ATTRIBUTES if (value := getattr(state, name)) is not None
    }
    edges = state.bursts
    return told.Conversation(
        contract=contract,
        id=conversation,
        first_said=state.earliest,
        milestones=tuple(map(_milestone, state.milestones)),
        notes=tuple(map(_note, state.notes)),
        customer_messages=tuple(state.customer_messages),
        ai_messages=tuple(state.ai_messages),
        bursts=tuple(
            told.Burst(edges[2 * at], edges[2 * at + 1], channel)
            for at, channel in enumerate(state.burst_channels)
        ),
        attributes=stated,
        ai_seen=state.ai_seen,
        customer_spoke=state.spoke,
    )


def _milestone(milestone: Milestone) -> told.Milestone:
    time, rank, channel, a, b, c = milestone
    if rank == 1:
        return told.Milestone(time, rank, channel, a)
    kind = _KINDS[rank]
    made = told.Milestone(time, rank, channel, kind)
    match rank:
        case 2:
            source, _, name = b.partition(SEPARATOR)
            return made._replace(word=a, identity=(source, name))
        case 3:
            skills, fields = sorted(split_words(b)), sorted(split_words(c))
            return made._replace(word=a, skills=tuple(skills), fields_present=tuple(fields))
        case 8 | 9:
            # "=" marks skills that were given, an empty list included.
            shown = tuple(sorted(split_words(b[1:]))) if b else None
            return made._replace(agent=a, skills=shown, flag=c == YES if c else None)
        case 10:
            return made._replace(agent=a or None, flag=True if b == YES else None)
        case 13:
            return made._replace(word=a, query_type=b or None)
        case 14:
            return made._replace(word=a, flag=b == YES)
    return made._replace(word=a)


def _note(note: Note) -> noted.Note:
    time, rank, channel, said, source, name = note
    fields = [None if each == ABSENT else each for each in said]
    if rank == EVALUATED:
        fields[-1] = bool(fields[-1])
    return _NOTES[rank](time, channel, *fields, source, name)


_NOTES: Final[dict[int, Callable[..., noted.Note]]] = {
    EVALUATED: noted.Evaluation,
    SURVEY_REQUESTED: noted.SurveyRequest,
    SURVEY_ANSWERED: noted.SurveyAnswer,
    EXCEPTION: noted.ComplianceOpening,
    EXCEPTION_CLOSED: noted.ComplianceClosing,
    COST: noted.Cost,
    DISPUTE: noted.Dispute,
}
_NOTE_TYPES: Final[dict[type[noted.Note], str]] = {
    noted.Evaluation: "qa.evaluated",
    noted.SurveyRequest: "csat.requested",
    noted.SurveyAnswer: "csat.received",
    noted.ComplianceOpening: "compliance.exception",
    noted.ComplianceClosing: "compliance.closed",
    noted.Cost: "cost.recorded",
    noted.Dispute: "resolution.disputed",
}
# Of a note, beside time and channel: what names something outside of Baton stays out.
_NOTE_SHOWN: Final = (
    "status",
    "subject",
    "evaluator",
    "score_ppm",
    "automatic_fail",
    "score",
    "scale_min",
    "scale_max",
    "rule_id",
    "severity",
    "component",
    "amount_micros",
    "currency",
    "party",
)


def _events(about: told.Conversation, agents: Agents) -> list[EventLine]:
    """What is remembered as lines of events, in order."""
    lines = [(time, 1, _message(time, "customer")) for time in about.customer_messages]
    lines += [(time, 1, _message(time, "ai")) for time in about.ai_messages]
    lines += [(m.time, m.rank, _moved(m, agents)) for m in about.milestones]
    lines += [(n.time, 20, _noted(n)) for n in about.notes]
    return [line for _, _, line in sorted(lines, key=lambda one: one[:2])]


def _message(time: int, author: str) -> EventLine:
    said = {"author": author, "visibility": "public"}
    return EventLine(time=time, type="message.sent", channel="unknown", said=said)


def _moved(m: told.Milestone, agents: Agents) -> EventLine:
    said = {
        _WORDS.get(m.kind, ""): m.word or None,
        "agent": agents.name(m.agent),
        "skills": None if not m.skills else list(m.skills),
        "fields_present": list(m.fields_present) or None,
        "query_type": m.query_type,
        _FLAGS.get(m.kind, "flag"): m.flag,
    }
    kept = {name: value for name, value in said.items() if name and value is not None}
    return EventLine(time=m.time, type=m.kind, channel=m.channel, said=kept)


def _noted(note: noted.Note) -> EventLine:
    said = {name: value for name in _NOTE_SHOWN if (value := getattr(note, name, None)) is not None}
    return EventLine(time=note.time, type=_NOTE_TYPES[type(note)], channel=note.channel, said=said)
