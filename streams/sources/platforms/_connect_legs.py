"""The legs of a contact in Amazon Connect, from events, records and agents' snapshots of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from streams.domain.events import (
    AiTurn,
    ContactDataUpdated,
    ContactEnded,
    ContactStarted,
    HandoffCallbackScheduled,
    HandoffConnected,
    HandoffDeclined,
    HandoffDequeued,
    HandoffFirstHumanMessage,
    HandoffOffered,
    HandoffQueued,
    HandoffRequested,
    HandoffTimedOut,
    MessageSent,
)
from streams.sources.adapter import Item, Talk
from streams.sources.payload import UUID, Payload
from streams.sources.platforms._connect_words import (
    ENDED_BY,
    FINAL,
    OFFERS,
    REASONS,
    ROLES,
)

_ENQUEUED = ("queueInfo.enqueueTimestamp", "queue.enqueueTimestamp", "queueTimestamp")
_CONNECTED = (
    "agentInfo.connectedToAgentTimestamp",
    "agent.connectedToAgentTimestamp",
    "connectedToAgentTimestamp",
)
_AGENT = ("agentInfo.agentArn", "agent.ARN", "agentInfo.id")
_QUEUE = re.compile(rf"(?:arn:\S+/queue/)?({UUID.pattern})")
_AI_VERSION = re.compile(rf"{UUID.pattern}(?::[0-9]+)?")
_FIRST_RESPONSE = "chatMetrics.chatContactMetrics.agentFirstResponseTimestamp"


def _leg(part: Payload) -> str:
    return part.id(UUID, "contactId") or "leg"


def started(part: Payload, talk: Talk) -> Iterator[Item]:
    """A leg began: a contact, or the wish to be called back."""
    at = part.moment("initiationTimestamp")
    method = part.text("initiationMethod")
    if method == "CALLBACK":
        leg = _leg(part)
        yield talk.tell(HandoffRequested, at, leg, handoff_id=leg, requested_by="customer")
        yield talk.tell(HandoffCallbackScheduled, at, leg, handoff_id=leg)
    elif talk.direction is not None:
        yield talk.tell(ContactStarted, at, _leg(part))


def queued(part: Payload, talk: Talk) -> Iterator[Item]:
    """A leg waits for a human."""
    at = part.moment(*_ENQUEUED)
    leg = _leg(part)
    if part.text("initiationMethod") == "TRANSFER":
        yield talk.tell(HandoffRequested, at, leg, handoff_id=leg, requested_by="human")
        return
    queue = part.id(_QUEUE, "queueInfo.queueArn", "queue.ARN", "queueInfo.id")
    yield talk.tell(HandoffQueued, at, leg, handoff_id=leg, queue_id=queue)


def connected(part: Payload, talk: Talk) -> Iterator[Item]:
    """An agent has the customer on the line."""
    agent = part.key(*_AGENT) or (part.parent.key("AgentARN") if part.parent else None)
    if talk.direction == "outbound":
        # The agent called: nobody waited for a human.
        return
    yield talk.tell(
        HandoffConnected,
        part.moment(*_CONNECTED),
        _leg(part),
        handoff_id=_leg(part),
        agent_id=agent or "unrecorded",
        qualified=_qualified(part),
    )


def _qualified(part: Payload) -> bool | None:
    """Whether a routing step chose the agent; None where there were no steps."""
    criteria = [part.at("routingCriteria"), *part.items("routingCriteria")]
    statuses = {step.text("status") for each in criteria for step in each.items("steps")}
    if "JOINED" in statuses:
        return True
    return False if statuses == {"EXPIRED"} else None


def first_message(part: Payload, talk: Talk) -> Iterator[Item]:
    """The agent's first answer in a chat, known when the chat is over."""
    at = part.moment(_FIRST_RESPONSE)
    if at is not None:
        leg, agent = _leg(part), part.key(*_AGENT)
        yield talk.tell(HandoffFirstHumanMessage, at, leg, handoff_id=leg, agent_id=agent)


def disconnected(part: Payload, talk: Talk) -> Iterator[Item]:
    """A leg is over, and the contact if nothing can follow."""
    yield from first_message(part, talk)
    at = part.moment("disconnectTimestamp")
    reason = part.word(REASONS, "disconnectReason.code", "disconnectReason")
    ended_by = FINAL.get(reason or "")
    had_agent = part.moment(*_CONNECTED) is not None
    had_queue = part.moment(*_ENQUEUED) is not None
    if ended_by is None and not had_agent and not had_queue:
        ended_by = ENDED_BY.get(reason or "", "unknown")
    if ended_by is not None:
        yield talk.tell(ContactEnded, at, _leg(part), ended_by=ended_by, disconnect_reason=reason)
    else:
        # A leg is over; whether another follows, the contact record will say.
        yield talk.tell(ContactDataUpdated, at, _leg(part))


def record(part: Payload, talk: Talk) -> Iterator[Item]:
    """All that a contact record says of its leg. It is sent again when it changes."""
    leg = _leg(part)
    method = part.text("initiationMethod")
    yield from started(part, talk)
    yield from _ai(part, talk)
    answered = part.moment(*_CONNECTED)
    followed = part.present("nextContactId") and method != "DISCONNECT"
    outbound = talk.direction == "outbound"
    reason = part.word(REASONS, "disconnectReason")
    ended_by = ENDED_BY.get(reason or "", "unknown")
    if part.moment(*_ENQUEUED) is not None and not outbound:
        yield from queued(part, talk)
    if answered is not None:
        yield from connected(part, talk)
    left = part.moment("queue.dequeueTimestamp")
    if left is not None and not outbound:
        gone = not followed and ended_by in ("customer", "unknown")
        outcome = "answered" if answered is not None else "abandoned" if gone else "flow_out"
        yield talk.tell(HandoffDequeued, left, leg, handoff_id=leg, outcome=outcome)
    yield from first_message(part, talk)
    at = part.moment("disconnectTimestamp")
    # What follows a caller who hung up may be the callback; what follows a chat is a survey.
    if at is not None and (not followed or (reason in FINAL and talk.channel != "voice")):
        yield talk.tell(ContactEnded, at, leg, ended_by=ended_by, disconnect_reason=reason)


def _ai(part: Payload, talk: Talk) -> Iterator[Item]:
    at = part.moment("connectedToSystemTimestamp", "initiationTimestamp")
    for ai in part.at("wisdomInfo").items("aiAgents"):
        if ai.text("aiUseCase") == "SelfService":
            version = ai.id(_AI_VERSION, "aiAgentVersionId")
            yield talk.tell(AiTurn, at, f"{_leg(part)}.{version}", agent_version=version)
            if ai.flag("aiAgentEscalated"):
                wanted = part.moment(*_ENQUEUED)
                if wanted is not None:
                    leg = _leg(part)
                    yield talk.tell(
                        HandoffRequested, wanted, leg, handoff_id=leg, requested_by="ai"
                    )


def agent_event(part: Payload, talk: Talk) -> Iterator[Item]:
    """An agent was offered a contact, missed, refused or took it."""
    state = part.text("state")
    at = part.moment("stateStartTimestamp")
    agent = part.parent.key("AgentARN") if part.parent else None
    leg = _leg(part)
    key = f"{leg}.{at}"
    if talk.direction == "outbound" or state is None:
        return
    if state in OFFERS:
        yield talk.tell(HandoffOffered, at, key, handoff_id=leg, agent_id=agent)
    elif state == "MISSED":
        yield talk.tell(HandoffTimedOut, at, key, handoff_id=leg, agent_id=agent)
    elif state == "REJECTED":
        yield talk.tell(HandoffDeclined, at, key, handoff_id=leg, agent_id=agent)
    elif state == "CONNECTED":
        yield from connected(part, talk)


def message(part: Payload, talk: Talk) -> Iterator[Item]:
    """A message streamed from a chat."""
    author = part.word(ROLES, "participantRole")
    if author is None:
        return
    if part.marked("bot", "displayName"):
        author = "ai"
    key = part.id(UUID, "id")
    yield talk.tell(
        MessageSent,
        part.moment("absoluteTime"),
        key,
        author=author,
        message_id=key,
        agent_id=part.key("participantId") if author == "human" else None,
    )
