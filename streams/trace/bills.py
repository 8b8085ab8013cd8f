"""What a conversation comes to in money, as far as its facts tell. DEFINITIONS.md section 10.

The one place where items of `billing-items` that name the conversation are to be added: as lines of
the same list, read from that topic, beside what is derived here from the facts alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streams.domain.commercial import CommercialTerms, Price
from streams.domain.contract import ContractBook
from streams.domain.facts import Fact
from streams.trace.model import Bill

_WHY_NOT = {
    "assumed": "assumed: nothing speaks against it, and no evidence for it",
    "void": "void: the customer came back, or evidence spoke against it",
    "escalated_safe": "a human took over, as agreed",
    "escalated_unsafe": "a human took over, not as agreed",
    "trapped": "the customer was trapped",
    "abandoned": "the customer gave up waiting",
}


def bills_of(standing: Iterable[Fact], book: ContractBook) -> list[Bill]:
    """A line for each matured episode among the facts that stand."""
    return list(_bills(standing, book))


def _bills(standing: Iterable[Fact], book: ContractBook) -> Iterator[Bill]:
    for fact in standing:
        if fact.kind != "episode_matured":
            continue
        terms = book.version(fact.contract, fact.version)
        money = terms.commercial or CommercialTerms(terms.currency)
        outcome = fact.detail["outcome"]
        price = money.price_of(fact.channel, fact.journey) if outcome == "verified" else None
        yield Bill(
            fact=fact.id,
            time=fact.time,
            episode=fact.episode,
            outcome=outcome,
            version=fact.version,
            billed=price is not None,
            why=_why(outcome, price),
            price=None if price is None else _selector(price),
            amount_micros=None if price is None else price.amount_micros,
            currency=None if price is None else money.currency,
        )


def _why(outcome: str, price: Price | None) -> str:
    if outcome != "verified":
        return f"not billed: {_WHY_NOT[outcome]}"
    if price is None:
        return "not billed: verified, but the version's price table admits no such resolution"
    return "billed once, as a verified resolution"


def _selector(price: Price) -> dict[str, str]:
    names = ("query_type", "journey", "channel")
    pairs = zip(names, price.selector, strict=True)
    return {name: value for name, value in pairs if value is not None}
