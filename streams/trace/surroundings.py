"""What other conversations say about one: its customer's returns, and breaches that name it.

Times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import orjson

from streams.domain.breach_record import BreachRecord
from streams.domain.contract import ContractBook
from streams.domain.events import Event, Tick, epoch_ms
from streams.domain.facts import Fact
from streams.domain.lifecycle import LifecyclePartition
from streams.domain.windows import WindowPartition
from streams.domain.wire import Rejection, decode_event
from streams.oracle.counters import Counted
from streams.oracle.links import Drop, link_counts, returns_of
from streams.trace.model import BreachLine, LinkLine

_BATCH = 2_000
_UNKNOWN = "unknown"


class _Data(msgspec.Struct, gc=False):
    contract: str | None = None
    conversation_id: str | None = None
    customer_key: str | None = None


class _Stating(msgspec.Struct, gc=False):
    data: _Data | None = None


_STATING = msgspec.json.Decoder(_Stating)


class CustomerFinder:
    """Which conversations of a contract state one of these customer keys."""

    def __init__(self, contract: str, customers: Iterable[str]) -> None:
        self._contract = contract
        self._customers = frozenset(customers)
        self._needles = [key.encode() for key in self._customers]
        self.conversations: set[str] = set()

    def record(self, raw: bytes) -> None:
        """Look at one record."""
        if not (b"\\" in raw or any(needle in raw for needle in self._needles)):
            return
        try:
            data = _STATING.decode(raw).data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if data is None or data.contract != self._contract or data.conversation_id is None:
            return
        if data.customer_key in self._customers:
            self.conversations.add(data.conversation_id)


@dataclass
class Surroundings:
    """What was published of all conversations of some customers.

    `whose`: by id whose a visit or close is; `drops`: when whose closes were dropped. `tellable`
    are the ids of what may be told beside another conversation: of nobody who was erased.
    """

    facts: list[Fact] = field(default_factory=list)
    whose: dict[str, str] = field(default_factory=dict)
    drops: list[Drop] = field(default_factory=list)
    tellable: set[str] = field(default_factory=set)

    def on_time(self) -> list[Fact]:
        """What links are made of."""
        return [fact for fact in self.facts if not fact.late]


def links_of(conversation: str, around: Surroundings, until: int) -> list[LinkLine]:
    """The returns to and from a conversation, of who was not erased. Section 7a."""
    lines = [
        LinkLine(
            closed_at=close.time,
            closed_conversation=close.conversation,
            closed_episode=close.episode,
            visited_at=back.time,
            visited_conversation=back.conversation,
            visited_episode=back.episode,
            after_ms=back.time - close.time,
            same_issue=back.journey == close.journey != _UNKNOWN,
        )
        for close, back in returns_of(around.on_time(), around.whose, until, around.drops)
        if back is not None
        and conversation in (close.conversation, back.conversation)
        and {close.id, back.id} <= around.tellable
    ]
    return sorted(lines, key=lambda one: (one.closed_at, one.visited_at, one.closed_conversation))


def link_counts_of(conversation: str, around: Surroundings, until: int) -> list[Counted]:
    """What the conversation's resolved closes count for at the ends of section 7a's horizons."""
    counted = link_counts(around.on_time(), around.whose, until, around.drops)
    ours = [one for one in counted if one.fact.conversation == conversation]
    return sorted(ours, key=lambda one: (one.end, one.fact.id))


class BreachFinder:
    """Reads a whole log as a worker does, and keeps the breaches whose evidence names one
    conversation.

    Needs the memory of what is open at a time, as a worker does. An int is a tick (ms).
    """

    def __init__(
        self, book: ContractBook, lateness_ms: int, contract: str, conversation: str
    ) -> None:
        self._book = book
        self._about = (contract, conversation)
        self._lifecycle = LifecyclePartition(book, lateness_ms, {})
        self._windows = WindowPartition(book, 1)
        self._pending = 0
        self._naming: set[str] = set()
        self._found: list[BreachRecord] = []

    def tick(self, time: int) -> None:
        """Time has come to `time`."""
        self._lifecycle.tick(time)
        self._pending += 1
        if self._pending >= _BATCH:
            self._flush()

    def record(self, raw: bytes | None) -> None:
        """Fold one record; what cannot be used is passed over."""
        try:
            event: Event = decode_event(raw, self._book)
            if isinstance(event, Tick):
                self.tick(epoch_ms(event.time))
                return
            self._lifecycle.event(event)
        except Rejection:
            return
        self._pending += 1

    def _flush(self) -> None:
        self._pending = 0
        deltas = self._lifecycle.flush().deltas
        if deltas is None:
            return
        windows = self._windows
        windows.apply(0, deltas)
        contract, conversation = self._about
        for record in windows.advance():
            named = any(one.conversation == conversation for one in record.waiting)
            if named and record.contract == contract:
                self._naming.add(record.id)
            if record.id in self._naming:
                self._found.append(record)
        # Nobody stores what they name.
        windows.touched_slices.clear()
        windows.touched_keys.clear()
        windows.touched_periods.clear()
        windows.expired_slices.clear()

    def lines(self) -> list[BreachLine]:
        """What was found, in order of time."""
        self._flush()
        return in_order(
            BreachLine(
                id=record.id,
                status=record.status,
                clause=record.clause,
                version=record.version,
                key=dict(record.key),
                opened_at=record.opened_at,
                time=record.time,
                overdue=record.numerator,
            )
            for record in self._found
        )


class PublishedBreaches:
    """Picks the breaches whose evidence ever named a conversation from records of `sla-breaches`,
    each partition's in its order.
    """

    def __init__(self, contract: str, conversation: str) -> None:
        self._about = (contract, conversation)
        self._naming: set[str] = set()
        self._found: dict[tuple[str, str, int], BreachLine] = {}

    def record(self, raw: bytes) -> None:
        """Look at one record; what is no breach is passed over."""
        contract, conversation = self._about
        try:
            event = orjson.loads(raw)
            data: dict[str, Any] = event["data"]
            line = BreachLine(
                id=str(data["breach_id"]),
                status=str(event["type"]).rpartition(".")[2],
                clause=str(data["clause"]),
                version=int(data["contract_version"]),
                key=dict(data["key"]),
                opened_at=_ms(data["opened_at"]),
                time=_ms(event["time"]),
                overdue=int(data["numerator"]),
            )
            names = {one["conversation_id"] for one in data["waiting"]}
        except (orjson.JSONDecodeError, msgspec.ValidationError, KeyError, TypeError, ValueError):
            return
        if data["contract"] == contract and conversation in names:
            self._naming.add(line.id)
        if line.id in self._naming:
            # At least once: the same record again is the same line.
            self._found[line.id, line.status, line.time] = line

    def lines(self) -> list[BreachLine]:
        """What was found, in order of time."""
        return in_order(self._found.values())


def in_order(lines: Iterable[BreachLine]) -> list[BreachLine]:
    """By time, then clause and key; an opening before what follows from it."""
    order = {"opened": 0, "updated": 1, "closed": 2}
    return sorted(
        lines, key=lambda one: (one.time, one.clause, sorted(one.key.items()), order[one.status])
    )


def _ms(text: str) -> int:
    return epoch_ms(msgspec.convert(text, datetime))
