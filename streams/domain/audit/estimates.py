"""What the reviewed episodes say about all of the period, and how surely.

Stratified estimator: the share in each stratum, weighted by its population (W. G. Cochran, Sampling
Techniques, 3rd ed., Wiley 1977, section 5.10). Interval: Wilson's, for the number of reviews that
an unstratified sample would need to be as exact, 1 / sum(W^2 (N - n) / (N - 1) / n) over strata of
weight W; the factor of N is the correction for a finite population (Cochran, section 3.2). So what
stratifying gains is not claimed, and what uneven sampling loses is. Interval by effective size: C.
Franco, R. Little, T. Louis and E. Slud, Journal of Survey Statistics and Methodology 7, 2019, p.
334.

What was drawn and not reviewed is taken to be like the reviewed of its stratum, and stated. A
stratum without any review is unknown: the estimate then speaks for the rest, and says for how many.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from streams.domain.audit.record import Sample
from streams.domain.audit.reviews import Review, Subject
from streams.domain.significance import wilson_of_share

StratumName = tuple[tuple[str, str], ...]
Reviews = Mapping[tuple[str, Subject], Review]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share of a population, from reviews of some of it; shares of 1.

    `drawn` of the `population` are in the sample, `reviewed` of these, with `hits`. `spoken_for`:
    how many of the population are in strata that have a review. `share`, `low` and `high` are None
    where none is: unknown. `population` and `spoken_for` are None where they are unknown too.
    """

    population: int | None
    drawn: int
    reviewed: int
    hits: int
    spoken_for: int | None
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One stratum: how many there are, drawn, reviewed, and what the reviews found."""

    population: int
    drawn: int
    reviewed: int
    hits: int


def estimated(cells: Collection[Cell], level: float) -> Estimate:
    """The stratified estimate over cells, with the interval at confidence 1 - `level`."""
    known = [cell for cell in cells if cell.reviewed]
    total = sum(cell.population for cell in known)
    share = low = high = None
    if total:
        share = sum(cell.population * cell.hits / cell.reviewed for cell in known) / total
        # Sums of thirds may pass 1 by a hair.
        share = min(1.0, share)
        spread = sum((cell.population / total) ** 2 * _factor(cell) for cell in known)
        low, high = (share, share) if spread == 0 else wilson_of_share(share, 1 / spread, level)
    return Estimate(
        population=sum(cell.population for cell in cells),
        drawn=sum(cell.drawn for cell in cells),
        reviewed=sum(cell.reviewed for cell in cells),
        hits=sum(cell.hits for cell in cells),
        spoken_for=total,
        share=share,
        low=low,
        high=high,
    )


def _factor(cell: Cell) -> float:
    """The variance of a stratum's share, in units of p (1 - p); 0 where all of it is reviewed."""
    if cell.reviewed >= cell.population:
        return 0.0
    return (cell.population - cell.reviewed) / (cell.population - 1) / cell.reviewed


@dataclass(frozen=True, slots=True)
class SubjectEstimates:
    """The share that passed, of the AI's part or of the humans', overall and by stratum."""

    subject: Subject
    overall: Estimate
    strata: Mapping[StratumName, Estimate]


def pass_rate(
    samples: Iterable[Sample], reviews: Reviews, subject: Subject, level: float
) -> SubjectEstimates:
    """The share of episodes whose part by `subject` passes its review."""
    cells = _cells(
        samples,
        population=lambda one: (
            one.data.counts.population_ai if subject == "ai" else one.data.counts.population_human
        ),
        belongs=lambda one: one.data.ai if subject == "ai" else one.data.human is True,
        hit=lambda one: (
            review.passed if (review := reviews.get((one.id, subject))) is not None else None
        ),
    )
    return SubjectEstimates(
        subject,
        estimated(cells.values(), level),
        {stratum: estimated([cell], level) for stratum, cell in cells.items()},
    )


def escalation_precision(samples: Iterable[Sample], reviews: Reviews, level: float) -> Estimate:
    """The share of the AI's handoffs that reviews found to be needed, where they say."""
    cells = _cells(
        samples,
        population=lambda one: one.data.counts.population_handed_over,
        belongs=lambda one: one.data.handed_over,
        hit=lambda one: _needed(one, reviews),
    )
    return estimated(cells.values(), level)


def escalation_recall(samples: Sequence[Sample], reviews: Reviews, level: float) -> Estimate:
    """The share of the episodes in need of a human that were handed over.

    `reviewed` are those found to be in need among the AI's `drawn`. How many of the period were is
    itself an estimate, so `population` is a rounded one and `spoken_for` unknown, the ratio is of
    two weighted sums, and the interval is Wilson's for Kish's effective size, (sum w)^2 / sum w^2
    (L. Kish, Survey Sampling, Wiley 1965, section 11.7), without the correction for a finite
    population.
    """
    told: dict[StratumName, list[Sample]] = defaultdict(list)
    by_ai = [one for one in samples if one.data.ai]
    for one in by_ai:
        if _needed(one, reviews) is not None:
            told[_stratum(one)].append(one)
    need = handed = squares = 0.0
    reviewed = hits = 0
    for some in told.values():
        weight = some[0].data.counts.population_ai / len(some)
        for one in some:
            if _needed(one, reviews):
                need, squares, reviewed = need + weight, squares + weight**2, reviewed + 1
                if one.data.handed_over:
                    handed, hits = handed + weight, hits + 1
    share = low = high = None
    if need:
        share = min(1.0, handed / need)
        low, high = wilson_of_share(share, need**2 / squares, level)
    judged = round(need) if told else None
    return Estimate(judged, len(by_ai), reviewed, hits, None, share, low, high)


def _needed(one: Sample, reviews: Reviews) -> bool | None:
    review = reviews.get((one.id, "ai"))
    return None if review is None else review.escalation_needed


def _stratum(one: Sample) -> StratumName:
    return tuple(one.data.stratum.items())


def _cells(
    samples: Iterable[Sample],
    *,
    population: Callable[[Sample], int],
    belongs: Callable[[Sample], bool],
    hit: Callable[[Sample], bool | None],
) -> dict[StratumName, Cell]:
    """Cells of the strata that have any of the population; `hit` None: not reviewed."""
    numbers: dict[StratumName, int] = {}
    counts: dict[StratumName, Counter[str]] = defaultdict(Counter)
    for one in samples:
        stratum = _stratum(one)
        numbers[stratum] = population(one)
        if belongs(one):
            found = hit(one)
            counts[stratum].update(drawn=1, reviewed=found is not None, hits=found is True)
    return {
        stratum: Cell(number, tally["drawn"], tally["reviewed"], tally["hits"])
        for stratum, number in sorted(numbers.items())
        if number
        for tally in [counts[stratum]]
    }
