"""The frame: every episode that ended in a period, and the one stratum that each is in.

Nothing is left out of it, what was called ineligible or excluded neither: a sample of the rest
would never find an episode that was wrongly called so. All times in ms since 1970 UTC.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import orjson

from streams.domain.audit.terms import Split
from streams.domain.calendar_period import NamedPeriod
from streams.domain.contract import ContractBook, Terms
from streams.domain.facts import FACT_KINDS, Fact, life_date
from streams.domain.window_value import SLICE_MS

NO_FAILURE = "none"
Stratum = tuple[tuple[Split, str], ...]


class Unit(NamedTuple):
    """The episode of a conversation's life; `life` is its day, in days since 1970."""

    conversation: str
    life: int
    episode: int

    @property
    def named(self) -> tuple[str, str, int]:
        """The unit as it is written: its life by the day."""
        return (self.conversation, life_date(self.life), self.episode)


@dataclass(frozen=True, slots=True)
class Member:
    """One episode of the frame.

    `human`: whether a human was involved; None where nobody says, for it is not eligible and no
    human answered or took over. `handed_over`: whether a handoff was requested. `final` is the
    outcome it matured to.
    """

    unit: Unit
    stratum: Stratum
    closed: Fact
    matured_at: int
    outcome: str
    final: str | None
    human: bool | None
    handed_over: bool
    facts: tuple[Fact, ...]

    @property
    def by_ai(self) -> bool:
        """Whether an AI served the customer: there is something of it to review."""
        return bool(self.closed.detail["eligible"])

    @property
    def counted(self) -> Counted:
        """What a census counts of it."""
        human = self.human is True
        return Counted(self.unit, self.stratum, self.by_ai, human, self.handed_over)


class Populations(NamedTuple):
    """How many of a stratum there are: all; served by AI; with a human; with a handoff."""

    all: int
    ai: int
    human: int
    handed_over: int


class Counted(NamedTuple):
    """What of a member a census counts."""

    unit: Unit
    stratum: Stratum
    by_ai: bool
    human: bool
    handed_over: bool


@dataclass(frozen=True)
class Census:
    """A frame's numbers: by stratum, in order, and of all. `digest`: SHA-256 of the frame; two
    parties with the same have the same episodes and strata.
    """

    populations: Mapping[Stratum, Populations]
    population: int
    digest: str


def census_of(counted: Iterable[Counted]) -> Census:
    """The census of members in the order of their units, each read once."""
    numbers: dict[Stratum, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    whole, population = hashlib.sha256(), 0
    for one in counted:
        population += 1
        for place, counts in enumerate((True, one.by_ai, one.human, one.handed_over)):
            numbers[one.stratum][place] += counts
        whole.update(orjson.dumps([*one.unit.named, dict(one.stratum)]) + b"\n")
    populations = {stratum: Populations(*n) for stratum, n in sorted(numbers.items())}
    return Census(populations, population, whole.hexdigest())


class Frame(Protocol):
    """What a sample is drawn from, wherever it is kept."""

    @property
    def contract(self) -> str:
        """Whose."""

    @property
    def census(self) -> Census:
        """Its numbers."""

    def units(self) -> Iterable[tuple[Unit, Stratum]]:
        """Every episode."""

    def members_of(self, units: Container[Unit]) -> Iterable[Member]:
        """Some of them, in full, in any order."""


@dataclass(frozen=True)
class HeldFrame:
    """A frame in memory, in the order of its units."""

    contract: str
    members: tuple[Member, ...]

    @cached_property
    def census(self) -> Census:
        """Its numbers."""
        return census_of(one.counted for one in self.members)

    def units(self) -> Iterator[tuple[Unit, Stratum]]:
        """Every episode, in order."""
        return ((one.unit, one.stratum) for one in self.members)

    def members_of(self, units: Container[Unit]) -> Iterator[Member]:
        """Some of them, in order."""
        return (one for one in self.members if one.unit in units)


def frame_of(
    facts: Iterable[Fact],
    book: ContractBook,
    contract: str,
    period: NamedPeriod,
    split: Sequence[Split],
) -> HeldFrame:
    """The frame of a period from the contract's standing facts (DEFINITIONS.md section 10), in any
    order.

    An episode is in the period that holds the end of the slice of its close.
    """
    told: dict[Unit, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.contract == contract:
            told[Unit(fact.conversation, fact.life, fact.episode)].append(fact)
    members = []
    for unit, its in sorted(told.items()):
        closed = next((fact for fact in its if fact.kind == "episode_ended"), None)
        if closed is not None and _lies_in(closed.time, period):
            terms = book.version(contract, closed.version)
            members.append(_member(unit, closed, its, terms, split))
    return HeldFrame(contract, tuple(members))


def _lies_in(time: int, period: NamedPeriod) -> bool:
    return period.start_ms < -(-time // SLICE_MS) * SLICE_MS <= period.end_ms


def _member(
    unit: Unit, closed: Fact, facts: Sequence[Fact], terms: Terms, split: Sequence[Split]
) -> Member:
    matured_at = closed.time + terms.verification_ms
    seen = sorted(
        (fact for fact in facts if fact.time <= matured_at),
        key=lambda f: (f.time, FACT_KINDS.index(f.kind), f.ordinal),
    )
    matured = next((fact for fact in seen if fact.kind == "episode_matured"), None)
    outcome = _outcome(closed)
    return Member(
        unit=unit,
        stratum=tuple((name, _BY[name](closed, seen, terms)) for name in split),
        closed=closed,
        matured_at=matured_at,
        outcome=outcome,
        final=matured.detail["outcome"] if matured else None,
        human=matured.detail["human"] if matured else _answered_by_human(seen),
        handed_over=any(
            fact.kind == "escalation_ended" and fact.detail["requested_ms"] is not None
            for fact in seen
        ),
        facts=tuple(seen),
    )


def _outcome(closed: Fact) -> str:
    if closed.detail["excluded"]:
        return "excluded"
    return closed.detail["outcome"] or "ineligible"


def _answered_by_human(facts: Iterable[Fact]) -> bool | None:
    for fact in facts:
        if fact.kind == "response_given" and fact.detail["by"] == "human":
            return True
        if fact.kind == "escalation_ended" and fact.detail["outcome"] == "taken_over":
            return True
    return None


def _first_failure(facts: Iterable[Fact]) -> str:
    return next(
        (f.detail["reason"] for f in facts if f.kind == "ai_failure" and f.detail["first"]),
        NO_FAILURE,
    )


# Strata get into keys and logs, so they hold closed lists and the contract's own words alone.
_BY: dict[Split, Callable[[Fact, Sequence[Fact], Terms], str]] = {
    "outcome": lambda closed, facts, terms: _outcome(closed),
    "channel": lambda closed, facts, terms: closed.channel,
    "failure_reason": lambda closed, facts, terms: _first_failure(facts),
    "market": lambda closed, facts, terms: terms.bounded("market", closed.market),
    "journey": lambda closed, facts, terms: terms.bounded("journey", closed.journey),
    "supplier": lambda closed, facts, terms: terms.bounded("supplier", closed.supplier),
}
