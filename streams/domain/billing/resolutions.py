"""Which resolutions of one customer are billable, at what price, and why the others are not.
BILLING.md sections 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.domain.billing.records import BilledResolution, EpisodeId
from streams.domain.commercial import BillingRules, CommercialTerms
from streams.domain.contract import PPM, ContractBook, Terms
from streams.domain.facts import Fact

_UNKNOWN = "unknown"
_ENDED_BADLY = {"trapped": "trapped", "abandoned": "abandoned", "escalated_unsafe": "unsafe"}


@dataclass(slots=True)
class Claim:
    """One episode as far as billing knows it: standing facts, whose it is, and what speaks against
    it. `disputed_at` are the times (ms) of the disputes that are about it.

    `frozen`: whether it is billed, once nothing can change that any more.
    """

    ended: Fact | None = None
    matured: Fact | None = None
    customer: bytes | None = None
    feedback: dict[tuple[int, str, int, int], Fact] = field(default_factory=dict)
    disputed_at: list[int] = field(default_factory=list)
    frozen: bool | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing stands of it."""
        return self.ended is None and self.matured is None and not self.feedback

    @property
    def claimed(self) -> bool:
        """Whether anybody's claim stands."""
        return self.ended is not None and self.ended.detail["resolved"] is True


class Settled(NamedTuple):
    """What became of a claim as of some k: billable where there is no reason against it."""

    about: BilledResolution
    reason: str | None
    evidence_id: str


class _Candidate(NamedTuple):
    close: int
    episode: EpisodeId
    matter: tuple[str, bool]
    rules: BillingRules
    settled: Settled | None


def provisional(ended: Fact, book: ContractBook) -> Settled:
    """What a claim would be charged, as far as is known at its close."""
    who = "ai" if ended.detail["outcome"] == "contained" else _UNKNOWN
    return Settled(_about(ended, ended, who, "pending", book)[0], None, ended.id)


def settle(
    claims: Iterable[Claim], visits: Sequence[Fact], book: ContractBook
) -> dict[EpisodeId, Settled]:
    """What became of the claims of one customer, or of one conversation whose customer nobody
    knows, that have their resolution. `visits` are the customer's, in any order.
    """
    found: dict[EpisodeId, Settled] = {}
    candidates: list[_Candidate] = []
    for claim in claims:
        ended, matured = claim.ended, claim.matured
        if ended is None or matured is None or not claim.claimed or claim.frozen is False:
            continue
        if claim.frozen:
            matter = _matter(claim, ended, matured)
            rules = _money(book.version(ended.contract, ended.version)).billing
            candidates.append(_Candidate(ended.time, _episode(ended), matter, rules, None))
            continue
        about, terms, priced = _about(
            matured, ended, _resolved_by(matured), _evidence(matured), book
        )
        rules = _money(terms).billing
        reason = _reason_alone(claim, matured, about, rules)
        if reason is None and _came_back(ended, matured, visits, rules):
            reason = "recontact"
        if reason is None and rules.bills == "verified" and about.evidence != "verified":
            reason = "unproven"
        if reason is None and about.resolved_by not in rules.resolved_by:
            reason = "not_agreed"
        if reason is None and not priced:
            reason = "unpriced"
        settled = Settled(about, reason, matured.id)
        found[about.of] = settled
        if reason is None:
            matter = _matter(claim, ended, matured)
            candidates.append(_Candidate(ended.time, about.of, matter, rules, settled))
    _bill_matters_once(candidates, found)
    return found


def _matter(claim: Claim, ended: Fact, matured: Fact) -> tuple[str, bool]:
    if claim.customer is None or matured.journey == _UNKNOWN:
        return (ended.conversation, False)
    return (matured.journey, True)


def _reason_alone(
    claim: Claim, matured: Fact, about: BilledResolution, rules: BillingRules
) -> str | None:
    """What the episode's own facts say against billing it."""
    outcome = matured.detail["outcome"]
    if outcome == "void" or matured.detail["returned"]:
        return "void"
    if outcome in _ENDED_BADLY:
        return _ENDED_BADLY[outcome]
    until = about.time + rules.dispute_ms
    if any(time <= until for time in claim.disputed_at) or any(
        _disputes(fact, rules) and fact.time <= until for fact in claim.feedback.values()
    ):
        return "disputed"
    return None


def _disputes(fact: Fact, rules: BillingRules) -> bool:
    detail = fact.detail
    if fact.kind == "csat_received":
        dissatisfied = not detail["satisfied"] and detail["subject"] != "human"
        return "csat" in rules.disputed_by and dissatisfied
    return "qa" in rules.disputed_by and detail["subject"] == "ai" and not detail["passed"]


def _came_back(ended: Fact, matured: Fact, visits: Iterable[Fact], rules: BillingRules) -> bool:
    if rules.recontact == "none":
        return False
    if rules.recontact == "same_issue" and matured.journey == _UNKNOWN:
        return False
    return any(
        ended.time < visit.time <= matured.time
        and _episode(visit) != _episode(ended)
        and rules.recontact in ("any", _same_issue(visit, matured))
        for visit in visits
    )


def _same_issue(visit: Fact, matured: Fact) -> str:
    return "same_issue" if visit.journey == matured.journey else ""


def _bill_matters_once(candidates: list[_Candidate], found: dict[EpisodeId, Settled]) -> None:
    billed: dict[tuple[str, bool], int] = {}
    for one in sorted(candidates, key=lambda c: (c.close, c.episode)):
        last = billed.get(one.matter)
        # The last billed close of the matter is the nearest one: others lie further back.
        within = last is not None and one.close - last <= one.rules.matter_ms
        if one.settled is not None and within:
            found[one.episode] = one.settled._replace(reason="same_matter")
        else:
            billed[one.matter] = one.close


def _resolved_by(matured: Fact) -> str:
    if not matured.detail["human"]:
        return "ai"
    return "hybrid" if matured.detail["claimed"] else "human"


def _evidence(matured: Fact) -> str:
    outcome = matured.detail["outcome"]
    proven = outcome == "escalated_safe" and matured.detail.get("proven") is True
    return "verified" if outcome == "verified" or proven else "assumed"


def _about(
    fact: Fact, ended: Fact, resolved_by: str, evidence: str, book: ContractBook
) -> tuple[BilledResolution, Terms, bool]:
    """What a line states, from the fact that settles it; its terms; whether it has a price."""
    claimed_at = fact.detail.get("claimed_at")
    if claimed_at is None:
        terms = book.version(fact.contract, fact.version)
    else:
        terms = book.at(fact.contract, claimed_at)
    query_type = fact.detail.get("query_type")
    price = _money(terms).price_of(fact.channel, fact.journey, query_type)
    agreed = price.amount_micros if price is not None else 0
    share = (price.agent_ppm or 0) if price is not None else 0
    about = BilledResolution(
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
        resolved_by=resolved_by,
        evidence=evidence,
        currency=terms.currency,
        client_former_micros=price.client_former_micros if price is not None else None,
        provider_micros=price.provider_micros if price is not None else None,
        agreed_micros=agreed,
        agent_micros=agreed * share // PPM if resolved_by in ("hybrid", "human") else 0,
    )
    return about, terms, price is not None


def _money(terms: Terms) -> CommercialTerms:
    return terms.commercial or CommercialTerms(terms.currency)


def _episode(fact: Fact) -> EpisodeId:
    return (fact.conversation, fact.life, fact.episode)
