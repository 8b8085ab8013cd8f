"""Deltas as tests write them: entries of one step."""

from __future__ import annotations

from collections.abc import Iterable

from streams.domain.delta import Added, Deltas, Entry, Key, deltas_of


def one_step(watermark: int, entries: Iterable[Entry] = ()) -> Deltas:
    """One step at `watermark` (ms)."""
    return deltas_of(watermark, [(watermark, entries)])


def added(deltas: Deltas | None) -> list[tuple[Key, Added]]:
    """Everything that was added, in the order of steps."""
    keys = [] if deltas is None else deltas.keys
    found = [((key.contract, key.dimensions), one) for key in keys for one in key.added]
    return sorted(found, key=lambda of: of[1].watermark)
