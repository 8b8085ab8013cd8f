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
- An AI is known by AiAgents of the record (self-service), as CUSTOM_BOT of a chat message, or by
  the name that it shows in the chat, as an option (mark=bot:NAME).
- 1970-01-01T00:00:00.001Z stands for no time; heartbeats repeat what was said before.
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.domain.events import Channel
from streams.sources.adapter import NOT_TO_THE_CUSTOMER, PRIVATE_NOTE, Contact, Ignored, Platform
from streams.sources.coverage import Feed
from streams.sources.payload import UUID, Path, Payload
from streams.sources.platforms._connect_legs import (
    agent_event,
    connected,
    disconnected,
    first_message,
    message,
    queued,
    record,
    started,
)
from streams.sources.platforms._connect_words import (
    CHANNELS,
    DIRECTIONS,
    LATER_LEGS,
    SUBTYPES,
    VISIBILITY,
)

_SUBTYPE: Path = ("segmentAttributes", "connect:Subtype", "valueString")


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
        if part.text("type") != "MESSAGE":
            return "chat event"
        envelope = part.parent or part
        seen = envelope.word(VISIBILITY, "MessageAttributes.MessageVisibility.Value")
        return PRIVATE_NOTE if seen is False else "chat message"
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
    direction = part.word(DIRECTIONS, "initiationMethod", silent=LATER_LEGS)
    if part.text("initiationMethod") == "API" and part.word(CHANNELS, "channel") == "voice":
        # StartOutboundVoiceContact; chats and e-mails by API are the customer's.
        direction = "outbound"
    messaging = part.word(SUBTYPES, _SUBTYPE)
    chat: Channel | None = "chat" if part.present("participantRole") else None
    return Contact(
        conversation=part.id(UUID, "initialContactId", "contactId"),
        channel=messaging or part.word(CHANNELS, "channel") or chat,
        channel_subtype=part.label(_SUBTYPE),
        customer_key=part.key("customerId", "customerEndpoint.address"),
        direction=direction,
        recorded_ms=part.parent.moment("time", "EventTimestamp") if part.parent else None,
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
        "contact event INITIATED": started,
        "contact event QUEUED": queued,
        "contact event CONNECTED_TO_AGENT": connected,
        "contact event DISCONNECTED": disconnected,
        "contact event COMPLETED": first_message,
        "contact record": record,
        "agent event STATE_CHANGE": agent_event,
        "chat message": message,
        PRIVATE_NOTE: NOT_TO_THE_CUSTOMER,
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
