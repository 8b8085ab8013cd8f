"""One partition's interactions: events and ticks in, facts out. DEFINITIONS.md sections 1, 2 and 6.

Pure: state is kept in a mapping of bytes that the caller owns (a table), time comes from ticks.
Between two calls of `flush` the caller has nothing to store; after it, exactly what `Flush` says.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import Any

from streams.domain.contract import ContractBook, Terms
from streams.domain.corrections import corrections, place_of, replace_fact
from streams.domain.delta import open_escalations
from streams.domain.erased_states import erase_named, perhaps_of, settled_from
from streams.domain.erasure import ErasureNote, Erasures, closed_until, request_id
from streams.domain.events import APART, ErasureRequested, Event, epoch_ms
from streams.domain.facts import Fact
from streams.domain.flush import Flush, Progress
from streams.domain.interaction import Interaction, Pace, fold
from streams.domain.interaction_codec import decode_interaction, due_of, encode_interaction
from streams.domain.memory import DAY_MS, FORGET_AFTER_MS, LATE_LIMIT_MS
from streams.domain.path import Path
from streams.domain.publication import Publication
from streams.domain.walk import walk
from streams.domain.wire import FUTURE_TOLERANCE_MS, Rejection

_SEPARATOR = "\x00"
# Nothing stored is due this long before the watermark: not by _EARLY_MS, nor by what the lateness
# was shortened since. What is was forgotten, and came back with a copy of the table that is older
# than its tombstone was kept.
_LEFT_OVER_MS = DAY_MS // 2
# A stored appointment may be early, by less than this: looked at in vain once, it costs less than
# writing the interaction with every timer that moves on.
_EARLY_MS = DAY_MS // 4
# Appointments that were moved stay in the agenda; past this many it is swept.
_FEW = 1_000
# So many interactions stay decoded between batches, at 4 to 5 KB each: who has just been heard of
# is likely to be heard of again.
_MOST_HELD = 1_000
_FOREVER = 1 << 62


class UnknownContracts(LookupError):
    """Interactions are remembered of contracts that the book does not have: `names`."""

    def __init__(self, names: set[str]) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names = names


class _Held:
    """An interaction that is decoded, and its path as far as the watermark has come.

    `path` is None until it is walked, and from when a late event changed what it had read.
    """

    __slots__ = ("contract", "conversation", "path", "state")

    def __init__(self, key: bytes, state: Interaction) -> None:
        contract, conversation = interaction_names(key)
        self.contract = contract
        self.conversation = conversation
        self.state = state
        self.path: Path | None = None


class LifecyclePartition:
    """Folds one partition's events and publishes facts as its watermark passes them.

    `states` maps keys to encoded interactions; it is read here and written only by `flush`.
    Each interaction has one appointment (time in ms, key): when a fact of it could come next, or
    when it is to be forgotten. It is stored with the interaction, or one a little earlier.
    `progress` and `erasures` are what the last flushes said, None where there were none.

    Raises UnreadableState for a state that encode_interaction did not write, here or when that
    interaction is first looked at, and UnknownContracts.
    """

    def __init__(
        self,
        book: ContractBook,
        lateness_ms: int,
        states: MutableMapping[bytes, bytes],
        progress: Progress | None = None,
        erasures: bytes | None = None,
    ) -> None:
        self._book = book
        self._lateness = lateness_ms
        self._states = states
        self._clock: int | None = None
        # The watermark, and what times are taken; before the first tick there is neither.
        self._reached, self._oldest, self._newest = -_FOREVER, -_FOREVER, _FOREVER
        if progress is not None:
            self._move_clock(progress.clock)
        self._publication = Publication(book, () if progress is None else progress.carried)
        self._erasures = Erasures(erasures)
        self._held: dict[bytes, _Held] = {}
        self._touched: set[bytes] = set()
        # Whose facts are due, and after when (ms, None: all of them).
        self._put_off: dict[bytes, int | None] = {}
        self._out = Flush()
        self._contracts = {
            name: ((name + _SEPARATOR).encode(), pace_of(book.versions(name)))
            for name in book.names
        }
        self._due = {key: (due_of(raw), key) for key, raw in states.items()}
        contracts = {key.partition(_SEPARATOR.encode())[0] for key in self._due}
        missing = {name.decode("utf-8", "replace") for name in contracts} - set(book.names)
        if missing:
            raise UnknownContracts(missing)
        self._forget_left_over()
        self._agenda = list(self._due.values())
        heapify(self._agenda)
        if progress is not None and progress.terms != book.fingerprint:
            self._reschedule()

    def _forget_left_over(self) -> None:
        watermark = self.watermark
        if watermark is not None:
            long_past = watermark - _LEFT_OVER_MS
            for key in [key for key, (due, _) in self._due.items() if due <= long_past]:
                self._forget(key)

    def _reschedule(self) -> None:
        """Make every appointment anew: under other terms an old one may be too late."""
        watermark = self.watermark
        assert watermark is not None
        for key, raw in self._states.items():
            if key not in self._due:
                continue  # left over
            held = _Held(key, decode_interaction(raw))
            due = self._walk(held, watermark, watermark)[1]
            if due < self._due[key][0]:
                self._held[key] = held
                self._schedule(key, due)

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

    @property
    def appointments(self) -> dict[bytes, int]:
        """When each interaction is to be looked at next (ms), by key. What is due is looked at."""
        self._look_at_all()
        standing = self._due
        return {entry[1]: entry[0] for entry in self._agenda if standing.get(entry[1]) is entry}

    def event(self, event: Event) -> None:
        """Fold one event. Raises Rejection (`future_time`, `too_late`) for one too far from now."""
        time = epoch_ms(event.time)
        if not self._oldest <= time <= self._newest and type(event) is not ErasureRequested:
            self._refuse(time)
        if type(event) in APART:
            if type(event) is ErasureRequested:
                self._erase(event)
            return
        data: Any = event.data  # type: ignore[attr-defined]
        if data.test:
            return
        prefix, pace = self._contracts[data.contract]
        erasures = self._erasures
        if erasures.closes and erasures.is_closed(data.contract, data.conversation_id):
            return
        key = prefix + data.conversation_id.encode()
        if key in self._put_off:
            self._look_before(key, time)
        held = self._held.get(key) or self._hold(key)
        self._touched.add(key)
        if time <= self._reached:
            self._late_event(key, held, event, time, pace)
            return
        soonest = time + fold(held.state, event, time, pace)
        if erasures.names and held.state.erased is None:
            self._erase_named(key, held)
        if held.state.erased is not None:
            soonest = self._reached
        known = self._due.get(key)
        if known is None or soonest < known[0]:
            self._schedule(key, soonest)

    def _refuse(self, time: int) -> None:
        clock, watermark = self._clock, self.watermark
        assert clock is not None
        assert watermark is not None
        if time > clock:
            raise Rejection(
                "future_time",
                f"{time - clock} ms ahead of the clock; at most {FUTURE_TOLERANCE_MS}",
            )
        raise Rejection(
            "too_late",
            f"{watermark - time} ms behind the watermark; less than {LATE_LIMIT_MS} are taken",
        )

    def _schedule(self, key: bytes, due: int) -> None:
        """Make `due` (ms) the interaction's appointment, stored unless what is stored will do."""
        known = self._due.get(key)
        if known is None:
            self._touched.add(key)
        elif known[0] == due:
            return
        else:
            if due < known[0] or due // _EARLY_MS != known[0] // _EARLY_MS:
                self._touched.add(key)
            key = known[1]  # of all equal keys one is kept
        self._due[key] = appointment = (due, key)
        agenda = self._agenda
        heappush(agenda, appointment)
        if len(agenda) > 2 * len(self._due) + _FEW:
            agenda[:] = self._due.values()
            heapify(agenda)

    def _hold(self, key: bytes) -> _Held:
        raw = self._states.get(key)
        state = Interaction() if raw is None else decode_interaction(raw)
        held = self._held[key] = _Held(key, state)
        return held

    def _walk(self, held: _Held, after: int | None, upto: int) -> tuple[list[Fact], int]:
        """Facts with `after` < time <= `upto`, and when to look at it again, all in ms: when the
        next could come while there is one, then when it is to be forgotten.
        """
        state, book = held.state, self._book
        if held.path is None or after is None:
            held.path = Path(state, held.contract, book)
        facts, due = walk(state, held.contract, held.conversation, book, after, upto, held.path)
        if state.erased is not None:
            # Not before now: what is long past at a start is taken for left over.
            settled = settled_from(state, held.contract, held.conversation, book, upto)
            return facts, settled if due is None or settled <= upto else min(due, settled)
        return facts, held.path.rests_from() if due is None else due

    def _erase(self, event: ErasureRequested) -> None:
        """Make the states of a request's subject erased, and remember it."""
        data, reached = event.data, self.watermark
        if data.contract not in self._contracts:
            return
        self._look_at_all()
        self._erasures.ask(event, reached)
        request = request_id(event)
        prefix, name = self._contracts[data.contract][0], data.subject_key
        if data.subject_kind == "customer":
            keys = list(perhaps_of(name, prefix, self._held, self._states, self._due))
        else:
            keys = [key for key in (prefix + name.encode(),) if key in self._due]
        asked = []
        for key in keys:
            held = self._held.get(key) or self._hold(key)
            if held.state.latest is not None and self._erase_named(key, held):
                self._schedule(key, self._reached)
                told = (held.state, held.contract, held.conversation, self._book)
                asked.append(settled_from(*told, self._reached))
        at = epoch_ms(event.time) if reached is None else reached
        settled_by = max(asked, default=None)
        self._out.notes.append(
            ErasureNote(request, data.contract, "named", len(asked), at, settled_by)
        )

    def _erase_named(self, key: bytes, held: _Held) -> bool:
        erased = erase_named(held.state, held.contract, held.conversation, self._erasures)
        if erased:
            self._touched.add(key)
            self._out.erased.add(key)
        return erased

    def tick(self, time: int) -> None:
        """Move the clock to `time` (ms). What the watermark passes is published, told as of this
        tick, but looked at when the batch ends or something would change it.
        """
        if self._clock is not None and time <= self._clock:
            return
        after = self.watermark
        self._move_clock(time)
        upto = self._reached
        if self._erasures.expires <= upto:
            self._erasures.expire(upto)
        agenda, due_by_key, put_off = self._agenda, self._due, self._put_off
        at_once: list[bytes] = []
        while agenda and agenda[0][0] <= upto:
            appointment = heappop(agenda)
            key = appointment[1]
            if due_by_key.get(key) is not appointment:
                continue  # moved since
            put_off.setdefault(key, after)
            held = self._held.get(key) or self._hold(key)
            if held.state.erased is not None:
                at_once.append(key)  # what is told of it is told as of now
        step = self._publication.step(upto)
        for key in at_once:
            self._look_at(key)
        step.erased += self._erasures.tell(upto, first=after is None)

    def _look_before(self, key: bytes, time: int) -> None:
        """Look at one that was put off before an event of that time is folded, where it would
        change what was due: a late one, one that begins a new life, one of who is erased.
        """
        latest = (self._held.get(key) or self._hold(key)).state.latest
        assert latest is not None
        reached = self._reached
        if time <= reached or latest + FORGET_AFTER_MS <= reached or self._erasures.names:
            self._look_at(key)

    def _look_at_all(self) -> None:
        for key in list(self._put_off):
            self._look_at(key)

    def _look_at(self, key: bytes) -> None:
        """Publish what is due of one interaction, which was put off: for all ticks at once, for
        what stands at a time depends on nothing after it.
        """
        after, upto = self._put_off.pop(key), self._reached
        held = self._held.get(key) or self._hold(key)
        facts, due = self._walk(held, after, upto)
        if due > upto:
            self._schedule(key, due)
        else:
            self._forget(key)
        if facts:
            state = held.state
            if state.revisions:
                facts = [self._next_revision(state, fact, key) for fact in facts]
            self._publication.publish(facts, state.customer_key)

    def _move_clock(self, time: int) -> None:
        self._clock = time
        self._reached = time - self._lateness
        self._oldest = self._reached - LATE_LIMIT_MS + 1
        self._newest = time + FUTURE_TOLERANCE_MS

    def _forget(self, key: bytes) -> None:
        del self._due[key]
        held = self._held.get(key)
        if held is not None and held.state.erased is not None:
            state, reached = held.state, self._reached
            assert state.erased is not None
            assert state.latest is not None
            until = closed_until(state.erased, state.latest)
            if until > reached:
                self._erasures.close(held.contract, held.conversation, until)
            self._out.erased.add(key)
            self._out.notes.append(
                ErasureNote(state.erased[1], held.contract, "erased", 1, reached)
            )
        # What comes later in this batch begins a new life; `flush` removes what stays empty.
        self._held[key] = _Held(key, Interaction())
        self._touched.add(key)

    def _next_revision(self, state: Interaction, fact: Fact, key: bytes) -> Fact:
        place = place_of(fact)
        last = state.revisions.get(place)
        if last is None:
            return fact
        state.revisions[place] = last + 1
        self._touched.add(key)
        return replace_fact(fact, revision=last + 1)

    def _late_event(self, key: bytes, held: _Held, event: Event, time: int, pace: Pace) -> None:
        watermark = self.watermark
        assert watermark is not None
        state = held.state
        before: list[Fact] = []
        if state.latest is not None:
            before = self._walk(held, None, watermark)[0]
        fold(state, event, time, pace)
        if self._erasures.names:
            self._erase_named(key, held)
        after, due = self._walk(held, None, watermark)
        self._schedule(key, due)
        changed = corrections(before, after, state.revisions)
        waited, waiting = open_escalations(before), open_escalations(after)
        moved = [
            (waited.get(escalation), waiting.get(escalation))
            for escalation in sorted(waited.keys() | waiting.keys())
            if waited.get(escalation) != waiting.get(escalation)
        ]
        self._publication.correct(changed, state.customer_key, moved, watermark + 1)

    def flush(self) -> Flush:
        """Close the batch: stores touched interactions in `states`, returns what came of it."""
        self._look_at_all()
        out, held = self._out, self._held
        self._publication.end(out)
        for key in self._touched:
            state = held[key].state
            if state.latest is None:
                del held[key]
                self._states.pop(key, None)
                out.states[key] = None
            else:
                encoded = encode_interaction(state, self._due[key][0])
                self._states[key] = out.states[key] = encoded
        if self._clock is not None:
            carried = self._publication.carried()
            out.progress = Progress(self._clock, carried, self._book.fingerprint)
        out.erasures_changed, out.erasures = self._erasures.changed()
        self._touched.clear()
        for key in list(islice(held, max(0, len(held) - _MOST_HELD))):
            del held[key]
        self._out = Flush()
        return out


def interaction_key(contract: str, conversation: str) -> bytes:
    """Under which key a partition's states hold an interaction."""
    return (contract + _SEPARATOR + conversation).encode()


def interaction_names(key: bytes) -> tuple[str, str]:
    """Contract and conversation of a key."""
    contract, _, conversation = key.decode().partition(_SEPARATOR)
    return contract, conversation


def pace_of(versions: Sequence[Terms]) -> Pace:
    """How soon something can come of an event by any of a contract's versions."""
    return Pace(
        versions[0].inactivity_ms,
        min(terms.escalation_expiry_ms for terms in versions),
        min((ms for terms in versions for ms in terms.first_response_ms.values()), default=None),
    )


__all__ = ["Flush", "LifecyclePartition", "Progress", "UnknownContracts", "pace_of"]
