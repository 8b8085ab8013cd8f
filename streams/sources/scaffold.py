"""The beginnings of an adapter: a module, a sample and its golden file, that pass the tests."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from streams.sources.platforms import PLATFORMS
from streams.sources.registry import SOURCES

PLATFORM_FOLDER = Path("streams/sources/platforms")
SAMPLE_FOLDER = Path("tests/unit/sources/platforms")

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


class ScaffoldError(ValueError):
    """Nothing was written; the message says why."""


def scaffold(name: str, into: Path) -> list[Path]:
    """Write the files into the checkout `into` and return their paths. Raises ScaffoldError."""
    if not _NAME.fullmatch(name) or len(name) > 40:
        raise ScaffoldError(f"{name[:60]!r}: a name is lower-case words with hyphens between")
    module = name.replace("-", "_")
    if name in SOURCES or name in PLATFORMS:
        raise ScaffoldError(f"there is a source {name} already")
    if keyword.iskeyword(module):
        raise ScaffoldError(f"{name} is a word of Python's; name it otherwise")
    if not (into / PLATFORM_FOLDER / "__init__.py").is_file():
        raise ScaffoldError(f"{into} is no checkout of Baton: it has no {PLATFORM_FOLDER}")
    title = " ".join(word.capitalize() for word in name.split("-"))
    texts = {
        PLATFORM_FOLDER / f"{module}.py": _MODULE,
        SAMPLE_FOLDER / module / "first.json": _SAMPLE,
        SAMPLE_FOLDER / module / "first.golden": _GOLDEN,
        SAMPLE_FOLDER / module / "SOURCE.md": _SOURCE,
    }
    for path in texts:
        if (into / path).exists():
            raise ScaffoldError(f"{path} exists already")
    for path, text in texts.items():
        (into / path).parent.mkdir(exist_ok=True)
        written = text.replace("@NAME@", name).replace("@TITLE@", title)
        (into / path).write_text(written, encoding="utf-8")
    return list(texts)


_MODULE = '''"""@TITLE@: webhooks of conversations. What the events honestly say:

- A message is a customer's, an AI's or a human's by its author's role; others are left out.
- The wish for a human is `handoff.requested`; who ends the conversation is `closed_by`.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams.domain.events import (
    Author,
    ContactEnded,
    EndedBy,
    HandoffRequested,
    MessageSent,
    RequestedBy,
)
from streams.sources.adapter import Contact, Ignored, Item, Platform, Talk
from streams.sources.coverage import no_feeds
from streams.sources.payload import UUID, Payload

_AUTHORS: dict[str, Author] = {"customer": "customer", "bot": "ai", "agent": "human"}
_ENDED_BY: dict[str, EndedBy] = {"customer": "customer", "bot": "ai", "agent": "human"}
_REQUESTED_BY: dict[str, RequestedBy] = {"customer": "customer", "bot": "ai"}


def _contact(payload: Payload) -> Contact:
    return Contact(
        conversation=payload.id(UUID, "conversation.id"),
        channel="chat",
        customer_key=payload.key("customer.id"),
    )


def _message(payload: Payload, talk: Talk) -> Iterator[Item]:
    author = payload.word(_AUTHORS, "message.author.role")
    if author is not None:
        key = payload.id(UUID, "message.id")
        at = payload.moment("created_at")
        agent = payload.key("message.author.id") if author == "human" else None
        yield talk.tell(MessageSent, at, key, author=author, message_id=key, agent_id=agent)


def _escalated(payload: Payload, talk: Talk) -> Iterator[Item]:
    by = payload.word(_REQUESTED_BY, "requested_by") or "system"
    at = payload.moment("created_at")
    yield talk.tell(HandoffRequested, at, handoff_id=talk.id, requested_by=by)


def _closed(payload: Payload, talk: Talk) -> Iterator[Item]:
    by = payload.word(_ENDED_BY, "closed_by") or "unknown"
    yield talk.tell(ContactEnded, payload.moment("created_at"), ended_by=by)


PLATFORM = Platform(
    name="@NAME@",
    title="@TITLE@",
    reads="webhooks (where the platform documents them)",
    kind=lambda payload: payload.text("event"),
    contact=_contact,
    kinds={
        "message.created": _message,
        "conversation.escalated": _escalated,
        "conversation.closed": _closed,
        "agent.typing": Ignored("nobody has said anything yet"),
    },
    # Say here, family by family, what the platform does feed: coverage.FAMILIES, coverage.YES.
    feeds=no_feeds("nobody has looked yet", "see what the platform sends"),
)
'''

_SAMPLE = """[
  {
    "event": "conversation.escalated",
    "created_at": "2026-06-01T08:00:00Z",
    "conversation": {"id": "00000000-0000-4000-8000-000000000001"},
    "customer": {"id": "77", "name": "Jane Doe"},
    "requested_by": "customer"
  },
  {"event": "agent.typing"}
]
"""

_GOLDEN = """\
## conversation_id=00000000-0000-4000-8000-000000000001 channel=chat customer_key=d7626db5456a8f57
2026-06-01 08:00:00.000 handoff.requested\
 handoff_id=00000000-0000-4000-8000-000000000001 requested_by=customer
    00000000-0000-4000-8000-000000000001/handoff.requested.1780300800000
# label: -
# id: conversation.id
# pseudonym: customer.id
# dropped: customer.name
# ignored: agent.typing
"""

_SOURCE = """\
`first.json` is invented by `baton source new`. Replace it with payloads that @TITLE@ publishes,
and say here where they are from and under which licence.
"""
