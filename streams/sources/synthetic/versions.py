"""Which prompt, model and knowledge the AI had when it served a contact."""

from __future__ import annotations

from streams.sources.synthetic.contacts import Contact
from streams.sources.synthetic.day import HOUR_MS, SyntheticDay

GOOD_PROMPT, BAD_PROMPT = "p-17", "p-18"
OLD_MODEL, NEW_MODEL = "m-3", "m-4"
OLD_KNOWLEDGE, NEW_KNOWLEDGE = "kb-40", "kb-41"
_TRIAL_LOCAL_HOUR = 10
_TRIED_IN = 10  # contacts, one


def knowledge_released_at(day: SyntheticDay) -> int:
    """When the day's knowledge base comes into use, in ms."""
    return day.start_ms + 600_000


def trial_starts_at(day: SyntheticDay) -> int | None:
    """When the new model begins to serve one contact in ten, in ms; None if not in this day."""
    for hour_start in range(day.start_ms, day.end_ms, HOUR_MS):
        if day.local_hour(hour_start) == _TRIAL_LOCAL_HOUR:
            return hour_start
    return None


def versions_of(day: SyntheticDay, contact: Contact) -> dict[str, str]:
    """The versions as the AI's own events state them; a contact keeps those it began with."""
    trial = trial_starts_at(day)
    tried = trial is not None and contact.start >= trial and contact.number % _TRIED_IN == 0
    new_knowledge = contact.start >= knowledge_released_at(day)
    return {
        "prompt_version": BAD_PROMPT if contact.bad else GOOD_PROMPT,
        "model": NEW_MODEL if tried else OLD_MODEL,
        "knowledge_version": NEW_KNOWLEDGE if new_knowledge else OLD_KNOWLEDGE,
    }
