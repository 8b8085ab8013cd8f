"""Events that belong to no contact: releases and rollbacks, erasures, access to audit data."""

from __future__ import annotations

from streams.domain.facts import rfc3339
from streams.sources.synthetic.chance import Chance
from streams.sources.synthetic.contacts import Contact
from streams.sources.synthetic.day import HOUR_MS, SyntheticDay
from streams.sources.synthetic.journey import Occurrence
from streams.sources.synthetic.versions import (
    BAD_PROMPT,
    GOOD_PROMPT,
    NEW_KNOWLEDGE,
    NEW_MODEL,
    OLD_KNOWLEDGE,
    OLD_MODEL,
    knowledge_released_at,
    trial_starts_at,
)

_DAY_MS = 24 * HOUR_MS


def releases(day: SyntheticDay) -> list[Occurrence]:
    """Changes of the AI's configuration: the prompt that breaks its tools, and the way back."""
    changes: list[tuple[int, str, str, str, str]] = [
        (knowledge_released_at(day), "knowledge", OLD_KNOWLEDGE, NEW_KNOWLEDGE, "low")
    ]
    trial = trial_starts_at(day)
    if trial is not None:
        changes.append((trial, "model", OLD_MODEL, NEW_MODEL, "trial"))
    if day.bad_period is not None:
        bad_from, bad_to = day.bad_period
        changes += [
            (bad_from - 90_000, "prompt", GOOD_PROMPT, BAD_PROMPT, "low"),
            (bad_to - 30_000, "prompt", BAD_PROMPT, GOOD_PROMPT, "rollback"),
        ]
    return [
        (
            at,
            "config.changed",
            {
                "contract": day.contract,
                "object": what,
                "from_version": old,
                "to_version": new,
                "effective_at": rfc3339(at),
                "risk_class": risk,
                "requested_by": "ai-ops",
                "approved_by": "duty-lead",
            },
        )
        for at, what, old, new, risk in changes
    ]


def governance(day: SyntheticDay, contacts: list[Contact]) -> list[Occurrence]:
    """Requests for erasure, at least two a day, what became of them, and access to audit data."""
    chance = Chance(day.seed, 4)
    events: list[Occurrence] = []
    for number in range(2 + day.interactions // 5_000):
        subject = contacts[chance.below(len(contacts))]
        asked = max(subject.start, day.start_ms) + chance.between(600_000, 6 * HOUR_MS)
        data = {"contract": day.contract, "subject_key": subject.customer, "scope": "all"}
        requested = {
            **data,
            "legal_basis": "withdrawal",
            "deadline_at": rfc3339(asked + 30 * _DAY_MS),
        }
        events.append((asked, "governance.erasure_requested", requested))
        if number != 1:
            done = asked + chance.between(1_200_000, 3 * HOUR_MS)
            events.append((done, "governance.erased", {**data, "actor": "privacy-desk"}))
        accessed = {**data, "scope": "audit", "actor": "auditor-1"}
        events.append((asked + 300_000, "governance.accessed", accessed))
    return events
