"""Zendesk's payloads: webhooks, EventBridge, audits, documents of audits, chats; who did what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from streams.domain.events import Author, Channel, MessageSent
from streams.sources.adapter import PRIVATE_NOTE, Contact, Item, Talk
from streams.sources.base import SourceProblem
from streams.sources.payload import CONVERSATION, Payload

_CHANNELS: Final[dict[str, Channel]] = {
    **dict.fromkeys(("web", "email", "api", "mobile", "mobile_sdk", "help_center"), "email"),
    **dict.fromkeys(("web_service", "rule", "system", "web_form", "closed_ticket"), "email"),
    **dict.fromkeys(("chat", "web_messaging", "answer_bot"), "chat"),
    **dict.fromkeys(("native_messaging", "whatsapp", "facebook", "twitter", "line"), "messaging"),
    **dict.fromkeys(("instagram_dm", "twitter_dm", "telegram", "viber", "wechat"), "messaging"),
    **dict.fromkeys(("sunshine_conversations_api", "apple", "google_rcs", "sms"), "messaging"),
    **dict.fromkeys(("voice", "voicemail", "phone"), "voice"),
}
_ROLES: Final[dict[str, Author]] = {"end-user": "customer", "agent": "human", "admin": "human"}
_EVENTBRIDGE: Final = {
    "Ticket Created": "ticket.created",
    "Comment Created": "ticket.comment_added",
    "Status Changed": "ticket.status_changed",
    "Agent Assignment Changed": "ticket.agent_assignment_changed",
    "Group Assignment Changed": "ticket.group_assignment_changed",
    "Tags Changed": "ticket.tags_changed",
}
_NOT_TO_THE_CUSTOMER: Final = ("side_conversation", "merge", "follow_up")
SCORES: Final = {"good": 1, "goodwithcomment": 1, "bad": 0, "badwithcomment": 0}
FIELDS: Final = {name: name for name in ("status", "assignee_id", "group_id", "tags")}


def parts_of(payload: Payload) -> Iterator[Payload]:
    if payload.present("audits"):
        for audit in payload.items("audits"):
            yield from _audit_parts(audit)
    elif payload.present("audit.events"):
        yield from _audit_parts(payload.at("audit"))
    elif payload.present("ticket_id") and payload.present("events"):
        yield from _audit_parts(payload)
    else:
        yield payload


def _audit_parts(audit: Payload) -> Iterator[Payload]:
    yield audit
    for event in audit.items("events"):
        yield event
        yield from event.items("value.history")


def kind_of(part: Payload) -> str | None:
    named = part.text("type", "detail-type")
    if part.present("events"):
        return "audit"
    if named is None:
        return None
    kind = named
    if named.startswith("zen:event-type:"):
        kind = named.removeprefix("zen:event-type:")
    elif part.present("detail.ticket_event"):
        kind = _EVENTBRIDGE.get(named.removeprefix("Support Ticket: "), "ticket.other")
    elif named in ("Create", "Change"):
        kind = f"{named}.{part.word(FIELDS, 'field_name') or 'other'}"
    return PRIVATE_NOTE if _among_staff(part, kind) else kind


def _among_staff(part: Payload, kind: str) -> bool:
    """Whether it is a comment that the ticket's customer does not see."""
    if kind == "ticket.comment_added":
        return change_of(part).flag("comment.is_public") is False
    if kind != "Comment":
        return False
    way = (
        *(part.text("via.channel"), part.text("via.source.rel")),
        audit_of(part).text("via.channel"),
    )
    return part.flag("public") is False or any(each in _NOT_TO_THE_CUSTOMER for each in way)


def contact_of(part: Payload) -> Contact:
    ticket, audit = ticket_of(part), audit_of(part)
    subtype = ticket.label("via.channel", "via_channel")
    chat = part.present("chat_id", "chat_index")
    channel = ticket.word(_CHANNELS, "via.channel", "via_channel")
    messaging: Channel = "chat" if chat else "email"
    if (part.text("type") or "").startswith("zen:event-type:messaging"):
        messaging = "messaging"
    return Contact(
        conversation=(
            audit.id(CONVERSATION, "ticket_id")
            or ticket.id(CONVERSATION, "id")
            or part.id(CONVERSATION, "ticket_id", "chat_id")
        ),
        channel=channel or messaging,
        channel_subtype=subtype,
        customer_key=requester_of(part),
    )


def audit_of(part: Payload) -> Payload:
    """The audit that holds a part: itself, its outer, or for a chat's event that one's outer."""
    for each in (part, part.outer, part.outer.outer):
        if each.present("events") or each.present("ticket_id"):
            return each
    return part


def document_of(part: Payload) -> Payload:
    return part.outer.outer.outer


def ticket_of(part: Payload) -> Payload:
    """The ticket as the payload shows it: a webhook's detail, a document's ticket."""
    if part.present("detail.ticket_event.ticket"):
        return part.at("detail.ticket_event.ticket")
    if part.present("detail"):
        return part.at("detail")
    return document_of(part).at("ticket")


def change_of(part: Payload) -> Payload:
    """What a webhook says has changed."""
    return (
        part.at("detail.ticket_event") if part.present("detail.ticket_event") else part.at("event")
    )


def requester_of(part: Payload) -> str | None:
    stated = ticket_of(part).key("requester_id")
    if stated is not None:
        return stated
    for event in audit_of(part).items("events"):
        if event.text("field_name") == "requester_id":
            return event.key("value")
    return None


def author_of(part: Payload) -> Author | None:
    """Who wrote a comment or made a change; None where nothing tells."""
    audit = audit_of(part)
    who = next((each for each in (part, audit) if each.present("author_id")), audit)
    named = who.at("author_id")
    known = marked(named)
    if known is not None:
        return known
    if named.whole() == -1 or "rule" in (part.text("via.channel"), audit.text("via.channel")):
        return "automation"
    key = named.key()
    if key is None:
        return None
    if key == requester_of(part):
        return "customer"
    for user in document_of(part).items("users"):
        if user.key("id") == key:
            return user.word(_ROLES, "role")
    return None


def marked(named: Payload) -> Author | None:
    marks: tuple[tuple[str, Author], ...] = (
        *(("bot", "ai"), ("automation", "automation"), ("staff", "human")),
    )
    return next((author for mark, author in marks if named.marked(mark)), None)


def actor_of(part: Payload) -> Author | None:
    """Who caused a webhook."""
    named = part.at("detail.actor_id", "detail.ticket_event.meta.actor_id")
    if named.whole() == -1:
        return "automation"
    if named.key() is not None and named.key() == requester_of(part):
        return "customer"
    return marked(named)


def when(part: Payload) -> int | None:
    return part.moment(
        *("detail.ticket_event.meta.occurred_at", "time", "created_at", "timestamp")
    ) or audit_of(part).moment("created_at")


def said(
    message: Payload,
    talk: Talk,
    at_ms: int | None,
    author: Author | None,
    who: str | None,
    key: str | None = None,
) -> Item:
    """A message to the customer or from them; a problem where nothing tells who wrote it."""
    if author is None:
        return SourceProblem(
            "unknown_author",
            "does not say whether a customer, an AI or a human wrote; left out: side-load users,"
            " or mark the author's id",
            talk.where,
        )
    stated = message.id(CONVERSATION, "id", "message_id")
    agent = who if author == "human" else None
    return talk.tell(
        MessageSent, at_ms, key or stated, author=author, message_id=stated, agent_id=agent
    )
