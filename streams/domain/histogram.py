"""A log-bucketed histogram of integer milliseconds: mergeable, exact under replay.

DDSketch's mapping (Masson et al., VLDB 2019) with gamma = 2^(1/64), which is Prometheus'
native-histogram schema 6: a bucket's value is within 2^(1/128) - 1 = 0.55 % of anything in it.
Counts are integers, so that merging is addition and no order of arrival can change a result.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

SUBDIVISIONS = 64
RELATIVE_ERROR = 2 ** (1 / (2 * SUBDIVISIONS)) - 1
_OCTAVES = 40


def _upper_bounds() -> list[int]:
    # floor(2^(i/64)) in integers: the greatest v with v^64 <= 2^i. Floating point would put a power
    # of two into either neighbour, and two machines could disagree.
    bounds = []
    value = 1
    for i in range(_OCTAVES * SUBDIVISIONS + 1):
        value = max(value, int(2 ** (i / SUBDIVISIONS)) - 1)
        while (value + 1) ** SUBDIVISIONS <= 1 << i:
            value += 1
        bounds.append(value)
    return bounds


_BOUNDS = _upper_bounds()
LAST_BUCKET = len(_BOUNDS)


def bucket_of(value_ms: int) -> int:
    """Index i of the bucket (2^((i-1)/64), 2^(i/64)] that holds the value; 0 for values up to 1."""
    return bisect_left(_BOUNDS, value_ms) if value_ms > 1 else 0


def bucket_value_ms(bucket: int) -> float:
    """The bucket's geometric middle, in ms."""
    return 2 ** ((bucket - 0.5) / SUBDIVISIONS) if bucket else 1.0


def quantiles_ms(counts: Mapping[int, int], percents: Sequence[int]) -> list[float | None]:
    """The value at rank ceil(percent/100 * n) of each percent, in ms; None for an empty histogram.

    `percents` rise.
    """
    total = sum(counts.values())
    if not total:
        return [None] * len(percents)
    found: list[float | None] = []
    ranks = iter([-(-percent * total // 100) for percent in percents])
    rank, seen = next(ranks), 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        while seen >= rank:
            found.append(bucket_value_ms(bucket))
            if len(found) == len(percents):
                return found
            rank = next(ranks)
    raise AssertionError("ranks run from 1 to n")
