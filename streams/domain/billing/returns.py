"""What customers came back from, counted at their closes. DEFINITIONS.md section 7a.

All that a customer counts for follows from the visits and closes that stand, so nothing is held of
it but while it changes. Times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from streams.domain.billing.cells import Cells
from streams.domain.delta import slice_end_of
from streams.domain.facts import Fact
from streams.domain.links import HORIZONS_MS

_Counted = tuple[int, Fact, tuple[tuple[str, int], ...]]
FactsOf = Callable[[bytes], Iterable[Fact]]


class Returns:
    """Counts into `cells`. `facts_of` are a customer's standing visits and closes; `link_ms` is how
    long after one it may still change who came back, None: nothing is folded.
    """

    def __init__(self, cells: Cells, facts_of: FactsOf, link_ms: int | None) -> None:
        self._cells = cells
        self._facts_of = facts_of
        self._link_ms = link_ms
        self._folded: int | None = None
        # Of those that change, what they counted for before that.
        self._before: dict[bytes, list[_Counted]] = {}

    def before_change(self, customer: bytes) -> None:
        """A visit or close of the customer is about to change."""
        if customer not in self._before:
            self._before[customer] = self._counted(customer)

    def before_rename(self, customer: bytes, name: bytes) -> None:
        """A customer is about to be called `name`."""
        self.before_change(customer)
        self.before_change(name)
        self._before[name] += self._before.pop(customer)

    def settle(self) -> None:
        """Count again what was come back from, of those whose visits or closes changed."""
        for customer, before in self._before.items():
            after = self._counted(customer)
            if before == after:
                continue
            for end, close, counts in before:
                self._cells.add(end, close, counts, -1)
            for end, close, counts in after:
                self._cells.add(end, close, counts, 1)
        self._before = {}

    def fold(self, reached: int) -> None:
        """What nothing known after `reached` can change any more stays counted."""
        self.settle()
        self._folded = reached

    def _counted(self, customer: bytes) -> list[_Counted]:
        facts = self._facts_of(customer)
        if self._link_ms is not None and self._folded is not None:
            kept = self._folded - self._link_ms
            facts = (fact for fact in facts if fact.time > kept)
        told = [*facts]
        if all(fact.kind != "episode_ended" for fact in told):
            return []
        return list(_links(sorted(told, key=_order)))


def _order(fact: Fact) -> tuple[int, bool, str, int, int]:
    return (fact.time, fact.kind == "episode_ended", *_episode(fact))


def _episode(fact: Fact) -> tuple[str, int, int]:
    return (fact.conversation, fact.life, fact.episode)


def _links(told: Sequence[Fact]) -> Iterator[_Counted]:
    """Section 7a over a customer's visits and closes in their order."""
    closes: list[tuple[Fact, Fact | None]] = []
    for fact in told:
        if fact.kind == "episode_ended":
            closes.append((fact, None))
        elif closes and closes[-1][1] is None and _episode(closes[-1][0]) != _episode(fact):
            closes[-1] = (closes[-1][0], fact)
    for close, back in closes:
        for name, horizon in HORIZONS_MS.items():
            at = close.time + horizon
            counts = [(f"links.{name}", 1)]
            if back is not None and back.time <= at:
                counts.append((f"returned.{name}", 1))
                if back.journey == close.journey != "unknown":
                    counts.append((f"returned_same.{name}", 1))
            yield slice_end_of(at), close, tuple(counts)
