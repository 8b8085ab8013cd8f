"""Rasa: the events of a conversation's tracker, one by one as its event broker streams them.

A dialogue manager knows its own side. What its events honestly say:

- T0 is the first signal that the bot failed: an intent that asks for a human (`human_requested`),
  `nlu_fallback` (`low_confidence`), `action_default_fallback` (`no_match`; where one rule leads to
  the other both are counted), the patterns of CALM; else the handoff itself.
- **Nothing of Rasa says "handoff" by itself.** It is the action of a team's own naming (HANDOFFS;
  others are given as marks) or `pause`, by which a bot falls silent for a human. Without either
  containment is unknown, not 100 %.
- `agent` is a human's message, and only there where the handoff writes it back into the tracker.
- `resume` gives the conversation back to the bot.
- `bot` is an answer to the customer. A trigger from outside (EXTERNAL) is an automation's doing,
  `/session_start` a protocol's; neither is a customer who speaks.
- A flow that completes is not a claim: which flows or actions mean "resolved" is for the team to
  say (marks). `session_ended` ends the contact. Sessions that expire say nothing when they do.
- Rasa names the channel on customers' messages only. So that a conversation has one channel it is
  that of the options (chat without); what Rasa says is `channel_subtype`.
- A sender id may be a person's number or account: only a UUID or hex is passed on as it is. On
  channels where it names a person it is the customer's key too.

Times are float seconds and out of order even within a tracker; each event stands at its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from streams.domain.events import (
    AiFailureSignalled,
    AiToolCall,
    AiTurn,
    ContactEnded,
    ContactStarted,
    EndedBy,
    FailureReason,
    HandoffRequested,
    HandoffReturned,
    MessageSent,
    ResolutionClaimed,
)
from streams.sources.adapter import Contact, Ignored, Item, Platform, Talk
from streams.sources.coverage import YES, Feed
from streams.sources.payload import HEX, UUID, Payload

# Names that Rasa's documentation and starter packs use; a team's own are marks in the options.
HANDOFFS: Final = frozenset(
    ("action_human_handoff", "action_handoff", "action_hand_over", "action_handover_to_human")
)
INTENTS: Final[dict[str, FailureReason]] = {
    **dict.fromkeys(
        (
            *("human_handoff", "handoff", "request_human", "ask_for_human", "speak_to_human"),
            *("talk_to_human", "contact_human", "talk_to_agent", "request_agent"),
        ),
        "human_requested",
    ),
    "nlu_fallback": "low_confidence",
    "out_of_scope": "out_of_scope",
}
PATTERNS: Final[dict[str, FailureReason]] = {
    "pattern_human_handoff": "human_requested",
    "pattern_cannot_handle": "no_match",
    "pattern_internal_error": "tool_error",
}
ENDINGS: Final[dict[str, EndedBy]] = {"user disconnected": "customer", "timed out": "system"}
# Channels whose sender id is a person's account or number, the same in every conversation.
PERSONAL: Final = dict.fromkeys(
    (
        *("facebook", "telegram", "twilio", "twilio_voice", "slack", "rocketchat", "mattermost"),
        *("hangouts", "webexteams", "line", "viber", "whatsapp", "audiocodes", "jambonz"),
    ),
    True,
)
# Not the digits that other adapters let through: Telegram's and Facebook's are persons' accounts.
_MACHINE = re.compile(f"{UUID.pattern}|{HEX.pattern}")
_OWN_ACTIONS = ("action_listen", "action_session_start", "action_restart", "action_back")


def _parts(payload: Payload) -> Iterable[Payload]:
    tracker = isinstance(payload.at("events").value, list) and not payload.present("event")
    return payload.items("events") if tracker else (payload,)


def _contact(part: Payload) -> Contact:
    tracker = part.outer
    personal = part.word(PERSONAL, "input_channel")
    return Contact(
        conversation=part.id(_MACHINE, "sender_id") or tracker.id(_MACHINE, "sender_id"),
        channel="chat",
        channel_subtype=part.label("input_channel"),
        customer_key=(part.key("sender_id") or tracker.key("sender_id")) if personal else None,
        intent=part.label("parse_data.intent.name"),
    )


def _when(part: Payload) -> tuple[int | None, str]:
    """Epoch ms, and a key of the microsecond: what a bot says at once shares the millisecond."""
    at_ms = part.moment("timestamp")
    seconds = part.at("timestamp").value
    if at_ms is None or not isinstance(seconds, float):
        return at_ms, f"{at_ms}"
    return at_ms, f"{round(seconds * 1_000_000)}"


def _failure(part: Payload, talk: Talk, signal: FailureReason, raw: str | None) -> Item:
    at_ms, key = _when(part)
    return talk.tell(AiFailureSignalled, at_ms, key, signal=signal, raw_reason=raw)


def _handoff(part: Payload, talk: Talk) -> Item:
    at_ms, key = _when(part)
    return talk.tell(HandoffRequested, at_ms, key, handoff_id=f"{talk.id}/{key}", requested_by="ai")


def _claim(part: Payload, talk: Talk) -> Item:
    at_ms, key = _when(part)
    return talk.tell(ResolutionClaimed, at_ms, key, claimed_by="ai")


def _user(part: Payload, talk: Talk) -> Iterator[Item]:
    text = part.text("text") or ""
    if text.startswith("/session_"):
        return
    at_ms, key = _when(part)
    if part.flag("metadata.is_external") or text.startswith("EXTERNAL: "):
        yield talk.tell(MessageSent, at_ms, key, author="automation", visibility="private")
        return
    yield talk.tell(MessageSent, at_ms, key, author="customer")
    if not part.present("parse_data"):
        return
    yield talk.tell(
        AiTurn,
        at_ms,
        key,
        agent_name=part.label("metadata.assistant_id"),
        agent_version=part.label("metadata.model_id"),
        confidence_ppm=part.ppm("parse_data.intent.confidence"),
    )
    intent = part.label("parse_data.intent.name")
    if part.marked("human", "parse_data.intent.name"):
        yield _failure(part, talk, "human_requested", intent)
        return
    signal = part.word(INTENTS, "parse_data.intent.name")
    if signal is not None:
        yield _failure(part, talk, signal, intent)


def _bot(part: Payload, talk: Talk) -> Iterator[Item]:
    at_ms, key = _when(part)
    yield talk.tell(MessageSent, at_ms, key, author="ai")


def _agent(part: Payload, talk: Talk) -> Iterator[Item]:
    at_ms, key = _when(part)
    yield talk.tell(MessageSent, at_ms, key, author="human")


def _action(part: Payload, talk: Talk) -> Iterator[Item]:
    name = part.label("name")
    if name is None or name in _OWN_ACTIONS or name.startswith("utter_"):
        return
    if name in HANDOFFS or part.marked("handoff", "name"):
        yield _handoff(part, talk)
    elif part.marked("resolved", "name"):
        yield _claim(part, talk)
    elif name == "action_default_fallback":
        yield _failure(part, talk, "no_match", name)
    elif not name.startswith(("action_default_", "action_extract_", "validate_")):
        at_ms, key = _when(part)
        yield talk.tell(AiToolCall, at_ms, key, tool=name, outcome="ok")


def _pause(part: Payload, talk: Talk) -> Iterator[Item]:
    yield _handoff(part, talk)


def _resume(part: Payload, talk: Talk) -> Iterator[Item]:
    at_ms, key = _when(part)
    yield talk.tell(HandoffReturned, at_ms, key, handoff_id=f"{talk.id}/{key}", to="ai")


def _flow_started(part: Payload, talk: Talk) -> Iterator[Item]:
    signal = part.word(PATTERNS, "flow_id")
    if signal is not None:
        yield _failure(part, talk, signal, part.label("flow_id"))
    if part.marked("handoff", "flow_id"):
        yield _handoff(part, talk)


def _flow_completed(part: Payload, talk: Talk) -> Iterator[Item]:
    if part.marked("resolved", "flow_id"):
        yield _claim(part, talk)


def _started(part: Payload, talk: Talk) -> Iterator[Item]:
    at_ms, key = _when(part)
    yield talk.tell(ContactStarted, at_ms, key)


def _ended(part: Payload, talk: Talk) -> Iterator[Item]:
    at_ms, key = _when(part)
    by = part.word(ENDINGS, "metadata._reason") or "unknown"
    yield talk.tell(ContactEnded, at_ms, key, ended_by=by)


_INSIDE = Ignored("the dialogue manager's own memory; nothing happens to the customer")

PLATFORM = Platform(
    name="rasa",
    title="Rasa",
    reads=(
        "events as the event broker (Kafka, Pika, SQL) streams them, or a tracker (an object with"
        " sender_id and events) as the HTTP API returns it;"
        " https://rasa.com/docs/rasa/event-brokers"
    ),
    parts=_parts,
    kind=lambda part: part.text("event"),
    contact=_contact,
    kinds={
        "user": _user,
        "bot": _bot,
        "agent": _agent,
        "action": _action,
        "pause": _pause,
        "resume": _resume,
        "session_started": _started,
        "session_ended": _ended,
        "flow_started": _flow_started,
        "flow_completed": _flow_completed,
        **dict.fromkeys(
            (
                *("slot", "reset_slots", "active_loop", "form", "form_validation"),
                *("loop_interrupted", "action_execution_rejected", "followup", "entities"),
                *("user_featurization", "reminder", "cancel_reminder", "export", "restart"),
                *("rewind", "undo", "stack", "dialogue_stack_updated", "flow_interrupted"),
                *("flow_resumed", "flow_cancelled", "routing_session_ended", "internal"),
            ),
            _INSIDE,
        ),
    },
    feeds={
        "escalation latency": Feed(
            "partly",
            "humans' answers are `agent` events, which few handoffs write back",
            "write `agent` events from the handoff, or add the help desk's adapter with the same"
            " conversation ids",
        ),
        "answer service level": Feed("partly", "as escalation latency", "as escalation latency"),
        "abandonment": Feed(
            "partly",
            "only voice channels say that a customer left",
            "let the handoff emit handoff.abandoned through streams.emit",
        ),
        "first response": YES,
        "containment": Feed(
            "partly",
            "without a handoff action or `pause` nothing says that a human was needed",
            "name the handoff's action, intent or flow as a mark",
        ),
        "recontact": Feed(
            "partly",
            "a sender id names the customer on messaging channels only",
            "set sender ids from a signed-in user, or emit customer_key in contact.data_updated",
        ),
        "verified resolution": Feed(
            "no",
            "a completed flow is no claim, and Rasa has no evidence",
            "name the actions or flows that mean resolved as marks; send resolution.evidence from"
            " the system of record",
        ),
        "failure reasons": YES,
        "handoff context": Feed(
            "no",
            "slots are not passed on, and nothing says which of them went to the human",
            "emit handoff.requested with context.fields_present through streams.emit",
        ),
        "customer repeated": Feed("no", "not recorded", "have agents flag it"),
        "quality assurance": Feed("no", "not part of Rasa", "send qa.evaluated"),
        "satisfaction": Feed("no", "a survey is a form like any other", "send csat events"),
        "compliance": Feed("no", "not part of Rasa", "send compliance events"),
        "cost": Feed("no", "no usage in tracker events", "add the OpenTelemetry adapter"),
    },
)
