"""Which keys a scrape shows: versions of the AI are deployed without end, so of those the most
populous only.
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.domain.contract import VERSION_DIMENSIONS
from streams.domain.delta import Key
from streams.domain.key_windows import KeyWindows
from streams.domain.windows import WindowPartition

MOST_VERSION_KEYS = 20
_WINDOW = "24h"
_POPULATION = ("escalations", "eligible", "ineligible", "matured")


def has_version(key: Key) -> bool:
    """Whether a version of the AI is among the key's dimensions."""
    return not VERSION_DIMENSIONS.isdisjoint(name for name, _ in key[1])


def shown_keys(partitions: Iterable[WindowPartition]) -> frozenset[Key]:
    """The keys to show of these windows.

    All those that the contract's scope bounds; of each grouping with a version in it, the
    MOST_VERSION_KEYS with the most episodes and escalations in the last 24 h (ties: the least key).
    """
    shown: set[Key] = set()
    versioned: dict[tuple[str, tuple[str, ...]], list[tuple[int, Key]]] = {}
    for windows in partitions:
        for key, held in windows.keys.items():
            if has_version(key):
                names = tuple(name for name, _ in key[1])
                versioned.setdefault((key[0], names), []).append((-_population(held), key))
            else:
                shown.add(key)
    for ranked in versioned.values():
        ranked.sort()
        shown.update(key for _, key in ranked[:MOST_VERSION_KEYS])
    return frozenset(shown)


def _population(held: KeyWindows) -> int:
    counts = held.sums(_WINDOW).counts
    return sum(counts.get(name, 0) for name in _POPULATION) + len(held.waited)
