"""Whether two shares differ, and by how much: counts in, words and intervals out.

- Interval of one share: Wilson's score interval (E. B. Wilson, JASA 22, 1927, p. 209; method 3 of
  R. G. Newcombe, Statistics in Medicine 17, 1998, p. 857).
- Interval of a difference: Newcombe's hybrid of two Wilson intervals (method 10 of R. G. Newcombe,
  Statistics in Medicine 17, 1998, p. 873).
- Test: two proportions with the pooled variance, two-sided, without continuity correction.
- Too few to tell: a cell of the 2x2 table that would hold less than 5 if the shares were equal
  (W. G. Cochran, Biometrics 10, 1954, p. 417); the normal approximation does not hold then.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt
from statistics import NormalDist
from typing import Literal

Verdict = Literal["too_few", "no_difference", "lower", "higher"]

LEVEL = 0.05
_LEAST_EXPECTED = 5


@dataclass(frozen=True, slots=True)
class Comparison:
    """The share of `after` less that of `before`.

    `difference`, `low` and `high` are shares of 1; `low` to `high` is the interval at the level
    that was asked for. `p_value` is None where there are too few to tell.
    """

    verdict: Verdict
    difference: float
    low: float
    high: float
    p_value: float | None


def wilson(numerator: int, denominator: int, level: float = LEVEL) -> tuple[float, float]:
    """The interval (shares of 1) that holds the true share with confidence 1 - `level`.

    Raises ValueError for counts that are no share.
    """
    _check(numerator, denominator)
    return wilson_of_share(numerator / denominator, denominator, level)


def wilson_of_share(share: float, size: float, level: float = LEVEL) -> tuple[float, float]:
    """The interval (shares of 1) of a share that so many observations are worth, which need be no
    whole number: an effective size, as of a weighted sample.

    Raises ValueError for a share outside 0 to 1 or a size of 0 or less.
    """
    if not (0 <= share <= 1 and size > 0):
        raise ValueError(f"{share} of {size} observations is no share")
    z = _z(level)
    shrink = z * z / size
    middle = share + shrink / 2
    spread = z * sqrt(share * (1 - share) / size + shrink / (4 * size))
    # At the ends the formula is exact and floating point is not.
    low = 0.0 if share == 0 else (middle - spread) / (1 + shrink)
    high = 1.0 if share == 1 else (middle + spread) / (1 + shrink)
    return low, high


def compare(before: tuple[int, int], after: tuple[int, int], comparisons: int = 1) -> Comparison:
    """Compare two shares, each as (numerator, denominator).

    `comparisons` is how many are looked at together: the level of each is LEVEL divided by it
    (Bonferroni), so that a list of twenty does not show a difference by chance alone. Raises
    ValueError for counts that are no share.
    """
    (x1, n1), (x2, n2) = before, after
    _check(x1, n1)
    _check(x2, n2)
    level = LEVEL / comparisons
    p1, p2 = x1 / n1, x2 / n2
    (low1, high1), (low2, high2) = wilson(x1, n1, level), wilson(x2, n2, level)
    difference = p2 - p1
    low = difference - sqrt((p2 - low2) ** 2 + (high1 - p1) ** 2)
    high = difference + sqrt((high2 - p2) ** 2 + (p1 - low1) ** 2)
    # In integers: min(n1, n2) * min(x, n - x) / n is the least cell that equal shares would give.
    total, hits = n1 + n2, x1 + x2
    if min(n1, n2) * min(hits, total - hits) < _LEAST_EXPECTED * total:
        return Comparison("too_few", difference, low, high, None)
    pooled = hits / total
    z = difference / sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    p_value = erfc(abs(z) / sqrt(2))
    verdict: Verdict = "no_difference"
    if p_value < level:
        verdict = "higher" if difference > 0 else "lower"
    return Comparison(verdict, difference, low, high, p_value)


def _z(level: float) -> float:
    return NormalDist().inv_cdf(1 - level / 2)


def _check(numerator: int, denominator: int) -> None:
    if not 0 <= numerator <= denominator or denominator == 0:
        raise ValueError(f"{numerator} of {denominator} is no share")
