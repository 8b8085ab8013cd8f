"""How many episodes are drawn of each stratum.

Size for a share: n0 = z^2 / (4 e^2) at the worst share, 1/2, and with the correction for a finite
population of N, n = n0 / (1 + (n0 - 1) / N), rounded up, so that the margin e is kept (W. G.
Cochran, Sampling Techniques, 3rd ed., Wiley 1977, section 4.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, sqrt
from statistics import NormalDist
from typing import TypeVar

from streams.domain.audit.terms import SamplingTerms

_S = TypeVar("_S")
_PPM = 1_000_000


def sample_size(population: int, terms: SamplingTerms) -> int:
    """The least sample of `population` that keeps the margin; all of it where it is small.

    Raises ValueError for a population below 0.
    """
    if population < 0:
        raise ValueError(f"a population of {population}")
    if population == 0:
        return 0
    unlimited = (_z(terms) / (2 * terms.margin_ppm / _PPM)) ** 2
    return min(population, ceil(unlimited / (1 + (unlimited - 1) / population)))


def worst_margin(population: int, drawn: int, terms: SamplingTerms) -> float:
    """How far off (share of 1) an estimate from `drawn` of `population` may be at the worst share.

    Raises ValueError where none is drawn.
    """
    if not 0 < drawn <= population:
        raise ValueError(f"{drawn} of {population} is no sample")
    if drawn == population:
        return 0.0
    return _z(terms) / 2 * sqrt((population - drawn) / (population - 1) / drawn)


def _z(terms: SamplingTerms) -> float:
    return NormalDist().inv_cdf((1 + terms.confidence_ppm / _PPM) / 2)


def allocated(populations: Mapping[_S, int], terms: SamplingTerms) -> dict[_S, int]:
    """How many to draw of each stratum, by its population.

    `proportional`: the size for the whole, shared out by population; `each`: the size for each.
    Rounded up, at least the terms' minimum, at most the stratum.
    """
    whole = sum(populations.values())
    drawn = sample_size(whole, terms)

    def wanted(population: int) -> int:
        if terms.allocation == "each":
            return sample_size(population, terms)
        return -(-drawn * population // whole)

    return {
        stratum: min(population, max(terms.minimum, wanted(population)))
        for stratum, population in populations.items()
        if population > 0
    }
