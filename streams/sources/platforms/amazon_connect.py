"""Amazon Connect: contact events, contact records, agent events, streamed chat messages.

A contact is one leg: transfers, queue changes and callbacks make new ones. The conversation is the
chain, by its initial contact's id. What the payloads honestly say:

- QUEUED and Queue.EnqueueTimestamp: `handoff.queued`; Connect knows of no earlier wish for a human.
  A leg that an agent's transfer began is `handoff.requested` by human; a callback is requested by
  the customer when its leg began, which is before anybody dials: it is waited for like any other.
- CONNECTED_TO_AGENT: `handoff.connected`. Off voice the takeover is the agent's first message:
  streamed, or AgentFirstResponseTimestamp, which comes only when the contact is over.
- An agent whom a routing step chose is qualified; one who came when all steps had expired is not.
- **DISCONNECTED does not say whether another leg follows**: the contact ends there only if its
  reason does (the customer left, it expired ...) or if neither an agent nor a queue had it. The
  contact record knows the next leg (NextContactId), and so who abandoned. Send both.
- A post-contact flow, a supervisor's monitoring and a task are no contact of a customer.
- An AI is known by AiAgents of the record (self-service) or as CUSTOM_BOT of a chat message.
- 1970-01-01T00:00:00.001Z stands for no time; heartbeats repeat what was said before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from streams.domain.events import (
    AiTurn,
    Author,
    Channel,
    ContactDataUpdated,
    ContactEnded,
    ContactStarted,
    EndedBy,
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
from streams.sources.adapter import Contact, Ignored, Item, Platform, Talk
from streams.sources.coverage import Feed
from streams.sources.payload import UUID, Path, Payload

_CHANNELS: dict[str, Channel] = {
    "VOICE": "voice",
    "Voice": "voice",
    "CHAT": "chat",
    "EMAIL": "email",
}
_SUBTYPES: dict[str, Channel] = {
    "connect:SMS": "messaging",
    "connect:WhatsApp": "messaging",
    "connect:Apple": "messaging",
}
_DIRECTIONS = {
    "INBOUND": "inbound",
    "API": "inbound",
    "WEBRTC_API": "inbound",
    "OUTBOUND": "outbound",
    "EXTERNAL_OUTBOUND": "outbound",
    "AGENT_REPLY": "outbound",
    "FLOW": "outbound",
}
# Reasons after which nothing of the conversation follows, and who ended it.
_FINAL: dict[str, EndedBy] = {
    "CUSTOMER_DISCONNECT": "customer",
    "TELECOM_ORIGINATOR_CANCEL": "customer",
    "CUSTOMER_NEVER_ARRIVED": "customer",
    "CUSTOMER_CONNECTION_NOT_ESTABLISHED": "customer",
    "AGENT_COMPLETED": "human",
    "DISCARDED": "human",
    "EXPIRED": "system",
    "IDLE_DISCONNECT": "system",
    "SYSTEM_ERROR": "system",
    "TELECOM_PROBLEM": "system",
    "TELECOM_TIMEOUT": "system",
}
# Reasons that end a leg: the conversation, if no leg follows.
_ENDED_BY: dict[str, EndedBy] = {
    **_FINAL,
    "AGENT_DISCONNECT": "human",
    "BARGED": "human",
    "AGENT_NETWORK_DISCONNECT": "system",
    "CONTACT_FLOW_DISCONNECT": "automation",
    "API": "automation",
}
_REASONS = {
    reason: reason
    for reason in (
        *_ENDED_BY,
        "THIRD_PARTY_DISCONNECT",
        "TRANSFERRED",
        "TELECOM_BUSY",
        "TELECOM_NUMBER_INVALID",
        "TELECOM_POTENTIAL_BLOCKING",
        "TELECOM_UNANSWERED",
        "OUTBOUND_DESTINATION_ENDPOINT_ERROR",
        "OUTBOUND_RESOURCE_ERROR",
        "OUTBOUND_ATTEMPT_FAILED",
        "OUTBUND_PREVIEW_DISCARDED",
        "OTHER",
    )
}
_ROLES: dict[str, Author] = {
    "CUSTOMER": "customer",
    "AGENT": "human",
    "SUPERVISOR": "human",
    "CUSTOM_BOT": "ai",
    "SYSTEM": "automation",
}
_VISIBILITY = {"ALL": "public", "CUSTOMER": "public", "AGENT": "private", "SUPERVISOR": "private"}
_OFFERS = {"INCOMING", "PENDING", "CONNECTING"}

_SUBTYPE: Path = ("segmentAttributes", "connect:Subtype", "valueString")
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


def _parts(payload: Payload) -> Iterable[Payload]:
    """The event inside its envelope; of an agent event, each contact that the agent has."""
    if payload.present("CurrentAgentSnapshot"):
        return list(payload.items("CurrentAgentSnapshot.Contacts")) or [payload]
    if payload.present("Message", "TopicArn"):
        return [payload.parsed("Message")]
    return [payload.at("detail")] if payload.present("detail.contactId") else [payload]


def _kind(part: Payload) -> str | None:
    agent = part.parent or part
    if agent.present("AgentARN") and agent.present("EventType"):
        return f"agent event {agent.text('EventType')}"
    if not part.present("contactId"):
        return None
    if part.present("participantRole"):
        return "chat message" if part.text("type") == "MESSAGE" else "chat event"
    if part.text("channel") == "TASK":
        return "task"
    if part.text("initiationMethod") == "MONITOR":
        return "monitoring"
    if part.text("initiationMethod") == "DISCONNECT" and not part.present("queueInfo", "queue"):
        return "post-contact flow"
    event = part.text("eventType")
    if event is not None:
        return f"contact event {event}"
    return "contact record" if part.present("initiationTimestamp") else None


def _contact(part: Payload) -> Contact:
    direction = part.word(_DIRECTIONS, "initiationMethod")
    if part.text("initiationMethod") == "API" and part.word(_CHANNELS, "channel") == "voice":
        # StartOutboundVoiceContact; chats and e-mails by API are the customer's.
        direction = "outbound"
    messaging = part.word(_SUBTYPES, _SUBTYPE)
    chat: Channel | None = "chat" if part.present("participantRole") else None
    return Contact(
        conversation=part.id(UUID, "initialContactId", "contactId"),
        channel=messaging or part.word(_CHANNELS, "channel") or chat,
        channel_subtype=part.label(_SUBTYPE),
        customer_key=part.key("customerId", "customerEndpoint.address"),
        direction=direction,
        recorded_ms=part.parent.moment("time", "EventTimestamp") if part.parent else None,
    )


def _leg(part: Payload) -> str:
    return part.id(UUID, "contactId") or "leg"


def _started(part: Payload, talk: Talk) -> Iterator[Item]:
    at = part.moment("initiationTimestamp")
    method = part.text("initiationMethod")
    if method == "CALLBACK":
        leg = _leg(part)
        yield talk.tell(HandoffRequested, at, leg, handoff_id=leg, requested_by="customer")
        yield talk.tell(HandoffCallbackScheduled, at, leg, handoff_id=leg)
    elif talk.direction is not None:
        yield talk.tell(ContactStarted, at, _leg(part))


def _queued(part: Payload, talk: Talk) -> Iterator[Item]:
    at = part.moment(*_ENQUEUED)
    leg = _leg(part)
    if part.text("initiationMethod") == "TRANSFER":
        yield talk.tell(HandoffRequested, at, leg, handoff_id=leg, requested_by="human")
        return
    queue = part.id(_QUEUE, "queueInfo.queueArn", "queue.ARN", "queueInfo.id")
    yield talk.tell(HandoffQueued, at, leg, handoff_id=leg, queue_id=queue)


def _connected(part: Payload, talk: Talk) -> Iterator[Item]:
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


def _first_message(part: Payload, talk: Talk) -> Iterator[Item]:
    at = part.moment(_FIRST_RESPONSE)
    if at is not None:
        leg, agent = _leg(part), part.key(*_AGENT)
        yield talk.tell(HandoffFirstHumanMessage, at, leg, handoff_id=leg, agent_id=agent)


def _disconnected(part: Payload, talk: Talk) -> Iterator[Item]:
    yield from _first_message(part, talk)
    at = part.moment("disconnectTimestamp")
    reason = part.word(_REASONS, "disconnectReason.code", "disconnectReason")
    ended_by = _FINAL.get(reason or "")
    had_agent = part.moment(*_CONNECTED) is not None
    had_queue = part.moment(*_ENQUEUED) is not None
    if ended_by is None and not had_agent and not had_queue:
        ended_by = _ENDED_BY.get(reason or "", "unknown")
    if ended_by is not None:
        yield talk.tell(ContactEnded, at, _leg(part), ended_by=ended_by, disconnect_reason=reason)
    else:
        # A leg is over; whether another follows, the contact record will say.
        yield talk.tell(ContactDataUpdated, at, _leg(part))


def _record(part: Payload, talk: Talk) -> Iterator[Item]:
    """All that a contact record says of its leg. It is sent again when it changes."""
    leg = _leg(part)
    method = part.text("initiationMethod")
    yield from _started(part, talk)
    yield from _ai(part, talk)
    answered = part.moment(*_CONNECTED)
    followed = part.present("nextContactId") and method != "DISCONNECT"
    outbound = talk.direction == "outbound"
    reason = part.word(_REASONS, "disconnectReason")
    ended_by = _ENDED_BY.get(reason or "", "unknown")
    if part.moment(*_ENQUEUED) is not None and not outbound:
        yield from _queued(part, talk)
    if answered is not None:
        yield from _connected(part, talk)
    left = part.moment("queue.dequeueTimestamp")
    if left is not None and not outbound:
        gone = not followed and ended_by in ("customer", "unknown")
        outcome = "answered" if answered is not None else "abandoned" if gone else "flow_out"
        yield talk.tell(HandoffDequeued, left, leg, handoff_id=leg, outcome=outcome)
    yield from _first_message(part, talk)
    at = part.moment("disconnectTimestamp")
    if at is not None and (not followed or reason in _FINAL):
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


def _agent_event(part: Payload, talk: Talk) -> Iterator[Item]:
    state = part.text("state")
    at = part.moment("stateStartTimestamp")
    agent = part.parent.key("AgentARN") if part.parent else None
    leg = _leg(part)
    key = f"{leg}.{at}"
    if talk.direction == "outbound" or state is None:
        return
    if state in _OFFERS:
        yield talk.tell(HandoffOffered, at, key, handoff_id=leg, agent_id=agent)
    elif state == "MISSED":
        yield talk.tell(HandoffTimedOut, at, key, handoff_id=leg, agent_id=agent)
    elif state == "REJECTED":
        yield talk.tell(HandoffDeclined, at, key, handoff_id=leg, agent_id=agent)
    elif state == "CONNECTED":
        yield from _connected(part, talk)


def _message(part: Payload, talk: Talk) -> Iterator[Item]:
    author = part.word(_ROLES, "participantRole")
    if author is None:
        return
    key = part.id(UUID, "id")
    envelope = part.parent or part
    visibility = envelope.word(_VISIBILITY, "MessageAttributes.MessageVisibility.Value")
    yield talk.tell(
        MessageSent,
        part.moment("absoluteTime"),
        key,
        author=author,
        visibility=visibility or "public",
        message_id=key,
        agent_id=part.key("participantId") if author == "human" else None,
    )


_OF_AN_AGENT = Ignored("of an agent at work, not of a contact")
_NOT_OURS = Ignored("no milestone of a contact")

PLATFORM = Platform(
    name="amazon-connect",
    title="Amazon Connect",
    reads="contact events by EventBridge (docs.aws.amazon.com/connect/latest/adminguide/"
    "contact-events.html), contact records and agent events by Kinesis (ctr-data-model.html,"
    " agent-event-streams.html), chat messages by SNS (sns-payload.html)",
    kind=_kind,
    contact=_contact,
    parts=_parts,
    any_case=True,
    kinds={
        "contact event INITIATED": _started,
        "contact event QUEUED": _queued,
        "contact event CONNECTED_TO_AGENT": _connected,
        "contact event DISCONNECTED": _disconnected,
        "contact event COMPLETED": _first_message,
        "contact record": _record,
        "agent event STATE_CHANGE": _agent_event,
        "chat message": _message,
        "contact event CONNECTED_TO_SYSTEM": Ignored("a flow answered: neither AI nor human yet"),
        "contact event CONTACT_DATA_UPDATED": _NOT_OURS,
        "contact event AMD_DISABLED": _NOT_OURS,
        "contact event PAUSED": _NOT_OURS,
        "contact event RESUMED": _NOT_OURS,
        "contact event WEBRTC_API": _NOT_OURS,
        "agent event LOGIN": _OF_AN_AGENT,
        "agent event LOGOUT": _OF_AN_AGENT,
        "agent event HEART_BEAT": Ignored("says nothing new: it is sent every two minutes"),
        "agent event ENABLE": _OF_AN_AGENT,
        "agent event DISABLE": _OF_AN_AGENT,
        "chat event": Ignored("typing, receipts, who joined and left: the contact's events say it"),
        "task": Ignored("work inside the company, no contact of a customer"),
        "post-contact flow": Ignored("a survey or the like, after the contact"),
        "monitoring": Ignored("a supervisor listens in"),
    },
    feeds={
        "escalation latency": Feed(
            "partly",
            "off voice the agent's first message is known only when the contact is over",
            "stream chat messages (SNS, StartContactStreaming) beside the contact events",
        ),
        "answer service level": Feed(
            "partly",
            "as escalation latency",
            "stream chat messages (SNS, StartContactStreaming) beside the contact events",
        ),
        "abandonment": Feed(
            "partly",
            "contact events do not say whether another leg follows: contact records do",
            "send contact records (Kinesis data streaming) too",
        ),
        "first response": Feed(
            "partly",
            "messages are in neither events nor records",
            "stream chat messages (SNS, StartContactStreaming)",
        ),
        "containment": Feed(
            "partly",
            "a Lex bot in a flow leaves no trace; AI agents and custom chat bots do",
            "read records with WisdomInfo.AiAgents (DescribeContact), or let the bot emit ai.turn",
        ),
        "recontact": Feed(
            "partly",
            "as containment; contact events have no customer unless CustomerId is set",
            "set CustomerId in the flow, or send contact records (CustomerEndpoint)",
        ),
        "verified resolution": Feed(
            "no", "no event claims or proves a resolution", "emit resolution.claimed and .evidence"
        ),
        "failure reasons": Feed(
            "no",
            "AiAgentEscalated says that, not why",
            "emit ai.failure_signalled from the flow's error and escalation branches",
        ),
        "handoff context": Feed(
            "no", "contact attributes have no agreed names", "emit handoff.requested with a context"
        ),
        "customer repeated": Feed("no", "no event says it", "emit it from QA or Contact Lens"),
        "quality assurance": Feed(
            "no",
            "contact records name evaluations without their scores",
            "emit qa.evaluated from the evaluation export (ContactEvaluations.ExportLocation)",
        ),
        "satisfaction": Feed(
            "no", "a survey is a flow of your own", "emit csat.requested and .received from it"
        ),
        "compliance": Feed("no", "not in these events", "emit compliance.exception"),
        "cost": Feed("no", "not in these events", "emit cost.recorded"),
    },
)
