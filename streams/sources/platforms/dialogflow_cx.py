"""Dialogflow CX: turns of conversations, as interaction logging exports them to BigQuery.

A row is one turn: what the customer said and what the agent answered, at the request's time. What
it honestly says:

- `liveAgentHandoff` (and a call transferred) is the AI's handoff; `userEscalated` that the customer
  asked for a human, `NO_MATCH` and a webhook that failed that the AI did: the first of them is T0.
  What the human did afterwards is in the system that took over.
- `conversationSuccess` is the agent's claim of a resolution, no evidence of one.
- `endInteraction` ends the contact, unless the same turn hands it over: then it goes on elsewhere.
  `triggeredAbandonmentEvent` says that the customer left.
- A turn has one time: that of an answer is the question's, so the AI's response time is unknown.
- An event (a page's welcome, a webhook's) is not a customer who speaks; silence (`NO_INPUT`) is no
  failure of the AI.
- The channel is an option's, `chat` without one. Texts, parameters and metadata are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from streams.domain.events import (
    AiFailureSignalled,
    AiTurn,
    ContactEnded,
    ContactStarted,
    FailureReason,
    HandoffRequested,
    MessageSent,
    ResolutionClaimed,
)
from streams.sources.adapter import Contact, Item, Platform, Talk
from streams.sources.coverage import Feed, no_feeds
from streams.sources.payload import CONVERSATION, Payload

_SPEECH: Final = ("text", "audio", "dtmf")
_ANSWERS: Final = ("text", "outputAudioText", "mixedAudio", "playAudio", "payload")
_HANDOFFS: Final = ("liveAgentHandoff", "telephonyTransferCall")


def _contact(row: Payload) -> Contact:
    session = row.at("conversation_name").after("/")
    query = row.parsed("request").at("queryParams")
    return Contact(
        conversation=session.id(CONVERSATION),
        channel="chat",
        channel_subtype=query.label("channel"),
        language=row.label("language_code"),
        intent=_result(row).label("match.intent.displayName", "intent.displayName"),
    )


def _result(row: Payload) -> Payload:
    return row.parsed("response").at("queryResult")


def _turn(row: Payload, talk: Talk) -> Iterator[Item]:
    at_ms, place = row.moment("request_time"), row.whole("turn_position")
    key = f"{at_ms}" if place is None else f"turn.{place}"
    result, signals = _result(row), row.parsed("conversation_signals").at("turnSignals")
    if place in (0, 1):
        yield talk.tell(ContactStarted, at_ms, key)
    asked = row.parsed("request").at("queryInput")
    if asked.present(*_SPEECH):
        yield talk.tell(MessageSent, at_ms, f"{key}.asked", author="customer")
    yield talk.tell(
        AiTurn,
        at_ms,
        key,
        agent_name=row.label("agent_id"),
        confidence_ppm=result.ppm("match.confidence", "intentDetectionConfidence"),
    )
    yield from _failures(talk, at_ms, key, result, signals)
    messages = list(result.items("responseMessages"))
    if any(message.present(*_ANSWERS) for message in messages):
        yield talk.tell(MessageSent, at_ms, f"{key}.answered", author="ai")
    handed = signals.flag("agentEscalated") or any(_holds(m, *_HANDOFFS) for m in messages)
    if handed:
        yield talk.tell(
            HandoffRequested, at_ms, key, handoff_id=f"{talk.id}/{key}", requested_by="ai"
        )
    if any(_holds(message, "conversationSuccess") for message in messages):
        yield talk.tell(ResolutionClaimed, at_ms, key, claimed_by="ai")
    if signals.flag("triggeredAbandonmentEvent"):
        yield talk.tell(ContactEnded, at_ms, key, ended_by="customer")
    elif not handed and any(_holds(message, "endInteraction") for message in messages):
        yield talk.tell(ContactEnded, at_ms, key, ended_by="ai")


def _holds(message: Payload, *kinds: str) -> bool:
    """Whether it is of one of the kinds, of which most are objects with nothing in them."""
    return any(message.at(kind).value is not None for kind in kinds)


def _failures(
    talk: Talk, at_ms: int | None, key: str, result: Payload, signals: Payload
) -> Iterator[Item]:
    intent = ("match.intent.displayName", "intent.displayName")
    found: list[tuple[FailureReason, str | None]] = []
    if signals.flag("userEscalated") or result.marked("human", *intent):
        found.append(("human_requested", result.label(*intent)))
    if signals.flag("noMatch") or result.text("match.matchType") == "NO_MATCH":
        found.append(("no_match", "NO_MATCH"))
    if any(status.whole("code") not in (None, 0) for status in result.items("webhookStatuses")):
        found.append(("tool_error", "webhook"))
    for signal, raw in found:
        yield talk.tell(AiFailureSignalled, at_ms, f"{key}.{signal}", signal=signal, raw_reason=raw)


def _kind(row: Payload) -> str | None:
    return "turn" if row.present("conversation_name") and row.present("response") else None


_JOIN: Final = "add the adapter of the system that takes over, with the same conversation ids"

PLATFORM = Platform(
    name="dialogflow-cx",
    title="Dialogflow CX",
    reads=(
        "rows of interaction logging's export to BigQuery, a turn each, as JSON (nested, or as"
        " text); https://cloud.google.com/dialogflow/cx/docs/concept/export-bq"
    ),
    kind=_kind,
    contact=_contact,
    kinds={"turn": _turn},
    feeds={
        **no_feeds("not in these events", "use streams.emit"),
        "escalation latency": Feed("partly", "T0 and the handoff; no human's answer", _JOIN),
        "answer service level": Feed("partly", "as escalation latency", _JOIN),
        "abandonment": Feed(
            "partly", "only where an abandonment event is configured", "configure it, or " + _JOIN
        ),
        "first response": Feed(
            "partly",
            "question and answer of a turn bear one time: the AI's response time is 0",
            "take the AI's response time from a trace (OpenTelemetry adapter)",
        ),
        "containment": Feed(
            "partly",
            "known where flows hand over by liveAgentHandoff and end by endInteraction",
            "let every flow do so; other contacts end by the contract's inactivity",
        ),
        "recontact": Feed(
            "no",
            "a session does not say who the customer is",
            "emit customer_key in contact.data_updated",
        ),
        "verified resolution": Feed(
            "partly",
            "conversationSuccess is a claim; there is no evidence",
            "send resolution.evidence from the system of record",
        ),
        "failure reasons": Feed(
            "partly", "no match, webhooks, requests for a human", "emit ai.failure_signalled"
        ),
    },
)
