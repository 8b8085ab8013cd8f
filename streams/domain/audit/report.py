"""The report on a sample: who was reviewed, who was not, and what that says about the period."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streams.domain.audit.estimates import (
    Estimate,
    SubjectEstimates,
    escalation_precision,
    escalation_recall,
    pass_rate,
)
from streams.domain.audit.record import Sample
from streams.domain.audit.reviews import SUBJECTS, Joined, Subject, joined
from streams.domain.contract import ContractBook
from streams.domain.events import Event


@dataclass(frozen=True)
class AuditReport:
    """A sample with what its reviews say; `unreviewed` are the ids of samples of which a part that
    there is has no review, by part.
    """

    contract: str
    period: str
    level: float
    population: int
    drawn: int
    joined: Joined
    pass_rates: tuple[SubjectEstimates, ...]
    precision: Estimate
    recall: Estimate
    unreviewed: dict[Subject, tuple[str, ...]]
    not_applicable: int


def report_of(
    samples: Iterable[Sample], events: Iterable[Event], book: ContractBook
) -> AuditReport:
    """The report on the samples of one contract and period, the same one more than once or not.

    Raises ValueError without any, or where they are of several draws.
    """
    by_id: dict[str, Sample] = {}
    for sample in samples:
        if by_id.setdefault(sample.id, sample) != sample:
            raise ValueError("there are samples of several draws")
    some = [by_id[name] for name in sorted(by_id)]
    draws = {(s.data.contract, s.data.period, s.data.precision, s.data.draw.frame) for s in some}
    if len(draws) != 1:
        raise ValueError(
            "there is no sample" if not draws else "there are samples of several draws"
        )
    ((contract, period, precision, _),) = draws
    level = (1_000_000 - precision.confidence_ppm) / 1_000_000
    found = joined(by_id, events, book)
    parts: dict[Subject, list[Sample]] = {
        "ai": [one for one in some if one.data.ai],
        "human": [one for one in some if one.data.human],
    }
    return AuditReport(
        contract=contract,
        period=period.name,
        level=level,
        population=sum(
            {tuple(s.data.stratum.items()): s.data.counts.population for s in some}.values()
        ),
        drawn=len(some),
        joined=found,
        pass_rates=tuple(pass_rate(some, found.standing, one, level) for one in SUBJECTS),
        precision=escalation_precision(some, found.standing, level),
        recall=escalation_recall(some, found.standing, level),
        unreviewed={
            subject: tuple(one.id for one in its if (one.id, subject) not in found.standing)
            for subject, its in parts.items()
        },
        not_applicable=sum(not one.data.ai and not one.data.human for one in some),
    )
