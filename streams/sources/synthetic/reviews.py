"""What quality and compliance say of a contact: evaluations, and exceptions to rules."""

from __future__ import annotations

from typing import Any

from streams.domain.facts import rfc3339
from streams.sources.synthetic import calibration as c
from streams.sources.synthetic.journey import Journey

_MINUTE = 60_000


def review(journey: Journey, end: int) -> None:
    """Add to a told journey that ended at `end` (ms) what was evaluated and what was found."""
    chance, contact = journey.chance, journey.contact
    if chance.hit(c.AI_REVIEWED_PPM):
        _evaluate(journey, end, "ai", f"{contact.id}-q1")
    answered = any(spell.outcome == "answered" for spell in contact.spells)
    if answered and chance.hit(c.HUMAN_REVIEWED_PPM):
        _evaluate(journey, end, "human", f"{contact.id}-q2")
    if chance.hit(c.EXCEPTION_PPM):
        _except(journey, end)


def _evaluate(journey: Journey, end: int, subject: str, evaluation: str) -> None:
    chance = journey.chance
    at = end + chance.between(5 * _MINUTE, 240 * _MINUTE)
    fields: dict[str, Any] = {
        "evaluation_id": evaluation,
        "evaluator": "auto" if chance.hit(700_000) else "human",
        "subject": subject,
        "score_ppm": chance.value(c.SCORES[journey.contact.bad]),
        "automatic_fail": chance.hit(c.AUTOMATIC_FAIL_PPM),
        "form": "care-2",
    }
    if chance.hit(c.DRAFTED_PPM):
        journey.say(at - 2 * _MINUTE, "qa.evaluated", status="draft", **fields)
        if chance.hit(c.NEVER_FINAL_PPM):
            return
    journey.say(at, "qa.evaluated", status="final", **fields)
    if chance.hit(c.DELETED_PPM):
        journey.say(
            at + chance.between(_MINUTE, 40 * _MINUTE), "qa.evaluated", status="deleted", **fields
        )


def _except(journey: Journey, end: int) -> None:
    chance = journey.chance
    rule, severity = chance.pick(c.EXCEPTIONS)
    fields = {
        "exception_id": f"{journey.contact.id}-x1",
        "rule_id": rule,
        "severity": severity,
        "detector": "rules-1",
        "due_at": rfc3339(end + c.DUE_MINUTES[severity] * _MINUTE),
    }
    journey.say(end + 2_000, "compliance.exception", **fields)
    if chance.hit(c.EXCEPTION_CLOSED_PPM):
        closed = end + chance.between(20 * _MINUTE, 280 * _MINUTE)
        journey.say(closed, "compliance.closed", **fields)
