"""One partition's interactions: events and ticks in, facts out. DEFINITIONS.md sections 1, 2 and 6.

Pure: state is kept in a mapping of bytes that the caller owns (a table), time comes from ticks.
Between two calls of `flush` the caller has nothing to store; after it, exactly what `Flush` says.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any

import msgspec

from streams.domain.contract import ContractBook
from streams.domain.delta import Entry, StepDeltas, open_escalations
from streams.domain.events import ConfigChanged, Event, epoch_ms
from streams.domain.facts import Fact
from streams.domain.interaction import Interaction, decode_interaction, encode_interaction, fold
from streams.domain.walk import walk
from streams.domain.wire import FUTURE_TOLERANCE_MS, Rejection

_SEPARATOR = "\x00"


class Progress(msgspec.Struct, array_like=True):
    """How far a partition has been read: its clock (ms), and waiting that late events corrected
    since.
    """

    clock: int
    carried: list[Entry] = []


@dataclass(slots=True)
class Step:
    """What one advance of the watermark published: for the windows, applied whole or not at all."""

    watermark: int
    entries: list[Entry]


@dataclass(slots=True)
class Flush:
    """What a batch came to. `states` are the interactions to store (key, encoded)."""

    facts: list[Fact] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    states: dict[bytes, bytes] = field(default_factory=dict)
    progress: Progress | None = None


class LifecyclePartition:
    """Folds one partition's events and publishes facts as its watermark passes them.

    `states` maps keys to encoded interactions; it is read here and written only by `flush`.
    `progress` is what the last flush said, None for a partition never read before.
    """

    def __init__(
        self,
        book: ContractBook,
        lateness_ms: int,
        states: MutableMapping[bytes, bytes],
        progress: Progress | None = None,
    ) -> None:
        self._book = book
        self._lateness = lateness_ms
        self._states = states
        self._clock = None if progress is None else progress.clock
        self._deltas = StepDeltas(book, () if progress is None else progress.carried)
        self._live: dict[bytes, Interaction] = {}
        self._touched: set[bytes] = set()
        self._due: dict[bytes, int] = {}
        self._agenda: list[tuple[int, bytes]] = []
        self._out = Flush()
        self._inactivity = {name: book.versions(name)[0].inactivity_ms for name in book.names}
        self._restore_agenda()

    def _restore_agenda(self) -> None:
        watermark = self.watermark
        after = watermark if watermark is not None else -(1 << 62)
        for key, raw in self._states.items():
            state = decode_interaction(raw)
            contract, conversation = _names(key)
            _, due = walk(state, contract, conversation, self._book, after, after)
            if due is not None:
                self._due[key] = due
        self._agenda = [(due, key) for key, due in self._due.items()]
        heapify(self._agenda)

    @property
    def clock(self) -> int | None:
        """The greatest tick read, ms."""
        return self._clock

    @property
    def watermark(self) -> int | None:
        """The time up to which everything is published, ms; None before the first tick."""
        return None if self._clock is None else self._clock - self._lateness

    @property
    def interactions(self) -> int:
        """How many interactions are remembered."""
        return len(self._states)

    def event(self, event: Event) -> None:
        """Fold one event. Raises Rejection (`future_time`) for one too far ahead of the clock."""
        time = epoch_ms(event.time)
        clock = self._clock
        if clock is not None and time > clock + FUTURE_TOLERANCE_MS:
            raise Rejection(
                "future_time",
                f"{time - clock} ms ahead of the clock; at most {FUTURE_TOLERANCE_MS}",
            )
        data: Any = getattr(event, "data", None)
        conversation = getattr(data, "conversation_id", None)
        if conversation is None or isinstance(event, ConfigChanged) or data.test:
            return
        contract = data.contract
        key = (contract + _SEPARATOR + conversation).encode()
        state = self._state(key)
        self._touched.add(key)
        gap = self._inactivity[contract]
        if clock is not None and time <= clock - self._lateness:
            self._late_event(key, state, event, time, gap)
            return
        soonest = time if fold(state, event, time, gap) else time + gap
        known = self._due.get(key)
        if known is None or soonest < known:
            self._due[key] = soonest
            heappush(self._agenda, (soonest, key))

    def _state(self, key: bytes) -> Interaction:
        state = self._live.get(key)
        if state is None:
            raw = self._states.get(key)
            state = Interaction() if raw is None else decode_interaction(raw)
            self._live[key] = state
        return state

    def tick(self, time: int) -> None:
        """Move the clock to `time` (ms); what the watermark passes is published."""
        if self._clock is not None and time <= self._clock:
            return
        after = self.watermark
        self._clock = time
        upto = time - self._lateness
        agenda, due_by_key = self._agenda, self._due
        published: list[Fact] = []
        while agenda and agenda[0][0] <= upto:
            due, key = heappop(agenda)
            if due_by_key.get(key) != due:
                continue  # rescheduled since
            contract, conversation = _names(key)
            state = self._state(key)
            facts, following = walk(state, contract, conversation, self._book, after, upto)
            if following is None:
                del due_by_key[key]
            else:
                due_by_key[key] = following
                heappush(agenda, (following, key))
            if facts and state.revisions:
                facts = [self._next_revision(state, fact, key) for fact in facts]
            published += facts
        self._out.facts += published
        for fact in published:
            self._deltas.add(fact)
        self._out.steps.append(Step(upto, self._deltas.take()))

    def _next_revision(self, state: Interaction, fact: Fact, key: bytes) -> Fact:
        place = _place(fact)
        last = state.revisions.get(place)
        if last is None:
            return fact
        state.revisions[place] = last + 1
        self._touched.add(key)
        return replace_fact(fact, revision=last + 1)

    def _late_event(
        self, key: bytes, state: Interaction, event: Event, time: int, gap: int
    ) -> None:
        watermark = self.watermark
        assert watermark is not None
        contract, conversation = _names(key)
        before, _ = walk(state, contract, conversation, self._book, None, watermark)
        fold(state, event, time, gap)
        after, due = walk(state, contract, conversation, self._book, None, watermark)
        if due is not None:
            self._due[key] = due
            heappush(self._agenda, (due, key))
        else:
            self._due.pop(key, None)
        self._out.facts += _corrections(before, after, state.revisions)
        waited, waiting = open_escalations(before), open_escalations(after)
        for escalation in waited.keys() | waiting.keys():
            was, now = waited.get(escalation), waiting.get(escalation)
            if was != now:
                self._deltas.correct(was, now, watermark + 1)

    def flush(self) -> Flush:
        """Close the batch: stores touched interactions in `states`, returns what came of it."""
        out = self._out
        for key in self._touched:
            encoded = encode_interaction(self._live[key])
            self._states[key] = encoded
            out.states[key] = encoded
        if self._clock is not None:
            out.progress = Progress(self._clock, self._deltas.entries())
        self._touched.clear()
        self._live.clear()
        self._out = Flush()
        return out


def replace_fact(fact: Fact, **changes: Any) -> Fact:
    """A copy of the fact with some fields changed."""
    return msgspec.structs.replace(fact, **changes)


def _names(key: bytes) -> tuple[str, str]:
    contract, _, conversation = key.decode().partition(_SEPARATOR)
    return contract, conversation


def _place(fact: Fact) -> str:
    return f"{fact.kind}:{fact.episode}:{fact.ordinal}"


def _corrections(before: list[Fact], after: list[Fact], revisions: dict[str, int]) -> list[Fact]:
    """Retractions and assertions that turn `before` into `after`; numbers them in `revisions`."""
    old = {_place(fact): fact for fact in before}
    new = {_place(fact): fact for fact in after}
    changes: list[Fact] = []
    for place, fact in old.items():
        if new.get(place) != fact:
            last = revisions.setdefault(place, 0)
            changes.append(replace_fact(fact, revision=last, late=True, retracts=True))
    for place, fact in new.items():
        if old.get(place) != fact:
            revision = revisions[place] + 1 if place in revisions else 0
            revisions[place] = revision
            changes.append(replace_fact(fact, revision=revision, late=True))
    return changes


__all__ = ["Flush", "LifecyclePartition", "Progress", "Step"]
