"""Sizes keep the margin at the worst share, correct for a finite population, and no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.audit.sizes import allocated, sample_size, worst_margin
from streams.domain.audit.terms import SamplingTerms

TERMS = SamplingTerms()
_terms = st.builds(
    SamplingTerms,
    confidence_ppm=st.integers(500_000, 999_900),
    margin_ppm=st.integers(5_000, 500_000),
    minimum=st.integers(1, 12),
    allocation=st.sampled_from(["proportional", "each"]),
)


# 95 %, 5 points: Cochran's formula by hand, rounded up (many tables round to the nearest).
@pytest.mark.parametrize(
    ("population", "size"),
    [(0, 0), (1, 1), (2, 2), (200, 132), (500, 218), (1000, 278), (5000, 357), (10**9, 385)],
)
def test_sizes_are_those_of_the_published_formula(population: int, size: int) -> None:
    assert sample_size(population, TERMS) == size


def test_a_population_below_nothing_is_none() -> None:
    with pytest.raises(ValueError, match="-1"):
        sample_size(-1, TERMS)


@given(population=st.integers(1, 10**7), terms=_terms)
def test_the_size_keeps_the_margin_and_one_less_does_not(
    population: int, terms: SamplingTerms
) -> None:
    size = sample_size(population, terms)
    allowed = terms.margin_ppm / 1_000_000
    assert 1 <= size <= population
    assert worst_margin(population, size, terms) <= allowed * (1 + 1e-9)
    if size > 1:
        assert worst_margin(population, size - 1, terms) > allowed * (1 - 1e-9)


@given(
    populations=st.dictionaries(st.text(max_size=3), st.integers(0, 10_000), max_size=12),
    terms=_terms,
)
def test_every_stratum_gets_its_minimum_and_no_more_than_it_has(
    populations: dict[str, int], terms: SamplingTerms
) -> None:
    sizes = allocated(populations, terms)
    assert set(sizes) == {name for name, population in populations.items() if population}
    for name, size in sizes.items():
        assert min(terms.minimum, populations[name]) <= size <= populations[name]


@given(
    populations=st.dictionaries(
        st.text(max_size=3), st.integers(1, 10_000), min_size=1, max_size=12
    ),
    terms=_terms,
)
def test_an_allocation_keeps_the_margin_of_what_it_is_for(
    populations: dict[str, int], terms: SamplingTerms
) -> None:
    sizes = allocated(populations, terms)
    if terms.allocation == "each":
        assert all(sizes[name] >= sample_size(n, terms) for name, n in populations.items())
    else:
        assert sum(sizes.values()) >= sample_size(sum(populations.values()), terms)


def test_a_stratum_that_is_drawn_whole_has_no_margin() -> None:
    assert worst_margin(7, 7, TERMS) == worst_margin(1, 1, TERMS) == 0
    with pytest.raises(ValueError, match="0 of 7"):
        worst_margin(7, 0, TERMS)
