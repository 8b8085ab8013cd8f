"""What the notes about a contact come to as facts: evaluations, surveys, compliance, costs and
disputes.

DEFINITIONS.md section 6. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from streams.domain.contract import PPM, Terms
from streams.domain.facts import FactKind
from streams.oracle.episodes import Episode
from streams.oracle.notes import (
    ComplianceException,
    Evaluation,
    Note,
    SurveyAnswer,
    compliance_exceptions,
    costs,
    deletions,
    disputes,
    evaluations,
    survey_answers,
    survey_requests,
)

_N = TypeVar("_N")


class Told(NamedTuple):
    """A fact of a note; `judged_at` is whose time's terms judge it."""

    kind: FactKind
    episode: int
    ordinal: int
    time: int
    judged_at: int
    channel: str
    detail: dict[str, Any]


def note_facts(
    notes: Sequence[Note], episodes: Sequence[Episode], terms_at: Callable[[int], Terms]
) -> Iterator[Told]:
    """Every fact of the notes, which come in order."""

    def plain(kind: FactKind, note: Note, episode: int, ordinal: int, **detail: Any) -> Told:
        return Told(kind, episode, ordinal, note.time, note.time, note.channel, detail)

    def numbered(some: Sequence[_N], at: Callable[[_N], int]) -> Iterator[tuple[_N, int, int]]:
        counted: Counter[int] = Counter()
        for one in some:
            episode = _episode_at(episodes, at(one))
            counted[episode] += 1
            yield one, episode, counted[episode]

    deleted_at = deletions(notes)
    kept = [
        one
        for one in evaluations(notes)
        if deleted_at.get(one.evaluation_id, one.time + 1) > one.time
    ]
    for one, episode, ordinal in numbered(kept, lambda n: n.time):
        passed = _passed(one, terms_at(one.time))
        yield plain(
            "qa_evaluated",
            one,
            episode,
            ordinal,
            subject=one.subject,
            evaluator=one.evaluator,
            passed=passed,
        )
    for request, episode, ordinal in numbered(survey_requests(notes), lambda n: n.time):
        yield plain("csat_requested", request, episode, ordinal)
    for answer, episode, ordinal in numbered(survey_answers(notes), lambda n: n.time):
        satisfied = _satisfied(answer, terms_at(answer.time))
        subject = answer.subject
        yield plain("csat_received", answer, episode, ordinal, subject=subject, satisfied=satisfied)
    for exception, episode, ordinal in numbered(
        compliance_exceptions(notes), lambda x: x.opening.time
    ):
        yield from _compliance(exception, episode, ordinal)
    for cost, episode, ordinal in numbered(costs(notes), lambda n: n.time):
        yield plain(
            "cost_recorded",
            cost,
            episode,
            ordinal,
            component=cost.component,
            amount_micros=cost.amount_micros,
            currency=cost.currency,
        )
    for dispute, episode, ordinal in numbered(disputes(notes), lambda n: n.time):
        yield plain("resolution_disputed", dispute, episode, ordinal, party=dispute.party)


def _episode_at(episodes: Sequence[Episode], time: int) -> int:
    """The ordinal of the last episode that had opened by then, 0 if none had."""
    return max((e.ordinal for e in episodes if e.opened_at <= time), default=0)


def _passed(one: Evaluation, terms: Terms) -> bool:
    enough = one.score_ppm is not None and one.score_ppm >= terms.qa_pass_ppm
    return enough and not one.automatic_fail


def _satisfied(one: SurveyAnswer, terms: Terms) -> bool:
    needed = terms.csat_satisfied_ppm * (one.scale_max - one.scale_min)
    return (one.score - one.scale_min) * PPM >= needed


def _compliance(exception: ComplianceException, episode: int, ordinal: int) -> Iterator[Told]:
    opening = exception.opening
    rule = {"rule_id": opening.rule_id, "severity": opening.severity}

    def told(kind: FactKind, time: int, **more: Any) -> Told:
        detail = {**rule, **more}
        return Told(kind, episode, ordinal, time, opening.time, opening.channel, detail)

    yield told("compliance_opened", opening.time, due_at=opening.due_at)
    if exception.overdue_at is not None:
        yield told("compliance_overdue", exception.overdue_at)
    if exception.closed_at is not None:
        age_ms = exception.closed_at - opening.time
        yield told("compliance_closed", exception.closed_at, age_ms=age_ms)
