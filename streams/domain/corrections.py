"""What a late event changes of the facts that were published: DEFINITIONS.md section 6."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.domain.facts import Fact


def replace_fact(fact: Fact, **changes: Any) -> Fact:
    """A copy of the fact with some fields changed."""
    return msgspec.structs.replace(fact, **changes)


def place_of(fact: Fact) -> str:
    """What the fact is about within its conversation, as revisions are kept by."""
    return f"{fact.life}:{fact.kind}:{fact.episode}:{fact.ordinal}"


def corrections(before: list[Fact], after: list[Fact], revisions: dict[str, int]) -> list[Fact]:
    """Retractions and assertions that turn `before` into `after`; numbers them in `revisions`."""
    old = {place_of(fact): fact for fact in before}
    new = {place_of(fact): fact for fact in after}
    changes: list[Fact] = []
    for place, fact in old.items():
        if new.get(place) != fact:
            last = revisions.setdefault(place, 0)
            changes.append(replace_fact(fact, revision=last, late=True, retracts=True))
    for place, fact in new.items():
        if old.get(place) != fact:
            revision = revisions[place] + 1 if place in revisions else 0
            revisions[place] = revision
            changes.append(replace_fact(fact, revision=revision, late=True))
    return changes
