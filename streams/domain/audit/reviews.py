"""Reviews of a sample: `qa.evaluated` events that name it, each joined to its episode.

A review names what it reviews in `sampling_job_id`: the id of the sample. Evaluations that name
none were not drawn by lot, and say nothing about the population. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from streams.domain.audit.record import Sample
from streams.domain.contract import ContractBook
from streams.domain.events import Event, QaEvaluated, epoch_ms

Subject = Literal["ai", "human"]
SUBJECTS: tuple[Subject, ...] = ("ai", "human")


@dataclass(frozen=True, slots=True)
class Review:
    """The review of one part of a sampled episode that stands."""

    sample: str
    subject: Subject
    passed: bool
    escalation_needed: bool | None


@dataclass
class Joined:
    """The reviews that count, by sample and subject, and how many do not, by reason.

    `by_client` and `by_supplier`: whose the standing ones are. `drafts` are not final, `deleted`
    were taken back, `automatic` no person made, `second` are further reviews of what has one, of
    which `contrary` say the opposite of it; `strangers` name no sample of this draw, `misplaced`
    name one of another conversation.
    """

    standing: dict[tuple[str, Subject], Review] = field(default_factory=dict)
    by_client: int = 0
    by_supplier: int = 0
    drafts: int = 0
    deleted: int = 0
    automatic: int = 0
    second: int = 0
    contrary: int = 0
    strangers: int = 0
    misplaced: int = 0


def joined(samples: Mapping[str, Sample], events: Iterable[Event], book: ContractBook) -> Joined:
    """Join the contract's evaluations among `events`, in any order and however often, to the
    samples (by id).

    Of several final reviews of one part the client's stand before the supplier's, then the first
    (by time, evaluation and event id): a review that is repeated until it passes is none.
    """
    contracts = {sample.data.contract for sample in samples.values()}
    known: dict[str, list[QaEvaluated]] = defaultdict(list)
    unique = {
        one
        for one in events
        if isinstance(one, QaEvaluated)
        and one.data.contract in contracts
        and not one.data.test
        and one.data.sampling_job_id is not None
    }
    for one in unique:
        known[f"{one.data.conversation_id}\n{one.data.evaluation_id}"].append(one)
    found = Joined()
    finals = [first for some in known.values() if (first := _final(some, found)) is not None]
    for one in sorted(finals, key=lambda one: (one.data.evaluator != "client", _order(one))):
        _place(one, samples, found, book)
    return found


def _order(one: QaEvaluated) -> tuple[int, str, str, str, str]:
    return (epoch_ms(one.time), one.data.evaluation_id, one.source, one.id, repr(one.data))


def _final(some: list[QaEvaluated], found: Joined) -> QaEvaluated | None:
    """What stands of one evaluation."""
    if any(one.data.status == "deleted" for one in some):
        found.deleted += 1
        return None
    finals = [one for one in some if one.data.status == "final"]
    if not finals:
        found.drafts += 1
        return None
    return min(finals, key=_order)


def _place(
    one: QaEvaluated, samples: Mapping[str, Sample], found: Joined, book: ContractBook
) -> None:
    data = one.data
    sample = samples.get(data.sampling_job_id or "")
    if sample is None:
        found.strangers += 1
    elif sample.subject != data.conversation_id:
        found.misplaced += 1
    elif data.evaluator == "auto":
        found.automatic += 1
    else:
        terms = book.at(data.contract, epoch_ms(one.time))
        enough = data.score_ppm is not None and data.score_ppm >= terms.qa_pass_ppm
        review = Review(
            sample.id, data.subject, enough and not data.automatic_fail, data.escalation_needed
        )
        standing = found.standing.setdefault((sample.id, data.subject), review)
        if standing is not review:
            found.second += 1
            found.contrary += standing.passed != review.passed
        elif data.evaluator == "client":
            found.by_client += 1
        else:
            found.by_supplier += 1
