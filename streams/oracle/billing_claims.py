"""What becomes of each claim, judged from scratch at every moment at which anything is known.

BILLING.md sections 1 and 4, in sorted loops; which claims are billable: billing_resolutions.py.
Times in ms since 1970 UTC, amounts in micro-units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from streams.domain.billing.records import (
    BilledResolution,
    Charge,
    EpisodeId,
    ItemStatus,
    Told,
)
from streams.domain.contract import ContractBook
from streams.oracle.billing_resolutions import Outcome, episode_of, outcomes_of, provisional

_RANKS: dict[ItemStatus, int] = {"provisional": 0, "reversal": 1, "void": 2, "final": 3}


class Event(NamedTuple):
    """An item as it is decided: when, and all but where it is booked."""

    known: int
    rank: int
    episode: EpisodeId
    line: int
    status: ItemStatus
    charge: Charge
    revision: int
    about: BilledResolution
    amount_micros: int
    estimate_micros: int
    reason: str | None
    evidence_id: str
    reverses: tuple[Charge, int, BilledResolution] | None


def events_of(records: Iterable[Told], book: ContractBook) -> list[Event]:
    """Every item of one contract in its order; records are unique."""
    found: list[Event] = []
    for together in _components(list(records)):
        found += _Together(together, book).events()
    return sorted(found, key=lambda e: (e.known, e.rank, e.episode, e.line))


def standing_as_of(records: Iterable[Told], known: int) -> list[Told]:
    """The facts that stand: of each place the last revision known by then, unless retracted."""
    latest: dict[tuple[str, int, str, int, int], Told] = {}
    for record in records:
        if record.known <= known:
            fact = record.fact
            place = (fact.conversation, fact.life, str(fact.kind), fact.episode, fact.ordinal)
            last = latest.get(place)
            if last is None or (fact.revision, fact.retracts) > (
                last.fact.revision,
                last.fact.retracts,
            ):
                latest[place] = record
    return [told for told in latest.values() if not told.fact.retracts]


def _components(records: list[Told]) -> list[list[Told]]:
    """Records that can bear on each other: of a conversation, and of a customer's conversations."""
    leads_to: dict[str | bytes, str | bytes] = {}

    def root(node: str | bytes) -> str | bytes:
        while leads_to.setdefault(node, node) != node:
            node = leads_to[node]
        return node

    for record in records:
        if record.customer is not None:
            leads_to[root(record.fact.conversation)] = root(record.customer)
    together: dict[str | bytes, list[Told]] = defaultdict(list)
    for record in records:
        together[root(record.fact.conversation)].append(record)
    return list(together.values())


class _Together:
    def __init__(self, records: list[Told], book: ContractBook) -> None:
        self._records = records
        self._book = book
        self._announced: dict[EpisodeId, BilledResolution] = {}
        self._charged: dict[EpisodeId, tuple[int, BilledResolution, str]] = {}
        self._charges: dict[EpisodeId, int] = defaultdict(int)
        self._voids: dict[EpisodeId, int] = defaultdict(int)
        self._told: dict[EpisodeId, str | None] = {}
        self._last: dict[EpisodeId, BilledResolution] = {}

    def events(self) -> Iterator[Event]:
        for known in sorted({record.known for record in self._records}):
            facts = standing_as_of(self._records, known)
            claims = {
                episode_of(told.fact): told
                for told in facts
                if told.fact.kind == "episode_ended" and told.fact.detail["resolved"] is True
            }
            outcomes = outcomes_of(claims, facts, self._book)
            for episode in sorted({*claims, *self._announced}):
                yield from self._step(known, episode, claims.get(episode), outcomes.get(episode))

    def _step(
        self, known: int, episode: EpisodeId, claim: Told | None, outcome: Outcome | None
    ) -> Iterator[Event]:
        if claim is not None and episode not in self._announced:
            about = provisional(claim.fact, self._book)
            self._announced[episode] = self._last[episode] = about
            yield self._event(
                known, "provisional", "claim", 0, about, 0, None, claim.fact.id,
                estimate=about.agreed_micros,
            )  # fmt: skip
        charged = self._charged.get(episode)
        billable = outcome is not None and outcome.reason is None
        if outcome is not None and billable:
            if charged is not None and charged[1] != outcome.about:
                yield from self._reversals(known, episode, "restated", outcome.evidence_id)
                charged = None
            if charged is None:
                yield from self._finals(known, episode, outcome)
            return
        if outcome is not None and outcome.reason is not None:
            reason = outcome.reason
        elif charged is not None or (claim is None and self._told.get(episode) != "retracted"):
            reason = "retracted"
        else:
            return
        if charged is not None:
            evidence = charged[2] if outcome is None else outcome.evidence_id
            yield from self._reversals(known, episode, reason, evidence)
        elif self._told.get(episode) != reason:
            about = self._last[episode] if outcome is None else outcome.about
            self._last[episode] = about
            number = self._voids[episode]
            self._voids[episode] += 1
            evidence = "" if outcome is None else outcome.evidence_id
            yield self._event(known, "void", "claim", number, about, 0, reason, evidence)
        self._told[episode] = reason

    def _finals(self, known: int, episode: EpisodeId, outcome: Outcome) -> Iterator[Event]:
        number = self._charges[episode]
        self._charges[episode] += 1
        self._charged[episode] = (number, outcome.about, outcome.evidence_id)
        self._told[episode] = None
        self._last[episode] = outcome.about
        for charge, amount in _amounts(outcome.about):
            yield self._event(
                known, "final", charge, number, outcome.about, amount, None, outcome.evidence_id
            )

    def _reversals(
        self, known: int, episode: EpisodeId, reason: str, evidence: str
    ) -> Iterator[Event]:
        number, about, _ = self._charged.pop(episode)
        for charge, amount in _amounts(about):
            yield self._event(
                known, "reversal", charge, number, about, -amount, reason, evidence,
                reverses=(charge, number, about),
            )  # fmt: skip

    def _event(
        self,
        known: int,
        status: ItemStatus,
        charge: Charge,
        revision: int,
        about: BilledResolution,
        amount: int,
        reason: str | None,
        evidence: str,
        *,
        estimate: int = 0,
        reverses: tuple[Charge, int, BilledResolution] | None = None,
    ) -> Event:
        episode = (about.conversation, about.life, about.episode)
        line = 1 if charge == "agent_share" else 0
        return Event(
            known, _RANKS[status], episode, line, status, charge, revision, about, amount,
            estimate, reason, evidence, reverses,
        )  # fmt: skip


def _amounts(about: BilledResolution) -> list[tuple[Charge, int]]:
    if about.agent_micros == 0:
        return [("resolution", about.agreed_micros)]
    share = about.agent_micros
    return [("resolution", about.agreed_micros - share), ("agent_share", share)]
