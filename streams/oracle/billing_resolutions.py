"""Which claims are billable as of some moment, at what price, and why the others are not.

BILLING.md sections 2 and 3, in sorted loops. Times in ms since 1970 UTC, amounts in micro-units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streams.domain.billing.records import BilledResolution, EpisodeId, Told
from streams.domain.commercial import BillingRules, CommercialTerms
from streams.domain.contract import PPM, ContractBook, Terms
from streams.domain.facts import Fact


class Outcome(NamedTuple):
    """What became of a claim: billable where there is no reason against it."""

    about: BilledResolution
    reason: str | None
    evidence_id: str


@dataclass(frozen=True, slots=True)
class _Closed:
    """A claim with its resolution, as of some moment, and the times of the disputes about it."""

    ended: Told
    matured: Told
    terms: Terms
    about: BilledResolution
    priced: bool
    disputes: Sequence[int]

    @property
    def rules(self) -> BillingRules:
        return money_of(self.terms).billing


def outcomes_of(
    claims: Mapping[EpisodeId, Told],
    facts: Sequence[Told],
    book: ContractBook,
) -> dict[EpisodeId, Outcome]:
    """What became of each claim that has its resolution, from the facts that stand."""
    disputes = _disputes(claims, facts)
    closed: list[_Closed] = []
    for told in facts:
        ended = claims.get(episode_of(told.fact))
        if told.fact.kind == "episode_matured" and ended is not None:
            about, terms, priced = _resolution(
                told.fact, ended.fact, _who(told.fact), _proof(told.fact), book
            )
            closed.append(_Closed(ended, told, terms, about, priced, disputes.get(about.of, ())))
    closed.sort(key=lambda one: (one.ended.fact.time, episode_of(one.ended.fact)))
    found: dict[EpisodeId, Outcome] = {}
    billed: list[_Closed] = []
    for one in closed:
        reason = _reason(one, facts)
        if reason is None and any(_same_matter(one, earlier) for earlier in billed):
            reason = "same_matter"
        if reason is None:
            billed.append(one)
        found[episode_of(one.ended.fact)] = Outcome(one.about, reason, one.matured.fact.id)
    return found


def _same_matter(one: _Closed, earlier: _Closed) -> bool:
    gap = one.ended.fact.time - earlier.ended.fact.time
    return gap <= one.rules.matter_ms and _matter(one) == _matter(earlier)


def _matter(one: _Closed) -> tuple[bytes | None, str, str]:
    customer, journey = one.ended.customer, one.matured.fact.journey
    if customer is not None and journey != "unknown":
        return (customer, journey, "")
    return (customer, "", one.ended.fact.conversation)


def _reason(one: _Closed, facts: Sequence[Told]) -> str | None:
    """The first of section 2.5's reasons 1 to 7 that holds."""
    rules = one.rules
    matured = one.matured.fact
    final = matured.detail["outcome"]
    if final == "void" or matured.detail["returned"]:
        return "void"
    if final in ("trapped", "abandoned"):
        return str(final)
    if final == "escalated_unsafe":
        return "unsafe"
    if _is_disputed(one, facts):
        return "disputed"
    if rules.recontact != "none" and any(_returns(one, told) for told in facts):
        return "recontact"
    if one.about.evidence == "assumed" and rules.bills == "verified":
        return "unproven"
    if one.about.resolved_by not in rules.resolved_by:
        return "not_agreed"
    return None if one.priced else "unpriced"


def _is_disputed(one: _Closed, facts: Sequence[Told]) -> bool:
    until = one.matured.fact.time + one.rules.dispute_ms
    if any(time <= until for time in one.disputes):
        return True
    for told in facts:
        fact = told.fact
        if episode_of(fact) != episode_of(one.ended.fact) or fact.time > until:
            continue
        if fact.kind == "csat_received" and "csat" in one.rules.disputed_by:
            disputes = not fact.detail["satisfied"] and fact.detail["subject"] != "human"
        elif fact.kind == "qa_evaluated" and "qa" in one.rules.disputed_by:
            disputes = not fact.detail["passed"] and fact.detail["subject"] == "ai"
        else:
            continue
        if disputes:
            return True
    return False


def _disputes(
    claims: Mapping[EpisodeId, Told], facts: Sequence[Told]
) -> Mapping[EpisodeId, Sequence[int]]:
    """The times of the disputes, each by the last claim of its conversation before it."""
    found: dict[EpisodeId, list[int]] = defaultdict(list)
    for told in facts:
        dispute = told.fact
        if dispute.kind == "resolution_disputed":
            before = [
                (claim.fact.time, episode)
                for episode, claim in claims.items()
                if episode[0] == dispute.conversation and claim.fact.time < dispute.time
            ]
            if before:
                found[max(before)[1]].append(dispute.time)
    return found


def _returns(one: _Closed, told: Told) -> bool:
    """Whether a fact is the customer's coming back by another episode, in time to void it."""
    visit = told.fact
    if visit.kind != "customer_visited" or told.customer is None:
        return False
    if told.customer != one.ended.customer or episode_of(visit) == episode_of(one.ended.fact):
        return False
    if not one.ended.fact.time < visit.time <= one.matured.fact.time:
        return False
    if one.rules.recontact == "any":
        return True
    return visit.journey == one.matured.fact.journey != "unknown"


def provisional(ended: Fact, book: ContractBook) -> BilledResolution:
    """What a claim would be charged, as far as is known at its close."""
    who = "ai" if ended.detail["outcome"] == "contained" else "unknown"
    return _resolution(ended, ended, who, "pending", book)[0]


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
        for price in money_of(terms).prices
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


def money_of(terms: Terms) -> CommercialTerms:
    """The money of a version; no prices and nothing at risk where it says nothing."""
    return terms.commercial or CommercialTerms(terms.currency)


def episode_of(fact: Fact) -> EpisodeId:
    """Whose fact it is, within its contract."""
    return (fact.conversation, fact.life, fact.episode)
