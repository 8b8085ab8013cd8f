"""Interactions as a worker remembers them in the middle of a busy hour, and as many as one likes.

The states are those that the stages themselves made of a synthetic log; a clone is such a state
under a conversation id of its own, as long as a UUID.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import cycle, islice
from typing import Any

import msgspec

from streams.agents import link_table
from streams.domain.contract import ContractBook
from streams.domain.events import ContactEnded, Tick, epoch_ms
from streams.domain.lifecycle import LifecyclePartition, Progress
from streams.domain.links import LinksPartition, OpenClose
from streams.domain.wire import Rejection, decode_event
from streams.event_log import address
from tests.stream_run import LATENESS_MS, synthetic_log

CONTRACT = "telco-2026"
_CONTACTS = 4_000
_FAR_MS = 8 * 86_400_000
# Of a live day, all that were closed in the last eight days are still remembered (memory.py).
KINDS = ("open", "waiting for a human", "closed")


@dataclass(slots=True)
class Remembered:
    """The middle of the hour. `states` by conversation, `kinds` says what each is (KINDS).

    `next_events` are the records that each open conversation has still to come, in order.
    `closes` are the links table's values, a customer each.
    """

    book: ContractBook
    progress: Progress
    end_ms: int
    states: dict[str, bytes] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    next_events: dict[str, list[bytes]] = field(default_factory=dict)
    closes: list[bytes] = field(default_factory=list)


@cache
def middle_of_an_hour() -> Remembered:
    """Made once a process: a synthetic hour, read by the stages up to its middle."""
    log = synthetic_log(_CONTACTS, hours=1)
    states: dict[bytes, bytes] = {}
    partition = LifecyclePartition(log.book, LATENESS_MS, states)
    links = LinksPartition(log.book, 1)
    middle = len(log.items) // 2
    ended = _read(partition, log.items[:middle])
    flush = partition.flush()
    assert flush.progress is not None
    for step in flush.links:
        links.apply(0, step.watermark, step.links)
    links.advance()
    customers: dict[bytes, bytes] = {}
    for _ in link_table.changes(links, customers):
        pass
    last = max(item for item in log.items if isinstance(item, int))
    found = Remembered(log.book, flush.progress, last)
    found.closes = [raw for name, raw in customers.items() if name[:1] == b"c"]
    for item in log.items[middle:]:
        if isinstance(item, bytes) and (conversation := address(item).conversation) is not None:
            found.next_events.setdefault(conversation, []).append(item)
    waiting: set[str] = set()
    for fact in flush.facts:
        if fact.kind == "escalation_opened":
            waiting.add(fact.conversation)
        elif fact.kind == "escalation_ended":
            waiting.discard(fact.conversation)
    for key, raw in states.items():
        conversation = key.decode().partition("\x00")[2]
        found.states[conversation] = raw
        if conversation in waiting:
            kind = "waiting for a human"
        else:
            kind = "closed" if conversation in ended else "open"
        found.kinds[conversation] = kind
    return found


def _read(partition: LifecyclePartition, items: Any) -> set[str]:
    """Read a log; the conversations that were ended in it."""
    ended: set[str] = set()
    for item in items:
        if isinstance(item, int):
            partition.tick(item)
            continue
        try:
            event = decode_event(item, partition._book)
            if isinstance(event, Tick):
                partition.tick(epoch_ms(event.time))
                continue
            partition.event(event)
            if isinstance(event, ContactEnded):
                ended.add(event.data.conversation_id)
        except Rejection:
            continue
    return ended


def conversation_name(number: int) -> str:
    """A conversation id as platforms give them: 36 characters."""
    spread = number * 0x9E3779B97F4A7C15 & (1 << 64) - 1
    return f"{spread:016x}-{number:019d}"


def clones(
    count: int, states: Sequence[bytes] | None = None, *, due_ms: int | None = None
) -> Iterator[tuple[bytes, bytes]]:
    """Keys and states of the interactions table: `states` in turn, or those of the hour.

    With `due_ms` none of them is due before that (ms since 1970), whatever its state says.
    """
    of = tuple(middle_of_an_hour().states.values()) if states is None else states
    due = None if due_ms is None else due_ms.to_bytes(8, "big")
    for number, raw in enumerate(islice(cycle(of), count)):
        state = bytearray(raw if due is None else due + raw[8:])
        # A copy of its own, as what comes from a changelog is.
        yield f"{CONTRACT}\x00{conversation_name(number)}".encode(), bytes(state)


_CLOSES = msgspec.msgpack.Decoder(list[OpenClose])
_ENCODER = msgspec.msgpack.Encoder()


def customers(interactions: int) -> Iterator[tuple[bytes, bytes]]:
    """Names and values of the links table that goes with so many interactions."""
    found = middle_of_an_hour()
    count = interactions * len(found.closes) // len(found.states)
    templates = [_CLOSES.decode(raw) for raw in found.closes]
    for number, closes in enumerate(islice(cycle(templates), count)):
        customer = number.to_bytes(16, "big")
        own = [
            OpenClose(
                msgspec.structs.replace(
                    close.link, customer=customer, conversation=conversation_name(number)
                ),
                close.returned_at,
                close.same,
            )
            for close in closes
        ]
        yield b"c" + customer, _ENCODER.encode(own)
