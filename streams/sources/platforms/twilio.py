"""Twilio: TaskRouter event callbacks and Event Streams (Flex), and Conversations webhooks.

A form's fields are a JSON object of texts. What the events honestly say:

- A task is the wish for a human: `task.created` is `handoff.requested` by system. A task that an
  agent dials out from (direction outbound) is none.
- `reservation.created` is an offer; rejected and timeout end it without an answer. On voice Twilio
  accepts a reservation when it has joined the agent to the call (twilio.com/docs/api/errors/14215):
  connected; a workspace that accepts by REST and dials later says so too early. On other channels
  it is no more than accepted, and the takeover is the agent's first message.
- A task canceled by `hangup` was abandoned; one out of time was ended by the system.
- The contact ends at the task's wrap-up, not when the agent has done the work after it.
- Conversations do not say what an author is. A message that came in from SMS, WhatsApp or the like
  is the customer's; one by a Flex identity (an e-mail address as Flex writes it) a human's; the
  message's own attributes may say it (`author_type`: customer, ai, human, automation), or an option
  about its author (mark=bot:NAME). Their channel is messaging (e-mail: email), unless the task says
  web chat or an option says another.
- A customer is the address or number that the contact came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from streams.domain.events import (
    Author,
    Channel,
    ContactEnded,
    ContactStarted,
    EndedBy,
    HandoffAccepted,
    HandoffConnected,
    HandoffDeclined,
    HandoffDequeued,
    HandoffOffered,
    HandoffQueued,
    HandoffRequested,
    HandoffTimedOut,
    MessageSent,
)
from streams.sources.adapter import Contact, Ignored, Item, Platform, Talk
from streams.sources.base import SourceProblem
from streams.sources.coverage import Feed
from streams.sources.payload import Payload

SID = re.compile(r"[A-Z]{2}[0-9a-f]{24,34}")
# Flex encodes the characters of an agent's e-mail address: _40 is @, _2E is a dot.
_FLEX_IDENTITY = re.compile(r".+_40.+_2E.+")
_STREAM = "com.twilio.taskrouter."

_CHANNELS: dict[str, Channel] = {
    "voice": "voice",
    "chat": "chat",
    "web": "chat",
    "email": "email",
    "sms": "messaging",
    "whatsapp": "messaging",
    "messenger": "messaging",
    "instagram": "messaging",
}
_SOURCES: dict[str, tuple[Channel, Author | None]] = {
    "SMS": ("messaging", "customer"),
    "WHATSAPP": ("messaging", "customer"),
    "MESSENGER": ("messaging", "customer"),
    "INSTAGRAM": ("messaging", "customer"),
    "EMAIL": ("email", "customer"),
    "SDK": ("messaging", None),
    "API": ("messaging", None),
}
_AUTHORS: dict[str, Author] = {
    "customer": "customer",
    "ai": "ai",
    "human": "human",
    "automation": "automation",
}
_MARKED: dict[str, Author] = {"bot": "ai", "automation": "automation", "staff": "human"}
_DIRECTIONS = {"inbound": "inbound", "outbound": "outbound", "outbound-api": "outbound"}
# Why a task was canceled -> how it left the queue, and who ended the contact.
_CANCELED: dict[str, tuple[str, EndedBy | None]] = {
    "hangup": ("abandoned", "customer"),
    "leave": ("flow_out", None),
    "redirected": ("flow_out", None),
    "Task TTL Exceeded": ("flow_out", "system"),
    "workflow.timeout": ("flow_out", "system"),
}


def _kind(payload: Payload) -> str | None:
    stream = payload.text("type")
    return stream.removeprefix(_STREAM) if stream else payload.text("EventType")


def _contact(payload: Payload) -> Contact:
    about = payload.parsed("TaskAttributes", "data.payload.task_attributes")
    source, author = payload.word(_SOURCES, "Source") or ("messaging", None)
    channel = payload.word(
        _CHANNELS, "TaskChannelUniqueName", "data.payload.task_channel_unique_name"
    )
    return Contact(
        conversation=about.id(SID, "conversationSid", "channelSid", "call_sid", "worker_call_sid")
        or payload.id(SID, "ConversationSid", "TaskSid", "data.payload.task_sid"),
        channel=about.word(_CHANNELS, "channelType")
        or channel
        or (source if payload.present("ConversationSid") else None),
        channel_subtype=about.label("channelType") or (payload.label("Source") if author else None),
        customer_key=about.key("from", "customerAddress", "caller", "customers.customer_id")
        or payload.key(("MessagingBinding.Address",))
        or (payload.key("Author") if author == "customer" else None),
        direction=about.word(_DIRECTIONS, "direction"),
    )


def _task(payload: Payload, talk: Talk) -> tuple[int | None, str]:
    """When the event happened, and the task: the handoff."""
    at = payload.moment("TimestampMs", "data.payload.timestamp", "Timestamp", "time")
    return at, payload.id(SID, "TaskSid", "data.payload.task_sid") or talk.id


def _outbound(talk: Talk) -> bool:
    return talk.direction == "outbound"


def _created(payload: Payload, talk: Talk) -> Iterator[Item]:
    at, task = _task(payload, talk)
    yield talk.tell(ContactStarted, at, task)
    if not _outbound(talk):
        yield talk.tell(HandoffRequested, at, task, handoff_id=task, requested_by="system")


def _queued(payload: Payload, talk: Talk) -> Iterator[Item]:
    at, task = _task(payload, talk)
    if not _outbound(talk):
        queue = payload.id(SID, "TaskQueueSid", "data.payload.task_queue_sid")
        priority = payload.whole("TaskPriority", "data.payload.task_priority")
        yield talk.tell(HandoffQueued, at, handoff_id=task, queue_id=queue, priority=priority)


def _transferred(payload: Payload, talk: Talk) -> Iterator[Item]:
    at, task = _task(payload, talk)
    yield talk.tell(HandoffRequested, at, handoff_id=task, requested_by="human")


def _reserved(payload: Payload, talk: Talk) -> Iterator[Item]:
    at, task = _task(payload, talk)
    agent = payload.key("WorkerSid", "data.payload.worker_sid")
    key = payload.id(SID, "ReservationSid", "data.payload.reservation_sid")
    if _outbound(talk):
        return
    kind = (_kind(payload) or "").removeprefix("reservation.")
    if kind != "accepted":
        told = {"created": HandoffOffered, "rejected": HandoffDeclined, "timeout": HandoffTimedOut}
        yield talk.tell(told[kind], at, key, handoff_id=task, agent_id=agent)
    elif agent is None:
        yield SourceProblem("no_agent", "names no worker; left out", talk.where)
    else:
        yield talk.tell(HandoffAccepted, at, key, handoff_id=task, agent_id=agent)
        if talk.channel == "voice":
            yield talk.tell(HandoffConnected, at, key, handoff_id=task, agent_id=agent)


def _ended(payload: Payload, talk: Talk) -> Iterator[Item]:
    at, _ = _task(payload, talk)
    yield talk.tell(ContactEnded, at)


def _canceled(payload: Payload, talk: Talk) -> Iterator[Item]:
    at, task = _task(payload, talk)
    outcome, ended_by = payload.word(
        _CANCELED, "TaskCanceledReason", "data.payload.task_canceled_reason"
    ) or ("flow_out", "unknown")
    if not _outbound(talk):
        yield talk.tell(HandoffDequeued, at, task, handoff_id=task, outcome=outcome)
    if ended_by is not None:
        yield talk.tell(ContactEnded, at, task, ended_by=ended_by)


def _message(payload: Payload, talk: Talk) -> Iterator[Item]:
    _, author = payload.word(_SOURCES, "Source") or (None, None)
    author = payload.parsed("Attributes").word(_AUTHORS, "author_type") or author
    for mark, what in _MARKED.items():
        if payload.marked(mark, "Author"):
            author = what
    if author is None and _FLEX_IDENTITY.fullmatch(payload.text("Author") or ""):
        author = "human"
    if author is None:
        yield SourceProblem(
            "unknown_author",
            "does not say whether a customer, an AI or a human wrote; left out: say it of the"
            " author (mark=bot:NAME) or in the message's attributes (author_type)",
            talk.where,
        )
        return
    message = payload.id(SID, "MessageSid")
    agent = payload.key("Author") if author == "human" else None
    at = payload.moment("DateCreated")
    yield talk.tell(MessageSent, at, message, author=author, message_id=message, agent_id=agent)


def _opened(payload: Payload, talk: Talk) -> Iterator[Item]:
    yield talk.tell(ContactStarted, payload.moment("DateCreated"), "conversation")


def _closed(payload: Payload, talk: Talk) -> Iterator[Item]:
    if payload.text("StateTo") == "closed":
        yield talk.tell(ContactEnded, payload.moment("DateUpdated"))


_TOLD_BY_THE_NEXT = Ignored("the next reservation or the task's own event says what follows")
_ROUTING = Ignored("routing inside TaskRouter; the queue's and the reservations' events say it")
_NO_CONTACT = Ignored("of a worker or the workspace, not of a contact")
_NO_MILESTONE = Ignored("no milestone of a contact")

PLATFORM = Platform(
    name="twilio",
    title="Twilio",
    reads="TaskRouter event callbacks (twilio.com/docs/taskrouter/api/event/reference), the same in"
    " Event Streams (twilio.com/docs/events/event-types/taskrouter), Conversations webhooks"
    " (twilio.com/docs/conversations/conversations-webhooks)",
    kind=_kind,
    contact=_contact,
    kinds={
        "task.created": _created,
        "task-queue.entered": _queued,
        "task-queue.moved": _queued,
        "reservation.created": _reserved,
        "reservation.accepted": _reserved,
        "reservation.rejected": _reserved,
        "reservation.timeout": _reserved,
        "task.transfer-initiated": _transferred,
        "task.wrapup": _ended,
        "task.completed": _ended,
        "task.canceled": _canceled,
        "onMessageAdded": _message,
        "onConversationAdded": _opened,
        "onConversationStateUpdated": _closed,
        "reservation.canceled": _TOLD_BY_THE_NEXT,
        "reservation.rescinded": _TOLD_BY_THE_NEXT,
        "reservation.failed": _TOLD_BY_THE_NEXT,
        "reservation.wrapup": Ignored("the task's wrap-up says it"),
        "reservation.completed": Ignored("the task's completion says it"),
        "task.updated": _NO_MILESTONE,
        "task.deleted": _NO_MILESTONE,
        "task.system-deleted": _NO_MILESTONE,
        "workflow.entered": _ROUTING,
        "workflow.target-matched": _ROUTING,
        "workflow.skipped": _ROUTING,
        "workflow.timeout": Ignored("the task's cancellation says it"),
        "task-queue.timeout": _ROUTING,
        "worker.activity.update": _NO_CONTACT,
        "onParticipantAdded": _NO_MILESTONE,
        "onParticipantUpdated": _NO_MILESTONE,
        "onParticipantRemoved": _NO_MILESTONE,
        "onMessageUpdated": _NO_MILESTONE,
        "onMessageRemoved": _NO_MILESTONE,
        "onDeliveryUpdated": _NO_MILESTONE,
        "onConversationUpdated": _NO_MILESTONE,
        "onConversationRemoved": _NO_MILESTONE,
    },
    feeds={
        "escalation latency": Feed(
            "partly",
            "messages of agents are needed off voice, and TaskRouter has none",
            "send the Conversations webhook (onMessageAdded) beside the task events",
        ),
        "answer service level": Feed(
            "partly",
            "as escalation latency",
            "send the Conversations webhook (onMessageAdded) beside the task events",
        ),
        "abandonment": Feed(
            "partly",
            "a caller who hangs up cancels the task; who leaves a chat leaves no event",
            "such waits expire by the contract's escalationExpiry",
        ),
        "first response": Feed(
            "partly",
            "Twilio does not say whether an AI or a human wrote through its API",
            "name the authors (mark=bot:NAME), or set author_type in the attributes of messages",
        ),
        "containment": Feed(
            "partly",
            "Twilio does not know what is an AI: only messages marked as one's count",
            "name the bot (mark=bot:NAME), set author_type=ai in its messages, or emit ai.turn",
        ),
        "recontact": Feed(
            "partly",
            "as containment; the customer is the address or number that the contact came from",
            "name the bot (mark=bot:NAME), set author_type=ai in its messages, or emit ai.turn",
        ),
        "verified resolution": Feed(
            "no", "no event claims or proves a resolution", "emit resolution.claimed and .evidence"
        ),
        "failure reasons": Feed(
            "no", "why a bot sent the customer on is not told", "emit ai.failure_signalled"
        ),
        "handoff context": Feed(
            "no", "task attributes have no agreed names", "emit handoff.requested with a context"
        ),
        "customer repeated": Feed("no", "no event says it", "emit it from QA or a classifier"),
        "quality assurance": Feed("no", "not in these events", "emit qa.evaluated"),
        "satisfaction": Feed("no", "not in these events", "emit csat.requested and .received"),
        "compliance": Feed("no", "not in these events", "emit compliance.exception"),
        "cost": Feed("no", "prices are in Twilio's usage records", "emit cost.recorded"),
    },
)
