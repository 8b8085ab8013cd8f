"""Messages of Genesys Cloud: a conversation's participants with what each wrote, or one message.

v2.conversations.messages.{id} repeats the whole conversation at each change: the same events under
the same ids. A participant's messages are those that it sent. What a bot flow wrote is the AI's,
what any other flow or a queue did is an automation's. A single message says Human or Bot, and Bot
may be a menu: it is an AI's where a mark says so (mark=bot:Bot).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from streams.domain.events import Author, MessageSent
from streams.sources.adapter import Contact, Item, Talk
from streams.sources.base import SourceProblem
from streams.sources.payload import UUID, Payload
from streams.sources.platforms._genesys_words import DIRECTIONS, MESSAGES

# Purposes of participants, as analytics lists them.
_AUTHORS: Final[dict[str, Author]] = {
    **dict.fromkeys(("customer", "external"), "customer"),
    **dict.fromkeys(("agent", "user"), "human"),
    "botflow": "ai",
    **dict.fromkeys(("workflow", "acd", "ivr", "api", "inbound", "voicemail"), "automation"),
    **dict.fromkeys(("outbound", "campaign", "dialer"), "campaign"),
}
_OUTBOUND: Final[dict[str, Author]] = {"Human": "human", "Bot": "automation"}
# Typing, presence and receipts are "messages" as well.
_SPOKEN: Final = ("Text", "Structured", "Message")
# On their way, or never there.
_UNSEEN: Final = ("queued", "failed", "delivery-failed", "removed")


def conversation_contact(conversation: Payload) -> Contact:
    """Whose a conversation of messages is."""
    theirs = next(
        (each for each in conversation.items("participants") if _by(each) == "customer"),
        conversation,
    )
    return Contact(
        conversation=conversation.id(UUID, "id"),
        channel=theirs.word(MESSAGES, "type") or "messaging",
        channel_subtype=theirs.word({name: name for name in MESSAGES}, "type"),
        customer_key=theirs.key("externalContact.id", "address", "fromAddress.addressNormalized"),
        direction=theirs.word(DIRECTIONS, "direction"),
    )


def message_contact(message: Payload) -> Contact:
    """Whose a single message is."""
    inbound = _inbound(message)
    return Contact(
        conversation=message.id(UUID, "conversationId"),
        channel=message.word(MESSAGES, "messengerType") or "messaging",
        channel_subtype=message.word({name: name for name in MESSAGES}, "messengerType"),
        customer_key=message.key("fromAddress" if inbound else "toAddress"),
    )


def conversation_messages(conversation: Payload, talk: Talk) -> Iterator[Item]:
    """What every participant has written so far."""
    for participant in conversation.items("participants"):
        author = _by(participant)
        if author is None or participant.present("monitoredParticipantId"):
            continue
        agent = participant.key("user.id") if author == "human" else None
        for message in participant.items("messages"):
            key = message.id(UUID, "message.id", "messageId")
            kind = message.text("messageMetadata.type") or "Text"
            at_ms = message.moment("messageTime")
            yield from _told(message, talk, at_ms, author, key, kind, "messageStatus", agent)


def one_message(message: Payload, talk: Talk) -> Iterator[Item]:
    """A message as the platform keeps it, by itself."""
    author: Author | None = "customer"
    if not _inbound(message):
        author = message.word(_OUTBOUND, "normalizedMessage.originatingEntity")
        if message.marked("bot", "normalizedMessage.originatingEntity"):
            author = "ai"
        elif author is None and message.present("createdBy.id"):
            author = "human"
    if author is None:
        yield SourceProblem(
            "unknown_author",
            "does not say whether a bot or a human wrote (originatingEntity); left out",
            talk.where,
        )
        return
    agent = message.key("createdBy.id") if author == "human" else None
    kind = message.text("normalizedMessage.type") or "Text"
    at_ms, key = message.moment("timestamp"), message.id(UUID, "id")
    yield from _told(message, talk, at_ms, author, key, kind, "status", agent)


def _told(
    message: Payload,
    talk: Talk,
    at_ms: int | None,
    author: Author,
    key: str | None,
    kind: str,
    status: str,
    agent: str | None,
) -> Iterable[Item]:
    unseen = author != "customer" and message.text(status) in _UNSEEN
    if kind in _SPOKEN and not unseen:
        yield talk.tell(MessageSent, at_ms, key, author=author, message_id=key, agent_id=agent)


def _by(participant: Payload) -> Author | None:
    return participant.word(_AUTHORS, "purpose")


def _inbound(message: Payload) -> bool:
    return (message.text("direction") or "").lower() == "inbound"
