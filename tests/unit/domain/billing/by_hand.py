"""Accounts small enough to be worked out with pen and paper, settled by ledger and batch alike.

Amounts are decimal text, times local ones of the account's zone: `Account(prices=...)`, then
`.resolved("c1", "2026-03-05")`, `.judged(...)`, and at the end `.lines(...)` or `.items(...)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from streams.domain.billing.ledger import Ledger
from streams.domain.billing.preview import Preview
from streams.domain.billing.records import (
    Adjustment,
    Booked,
    Item,
    Seal,
    Told,
    encode_booked,
    encode_seal,
)
from streams.domain.commercial import (
    Band,
    BillingRules,
    ClauseCredit,
    CommercialTerms,
    Price,
    VolumeTier,
)
from streams.domain.contract import Clause, ContractBook, Terms
from streams.domain.facts import Fact, FactKind
from streams.domain.links import DroppedCustomer, customer_digest
from streams.domain.memory import FORGET_AFTER_MS
from streams.domain.money import millionths, percent_ppm
from streams.domain.time_zone import instant_of
from streams.oracle.billing import account_of, foreseen
from tests.log_builder import CONTRACT
from tests.properties.test_billing_erasure import as_other_people

DAY = 86_400_000
HOUR = 3_600_000


def price(amount: str, share: str | None = None, **selector: str) -> Price:
    """A price in the currency; `share` is the human agent's, in per cent."""
    ppm = None if share is None else percent_ppm(share)
    return Price(millionths(amount), agent_ppm=ppm, **selector)


def tiers(*steps: tuple[int, str]) -> tuple[VolumeTier, ...]:
    """(from which unit on, per cent of the price)."""
    return tuple(VolumeTier(first, percent_ppm(percent)) for first, percent in steps)


def rules(cap: str | None = None, minimum: str = "0", **more: Any) -> BillingRules:
    """Billing rules; cap and minimum in the currency."""
    most = None if cap is None else millionths(cap)
    return BillingRules(cap_micros=most, minimum_micros=millionths(minimum), **more)


def promise(name: str, period: str | None = "1M", target: str = "80", **more: Any) -> Clause:
    """At least `target` per cent of escalations taken over in time, over a calendar period."""
    window = 0 if period else HOUR
    given = {"grouping": (), "window_ms": window, "period": period, **more}
    return Clause(id=name, indicator="escalation_within", target_ppm=percent_ppm(target), **given)


def worth(
    name: str, weight: str, *bands: tuple[str, str], earn_back: tuple[int, str] = (0, "0")
) -> ClauseCredit:
    """A clause's weight, bands (beyond, share) and earn-back (periods, share), all in per cent."""
    return ClauseCredit(
        name,
        weight_ppm=percent_ppm(weight),
        bands=tuple(Band(percent_ppm(beyond), percent_ppm(share)) for beyond, share in bands),
        earn_back_periods=earn_back[0],
        earn_back_ppm=percent_ppm(earn_back[1]),
    )


class Account:
    """A contract and what is told of it; everything is settled twice and must be the same."""

    def __init__(self, zone: str = "UTC", currency: str = "USD") -> None:
        self.zone = zone
        self.currency = currency
        self._terms: list[Terms] = []
        self._told: list[Told] = []
        self._asked: list[DroppedCustomer] = []

    def version(
        self,
        *prices: Price,
        since: str = "2026-01-01",
        until: str | None = None,
        verified_after: int = 3 * DAY,
        fee: str = "0",
        at_risk: str = "0",
        most: str = "100",
        clauses: Sequence[Clause] = (),
        credits: Sequence[ClauseCredit] = (),
        billing: BillingRules | None = None,
    ) -> Account:
        """Agree on one more version: fee a month, `at_risk` and `most` credited in per cent."""
        money = CommercialTerms(
            self.currency,
            prices=prices,
            fixed_fee_micros=millionths(fee),
            at_risk_ppm=percent_ppm(at_risk),
            cap_ppm=percent_ppm(most),
            credits=tuple(credits),
            billing=billing or rules(grace_ms=HOUR),
        )
        self._terms.append(
            Terms(
                contract=CONTRACT,
                version=len(self._terms) + 1,
                effective_from_ms=self.time(since),
                effective_to_ms=None if until is None else self.time(until),
                time_zone=self.zone,
                inactivity_ms=60_000,
                escalation_expiry_ms=DAY,
                verification_ms=verified_after,
                thresholds_ms={},
                required_context=frozenset(),
                groupings=((), ("channel",)),
                scope={"channel": frozenset(("chat", "voice", "email"))},
                clauses=tuple(clauses),
                currency=self.currency,
                commercial=money,
            )
        )
        return self

    @property
    def book(self) -> ContractBook:
        return ContractBook(self._terms)

    def time(self, local: str) -> int:
        """A local time, in ms since 1970 UTC; digits after a `+` are ms added."""
        text, _, more = local.partition("+")
        return instant_of(self.zone, datetime.fromisoformat(text)) + int(more or 0)

    def told(
        self,
        kind: FactKind,
        conversation: str,
        time: int,
        detail: dict[str, Any],
        *,
        customer: str | None = None,
        known: int | None = None,
        retracts: bool = False,
        **about: Any,
    ) -> Told:
        """Tell one fact; known at its own time unless said."""
        given = {
            "version": self.book.at(CONTRACT, time).version,
            "life": self.time("2026-03-01") // DAY,
            "episode": 1,
            "ordinal": 1,
            "channel": "chat",
            "journey": "billing",
            "market": "SG",
            "supplier": "northcall",
            **about,
        }
        rest = dict.fromkeys(("prompt_version", "model", "knowledge_version"), "unknown")
        late = known is not None or retracts
        fact = Fact(
            kind=kind, contract=CONTRACT, conversation=conversation, time=time, detail=detail,
            late=late, retracts=retracts, **given, **rest,
        )  # fmt: skip
        digest = None if customer is None else customer_digest(CONTRACT, customer)
        one = Told(fact, time if known is None else known, digest)
        self._told.append(one)
        return one

    def resolved(
        self,
        conversation: str,
        closed: str,
        *,
        who: str = "ai",
        outcome: str | None = None,
        customer: str | None = None,
        query_type: str | None = None,
        claimed: str | None = None,
        returned: bool = False,
        known: str | None = None,
        **about: Any,
    ) -> Told:
        """A claim closed then, verified after the window of the terms; returns what settles it."""
        close = self.time(closed)
        terms = self.book.at(CONTRACT, close)
        final = outcome or ("verified" if who == "ai" else "escalated_safe")
        self.told(
            "episode_ended", conversation, close,
            {"cause": "customer", "eligible": True, "resolved": True, "excluded": False,
             "outcome": "contained" if who == "ai" else "escalated", "repeated": False,
             "safe": None if who == "ai" else True},
            customer=customer, **about,
        )  # fmt: skip
        return self.told(
            "episode_matured",
            conversation,
            close + terms.verification_ms,
            {"outcome": final, "human": who != "ai", "claimed": who != "human", "resolved": True,
             "returned": returned, "first_contact": True, "qa_ai": False, "qa_human": False,
             "claimed_at": None if claimed is None else self.time(claimed),
             "query_type": query_type, "proven": True},
            known=None if known is None else self.time(known), version=terms.version, **about,
        )  # fmt: skip

    def retract(self, one: Told, known: str) -> None:
        """A late event takes a fact back."""
        fields = {name: getattr(one.fact, name) for name in one.fact.__struct_fields__}
        fact = Fact(**{**fields, "retracts": True, "late": True})
        self._told.append(Told(fact, self.time(known)))

    def disputed(self, conversation: str, at: str, ordinal: int = 1) -> None:
        """The customer says that it is not resolved."""
        party = {"party": "customer"}
        self.told("resolution_disputed", conversation, self.time(at), party, ordinal=ordinal)

    def erased(self, customer: str, at: str) -> int:
        """The customer asks for erasure, which is read then; until when it is remembered (R)."""
        moment, digest = self.time(at), customer_digest(CONTRACT, customer)
        self._asked.append(DroppedCustomer(moment, digest, moment, b"r" * 16, CONTRACT))
        return moment + FORGET_AFTER_MS

    def visited(self, conversation: str, at: str, customer: str, **about: Any) -> None:
        """The customer comes."""
        self.told("customer_visited", conversation, self.time(at), {}, customer=customer, **about)

    def handed_over(self, at: str, within: int, missed: int, channel: str = "chat") -> None:
        """So many escalations ended then, taken over in time and not."""
        for number in range(within + missed):
            self.told(
                "escalation_ended", f"e{at}{channel}{number}", self.time(at),
                {"t0": self.time(at), "outcome": "taken_over", "latency_ms": 1, "answer": None,
                 "within": number < within, "overdue": False, "clamped": False,
                 "removed_within": None, "context_complete": None},
                channel=channel,
            )  # fmt: skip

    def settled(self, until: str) -> list[Booked | Seal]:
        """What is booked and sealed by then: by the ledger, and the same bytes by the batch, which
        is told that who comes after R is somebody else.
        """
        at = self.time(until)
        ledger = Ledger(self.book, CONTRACT)
        ledger.apply(0, at, self._told, erased=self._asked)
        found = ledger.advance()
        told = [as_other_people(one, self._asked) for one in self._told]
        batch = account_of(told, self.book, CONTRACT, at)
        booked = [one for one in found if not isinstance(one, Seal)]
        assert [encode_booked(one) for one in booked] == [encode_booked(o) for o in batch.booked]
        seals = [one for one in found if isinstance(one, Seal)]
        assert [encode_seal(one) for one in seals] == [encode_seal(one) for one in batch.seals]
        for days in (1, 20):
            forgetting = self._by_a_ledger_that_forgets(at, days * DAY)
            assert forgetting is None or forgetting == found
        return found

    def foreseen(self, at: str, period: str) -> Preview | None:
        """What a period would come to if it closed then: by ledger and batch alike."""
        moment = self.time(at)
        ledger = Ledger(self.book, CONTRACT)
        ledger.apply(0, moment, self._told)
        ledger.advance()
        found = {preview.period: preview for preview in ledger.previews()}.get(period)
        assert found == foreseen(self._told, self.book, CONTRACT, moment, period)
        return found

    def _by_a_ledger_that_forgets(self, until: int, step: int) -> list[Booked | Seal] | None:
        """The same step by step; None where it would refuse what was known so late."""
        ledger = Ledger(self.book, CONTRACT, forgets=True)
        if any(ledger.refuses(one) for one in self._told):
            return None
        found: list[Booked | Seal] = []
        at = min(one.known for one in self._told) - 1
        while at < until:
            begin, at = at, min(at + step, until)
            told = [one for one in self._told if begin < one.known <= at]
            ledger.apply(0, at, told, erased=[one for one in self._asked if one.at <= at])
            found += ledger.advance()
        return found

    def statement(self, until: str, period: str) -> list[Booked]:
        """The records of one statement, in order."""
        return [
            one for one in self.settled(until) if not isinstance(one, Seal) and one.period == period
        ]

    def lines(self, until: str, period: str) -> list[tuple[str, int]]:
        """(kind, amount) of the adjustments of one statement; of a correction with whose it is."""
        return [
            (one.kind if one.charge_class is None else f"{one.kind} {one.service_period}",
             one.amount_micros)
            for one in self.statement(until, period)
            if isinstance(one, Adjustment)
        ]  # fmt: skip

    def items(self, until: str) -> list[tuple[str, str, int, str]]:
        """(status and reason, conversation, amount, period) of all but provisional items; a
        correction's period comes with whose it is.
        """
        return [
            (
                one.status if one.reason is None else f"{one.status} {one.reason}",
                one.about.conversation,
                one.amount_micros,
                one.period
                if one.charge_class is None
                else f"{one.period} for {one.service_period}",
            )
            for one in self.settled(until)
            if isinstance(one, Item) and one.status != "provisional"
        ]

    def totals(self, until: str) -> dict[str, int]:
        """What is to be paid of each closed period."""
        return {
            one.period: one.total_micros for one in self.settled(until) if isinstance(one, Seal)
        }
