"""What a source tells billing of its facts: each with when it was known and whose it is.
BILLING.md section 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from streams.domain.billing.accounts import KEPT
from streams.domain.billing.records import Told
from streams.domain.contract import ContractBook, Terms
from streams.domain.facts import FACT_KINDS, Fact, FactKind
from streams.domain.interaction import Stated
from streams.domain.links import customer_digest


@dataclass(slots=True)
class Fed:
    """What a batch told of one contract. `begun`: when the least of the records that no ledger
    needs was known, and the time of its fact, in ms.
    """

    records: list[Told] = field(default_factory=list)
    begun: tuple[int, int] | None = None


class Feed:
    """Gathers what a batch publishes of the contracts that are billed."""

    def __init__(self, book: ContractBook) -> None:
        versions = {name: book.versions(name) for name in book.names}
        self._kinds = {name: _kinds_of(of) for name, of in versions.items() if is_billed(of)}
        self._fed: dict[str, Fed] = {}

    def __bool__(self) -> bool:
        """Whether anything is billed."""
        return bool(self._kinds)

    def tell(self, facts: Sequence[Fact], customer: Stated, known: int | None = None) -> None:
        """Facts of one conversation were published, each known at its own time, or late at `known`
        (ms); `customer` is whose it is, and since when.
        """
        kinds = self._kinds.get(facts[0].contract) if facts else None
        if kinds is None:
            return
        fed = self._fed.get(facts[0].contract)
        if fed is None:
            fed = self._fed[facts[0].contract] = Fed()
        for fact in facts:
            at = fact.time if known is None else known
            if fact.kind in kinds:
                fed.records.append(Told(fact, at, _whose(fact, customer)))
            elif fed.begun is None or (at, fact.time) < fed.begun:
                fed.begun = (at, fact.time)

    def take(self) -> dict[str, Fed]:
        """What was told since the last call, by contract."""
        fed, self._fed = self._fed, {}
        return fed


def _whose(fact: Fact, customer: Stated) -> bytes | None:
    close = fact.kind == "episode_ended" and fact.detail["resolved"]
    # Of an erased customer it is known since when, and no name (DEFINITIONS.md section 12).
    if customer is None or not customer[1]:
        return None
    if fact.retracts or not (close or fact.kind == "customer_visited"):
        return None
    return customer_digest(fact.contract, customer[1]) if customer[0] <= fact.time else None


def billed_contracts(book: ContractBook) -> tuple[str, ...]:
    """The contracts of a book that are billed, by name."""
    return tuple(sorted(name for name in book.names if is_billed(book.versions(name))))


def is_billed(versions: Sequence[Terms]) -> bool:
    """Whether money flows under a contract, all in one currency and time zone."""
    one = len({(terms.currency, terms.time_zone) for terms in versions}) == 1
    return one and any(
        money.prices or money.fixed_fee_micros or money.billing.minimum_micros
        for terms in versions
        if (money := terms.commercial) is not None
    )


def _kinds_of(versions: Sequence[Terms]) -> frozenset[FactKind]:
    """What the ledger needs: where clauses bear credits, all that they may count."""
    credited = any(
        credit.bands
        for terms in versions
        if terms.commercial is not None
        for credit in terms.commercial.credits
    )
    return frozenset(FACT_KINDS) if credited else KEPT
