"""What one conversation of Genesys Cloud's analytics detail says, all of its sessions together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from streams.domain.events import (
    ContactEnded,
    ContactStarted,
    CsatReceived,
    CsatRequested,
    EndedBy,
    HandoffAccepted,
    HandoffCallbackScheduled,
    HandoffConnected,
    HandoffDequeued,
    HandoffOffered,
    HandoffQueued,
    HandoffTimedOut,
    QaEvaluated,
)
from streams.sources.adapter import Item, Talk, moment_fields
from streams.sources.payload import UUID, Payload
from streams.sources.platforms._genesys_flows import bot_ended, bot_served, outcome

_BY_ITSELF: dict[str, EndedBy] = {
    "endpoint": "customer",
    "client": "customer",
    "system": "system",
    "timeout": "system",
    "error": "system",
    "transportFailure": "system",
    "uncallable": "system",
    "spam": "system",
}


class Session(NamedTuple):
    """One participant's session, with what is asked of it more than once."""

    payload: Payload
    participant: Payload
    purpose: str
    id: str
    media: str
    start_ms: int | None
    end_ms: int | None
    disconnect: str
    metrics: dict[str, int | None]

    def segment_ms(self, kind: str) -> int | None:
        """When its first segment of that type began."""
        for segment in self.payload.items("segments"):
            if segment.text("segmentType") == kind:
                return segment.moment("segmentStart")
        return None


def conversation_detail(detail: Payload, talk: Talk) -> Iterator[Item]:
    """The events of a conversation, ended or not."""
    yield talk.tell(ContactStarted, detail.moment("conversationStart"), "conversation")
    sessions = [
        _session(participant, session)
        for participant in detail.items("participants")
        for session in participant.items("sessions")
    ]
    connected = False
    for session in sessions:
        if session.purpose == "botflow":
            yield from _bot(session, talk)
        elif talk.direction == "outbound":
            continue
        elif session.purpose == "acd":
            yield from _queue(session, talk)
        elif session.purpose in ("agent", "user"):
            told = list(_agent(session, talk))
            connected = connected or any(isinstance(item, HandoffConnected) for item in told)
            yield from told
    yield from _end(detail, talk, sessions, connected)
    yield from _evaluations(detail, talk)
    yield from _surveys(detail, talk)


def _session(participant: Payload, payload: Payload) -> Session:
    starts, ends, disconnect = [], [], ""
    for segment in payload.items("segments"):
        starts.append(segment.moment("segmentStart"))
        ends.append(segment.moment("segmentEnd"))
        disconnect = segment.text("disconnectType") or disconnect
    return Session(
        payload=payload,
        participant=participant,
        purpose=participant.text("purpose") or "",
        id=payload.id(UUID, "sessionId") or "session",
        media=payload.text("mediaType") or "",
        start_ms=min((ms for ms in starts if ms is not None), default=None),
        end_ms=max((ms for ms in ends if ms is not None), default=None),
        disconnect=disconnect,
        metrics={
            name: metric.moment("emitDate")
            for metric in payload.items("metrics")
            if (name := metric.text("name")) is not None
        },
    )


def _bot(session: Session, talk: Talk) -> Iterator[Item]:
    flow = session.payload.at("flow")
    yield bot_served(flow, talk, session.start_ms, session.id)
    if session.end_ms is not None:
        yield from bot_ended(flow, talk, session.end_ms, session.id)
    for each in flow.items("outcomes"):
        yield from outcome(each, talk, session.id)


def _queue(session: Session, talk: Talk) -> Iterator[Item]:
    queue = None
    for segment in session.payload.items("segments"):
        queue = queue or segment.id(UUID, "queueId")
    if session.media == "callback":
        scheduled = moment_fields(scheduled_at=session.payload.moment("callbackScheduledTime"))
        yield talk.tell(
            HandoffCallbackScheduled, session.start_ms, session.id, handoff_id=talk.id, **scheduled
        )
    yield talk.tell(
        HandoffQueued, session.start_ms, session.id, handoff_id=session.id, queue_id=queue
    )
    if session.metrics.keys() & {"tAbandon", "tShortAbandon"}:
        left = "abandoned"
    elif "tFlowOut" in session.metrics:
        left = "flow_out"
    elif "transfer" in session.disconnect.lower():
        left = "answered"
    else:
        return
    if session.end_ms is not None:
        yield talk.tell(
            HandoffDequeued, session.end_ms, session.id, handoff_id=session.id, outcome=left
        )


def _agent(session: Session, talk: Talk) -> Iterator[Item]:
    if session.payload.present("monitoredParticipantId", "coachedParticipantId"):
        return
    who = {
        "handoff_id": session.id,
        "agent_id": session.participant.key("userId") or "unrecorded",
    }
    alerted = session.segment_ms("alert")
    if alerted is not None:
        yield talk.tell(HandoffOffered, alerted, session.id, **who)
    if (missed := session.metrics.get("tNotResponding")) is not None:
        yield talk.tell(HandoffTimedOut, missed, session.id, **who)
    if (spoke := session.segment_ms("interact")) is not None:
        # On a callback the agent begins to prepare; the call itself is another session.
        kind = HandoffAccepted if session.media == "callback" else HandoffConnected
        yield talk.tell(kind, spoke, session.id, **who)


def _end(detail: Payload, talk: Talk, sessions: list[Session], connected: bool) -> Iterator[Item]:
    over = detail.moment("conversationEnd")
    if over is None:
        return
    theirs = [s for s in sessions if s.purpose in ("customer", "external") and s.end_ms is not None]
    last = max(theirs, key=lambda s: s.end_ms or 0, default=None)
    ended_by: EndedBy = "unknown"
    if last is not None:
        ended_by = _BY_ITSELF.get(last.disconnect, "unknown")
        if last.disconnect == "peer":
            bot = any(s.purpose == "botflow" for s in sessions)
            ended_by = "human" if connected else "ai" if bot else "automation"
    at = over if last is None else last.end_ms
    yield talk.tell(ContactEnded, at, "conversation", ended_by=ended_by)


def _evaluations(detail: Payload, talk: Talk) -> Iterator[Item]:
    for each in detail.items("evaluations"):
        score = each.whole("oTotalScore", most=100)
        finished = each.flag("released") or each.text("evaluationStatus") == "FINISHED"
        status = "deleted" if each.flag("deleted") else "final" if finished else "draft"
        key = each.id(UUID, "evaluationId")
        if key is not None:
            yield talk.tell(
                QaEvaluated,
                each.moment("eventTime"),
                f"{key}.{status}",
                evaluation_id=key,
                evaluator="auto" if each.flag("systemSubmitted") else "human",
                status=status,
                subject="human",
                score_ppm=None if score is None or score < 0 else score * 10_000,
                form=each.id(UUID, "formId"),
            )


def _surveys(detail: Payload, talk: Talk) -> Iterator[Item]:
    for each in detail.items("surveys"):
        key = each.id(UUID, "surveyId")
        if key is None:
            continue
        yield talk.tell(CsatRequested, each.moment("eventTime"), key, survey_id=key)
        score = each.whole("oSurveyTotalScore", most=100)
        answered = each.moment("surveyCompletedDate")
        if score is not None and score >= 0 and answered is not None:
            yield talk.tell(
                CsatReceived,
                answered,
                key,
                survey_id=key,
                score=score,
                scale_min=0,
                scale_max=100,
            )
