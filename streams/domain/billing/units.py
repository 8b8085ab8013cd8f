"""The resolutions that are charged with one service period, in order. BILLING.md section 6.

Of each minute it is held how many they are and what they come to; which they are lies in a store,
and is read where one of them is charged or taken back, or a tier begins within a minute. Times in
ms since 1970 UTC, amounts in micro-units.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

from streams.domain.billing.periods import Span
from streams.domain.billing.records import EpisodeId
from streams.domain.delta import slice_end_of

# When (m) each was resolved, and its list amount.
Members = dict[EpisodeId, tuple[int, int]]


class MemberStore(Protocol):
    """Where the units of a minute lie while nobody looks at them."""

    def members(self, span: Span, minute: int) -> Members:
        """The units of a service period in the minute that ends then (ms)."""
        ...

    def keep_members(self, span: Span, minute: int, members: Members) -> None:
        """Put them away in place of what was kept; none need not be."""
        ...


class _Ordered(NamedTuple):
    """Minutes in order, and how many units there are, and what they come to, up to each."""

    minutes: list[int]
    counts: list[int]
    sums: list[int]


class Units:
    """One service period's units: `count` of them, which come to `listed_micros`."""

    def __init__(self, span: Span, store: MemberStore) -> None:
        self.span = span
        self.store = store
        self.count = 0
        self.listed_micros = 0
        self._minutes: dict[int, tuple[int, int]] = {}
        self._open: dict[int, Members] = {}
        self._ordered: _Ordered | None = None

    def __bool__(self) -> bool:
        return self.count > 0

    def put(self, time: int, episode: EpisodeId, list_micros: int) -> None:
        """Charge one; again is nothing."""
        minute = slice_end_of(time)
        members = self._members(minute)
        self._note(minute, members.get(episode), -1)
        members[episode] = (time, list_micros)
        self._note(minute, members[episode], 1)

    def drop(self, time: int, episode: EpisodeId) -> None:
        """Take one back; again is nothing."""
        minute = slice_end_of(time)
        self._note(minute, self._members(minute).pop(episode, None), -1)

    def _members(self, minute: int) -> Members:
        found = self._open.get(minute)
        if found is None:
            found = self._open[minute] = self.store.members(self.span, minute)
        return found

    def _note(self, minute: int, unit: tuple[int, int] | None, sign: int) -> None:
        if unit is None:
            return
        count, micros = self._minutes.get(minute, (0, 0))
        self.count += sign
        self.listed_micros += sign * unit[1]
        self._ordered = None
        if count + sign:
            self._minutes[minute] = (count + sign, micros + sign * unit[1])
        else:
            del self._minutes[minute]

    def put_away(self) -> None:
        """Put away the minutes that were looked at."""
        for minute, members in self._open.items():
            self.store.keep_members(self.span, minute, members)
        self._open = {}

    def forget(self) -> None:
        """Let the store keep nothing of them."""
        for minute in {*self._minutes, *self._open}:
            self.store.keep_members(self.span, minute, {})
        self._open = {}

    # -- sums ----------------------------------------------------------------------------------

    def first(self, numbers: Sequence[int]) -> list[int]:
        """What the first n of them come to, for each n."""
        return [self._first(number) for number in numbers]

    def _first(self, number: int) -> int:
        if number <= 0:
            return 0
        if number >= self.count:
            return self.listed_micros
        ordered = self._in_order()
        at = bisect_right(ordered.counts, number)
        before = ordered.sums[at - 1] if at else 0
        left = number - (ordered.counts[at - 1] if at else 0)
        return before + self._first_of(ordered.minutes[at], left)

    def _first_of(self, minute: int, number: int) -> int:
        members = self._open.get(minute)
        if members is None:
            members = self.store.members(self.span, minute)
        units = sorted((time, episode, micros) for episode, (time, micros) in members.items())
        return sum(micros for _, _, micros in units[:number])

    def within(self, start: int, end: int) -> int:
        """What those come to whose slice ends in (start, end]."""
        ordered = self._in_order()
        low, high = bisect_right(ordered.minutes, start), bisect_right(ordered.minutes, end)
        sums = ordered.sums
        return (sums[high - 1] if high else 0) - (sums[low - 1] if low else 0)

    def _in_order(self) -> _Ordered:
        if self._ordered is None:
            minutes = sorted(self._minutes)
            each = [self._minutes[minute] for minute in minutes]
            counts = list(accumulate(count for count, _ in each))
            self._ordered = _Ordered(minutes, counts, list(accumulate(m for _, m in each)))
        return self._ordered

    # -- storing -------------------------------------------------------------------------------

    def restore(self, minute: int, count: int, micros: int) -> None:
        """Go on with a minute that an earlier process put away."""
        self._minutes[minute] = (count, micros)
        self.count += count
        self.listed_micros += micros
        self._ordered = None
