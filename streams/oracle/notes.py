"""What others note about a contact: evaluations, surveys, compliance, costs, disputes; and which
notes stand.

DEFINITIONS.md section 3, the second table. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import TypeVar

from streams.domain import events as e


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A QA evaluation that became final or was deleted. `score_ppm` None: without a score."""

    time: int
    channel: str
    evaluation_id: str
    status: str
    subject: str
    evaluator: str
    score_ppm: int | None
    automatic_fail: bool
    source: str
    id: str


@dataclass(frozen=True, slots=True)
class SurveyRequest:
    """A customer was asked to rate the contact."""

    time: int
    channel: str
    survey_id: str
    source: str
    id: str


@dataclass(frozen=True, slots=True)
class SurveyAnswer:
    """A customer's rating, on the scale that the survey had."""

    time: int
    channel: str
    survey_id: str
    subject: str
    score: int
    scale_min: int
    scale_max: int
    source: str
    id: str


@dataclass(frozen=True, slots=True)
class ComplianceOpening:
    """An exception to a rule; to be closed by `due_at`, where that is given."""

    time: int
    channel: str
    exception_id: str
    rule_id: str
    severity: str
    due_at: int | None
    source: str
    id: str


@dataclass(frozen=True, slots=True)
class ComplianceClosing:
    """An exception was dealt with."""

    time: int
    channel: str
    exception_id: str
    source: str
    id: str


@dataclass(frozen=True, slots=True)
class Cost:
    """Money spent on the contact, or taken back, in millionths of `currency`."""

    time: int
    channel: str
    component: str
    amount_micros: int
    currency: str
    source: str
    id: str


@dataclass(frozen=True, slots=True)
class Dispute:
    """The customer, or the client on its behalf, says that the matter is not resolved."""

    time: int
    channel: str
    dispute_id: str
    party: str
    source: str
    id: str


Note = (
    Evaluation
    | SurveyRequest
    | SurveyAnswer
    | ComplianceOpening
    | ComplianceClosing
    | Cost
    | Dispute
)
_RANKS: dict[type[Note], int] = {
    Evaluation: 20,
    SurveyRequest: 21,
    SurveyAnswer: 22,
    ComplianceOpening: 23,
    ComplianceClosing: 24,
    Cost: 25,
    Dispute: 26,
}
_SAID = {
    kind: tuple(field.name for field in fields(kind) if field.name not in ("time", "channel"))
    for kind in _RANKS
}
_N = TypeVar("_N", bound=Note)


def order(note: Note) -> tuple[object, ...]:
    """Section 3's order: time, rank, channel, own fields. An absent one stands before any value."""
    said = (getattr(note, name) for name in _SAID[type(note)])
    return (
        note.time,
        _RANKS[type(note)],
        note.channel,
        *((value is not None, value) for value in said),
    )


def note_of(event: e.Event, at: int) -> Note | None:
    """The note that an event is, None where it is none."""
    source, name = event.source, event.id
    match event:
        case e.QaEvaluated(data=d) if d.status != "draft":
            return Evaluation(
                at,
                d.channel,
                d.evaluation_id,
                d.status,
                d.subject,
                d.evaluator,
                d.score_ppm,
                d.automatic_fail,
                source,
                name,
            )
        case e.CsatRequested(data=d):
            return SurveyRequest(at, d.channel, d.survey_id, source, name)
        case e.CsatReceived(data=d):
            return SurveyAnswer(
                at,
                d.channel,
                d.survey_id,
                d.subject,
                d.score,
                d.scale_min,
                d.scale_max,
                source,
                name,
            )
        case e.ComplianceException(data=d):
            due_at = None if d.due_at is None else e.epoch_ms(d.due_at)
            return ComplianceOpening(
                at, d.channel, d.exception_id, d.rule_id, d.severity, due_at, source, name
            )
        case e.ComplianceClosed(data=d):
            return ComplianceClosing(at, d.channel, d.exception_id, source, name)
        case e.CostRecorded(data=d):
            return Cost(at, d.channel, d.component, d.amount_micros, d.currency, source, name)
        case e.ResolutionDisputed(data=d):
            return Dispute(at, d.channel, d.dispute_id, d.party, source, name)
    return None


def evaluations(notes: Iterable[Note]) -> list[Evaluation]:
    """The final evaluations that stand, deleted afterwards or not, in order."""
    finals = (n for n in _all(notes, Evaluation) if n.status == "final")
    return _first_of_each(finals, lambda one: one.evaluation_id)


def deletions(notes: Iterable[Note]) -> dict[str, int]:
    """When each deleted evaluation was first deleted, by its id."""
    deleted = (n for n in _all(notes, Evaluation) if n.status == "deleted")
    return {
        one.evaluation_id: one.time for one in _first_of_each(deleted, lambda n: n.evaluation_id)
    }


def survey_requests(notes: Iterable[Note]) -> list[SurveyRequest]:
    """The requests that stand, in order."""
    return _first_of_each(_all(notes, SurveyRequest), lambda one: one.survey_id)


def survey_answers(notes: Iterable[Note]) -> list[SurveyAnswer]:
    """The answers that stand, in order."""
    return _first_of_each(_all(notes, SurveyAnswer), lambda one: one.survey_id)


def costs(notes: Iterable[Note]) -> list[Cost]:
    """Every cost, in order."""
    return _all(notes, Cost)


def disputes(notes: Iterable[Note]) -> list[Dispute]:
    """The disputes that stand, in order."""
    return _first_of_each(_all(notes, Dispute), lambda one: one.dispute_id)


@dataclass(frozen=True, slots=True)
class ComplianceException:
    """An exception that stands, and its closing if there ever is one."""

    opening: ComplianceOpening
    closing: ComplianceClosing | None

    @property
    def closed_at(self) -> int | None:
        """When it was closed, None where it never was since it was opened."""
        if self.closing is None or self.closing.time < self.opening.time:
            return None
        return self.closing.time

    @property
    def overdue_at(self) -> int | None:
        """When it was open past its due date for the first time, None where it never was."""
        due_at = self.opening.due_at
        if due_at is None or due_at + 1 <= self.opening.time:
            return None
        if self.closing is not None and self.closing.time <= due_at:
            return None
        return due_at + 1


def compliance_exceptions(notes: Iterable[Note]) -> list[ComplianceException]:
    """The exceptions that stand, in the order of their openings."""
    notes = tuple(notes)
    closings = {
        one.exception_id: one
        for one in _first_of_each(_all(notes, ComplianceClosing), lambda n: n.exception_id)
    }
    return [
        ComplianceException(one, closings.get(one.exception_id))
        for one in _first_of_each(_all(notes, ComplianceOpening), lambda n: n.exception_id)
    ]


def _all(notes: Iterable[Note], kind: type[_N]) -> list[_N]:
    return [note for note in notes if isinstance(note, kind)]


def _first_of_each(notes: Iterable[_N], about: Callable[[_N], str]) -> list[_N]:
    first: dict[str, _N] = {}
    for note in notes:
        first.setdefault(about(note), note)
    return list(first.values())
