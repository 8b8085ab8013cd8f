"""One payload of a platform to the records that stand for it on the events topic."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec
import orjson

from streams.domain.events import Event
from streams.domain.wire import Rejection, decode_event
from streams.event_log import address
from streams.sources.base import SourceOptions, SourceProblem

CANONICAL = "canonical"


class Platform(Protocol):
    """An adapter of one platform's payloads; stateless, and total over what JSON can hold."""

    @property
    def name(self) -> str:
        """What commands and addresses call it."""

    def read(
        self, payload: Any, options: SourceOptions, where: str
    ) -> Iterator[Event | SourceProblem]:
        """The events that a payload stands for, and what of it was not carried over."""


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

    def map(self, payload: Any, where: str) -> Mapped:
        """As Feed.map. Every record has passed the decoder that the stream uses."""
        records: list[Ready] = []
        problems: list[SourceProblem] = []
        try:
            for item in self.platform.read(payload, self.options, where):
                if isinstance(item, SourceProblem):
                    problems.append(item)
                    continue
                try:
                    records.append(ready(orjson.dumps(without_nulls(msgspec.to_builtins(item)))))
                except (Rejection, orjson.JSONEncodeError) as error:
                    problems.append(_not_canonical(error, where))
        except Exception as error:  # an adapter is 60 lines by a newcomer; the others must go on
            told = f"{self.name} raised {type(error).__name__}; the rest is left out"
            problems.append(SourceProblem("adapter_failed", told, where))
        return Mapped(records, problems)


class _Any:
    """Every contract: which there are is for the workers to say."""

    def __contains__(self, name: object) -> bool:
        return True


_ANY_CONTRACT: Container[str] = _Any()


def ready(raw: bytes) -> Ready:
    """The record of one structured CloudEvent. Raises Rejection where it is not canonical."""
    event = decode_event(raw, _ANY_CONTRACT)
    conversation = address(raw).conversation
    key = None if conversation is None else conversation.encode()
    return Ready(key, (event.source, event.id), raw)


class Canonical:
    """The platform that already speaks canonical events: each is checked and passed on whole.

    What a source calls `baton.tick` is refused: the time of the topic is not a producer's to say.
    """

    name = CANONICAL

    def map(self, payload: Any, where: str) -> Mapped:
        """The record of one event, or the problem it has."""
        try:
            raw = orjson.dumps(payload)
            if isinstance(payload, dict) and payload.get("type") == "baton.tick":
                raise Rejection("schema_violation", "$.type: a tick is not a producer's to write")
            return Mapped([ready(raw)], [])
        except (Rejection, orjson.JSONEncodeError) as error:
            return Mapped([], [_not_canonical(error, where)])


def _not_canonical(error: Exception, where: str) -> SourceProblem:
    said = f"{error.code}: {error.message}" if isinstance(error, Rejection) else "no JSON"
    return SourceProblem("not_canonical", said, where)


def without_nulls(node: Any) -> Any:
    """A document without the fields that are null."""
    if isinstance(node, dict):
        return {key: without_nulls(value) for key, value in node.items() if value is not None}
    return node
