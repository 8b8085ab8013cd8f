"""Draws that come out the same on every machine and Python.

Only `Random.random()` is promised to keep its sequence between Python versions, and logarithms may
differ in the last bit between platforms; so every draw is an integer made from one `random()`, and
distributions are quantile tables instead of formulas.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

_T = TypeVar("_T")
_PPM = 1_000_000


class Choice(Generic[_T]):
    """Values with integer weights, in the order given."""

    __slots__ = ("bounds", "total", "values")

    def __init__(self, weights: Mapping[_T, int]) -> None:
        self.values = tuple(weights)
        self.bounds = tuple(accumulate(weights.values()))
        self.total = self.bounds[-1]

    def share_ppm(self, value: _T) -> int:
        """The value's share of all weight, in ppm, cut."""
        index = self.values.index(value)
        below = self.bounds[index - 1] if index else 0
        return (self.bounds[index] - below) * _PPM // self.total


class Quantiles:
    """A distribution of integers by its quantiles: (rank per mille, value), linear between them.

    Raises ValueError unless the ranks run from 0 to 1000.
    """

    __slots__ = ("ranks", "values")

    def __init__(self, *points: tuple[int, int]) -> None:
        self.ranks = tuple(rank * 1000 for rank, _ in points)
        self.values = tuple(value for _, value in points)
        if self.ranks[0] != 0 or self.ranks[-1] != _PPM:
            raise ValueError(f"quantile ranks must run from 0 to 1000 per mille, not {points}")

    def mean(self) -> int:
        """The distribution's mean, cut to an integer."""
        area = 0
        for i in range(len(self.ranks) - 1):
            width = self.ranks[i + 1] - self.ranks[i]
            area += width * (self.values[i] + self.values[i + 1])
        return area // (2 * _PPM)


class Chance:
    """One reproducible sequence of draws; `stream` (0..15) tells those of one seed apart."""

    __slots__ = ("_random",)

    def __init__(self, seed: int, stream: int) -> None:
        self._random = Random(seed * 16 + stream).random

    def below(self, bound: int) -> int:
        """An integer in 0 .. bound - 1, each as likely."""
        return int(self._random() * bound)

    def between(self, low: int, high: int) -> int:
        """An integer in low .. high, both included."""
        return low + int(self._random() * (high - low + 1))

    def hit(self, ppm: int) -> bool:
        """True in `ppm` of a million draws."""
        return int(self._random() * _PPM) < ppm

    def pick(self, choice: Choice[_T]) -> _T:
        """One of the values, by weight."""
        return choice.values[bisect_right(choice.bounds, int(self._random() * choice.total))]

    def value(self, quantiles: Quantiles) -> int:
        """One value of the distribution."""
        rank = int(self._random() * _PPM)
        ranks, values = quantiles.ranks, quantiles.values
        i = bisect_right(ranks, rank) - 1
        span = ranks[i + 1] - ranks[i]
        return values[i] + (values[i + 1] - values[i]) * (rank - ranks[i]) // span
