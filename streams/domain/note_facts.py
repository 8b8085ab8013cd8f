"""QA, surveys, compliance, costs and disputes as facts. DEFINITIONS.md sections 3 and 6."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from streams.domain.contract import PPM, Terms
from streams.domain.episode import Episode
from streams.domain.fact_writer import FactWriter
from streams.domain.facts import FactKind
from streams.domain.notes import (
    ABSENT,
    COST,
    DISPUTE,
    EVALUATED,
    EXCEPTION,
    EXCEPTION_CLOSED,
    SURVEY_ANSWERED,
    SURVEY_REQUESTED,
    Note,
    deletions,
)

_KINDS: dict[int, FactKind] = {
    EVALUATED: "qa_evaluated",
    SURVEY_REQUESTED: "csat_requested",
    SURVEY_ANSWERED: "csat_received",
    EXCEPTION: "compliance_opened",
    COST: "cost_recorded",
    DISPUTE: "resolution_disputed",
}


def write_notes(writer: FactWriter, episodes: Sequence[Episode]) -> None:
    """Every fact of a conversation's notes; `episodes` in order of their opening."""
    notes = writer.state.notes
    # An exception goes on after it was noted; of all others nothing more comes.
    if notes and (not writer.told(notes[-1][0]) or any(note[1] == EXCEPTION for note in notes)):
        _NoteFacts(writer, episodes).write(notes)


class _NoteFacts:
    def __init__(self, writer: FactWriter, episodes: Sequence[Episode]) -> None:
        self._writer = writer
        self._opened = [episode.opened_at for episode in episodes]
        self._counted: dict[tuple[int, int], int] = {}

    def write(self, notes: Sequence[Note]) -> None:
        deleted, closed = deletions(notes), _closings(notes)
        seen: set[tuple[int, str | int]] = set()
        for note in notes:
            time, rank, _, fields, _, _ = note
            if time > self._writer.upto:
                self._writer.wake(time)
                break
            if rank == EXCEPTION_CLOSED:
                continue  # told with its opening
            if rank == EVALUATED and _is_void(fields, time, deleted):
                continue
            if rank != COST:
                if (rank, fields[0]) in seen:
                    continue
                seen.add((rank, fields[0]))
            # An episode's ordinal is its place in the order of openings, from 1.
            episode = bisect_right(self._opened, time)
            ordinal = self._counted[(rank, episode)] = self._counted.get((rank, episode), 0) + 1
            place = (episode, ordinal)
            if self._writer.wants(time):
                terms = self._writer.terms_at(time)
                self._put(_KINDS[rank], note, place, time, terms, _DETAILS[rank](terms, fields))
            if rank == EXCEPTION:
                self._write_course(note, place, closed.get(fields[0]))

    def _write_course(self, note: Note, place: tuple[int, int], closed: int | None) -> None:
        """How an exception goes on: overdue, closed."""
        opened, _, _, (_, rule, severity, due), _, _ = note
        assert isinstance(due, int)
        terms = self._writer.terms_at(opened)
        about = {"rule_id": rule, "severity": severity}
        if due >= opened and (closed is None or closed > due):
            self._writer.wake(due + 1)
            if self._writer.wants(due + 1):
                self._put("compliance_overdue", note, place, due + 1, terms, about)
        if closed is not None and closed >= opened:
            self._writer.wake(closed)
            if self._writer.wants(closed):
                detail = {**about, "age_ms": closed - opened}
                self._put("compliance_closed", note, place, closed, terms, detail)

    def _put(
        self,
        kind: FactKind,
        note: Note,
        place: tuple[int, int],
        time: int,
        terms: Terms,
        detail: dict[str, Any],
    ) -> None:
        self._writer.put(kind, place, time, terms.version, note[2], detail)


def _closings(notes: Sequence[Note]) -> dict[str | int, int]:
    """When each exception was first closed, by its id."""
    closed: dict[str | int, int] = {}
    for time, rank, _, fields, _, _ in notes:
        if rank == EXCEPTION_CLOSED:
            closed.setdefault(fields[0], time)
    return closed


def _is_void(fields: tuple[str | int, ...], time: int, deleted: dict[str | int, int]) -> bool:
    if fields[1] != "final":
        return True
    deleted_at = deleted.get(fields[0])
    return deleted_at is not None and deleted_at <= time


def _evaluated(terms: Terms, fields: tuple[Any, ...]) -> dict[str, Any]:
    _, _, subject, evaluator, score, automatic_fail = fields
    passed = score != ABSENT and score >= terms.qa_pass_ppm and not automatic_fail
    return {"subject": subject, "evaluator": evaluator, "passed": passed}


def _requested(terms: Terms, fields: tuple[Any, ...]) -> dict[str, Any]:
    return {}


def _answered(terms: Terms, fields: tuple[Any, ...]) -> dict[str, Any]:
    _, subject, score, least, most = fields
    satisfied = (score - least) * PPM >= terms.csat_satisfied_ppm * (most - least)
    return {"subject": subject, "satisfied": satisfied}


def _exception(terms: Terms, fields: tuple[Any, ...]) -> dict[str, Any]:
    _, rule, severity, due = fields
    return {"rule_id": rule, "severity": severity, "due_at": None if due == ABSENT else due}


def _cost(terms: Terms, fields: tuple[Any, ...]) -> dict[str, Any]:
    component, amount, currency = fields
    return {"component": component, "amount_micros": amount, "currency": currency}


def _dispute(terms: Terms, fields: tuple[Any, ...]) -> dict[str, Any]:
    _, party = fields
    return {"party": party}


_DETAILS = {
    EVALUATED: _evaluated,
    SURVEY_REQUESTED: _requested,
    SURVEY_ANSWERED: _answered,
    EXCEPTION: _exception,
    COST: _cost,
    DISPUTE: _dispute,
}
