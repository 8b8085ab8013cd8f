"""The sampler is a fair lottery: every episode, every pair and every place alike.

Keys are a fixed list, so that a result is the same on every run; each test says its significance,
and that a lottery with the bias it looks for would be found.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from math import sqrt
from statistics import NormalDist

from streams.domain.audit.draw import drawn
from tests.unit.domain.audit.frames import contained, frame

EPISODES, DRAWN, DRAWS = 120, 12, 3000
SIGNIFICANCE = 0.001


def keys() -> Iterator[bytes]:
    for number in range(DRAWS):
        yield hashlib.sha256(f"key {number}".encode()).digest()


@cache
def draws() -> Sequence[frozenset[int]]:
    """The drawn of each key, by the number of their conversations in order of arrival."""
    one = frame(list(contained(EPISODES)))
    (stratum,) = one.census.populations
    return [
        frozenset(
            int(unit.conversation.removeprefix("c-"))
            for unit in drawn(one, {stratum: DRAWN}, key, "2026-06")
        )
        for key in keys()
    ]


def chi_square_quantile(share: float, freedom: int) -> float:
    """Wilson and Hilferty's approximation, good to 1 in 1,000 at these degrees of freedom."""
    spread = 2 / (9 * freedom)
    return float(freedom * (1 - spread + NormalDist().inv_cdf(share) * sqrt(spread)) ** 3)


def is_uniform(found: Sequence[frozenset[int]]) -> bool:
    """Chi-square of how often each episode was drawn, two-sided: too even is not chance either.

    Of k of N drawn without replacement, the counts have variance k/N (1 - k/N) and covariance
    -that / (N - 1), so that (N - 1) / N of the sum of squares is chi-square with N - 1 degrees.
    """
    counts = Counter(number for one in found for number in one)
    share = DRAWN / EPISODES
    expected, variance = len(found) * share, len(found) * share * (1 - share)
    squares = sum((counts[number] - expected) ** 2 for number in range(EPISODES)) / variance
    statistic = squares * (EPISODES - 1) / EPISODES
    low, high = (
        chi_square_quantile(at, EPISODES - 1) for at in (SIGNIFICANCE / 2, 1 - SIGNIFICANCE / 2)
    )
    return low <= statistic <= high


def agrees(hits: int, trials: int, share: float) -> bool:
    """Whether so many hits are what a share gives, two-sided by the normal approximation."""
    z = (hits - trials * share) / sqrt(trials * share * (1 - share))
    return abs(z) <= NormalDist().inv_cdf(1 - SIGNIFICANCE / 2)


def biased(choose: Callable[[int], frozenset[int]]) -> list[frozenset[int]]:
    return [choose(number) for number in range(DRAWS)]


def test_every_episode_is_drawn_equally_often() -> None:
    assert is_uniform(draws())


def test_a_lottery_that_favours_some_or_takes_turns_would_be_found() -> None:
    fair = draws()
    # One draw in fifty is replaced by the first twelve; and turns, which are too even.
    favours = [frozenset(range(DRAWN)) if n % 50 == 0 else one for n, one in enumerate(fair)]
    turns = biased(lambda n: frozenset((n * DRAWN + i) % EPISODES for i in range(DRAWN)))
    assert not is_uniform(favours)
    assert not is_uniform(turns)


def neighbours(found: Sequence[frozenset[int]]) -> int:
    return sum(number + 1 in one for one in found for number in one)


def test_neighbours_in_time_are_drawn_together_as_often_as_any_pair() -> None:
    # Of the k numbers drawn, each of the N - 1 pairs of neighbours is there with k(k-1)/N(N-1).
    share = DRAWN * (DRAWN - 1) / (EPISODES * (EPISODES - 1))
    assert agrees(neighbours(draws()), DRAWS * (EPISODES - 1), share)
    runs = biased(lambda n: frozenset((n * 7 + i) % EPISODES for i in range(DRAWN)))
    assert not agrees(neighbours(runs), DRAWS * (EPISODES - 1), share)


def test_the_early_half_is_drawn_as_often_as_the_late_half() -> None:
    early = sum(number < EPISODES // 2 for one in draws() for number in one)
    # Without replacement the variance is less than the binomial's: the test is on the safe side.
    assert agrees(early, DRAWS * DRAWN, 0.5)


def test_draws_of_two_periods_say_nothing_about_each_other() -> None:
    one = frame(list(contained(EPISODES)))
    (stratum,) = one.census.populations
    both = 0
    for key in list(keys())[:1000]:
        of_period = [
            drawn(one, {stratum: DRAWN}, key, period).keys() for period in ("2026-06", "2026-07")
        ]
        both += len(of_period[0] & of_period[1])
    assert agrees(both, 1000 * DRAWN, DRAWN / EPISODES)
