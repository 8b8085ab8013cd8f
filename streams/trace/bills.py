"""What a conversation comes to in money, as far as its own facts tell. BILLING.md sections 2 and 3.

What its customer did elsewhere is not known here: a return by another conversation, or the same
matter billed for one, is in `billing-items` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streams.domain.billing.accounts import Accounts
from streams.domain.billing.records import BilledResolution, Told
from streams.domain.billing.resolutions import Settled
from streams.domain.commercial import CommercialTerms, Price
from streams.domain.contract import ContractBook
from streams.domain.facts import Fact
from streams.trace.model import Bill

_WHY_NOT = {
    "void": "void: the customer came back, or evidence spoke against it",
    "trapped": "the customer was trapped",
    "abandoned": "the customer gave up waiting",
    "unsafe": "a human took over, not as agreed",
    "disputed": "the customer says that it is not resolved",
    "not_agreed": "the contract does not pay for who resolved it",
    "unpriced": "the version's price table admits no such resolution",
    "same_matter": "the conversation was billed for it before",
}
_UNPROVEN = {
    "assumed": "assumed: nothing speaks against it, and no evidence for it",
    "escalated_safe": "a human took over, as agreed, and there is no evidence that it is resolved",
}
_BY = {"ai": "the AI alone", "hybrid": "the AI and a human", "human": "a human"}


def bills_of(standing: Iterable[Fact], book: ContractBook) -> list[Bill]:
    """A line for each matured episode among the facts that stand."""
    facts = list(standing)
    accounts = Accounts(book)
    for fact in facts:
        accounts.take(Told(fact, fact.time))
    settled = {one.about.of: one for *_, one in accounts.settled() if one is not None}
    return list(_bills(facts, settled, book))


def _bills(
    facts: Iterable[Fact], settled: dict[tuple[str, int, int], Settled], book: ContractBook
) -> Iterator[Bill]:
    for fact in facts:
        if fact.kind != "episode_matured":
            continue
        one = settled.get((fact.conversation, fact.life, fact.episode))
        billed = one is not None and one.reason is None
        price = _price(one.about, book) if one is not None and billed else None
        yield Bill(
            fact=fact.id,
            time=fact.time,
            episode=fact.episode,
            outcome=fact.detail["outcome"],
            version=fact.version if one is None else one.about.version,
            billed=billed,
            why=_why(fact.detail["outcome"], one),
            price=None if price is None else _selector(price),
            amount_micros=one.about.agreed_micros if one is not None and billed else None,
            currency=one.about.currency if one is not None and billed else None,
        )


def _why(outcome: str, one: Settled | None) -> str:
    if one is None:
        return "not billed: nobody claimed that it is resolved"
    if one.reason is None:
        return f"billed once, as resolved by {_BY[one.about.resolved_by]}"
    if one.reason == "unproven":
        return f"not billed: {_UNPROVEN.get(outcome, outcome)}"
    return f"not billed: {_WHY_NOT.get(one.reason, one.reason)}"


def _price(about: BilledResolution, book: ContractBook) -> Price | None:
    terms = book.version(about.contract, about.version)
    money = terms.commercial or CommercialTerms(terms.currency)
    return money.price_of(about.channel, about.journey, about.query_type)


def _selector(price: Price) -> dict[str, str]:
    names = ("query_type", "journey", "channel")
    pairs = zip(names, price.selector, strict=True)
    return {name: value for name, value in pairs if value is not None}
