"""Counters and a latency histogram, as they are added up. DEFINITIONS.md section 8."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Sums:
    """Counters by name, and how many latencies each bucket holds. A sum may have come to 0: whoever
    shows it leaves it out.
    """

    counts: dict[str, int] = field(default_factory=dict)
    latencies: dict[int, int] = field(default_factory=dict)

    def add(self, counts: Mapping[str, int], latencies: Mapping[int, int] | None) -> None:
        """Count so much more."""
        into = self.counts
        for name, count in counts.items():
            into[name] = into.get(name, 0) + count
        if latencies:
            buckets = self.latencies
            for bucket, count in latencies.items():
                buckets[bucket] = buckets.get(bucket, 0) + count

    def subtract(self, counts: Mapping[str, int], latencies: Mapping[int, int]) -> None:
        """Count so much less: what was added before."""
        into = self.counts
        for name, count in counts.items():
            into[name] = into.get(name, 0) - count
        buckets = self.latencies
        for bucket, count in latencies.items():
            left = buckets.pop(bucket, 0) - count
            if left:  # there are thousands of buckets, and most are empty again soon
                buckets[bucket] = left
