"""Shares compared: against the published examples, and what must hold of all counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.significance import compare, wilson, wilson_of_share


@st.composite
def shares(draw: st.DrawFn) -> tuple[int, int]:
    denominator = draw(st.integers(1, 5000))
    return draw(st.integers(0, denominator)), denominator


@pytest.mark.parametrize(
    ("share", "interval"),
    [
        ((81, 263), (0.2553, 0.3662)),
        ((15, 148), (0.0624, 0.1605)),
        ((0, 20), (0.0, 0.1611)),
        ((1, 29), (0.0061, 0.1718)),
    ],
)
def test_the_interval_of_a_share_is_the_published_one(
    share: tuple[int, int], interval: tuple[float, float]
) -> None:
    """Newcombe 1998 (p. 857), table I, method 3."""
    assert wilson(*share) == pytest.approx(interval, abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "interval"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_the_interval_of_a_difference_is_the_published_one(
    first: tuple[int, int], second: tuple[int, int], interval: tuple[float, float]
) -> None:
    """Newcombe 1998 (p. 873), table II, method 10."""
    found = compare(second, first)
    assert (found.low, found.high) == pytest.approx(interval, abs=5e-5)


def test_a_large_difference_in_large_samples_is_told_with_its_direction() -> None:
    assert compare((800, 1000), (700, 1000)).verdict == "lower"
    assert compare((700, 1000), (800, 1000)).verdict == "higher"


def test_a_difference_that_chance_makes_is_none() -> None:
    assert compare((80, 100), (76, 100)).verdict == "no_difference"


@pytest.mark.parametrize(
    ("before", "after"), [((9, 10), (3, 10)), ((500, 500), (100, 100)), ((1, 900), (0, 900))]
)
def test_small_samples_are_too_few_to_tell(before: tuple[int, int], after: tuple[int, int]) -> None:
    found = compare(before, after)
    assert (found.verdict, found.p_value) == ("too_few", None)


def test_the_p_value_is_that_of_the_two_sided_test() -> None:
    """z = 0.2 / sqrt(0.7 * 0.3 * (1/100 + 1/100)) = 3.0861; erfc(z / sqrt 2) = 0.00203."""
    assert compare((60, 100), (80, 100)).p_value == pytest.approx(0.002028, abs=1e-6)


def test_of_many_comparisons_each_must_show_more() -> None:
    before, after = (600, 1000), (650, 1000)
    assert compare(before, after).verdict == "higher"
    assert compare(before, after, comparisons=20).verdict == "no_difference"


@pytest.mark.parametrize("counts", [(0, 0), (-1, 5), (6, 5)])
def test_counts_that_are_no_share_are_refused(counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson(*counts)
    with pytest.raises(ValueError, match="is no share"):
        compare((1, 2), counts)


@given(shares())
def test_the_interval_of_a_share_holds_it_and_stays_a_share(share: tuple[int, int]) -> None:
    low, high = wilson(*share)
    assert 0 <= low <= share[0] / share[1] <= high <= 1


@given(shares(), shares())
def test_swapping_the_two_turns_the_answer_round(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    there, back = compare(before, after), compare(after, before)
    turned = {"higher": "lower", "lower": "higher"}
    assert back.verdict == turned.get(there.verdict, there.verdict)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    assert there.low <= there.difference <= there.high


@given(share=shares())
def test_an_effective_size_that_is_a_number_of_observations_is_no_other_case(
    share: tuple[int, int],
) -> None:
    numerator, denominator = share
    assert wilson_of_share(numerator / denominator, float(denominator)) == wilson(*share)


@pytest.mark.parametrize(("share", "size"), [(-0.1, 5), (1.1, 5), (0.5, 0), (0.5, -1)])
def test_what_is_no_share_has_no_interval(share: float, size: float) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson_of_share(share, size)
