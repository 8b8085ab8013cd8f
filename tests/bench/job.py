"""The job as peers are given it: Baton's own pure domain functions behind per-key state.

A good engineer on another engine would write `fold` and `walk` anew and no better, so they are the
same for all: what differs is the engine. What none of the peers has is a timer in event time for
keys that are idle, so a conversation is looked at when its next record comes, and a `wake` record
for each conversation stands at the end of the log, as if swept. Walked then or at each tick, the
facts are the same, late corrections included, for `walk` is causal.

Windows are minute slices of the finest key; every published grouping and window is a sum of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import msgspec
import orjson

from streams.domain.contract import DIMENSIONS, ContractBook
from streams.domain.corrections import corrections, place_of, replace_fact
from streams.domain.counters import counted
from streams.domain.delta import slice_end_of
from streams.domain.events import APART, Event, Tick, epoch_ms
from streams.domain.facts import Fact
from streams.domain.histogram import bucket_of
from streams.domain.interaction import Interaction, fold
from streams.domain.lifecycle import pace_of
from streams.domain.memory import LATE_LIMIT_MS
from streams.domain.path import Path
from streams.domain.walk import walk
from streams.domain.wire import FUTURE_TOLERANCE_MS, Rejection, decode_event

WAKE = b"wake"
# Later than any time of an event: nothing is due.
_NEVER = 2**62


class Heard(NamedTuple):
    """A record about a conversation and the watermark (ms) it was read at; `event` None: a wake."""

    conversation: str
    event: Event | None
    watermark: int | None


class Told(NamedTuple):
    """What a fact adds to a slice: one message a fact crosses to the second stage.

    `key` is contract and finest dimensions as JSON, `bucket` that of an escalation's latency.
    """

    key: str
    slice_end: int
    counts: list[tuple[str, int]]
    bucket: int | None


class _Stored(msgspec.Struct, array_like=True):
    """What is stored of one conversation. `walked` and `due` in ms."""

    contract: str
    interaction: Interaction
    walked: int | None = None
    due: int = _NEVER


class Conversation:
    """The state of one conversation; `path` is its life as far as it was read, kept while an engine
    keeps the object.
    """

    __slots__ = ("path", "stored")

    def __init__(self, stored: _Stored) -> None:
        self.stored = stored
        self.path: Path | None = None

    def encoded(self) -> bytes:
        """For a store; see `decode_conversation`."""
        return encode(self.stored)


class SliceSums(msgspec.Struct, array_like=True):
    """The state of one slice of one finest key."""

    counts: dict[str, int] = {}
    latencies: dict[str, int] = {}  # by bucket; names, for JSON has no other keys


_CONVERSATION = msgspec.msgpack.Decoder(_Stored)
_SLICE = msgspec.msgpack.Decoder(SliceSums)
encode = msgspec.msgpack.Encoder().encode


def decode_conversation(raw: bytes) -> Conversation:
    """What `encoded` gave."""
    return Conversation(_CONVERSATION.decode(raw))


def decode_slice(raw: bytes) -> SliceSums:
    """What `encode` wrote."""
    return _SLICE.decode(raw)


class Reader:
    """Records of the events topic to `Heard`: decodes, validates and follows partitions' clocks."""

    def __init__(self, book: ContractBook, lateness_ms: int) -> None:
        self._book = book
        self._lateness = lateness_ms
        self._clocks: dict[int, int] = {}

    def read(self, partition: int, key: bytes | None, value: bytes | None) -> Heard | None:
        """What a record says of a conversation, None where that is nothing. Raises Rejection."""
        clock = self._clocks.get(partition)
        watermark = None if clock is None else clock - self._lateness
        if value == WAKE and key is not None:
            return Heard(key.decode(), None, watermark)
        event = decode_event(value, self._book)
        if type(event) is Tick:
            self._clocks[partition] = max(clock or 0, epoch_ms(event.time))
            return None
        apart = type(event) in APART
        conversation = None if apart else event.data.conversation_id
        if conversation is not None and key != conversation.encode():
            raise Rejection("key_mismatch", "the record's key is not data.conversation_id")
        time = epoch_ms(event.time)
        if clock is not None and time > clock + FUTURE_TOLERANCE_MS:
            raise Rejection("future_time", "too far ahead of the clock")
        if watermark is not None and time <= watermark - LATE_LIMIT_MS:
            raise Rejection("too_late", "too far behind the watermark")
        if conversation is None or event.data.test:
            return None
        return Heard(conversation, event, watermark)


class Lifecycle:
    """The first stage: what is heard of a conversation to its facts."""

    def __init__(self, book: ContractBook) -> None:
        self._book = book
        self._paces = {name: pace_of(book.versions(name)) for name in book.names}

    def take(
        self, state: Conversation | None, heard: Heard
    ) -> tuple[Conversation | None, list[Fact]]:
        """The state after it, and the facts that came of it."""
        name, event, watermark = heard
        if state is None:
            if event is None:
                return None, []
            contract = event.data.contract  # type: ignore[attr-defined]
            state = Conversation(_Stored(contract, Interaction(), watermark))
        facts = self._pass(state, name, watermark)
        if event is None:
            return state, facts
        stored, time = state.stored, epoch_ms(event.time)
        if watermark is not None and time <= watermark:
            facts += self._late(state, name, event, time, watermark)
        else:
            soonest = time + fold(stored.interaction, event, time, self._paces[stored.contract])
            stored.due = min(stored.due, soonest)
        return state, facts

    def _walk(self, state: Conversation, name: str, after: int | None, upto: int) -> list[Fact]:
        stored, book = state.stored, self._book
        if state.path is None or after is None:
            state.path = Path(stored.interaction, stored.contract, book)
        facts, due = walk(stored.interaction, stored.contract, name, book, after, upto, state.path)
        stored.due = _NEVER if due is None else due
        return facts

    def _pass(self, state: Conversation, name: str, watermark: int | None) -> list[Fact]:
        """What the watermark has passed since the conversation was looked at."""
        stored = state.stored
        if watermark is None or watermark == stored.walked:
            return []
        facts: list[Fact] = []
        if stored.due <= watermark:
            facts = self._walk(state, name, stored.walked, watermark)
            if stored.interaction.revisions:
                facts = [_next_revision(stored.interaction, fact) for fact in facts]
        stored.walked = watermark
        return facts

    def _late(
        self, state: Conversation, name: str, event: Event, time: int, watermark: int
    ) -> list[Fact]:
        stored = state.stored
        interaction = stored.interaction
        before: list[Fact] = []
        if interaction.latest is not None:
            before = self._walk(state, name, None, watermark)
        fold(interaction, event, time, self._paces[stored.contract])
        after = self._walk(state, name, None, watermark)
        return corrections(before, after, interaction.revisions)


def _next_revision(state: Interaction, fact: Fact) -> Fact:
    place = place_of(fact)
    last = state.revisions.get(place)
    if last is None:
        return fact
    state.revisions[place] = last + 1
    return replace_fact(fact, revision=last + 1)


class Counting:
    """Between the stages: what each fact on time adds to which slice."""

    def __init__(self, book: ContractBook) -> None:
        self._book = book
        self._key = cache(self._finest)

    def told(self, fact: Fact) -> Told | None:
        """What it adds, None where that is nothing."""
        counts = [] if fact.late else counted(fact, self._book)
        if not counts:
            return None
        stated = tuple(getattr(fact, name) for name in DIMENSIONS)
        bucket = None
        if fact.kind == "escalation_ended":
            bucket = bucket_of(fact.detail["latency_ms"])
        key = self._key(fact.contract, fact.version, stated)
        return Told(key, slice_end_of(fact.time), counts, bucket)

    def _finest(self, contract: str, version: int, stated: tuple[str, ...]) -> str:
        terms = self._book.version(contract, version)
        used = {name for grouping in terms.groupings for name in grouping}
        values = {
            name: terms.bounded(name, value)
            for name, value in zip(DIMENSIONS, stated, strict=True)
            if name in used
        }
        return orjson.dumps([contract, values]).decode()


def add(sums: SliceSums, counts: Iterable[tuple[str, int]], bucket: int | None) -> None:
    """The second stage: take what a fact adds."""
    held = sums.counts
    for name, count in counts:
        held[name] = held.get(name, 0) + count
    if bucket is not None:
        name = str(bucket)
        sums.latencies[name] = sums.latencies.get(name, 0) + 1


def slice_value(key: str, slice_end: int, sums: SliceSums) -> bytes:
    """A slice as it is published; of one slice the last value counts."""
    return orjson.dumps([key, slice_end, sums.counts, sums.latencies])
