"""What a contract says about money: prices, fees, what is at risk, and credits by clause.

Amounts are integer micro-units of the contract's currency, shares parts per million. How credits
are computed from them: billing/credit_lines.py; what they mean: BILLING.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Resolver = Literal["ai", "hybrid", "human"]
Proof = Literal["verified", "assumed"]
Dispute = Literal["evidence", "csat", "qa"]
Recontact = Literal["same_issue", "any", "none"]
RESOLVERS: tuple[Resolver, ...] = ("ai", "hybrid", "human")
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Price:
    """What one resolution costs the client. A selector that is None admits all.

    `client_former_micros` is what it cost the client before, `provider_micros` what it costs the
    provider; `agent_ppm` is the human agent's share of the price.
    """

    amount_micros: int
    channel: str | None = None
    journey: str | None = None
    query_type: str | None = None
    client_former_micros: int | None = None
    provider_micros: int | None = None
    agent_ppm: int | None = None

    @property
    def selector(self) -> tuple[str | None, str | None, str | None]:
        """What the price is for: query type, journey, channel."""
        return (self.query_type, self.journey, self.channel)

    def admits(self, channel: str, journey: str, query_type: str | None) -> bool:
        """Whether a resolution is priced by it."""
        return (
            self.channel in (None, channel)
            and self.journey in (None, journey)
            and self.query_type in (None, query_type)
        )


@dataclass(frozen=True, slots=True)
class Band:
    """From where on which share of a clause's part of the pool is credited: strictly beyond
    `beyond_ppm`, which is in the clause's terms (ppm of a share, millionths of an amount).
    """

    beyond_ppm: int
    share_ppm: int


@dataclass(frozen=True, slots=True)
class ClauseCredit:
    """What a clause is worth: its part of the pool, and its bands from the mildest on.

    `expected_ppm` is the least that is expected, in the clause's terms. Earn-back: a credit is
    returned by `earn_back_ppm` of it where the target is met in so many periods after it; 0 for
    none.
    """

    clause: str
    weight_ppm: int = 0
    bands: tuple[Band, ...] = ()
    expected_ppm: int | None = None
    earn_back_periods: int = 0
    earn_back_ppm: int = 0


@dataclass(frozen=True, slots=True)
class VolumeTier:
    """From which unit of a period on (counted from 1) which share of its price is paid."""

    from_unit: int
    share_ppm: int


@dataclass(frozen=True, slots=True)
class BillingRules:
    """Which resolutions are billed and what a period's volume does to their price. BILLING.md.

    `grace_ms` None: the verification window. `matter_ms`: how long after a billed close a further
    resolution of the same matter is not billed. `cap_micros` None: no cap.
    """

    bills: Proof = "verified"
    resolved_by: tuple[Resolver, ...] = RESOLVERS
    disputed_by: tuple[Dispute, ...] = ("evidence",)
    recontact: Recontact = "same_issue"
    matter_ms: int = 7 * _DAY_MS
    dispute_ms: int = 5 * _DAY_MS
    grace_ms: int | None = None
    allowance: int = 0
    tiers: tuple[VolumeTier, ...] = ()
    cap_micros: int | None = None
    minimum_micros: int = 0

    def tier_ppm(self, unit: int) -> int:
        """Which share of its price the n-th unit after the allowance costs, n from 1."""
        reached = 1_000_000
        for tier in self.tiers:
            if tier.from_unit > unit:
                break
            reached = tier.share_ppm
        return reached


@dataclass(frozen=True, slots=True)
class ApprovalPoint:
    """An action of the AI that a human must approve first, in one journey."""

    journey: str
    action: str
    approver: str


@dataclass(frozen=True, slots=True)
class CommercialTerms:
    """The money of one version of a contract.

    `fixed_fee_micros` is per calendar month of the contract's time zone. `at_risk_ppm` of a
    period's fees are the pool that credits are taken from; all credits of a settlement period
    together are at most `cap_ppm` of its fees.
    """

    currency: str
    prices: tuple[Price, ...] = ()
    fixed_fee_micros: int = 0
    at_risk_ppm: int = 0
    cap_ppm: int = 0
    credits: tuple[ClauseCredit, ...] = ()
    approvals: tuple[ApprovalPoint, ...] = ()
    billing: BillingRules = BillingRules()

    def price_of(self, channel: str, journey: str, query_type: str | None = None) -> Price | None:
        """The most specific price that admits a resolution: by query type before journey before
        channel before none; None where it has no price.
        """
        found, best = None, -1
        for price in self.prices:
            if price.admits(channel, journey, query_type):
                weight = 4 * (price.query_type is not None) + 2 * (price.journey is not None)
                weight += price.channel is not None
                if weight > best:
                    found, best = price, weight
        return found

    def credit_of(self, clause: str) -> ClauseCredit | None:
        """What a clause is worth; None where no money hangs on it."""
        return next((one for one in self.credits if one.clause == clause), None)
