"""Chatwoot: webhooks of an account or an agent bot.

What they honestly say:

- A conversation that is `pending` is the bot's, one that is `open` is the humans'. `pending` to
  `open` is the handoff (T0, unless the bot signalled a failure before): `handoff.requested`. `open`
  to `pending` gives it back to the AI. Who changed the status is not in the webhook.
- T1 is a human's public reply: an outgoing message by a `user` that no automation rule and no
  campaign sent. An agent bot's or Captain's is the AI's; a template (greeting, survey, request for
  an address) is an automation's. A human's private note is neither an answer nor activity.
- `resolved` out of `pending` is what Chatwoot counts as resolved by the bot, though it may be the
  timer of an idle conversation: a claim by the AI, never evidence. Out of `open` it is a human's
  claim if one is assigned. `resolved` to anything else reopens.
- An assignment is an offer: the assignment policy makes most of them.
- Surveys: asked where an `input_csat` message is sent, answered (1 to 5) where it is updated.
- A payload repeats the conversation's last message: the same event under the same id. This mends
  messages that were lost; lost status changes (chatwoot#9277) are lost.

Before 3.x the webhook gives no time of a change but that of the last activity; the change is then
taken to be at that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from streams.domain.events import (
    AiFailureSignalled,
    Author,
    Channel,
    ContactEnded,
    ContactStarted,
    CsatReceived,
    CsatRequested,
    HandoffOffered,
    HandoffRequested,
    HandoffReturned,
    MessageSent,
    ResolutionClaimed,
    ResolutionReopened,
)
from streams.sources.adapter import (
    NOT_TO_THE_CUSTOMER,
    PRIVATE_NOTE,
    Contact,
    Ignored,
    Item,
    Platform,
    Talk,
)
from streams.sources.base import SourceProblem
from streams.sources.coverage import YES, Feed
from streams.sources.payload import CONVERSATION, Payload

_CHANNELS: Final[dict[str, tuple[Channel, str]]] = {
    "Channel::WebWidget": ("chat", "web"),
    "Channel::Email": ("email", "email"),
    "Channel::Api": ("messaging", "api"),
    "Channel::FacebookPage": ("messaging", "facebook"),
    "Channel::Instagram": ("messaging", "instagram"),
    "Channel::Line": ("messaging", "line"),
    "Channel::Sms": ("messaging", "sms"),
    "Channel::Telegram": ("messaging", "telegram"),
    "Channel::Tiktok": ("messaging", "tiktok"),
    "Channel::TwilioSms": ("messaging", "sms"),
    "Channel::TwitterProfile": ("messaging", "twitter"),
    "Channel::Voice": ("voice", "voice"),
    "Channel::Whatsapp": ("messaging", "whatsapp"),
}
_DIRECTIONS: Final = {0: "incoming", 1: "outgoing", 2: "activity", 3: "template"}
_SENDERS: Final[dict[str, Author]] = {
    "contact": "customer",
    "Contact": "customer",
    "user": "human",
    "User": "human",
    "agent_bot": "ai",
    "AgentBot": "ai",
    "captain_assistant": "ai",
    "Captain::Assistant": "ai",
}
_MESSAGES: Final = ("message", "message_created", "message_updated")
_STATUSES: Final = {name: name for name in ("open", "pending", "snoozed", "resolved")}


def _parts(payload: Payload) -> Iterator[Payload]:
    yield payload
    conversation = _conversation(payload)
    yield from conversation.items("messages")


def _kind(part: Payload) -> str | None:
    event = "message" if part.outer is not part else part.text("event")
    if event is None:
        return None
    kind = event.removeprefix("automation_event.")
    return PRIVATE_NOTE if kind in _MESSAGES and part.flag("private") else kind


def _conversation(payload: Payload) -> Payload:
    return payload.at("conversation") if payload.present("conversation") else payload


def _contact(part: Payload) -> Contact:
    conversation = part.outer if part.outer is not part else _conversation(part)
    channel = conversation.word(_CHANNELS, "channel")
    return Contact(
        conversation=conversation.id(CONVERSATION, "id", "display_id"),
        channel=channel[0] if channel else "chat",
        channel_subtype=channel[1] if channel else None,
        customer_key=(
            conversation.key("meta.sender.id", "contact_inbox.contact_id") or part.key("contact.id")
        ),
    )


def _direction(message: Payload) -> str | None:
    node = message.at("message_type").value
    if isinstance(node, str):
        return message.text("message_type")
    return _DIRECTIONS.get(node) if isinstance(node, int) else None


def _message(message: Payload, talk: Talk) -> Iterator[Item]:
    """A message, of its own webhook or repeated inside another."""
    direction, key = _direction(message), message.id(CONVERSATION, "id")
    at_ms = message.moment("created_at")
    if at_ms is not None:
        # All that a repeated message has, so that it is the same event.
        at_ms = at_ms // 1000 * 1000
    survey = message.text("content_type") == "input_csat"
    if survey and key is not None:
        yield talk.tell(CsatRequested, at_ms, key, survey_id=key)
        yield from _answer(message, talk, key)
    author = _author(message, direction)
    if author is None:
        return
    agent = message.key("sender.id", "sender_id") if author == "human" else None
    yield talk.tell(MessageSent, at_ms, key, author=author, message_id=key, agent_id=agent)


def _author(message: Payload, direction: str | None) -> Author | None:
    if direction == "incoming":
        return "customer"
    if direction == "template":
        return "automation"
    if direction != "outgoing":
        return None
    if message.present("content_attributes.automation_rule_id"):
        return "automation"
    if message.present("additional_attributes.campaign_id"):
        return "campaign"
    if message.marked("bot", "sender.id", "sender_id"):
        return "ai"
    if message.marked("automation", "sender.id", "sender_id"):
        return "automation"
    # An outgoing message without a sender is the account's own doing.
    return message.word(_SENDERS, "sender.type", "sender_type") or (
        "human" if message.present("sender.id") else "automation"
    )


def _answer(message: Payload, talk: Talk, survey: str) -> Iterator[Item]:
    given = message.at("content_attributes.submitted_values.csat_survey_response")
    score = given.whole("rating")
    if score is not None:
        yield talk.tell(
            CsatReceived,
            message.moment("updated_at", "created_at"),
            survey,
            survey_id=survey,
            score=score,
            scale_min=1,
            scale_max=5,
        )


def _created(payload: Payload, talk: Talk) -> Iterator[Item]:
    at_ms = payload.moment("created_at", "contact_inbox.created_at", "timestamp")
    campaign = payload.present("additional_attributes.campaign_id", "campaign_id")
    direction = "outbound" if campaign else "inbound"
    yield talk.tell(ContactStarted, at_ms, "created", direction=direction)


def _status(payload: Payload, talk: Talk) -> Iterator[Item]:
    at_ms = payload.moment("updated_at", "timestamp", "last_activity_at")
    if not payload.present("changed_attributes"):
        yield SourceProblem(
            "no_previous_status", "does not say what the status was before; left out", talk.where
        )
    for change in payload.items("changed_attributes"):
        before = change.word(_STATUSES, "status.previous_value")
        after = change.word(_STATUSES, "status.current_value")
        if before is not None and after is not None and before != after:
            yield from _turned(payload, talk, at_ms, before, after)


def _turned(
    payload: Payload, talk: Talk, at_ms: int | None, before: str, after: str
) -> Iterator[Item]:
    if before == "resolved":
        yield talk.tell(ResolutionReopened, at_ms)
    handoff = f"{talk.id}/{at_ms}"
    if (before, after) == ("pending", "open"):
        yield talk.tell(HandoffRequested, at_ms, handoff_id=handoff, requested_by="system")
    elif (before, after) == ("open", "pending"):
        yield talk.tell(HandoffReturned, at_ms, handoff_id=handoff, to="ai")
    elif after == "resolved":
        human = payload.text("meta.assignee.type") == "user"
        if before == "pending":
            yield talk.tell(ResolutionClaimed, at_ms, claimed_by="ai")
        elif human:
            yield talk.tell(ResolutionClaimed, at_ms, claimed_by="human")
        ended_by = "human" if human and before != "pending" else "unknown"
        yield talk.tell(ContactEnded, at_ms, ended_by=ended_by)


def _updated(payload: Payload, talk: Talk) -> Iterator[Item]:
    if payload.text("status") == "resolved":
        # Tidying up: nobody waits, and it would begin another episode.
        return
    at_ms = payload.moment("updated_at", "timestamp", "last_activity_at")
    for change in payload.items("changed_attributes"):
        assigned = change.at("assignee_id")
        if assigned.present("current_value") and not assigned.marked("bot", "current_value"):
            yield talk.tell(
                HandoffOffered,
                at_ms,
                handoff_id=f"{talk.id}/{at_ms}",
                agent_id=assigned.key("current_value"),
            )
        yield from _labelled(change.at("label_list"), talk, at_ms)


def _labelled(labels: Payload, talk: Talk, at_ms: int | None) -> Iterator[Item]:
    before = [each.value for each in labels.items("previous_value")]
    for label in labels.items("current_value"):
        if label.value in before:
            continue
        name = label.label()
        if label.marked("human"):
            yield talk.tell(AiFailureSignalled, at_ms, signal="human_requested", raw_reason=name)
        if label.marked("handoff"):
            yield talk.tell(
                HandoffRequested, at_ms, handoff_id=f"{talk.id}/{at_ms}", requested_by="ai"
            )


_ELSEWHERE: Final = Ignored("about a contact, an inbox or a widget, and no conversation")
_SAID_TWICE: Final = Ignored("conversation_status_changed says the same, with the status before")

_HANDED: Final = Feed(
    "partly",
    "a handoff is told where a bot holds conversations as pending, or sets a label",
    "connect the bot as an agent bot or Captain; label conversations and mark the labels",
)

PLATFORM = Platform(
    name="chatwoot",
    title="Chatwoot",
    reads=(
        "webhook bodies of an account or an agent bot (message_created, message_updated,"
        " conversation_created, conversation_status_changed, conversation_updated);"
        " https://www.chatwoot.com/hc/user-guide/articles/1677693021"
    ),
    parts=_parts,
    kind=_kind,
    contact=_contact,
    kinds={
        **dict.fromkeys(_MESSAGES, _message),
        PRIVATE_NOTE: NOT_TO_THE_CUSTOMER,
        "conversation_created": _created,
        "conversation_status_changed": _status,
        "conversation_updated": _updated,
        "conversation_opened": _SAID_TWICE,
        "conversation_resolved": _SAID_TWICE,
        **dict.fromkeys(
            (
                *("webwidget_triggered", "contact_created", "contact_updated", "inbox_created"),
                *("inbox_updated", "conversation_typing_on", "conversation_typing_off"),
            ),
            _ELSEWHERE,
        ),
    },
    feeds={
        "escalation latency": _HANDED,
        "answer service level": _HANDED,
        "abandonment": Feed(
            "no",
            "a customer who leaves a chat leaves no event",
            "escalations that nobody answers expire by the contract's escalationExpiry",
        ),
        "first response": YES,
        "containment": Feed(
            "partly",
            "known where a bot holds conversations as pending; the bot's failures are not said",
            "connect the bot as an agent bot or Captain; label conversations and mark the labels",
        ),
        "recontact": Feed(
            "partly",
            "a customer is a contact, another on each channel until two are merged",
            "identify visitors (setUser) and merge contacts",
        ),
        "verified resolution": Feed(
            "partly",
            "a bot's resolution is claimed by status, an idle timer's too; there is no evidence",
            "send resolution.evidence from the system of record",
        ),
        "failure reasons": Feed(
            "partly",
            "only as labels that the bot sets",
            "let the bot set a label at each failure and mark it `human`, or use streams.emit",
        ),
        "handoff context": Feed(
            "no",
            "a bot's private note is free text, which is not read",
            "emit handoff.requested with context.fields_present through streams.emit",
        ),
        "customer repeated": Feed("no", "not recorded", "have agents flag it"),
        "quality assurance": Feed("no", "not part of Chatwoot", "send qa.evaluated"),
        "satisfaction": YES,
        "compliance": Feed("no", "not part of Chatwoot", "send compliance events"),
        "cost": Feed("no", "not part of Chatwoot", "send cost.recorded"),
    },
)
