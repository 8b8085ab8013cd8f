"""What becomes of each claim, judged from scratch at every moment at which anything is known.

BILLING.md sections 1 to 4, in sorted loops. Times in ms since 1970 UTC, amounts in micro-units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from streams.domain.billing.records import (
    BilledResolution,
    Charge,
    EpisodeId,
    ItemStatus,
    Told,
)
from streams.domain.commercial import CommercialTerms
from streams.domain.contract import PPM, ContractBook, Terms
from streams.domain.facts import Fact

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


class _Outcome(NamedTuple):
    about: BilledResolution
    reason: str | None
    evidence_id: str


@dataclass(frozen=True, slots=True)
class _Closed:
    """A claim with its resolution, as of some moment."""

    ended: Told
    matured: Told
    terms: Terms
    about: BilledResolution
    priced: bool


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
                _episode(told.fact): told
                for told in facts
                if told.fact.kind == "episode_ended" and told.fact.detail["resolved"] is True
            }
            outcomes = _outcomes(claims, facts, self._book)
            for episode in sorted({*claims, *self._announced}):
                yield from self._step(known, episode, claims.get(episode), outcomes.get(episode))

    def _step(
        self, known: int, episode: EpisodeId, claim: Told | None, outcome: _Outcome | None
    ) -> Iterator[Event]:
        if claim is not None and episode not in self._announced:
            who = "ai" if claim.fact.detail["outcome"] == "contained" else "unknown"
            about = _resolution(claim.fact, claim.fact, who, "pending", self._book)[0]
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

    def _finals(self, known: int, episode: EpisodeId, outcome: _Outcome) -> Iterator[Event]:
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


def _outcomes(
    claims: Mapping[EpisodeId, Told],
    facts: list[Told],
    book: ContractBook,
) -> dict[EpisodeId, _Outcome]:
    closed: list[_Closed] = []
    for told in facts:
        ended = claims.get(_episode(told.fact))
        if told.fact.kind == "episode_matured" and ended is not None:
            about, terms, priced = _resolution(
                told.fact, ended.fact, _who(told.fact), _proof(told.fact), book
            )
            closed.append(_Closed(ended, told, terms, about, priced))
    closed.sort(key=lambda one: (one.ended.fact.time, _episode(one.ended.fact)))
    found: dict[EpisodeId, _Outcome] = {}
    billed: list[_Closed] = []
    for one in closed:
        reason = _reason(one, closed, facts)
        if reason is None and any(_same_matter(one, earlier) for earlier in billed):
            reason = "same_matter"
        if reason is None:
            billed.append(one)
        found[_episode(one.ended.fact)] = _Outcome(one.about, reason, one.matured.fact.id)
    return found


def _same_matter(one: _Closed, earlier: _Closed) -> bool:
    gap = one.ended.fact.time - earlier.ended.fact.time
    return gap <= _money(one.terms).billing.matter_ms and _matter(one) == _matter(earlier)


def _matter(one: _Closed) -> tuple[bytes | None, str, str]:
    customer, journey = one.ended.customer, one.matured.fact.journey
    if customer is not None and journey != "unknown":
        return (customer, journey, "")
    return (customer, "", one.ended.fact.conversation)


def _reason(one: _Closed, closed: list[_Closed], facts: list[Told]) -> str | None:
    """The first of section 2.5's reasons 1 to 7 that holds."""
    rules = _money(one.terms).billing
    matured = one.matured.fact
    final = matured.detail["outcome"]
    if final == "void" or matured.detail["returned"]:
        return "void"
    if final in ("trapped", "abandoned"):
        return str(final)
    if final == "escalated_unsafe":
        return "unsafe"
    if _is_disputed(one, closed, facts):
        return "disputed"
    if rules.recontact != "none" and any(_returns(one, told) for told in facts):
        return "recontact"
    if one.about.evidence == "assumed" and rules.bills == "verified":
        return "unproven"
    if one.about.resolved_by not in rules.resolved_by:
        return "not_agreed"
    return None if one.priced else "unpriced"


def _is_disputed(one: _Closed, closed: list[_Closed], facts: list[Told]) -> bool:
    rules = _money(one.terms).billing
    until = one.matured.fact.time + rules.dispute_ms
    for told in facts:
        fact = told.fact
        if fact.kind == "resolution_disputed" and fact.time <= until:
            conversation = one.ended.fact.conversation
            closes = [
                other.ended.fact.time
                for other in closed
                if fact.conversation == other.ended.fact.conversation == conversation
                and other.ended.fact.time < fact.time
            ]
            if closes and max(closes) == one.ended.fact.time:
                return True
        if fact.kind not in ("csat_received", "qa_evaluated"):
            continue
        detail = fact.detail
        if _episode(fact) != _episode(one.ended.fact) or fact.time > until:
            continue
        dissatisfied = detail.get("satisfied") is False and detail["subject"] != "human"
        failed = detail.get("passed") is False and detail["subject"] == "ai"
        if fact.kind == "csat_received" and "csat" in rules.disputed_by and dissatisfied:
            return True
        if fact.kind == "qa_evaluated" and "qa" in rules.disputed_by and failed:
            return True
    return False


def _returns(one: _Closed, told: Told) -> bool:
    """Whether a fact is the customer's coming back by another episode, in time to void it."""
    visit = told.fact
    if visit.kind != "customer_visited" or told.customer is None:
        return False
    if told.customer != one.ended.customer or _episode(visit) == _episode(one.ended.fact):
        return False
    if not one.ended.fact.time < visit.time <= one.matured.fact.time:
        return False
    if _money(one.terms).billing.recontact == "any":
        return True
    return visit.journey == one.matured.fact.journey != "unknown"


def _who(matured: Fact) -> str:
    if matured.detail["human"] is False:
        return "ai"
    return "hybrid" if matured.detail["claimed"] else "human"


def _proof(matured: Fact) -> str:
    final = matured.detail["outcome"]
    if final == "verified":
        return "verified"
    shown = final == "escalated_safe" and matured.detail.get("proven", False)
    return "verified" if shown else "assumed"


def _resolution(
    fact: Fact, ended: Fact, who: str, proof: str, book: ContractBook
) -> tuple[BilledResolution, Terms, bool]:
    """What is stated of a claim by the fact that settles it; its terms; whether it has a price."""
    claimed_at = fact.detail.get("claimed_at")
    terms = (
        book.version(fact.contract, fact.version)
        if claimed_at is None
        else book.at(fact.contract, claimed_at)
    )
    query_type = fact.detail.get("query_type")
    fitting = [
        price
        for price in _money(terms).prices
        if price.query_type in (None, query_type)
        and price.journey in (None, fact.journey)
        and price.channel in (None, fact.channel)
    ]
    # Query type before journey before channel before none; no two have the same selector.
    fitting.sort(key=lambda p: (p.query_type is None, p.journey is None, p.channel is None))
    price = fitting[0] if fitting else None
    agreed = 0 if price is None else price.amount_micros
    share = 0 if price is None or who not in ("hybrid", "human") else price.agent_ppm or 0
    return (
        BilledResolution(
            contract=fact.contract,
            version=terms.version,
            conversation=ended.conversation,
            life=ended.life,
            episode=ended.episode,
            time=fact.time,
            channel=fact.channel,
            market=fact.market,
            journey=fact.journey,
            supplier=fact.supplier,
            query_type=query_type,
            resolved_by=who,
            evidence=proof,
            currency=terms.currency,
            client_former_micros=None if price is None else price.client_former_micros,
            provider_micros=None if price is None else price.provider_micros,
            agreed_micros=agreed,
            agent_micros=agreed * share // PPM,
        ),
        terms,
        price is not None,
    )


def _money(terms: Terms) -> CommercialTerms:
    return terms.commercial or CommercialTerms(terms.currency)


def _episode(fact: Fact) -> EpisodeId:
    return (fact.conversation, fact.life, fact.episode)
