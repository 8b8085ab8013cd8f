"""One payload to the records that stand for it on the events topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import orjson

from streams.domain.wire import EVERY_CONTRACT, Rejection, decode_event
from streams.event_log import address
from streams.sources.adapter import Platform
from streams.sources.base import SourceOptions, SourceProblem
from streams.sources.records import record_of

CANONICAL = "canonical"


class Ready(NamedTuple):
    """One record for the events topic: its Kafka key, the (source, id) that a repetition shares,
    and structured CloudEvents JSON.
    """

    key: bytes | None
    identity: tuple[str, str]
    raw: bytes


class Mapped(NamedTuple):
    """What became of one payload; neither records nor problems: nothing in it concerns Baton."""

    records: list[Ready]
    problems: list[SourceProblem]


class Feed(Protocol):
    """What a way in asks to map its payloads."""

    @property
    def name(self) -> str:
        """What commands, addresses and metrics call it."""

    @property
    def group(self) -> str:
        """What tells its consumers from those of others: the name, and the desk where it is one of
        several.
        """

    def map(self, payload: Any, where: str) -> Mapped:
        """The records and problems of one payload; never raises, whatever the payload."""


@dataclass(frozen=True, slots=True)
class PlatformFeed:
    """A platform's payloads under what they do not say about themselves."""

    platform: Platform
    options: SourceOptions

    @property
    def name(self) -> str:
        """The platform's."""
        return self.platform.name

    @property
    def group(self) -> str:
        """As Feed.group."""
        return self.options.own(self.name).replace(":", "-")

    def map(self, payload: Any, where: str) -> Mapped:
        """As Feed.map. Every record has passed the decoder that the stream uses."""
        records: list[Ready] = []
        problems: list[SourceProblem] = []
        for item in self.platform.read(payload, self.options, where):
            if isinstance(item, SourceProblem):
                problems.append(item)
                continue
            record = record_of(item, EVERY_CONTRACT, where)
            if isinstance(record, SourceProblem):
                problems.append(record)
            else:
                # Every event of a platform is about a conversation, which is its subject.
                key = (item.subject or "").encode()
                records.append(Ready(key, (item.source, item.id), record.raw))
        return Mapped(records, problems)


class CanonicalFeed:
    """Canonical events as they are: each is checked and passed on whole.

    A `baton.tick` is refused: the time of the topic is not a producer's to say.
    """

    name = CANONICAL
    group = CANONICAL

    def map(self, payload: Any, where: str) -> Mapped:
        """As Feed.map."""
        try:
            if isinstance(payload, dict) and payload.get("type") == "baton.tick":
                raise Rejection("schema_violation", "$.type: a tick is not a producer's to write")
            raw = orjson.dumps(payload)
            event = decode_event(raw, EVERY_CONTRACT)
        except Rejection as error:
            told = f"{error.code}: {error.message}"
            return Mapped([], [SourceProblem("not_canonical", told, where)])
        except orjson.JSONEncodeError:
            return Mapped([], [SourceProblem("not_canonical", "not to be written as JSON", where)])
        return Mapped([Ready(_key(raw), (event.source, event.id), raw)], [])


def _key(raw: bytes) -> bytes | None:
    conversation = address(raw).conversation
    return None if conversation is None else conversation.encode()
