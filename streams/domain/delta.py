"""What advances of the watermark add to each published key: DEFINITIONS.md section 8.

The combined delta is what crosses the repartition, so that the second stage costs a record a
batch, not one a fact. It is told key by key, so that a key is named and looked up once a batch; of
each key step by step, so that a batch cut elsewhere after a crash is still taken in exactly once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from streams.domain.contract import Dimension
from streams.domain.events import Moment
from streams.domain.facts import Fact
from streams.domain.histogram import LAST_BUCKET
from streams.domain.window_value import SLICE_MS

# Only what can be written down again is read: sums of counts must fit into 64 bits. Costs can be
# taken back, so that a sum of them may be negative.
Count = Annotated[int, msgspec.Meta(ge=-(2**56), le=2**56)]
Tally = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Bucket = Annotated[int, msgspec.Meta(ge=0, le=LAST_BUCKET)]

Key = tuple[str, tuple[tuple[Dimension, str], ...]]
# (conversation, life, episode, ordinal): one escalation, as breaches name it too
EscalationId = tuple[str, int, int, int]


class Timed(msgspec.Struct, array_like=True, frozen=True, gc=False, order=True):
    """Something that happened to one escalation at an exact time (ms).

    `eligible` is given where it opened: whether its episode was eligible then.
    """

    time: Moment
    escalation: EscalationId
    t0: Moment
    eligible: bool = False


# At one millisecond: corrections by late events first, then a wait's own order.
WITHDRAWN: Final = 0
REOPENED: Final = 1
REOPENED_OVERDUE: Final = 2
OPENED: Final = 3
OVERDUE: Final = 4
ENDED: Final = 5
WaitKind = Annotated[int, msgspec.Meta(ge=WITHDRAWN, le=ENDED)]
Wait = tuple[WaitKind, Timed]


class Added(msgspec.Struct, array_like=True, gc=False):
    """What one step added to one slice of a key. `watermark` is the step's, `slice_end` in ms.

    `latencies` are bucket -> count; `waits` in no order.
    """

    watermark: Moment
    slice_end: Moment
    counts: dict[str, Count]
    latencies: dict[Bucket, Tally] | None = None
    waits: list[Wait] | None = None


class KeyDelta(msgspec.Struct, array_like=True):
    """What steps added to one key, in their order: one item a step and slice."""

    contract: str
    dimensions: tuple[tuple[Dimension, str], ...]
    added: Annotated[list[Added], msgspec.Meta(min_length=1)]


class Deltas(msgspec.Struct, array_like=True):
    """What the steps of one source up to and including that at `watermark` (ms) added, each key
    once. A step that added nothing is told by that watermark alone.
    """

    watermark: Moment
    keys: list[KeyDelta]


class Entry(msgspec.Struct, array_like=True):
    """What was added to one slice of one key, by itself. `slice_end` in ms, `latencies` bucket ->
    count.

    How corrections are kept with a partition's progress until their step, and how deltas were told
    before they were told key by key.
    """

    contract: str
    dimensions: tuple[tuple[Dimension, str], ...]
    slice_end: Moment
    counts: dict[str, Count] = {}
    latencies: dict[Bucket, Tally] = {}
    opened: list[Timed] = []
    overdue: list[Timed] = []
    ended: list[Timed] = []
    # Corrections by late events, in effect before anything else at their time.
    withdrawn: list[Timed] = []
    reopened: list[Timed] = []
    reopened_overdue: list[Timed] = []

    @property
    def key(self) -> Key:
        """The key that it was added to."""
        return (self.contract, self.dimensions)

    def waits(self) -> list[Wait]:
        """What it says of waits."""
        return [
            *((WITHDRAWN, timed) for timed in self.withdrawn),
            *((REOPENED, timed) for timed in self.reopened),
            *((REOPENED_OVERDUE, timed) for timed in self.reopened_overdue),
            *((OPENED, timed) for timed in self.opened),
            *((OVERDUE, timed) for timed in self.overdue),
            *((ENDED, timed) for timed in self.ended),
        ]


def deltas_of(watermark: int, steps: Iterable[tuple[int, Iterable[Entry]]]) -> Deltas:
    """Entries told step by step (a watermark in ms, what it published), told key by key.

    `watermark` is the last one. Of one step, a key and slice have one entry.
    """
    keys: dict[Key, KeyDelta] = {}
    for published_at, entries in steps:
        for entry in entries:
            delta = keys.get(entry.key)
            if delta is None:
                delta = keys[entry.key] = KeyDelta(*entry.key, [])
            delta.added.append(
                Added(
                    published_at,
                    entry.slice_end,
                    entry.counts,
                    entry.latencies or None,
                    entry.waits() or None,
                )
            )
    return Deltas(watermark, list(keys.values()))


@dataclass(frozen=True, slots=True)
class OpenEscalation:
    """One escalation as it stands open at a watermark; `fact` is its `escalation_opened`."""

    fact: Fact
    overdue: bool

    @property
    def escalation(self) -> EscalationId:
        return escalation_id(self.fact)

    def at(self, time: int) -> Timed:
        """It, as something that happened at `time`."""
        detail = self.fact.detail
        return Timed(time, self.escalation, detail["t0"], detail["eligible"])


def escalation_id(fact: Fact) -> EscalationId:
    """The escalation that an escalation fact is about."""
    return (fact.conversation, fact.life, fact.episode, fact.ordinal)


def open_escalations(facts: Iterable[Fact]) -> dict[EscalationId, OpenEscalation]:
    """Those opened and not ended in one conversation's facts up to a watermark."""
    found: dict[EscalationId, OpenEscalation] = {}
    for fact in facts:  # in order of time and kind: opened, overdue, ended
        escalation = escalation_id(fact)
        if fact.kind == "escalation_opened":
            found[escalation] = OpenEscalation(fact, overdue=False)
        elif fact.kind == "escalation_overdue":
            found[escalation] = OpenEscalation(found[escalation].fact, overdue=True)
        elif fact.kind == "escalation_ended":
            del found[escalation]
    return found


def slice_end_of(time: int) -> int:
    """The end (ms) of the slice that holds `time`: (end - 60 s, end]."""
    return -(-time // SLICE_MS) * SLICE_MS
