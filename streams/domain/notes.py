"""What is said about a conversation after the fact: QA, surveys, compliance, costs, disputes.

Notes open, close and move nothing. DEFINITIONS.md section 3, second table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from streams.domain import events as ev

# (time ms, rank, channel, fields, source, id): of one rank the fields have one shape, so that any
# two notes compare. Ordered as section 3 reads them.
Note = tuple[ev.Moment, int, str, tuple[str | int, ...], str, str]

EVALUATED: Final = 20
SURVEY_REQUESTED: Final = 21
SURVEY_ANSWERED: Final = 22
EXCEPTION: Final = 23
EXCEPTION_CLOSED: Final = 24
COST: Final = 25
DISPUTE: Final = 26

# A number that is not given stands before any that is.
ABSENT: Final = -(2**63)

_SHAPES: Final[dict[int, tuple[type, ...]]] = {
    EVALUATED: (str, str, str, str, int, int),
    SURVEY_REQUESTED: (str,),
    SURVEY_ANSWERED: (str, str, int, int, int),
    EXCEPTION: (str, str, str, int),
    EXCEPTION_CLOSED: (str,),
    COST: (str, int, str),
    DISPUTE: (str, str),
}


def well_formed(note: Note) -> bool:
    """Whether a note that was read back is one that note_of makes."""
    _, rank, _, fields, _, _ = note
    if tuple(map(type, fields)) != _SHAPES.get(rank):
        return False
    due = fields[-1] if rank == EXCEPTION else ABSENT
    return due == ABSENT or ev.EARLIEST_MS <= int(due) <= ev.LATEST_MS


def note_of(event: Any, time: int) -> Note | None:
    """The note that an event at `time` (ms) is; None for a draft, or where it is none."""
    reader = _READERS.get(type(event))
    if reader is None:
        return None
    said = reader(event.data)
    if said is None:
        return None
    rank, fields = said
    return (time, rank, event.data.channel, fields, event.source, event.id)


_Said = tuple[int, tuple[str | int, ...]]


def _evaluated(data: ev.QaEvaluatedData) -> _Said | None:
    if data.status == "draft":
        return None
    score = ABSENT if data.score_ppm is None else data.score_ppm
    return EVALUATED, (
        data.evaluation_id,
        data.status,
        data.subject,
        data.evaluator,
        score,
        int(data.automatic_fail),
    )


def _survey_requested(data: ev.CsatRequestedData) -> _Said:
    return SURVEY_REQUESTED, (data.survey_id,)


def _survey_answered(data: ev.CsatReceivedData) -> _Said:
    return SURVEY_ANSWERED, (
        data.survey_id,
        data.subject,
        data.score,
        data.scale_min,
        data.scale_max,
    )


def _exception(data: ev.ComplianceData) -> _Said:
    due = ABSENT if data.due_at is None else ev.epoch_ms(data.due_at)
    return EXCEPTION, (data.exception_id, data.rule_id, data.severity, due)


def _exception_closed(data: ev.ComplianceData) -> _Said:
    return EXCEPTION_CLOSED, (data.exception_id,)


def _cost(data: ev.CostRecordedData) -> _Said:
    return COST, (data.component, data.amount_micros, data.currency)


def _dispute(data: ev.ResolutionDisputedData) -> _Said:
    return DISPUTE, (data.dispute_id, data.party)


_READERS: Final[dict[type[ev.Event], Callable[[Any], _Said | None]]] = {
    ev.QaEvaluated: _evaluated,
    ev.CsatRequested: _survey_requested,
    ev.CsatReceived: _survey_answered,
    ev.ComplianceException: _exception,
    ev.ComplianceClosed: _exception_closed,
    ev.CostRecorded: _cost,
    ev.ResolutionDisputed: _dispute,
}


def deletions(notes: Sequence[Note]) -> dict[str | int, int]:
    """When each evaluation was first deleted (ms), by its id."""
    deleted: dict[str | int, int] = {}
    for time, rank, _, fields, _, _ in notes:
        if rank == EVALUATED and fields[1] == "deleted":
            deleted.setdefault(fields[0], time)
    return deleted


def standing_evaluations(notes: Sequence[Note]) -> Iterator[tuple[int, str | int, int | None]]:
    """(time, subject, when it was deleted) of each evaluation's first final note; times in ms."""
    if not notes:
        return
    deleted = deletions(notes)
    seen: set[str | int] = set()
    for time, rank, _, fields, _, _ in notes:
        if rank == EVALUATED and fields[1] == "final" and fields[0] not in seen:
            seen.add(fields[0])
            yield time, fields[2], deleted.get(fields[0])
