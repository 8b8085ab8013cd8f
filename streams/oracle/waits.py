"""From when to when each escalation was waiting, and overdue, as far as the stream could know.

DEFINITIONS.md sections 8 ("Late corrections and waiting") and 9. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streams.domain.facts import Fact
from streams.oracle.indicators import About, escalation_of


class OpenWait(NamedTuple):
    """An escalation that stands open: its `escalation_opened`, and whether it is overdue."""

    opened: Fact
    overdue: bool


class WaitCorrection(NamedTuple):
    """A late event changed, from `time` on, which escalations of a conversation stand open."""

    time: int
    withdrawn: tuple[About, ...]
    now_open: tuple[OpenWait, ...]


@dataclass(slots=True)
class Wait:
    """One stretch of waiting. `until` None while it lasts; `withdrawn` where a correction ended
    it.
    """

    opened: Fact
    since: int
    overdue_since: int | None = None
    until: int | None = None
    withdrawn: bool = False


def counts_as_waiting(wait: Wait) -> bool:
    """Whether it stands in the denominator of containment while it lasts."""
    return bool(wait.opened.detail["eligible"])


def open_waits(past: Iterable[Fact]) -> dict[About, OpenWait]:
    """Which escalations stand open after all of `past`, one conversation's facts in order."""
    standing: dict[About, OpenWait] = {}
    for fact in past:
        about = escalation_of(fact)
        if fact.kind == "escalation_opened":
            standing[about] = OpenWait(fact, overdue=False)
        elif fact.kind == "escalation_overdue":
            standing[about] = standing[about]._replace(overdue=True)
        elif fact.kind == "escalation_ended":
            del standing[about]
    return standing


def correction(time: int, before: Iterable[Fact], after: Iterable[Fact]) -> WaitCorrection | None:
    """What turns the waiting in `before` into that in `after`; None where it is the same."""
    was, now = open_waits(before), open_waits(after)
    withdrawn = tuple(about for about, wait in was.items() if now.get(about) != wait)
    opened = tuple(wait for about, wait in now.items() if was.get(about) != wait)
    return WaitCorrection(time, withdrawn, opened) if withdrawn or opened else None


def waits_of(facts: Sequence[Fact], corrections: Sequence[WaitCorrection]) -> list[Wait]:
    """Every stretch of waiting of one conversation, from its on-time facts in order."""
    waits: list[Wait] = []
    standing: dict[About, Wait] = {}
    pending = sorted(corrections, key=lambda c: c.time)
    for fact in facts:
        while pending and pending[0].time <= fact.time:
            _correct(pending.pop(0), standing, waits)
        about = escalation_of(fact)
        if fact.kind == "escalation_opened":
            standing[about] = Wait(fact, fact.time)
            waits.append(standing[about])
        elif fact.kind == "escalation_overdue":
            standing[about].overdue_since = fact.time
        elif fact.kind == "escalation_ended":
            standing.pop(about).until = fact.time
    for one in pending:
        _correct(one, standing, waits)
    # Two late events between the same ticks: what the second took back was never seen.
    return [w for w in waits if not (w.withdrawn and w.until == w.since)]


def _correct(one: WaitCorrection, standing: dict[About, Wait], waits: list[Wait]) -> None:
    for about in one.withdrawn:
        wait = standing.pop(about)
        wait.until, wait.withdrawn = one.time, True
    for opened, overdue in one.now_open:
        wait = Wait(opened, one.time, one.time if overdue else None)
        standing[escalation_of(opened)] = wait
        waits.append(wait)
