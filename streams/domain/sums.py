"""Counters and a latency histogram, as they are added up. DEFINITIONS.md section 8."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

_K = TypeVar("_K", str, int)


@dataclass(slots=True)
class Sums:
    """Counters by name, and how many latencies each bucket holds; a sum of 0 is left out."""

    counts: dict[str, int] = field(default_factory=dict)
    latencies: dict[int, int] = field(default_factory=dict)

    def add(self, counts: Mapping[str, int], latencies: Mapping[int, int]) -> None:
        """Count so much more."""
        _plus(self.counts, counts, 1)
        _plus(self.latencies, latencies, 1)

    def subtract(self, counts: Mapping[str, int], latencies: Mapping[int, int]) -> None:
        """Count so much less: what was added before."""
        _plus(self.counts, counts, -1)
        _plus(self.latencies, latencies, -1)


def _plus(into: dict[_K, int], counts: Mapping[_K, int], sign: int) -> None:
    for name, count in counts.items():
        total = into.get(name, 0) + sign * count
        if total:
            into[name] = total
        else:
            into.pop(name, None)
