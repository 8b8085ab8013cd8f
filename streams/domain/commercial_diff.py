"""What changes about the money between two versions of a contract, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from streams.domain.clause_words import value_text
from streams.domain.commercial import BillingRules, ClauseCredit, CommercialTerms, Price
from streams.domain.contract import Clause, Terms
from streams.domain.contract_change import Change, Effect
from streams.domain.money import amount_text, percent_text


def money_changes(before: Terms, after: Terms, successors: Mapping[str, str]) -> Iterator[Change]:
    """Currency, prices, fees, what is at risk, and credits clause by clause; `successors` are the
    clauses that go on under another name.
    """
    old = before.commercial or CommercialTerms(before.currency)
    new = after.commercial or CommercialTerms(after.currency)
    if before.currency != after.currency:
        yield Change("money", f"amounts are in {after.currency} instead of {before.currency}")
        if old.prices or old.fixed_fee_micros:
            # What follows would compare yen with dollars.
            yield Change("money", "prices and fees are agreed anew in the other currency")
    else:
        yield from _prices(old, new)
        if old.fixed_fee_micros != new.fixed_fee_micros:
            was, now = (amount_text(t.fixed_fee_micros, t.currency) for t in (old, new))
            lower = new.fixed_fee_micros < old.fixed_fee_micros
            yield Change("money", f"fixed fee a month is {now} instead of {was}", _effect(lower))
    for words, was_ppm, now_ppm in (
        ("of a period's fees are at risk", old.at_risk_ppm, new.at_risk_ppm),
        ("of its fees is the most that is credited", old.cap_ppm, new.cap_ppm),
    ):
        if was_ppm != now_ppm:
            text = f"{percent_text(now_ppm)} instead of {percent_text(was_ppm)} {words}"
            yield Change("money", text, _effect(now_ppm > was_ppm))
    yield from _credits(before, after, old, new, successors)
    for rule in fields(BillingRules):
        was_rule, now_rule = getattr(old.billing, rule.name), getattr(new.billing, rule.name)
        if was_rule != now_rule:
            name = rule.name.replace("_", " ")
            yield Change("money", f"billing: {name} is {now_rule} instead of {was_rule}")
    for points, words in (
        (set(new.approvals) - set(old.approvals), "needs approval now"),
        (set(old.approvals) - set(new.approvals), "needs no approval any more"),
    ):
        for point in sorted(points, key=lambda p: (p.journey, p.action)):
            effect: Effect = "stricter" if words == "needs approval now" else "looser"
            text = f"in {point.journey}: {point.action} {words} ({point.approver})"
            yield Change("terms", text, effect)


def _prices(old: CommercialTerms, new: CommercialTerms) -> Iterator[Change]:
    was = {price.selector: price for price in old.prices}
    now = {price.selector: price for price in new.prices}
    for selector in sorted({*was, *now}, key=lambda s: tuple(one or "" for one in s)):
        before, after = was.get(selector), now.get(selector)
        if before is None and after is not None:
            text = f"{_priced(after)} costs {amount_text(after.amount_micros, new.currency)} now"
            yield Change("money", f"{text}; it had no price of its own")
        elif after is None and before is not None:
            text = f"{_priced(before)} has no price of its own any more"
            text += f"; it was {amount_text(before.amount_micros, old.currency)}"
            yield Change("money", text)
        elif before is not None and after is not None and before != after:
            yield from _price(before, after, new.currency)


def _price(before: Price, after: Price, currency: str) -> Iterator[Change]:
    what = _priced(after)
    if before.amount_micros != after.amount_micros:
        was, now = (amount_text(p.amount_micros, currency) for p in (before, after))
        lower = after.amount_micros < before.amount_micros
        yield Change("money", f"{what} costs {now} instead of {was}", _effect(lower))
    for words, old, new in (
        ("client's former cost", before.client_former_micros, after.client_former_micros),
        ("provider's cost", before.provider_micros, after.provider_micros),
    ):
        if old != new:
            was, now = ("unknown" if v is None else amount_text(v, currency) for v in (old, new))
            yield Change("money", f"{what}: the {words} is {now} instead of {was}")
    if before.agent_ppm != after.agent_ppm:
        was, now = (percent_text(p.agent_ppm or 0) for p in (before, after))
        yield Change("money", f"{what}: the agent's share is {now} instead of {was}")


def _priced(price: Price) -> str:
    told = "a verified resolution"
    if price.query_type is not None:
        told += f" of query type {price.query_type}"
    if price.journey is not None:
        told += f" in {price.journey}"
    return told if price.channel is None else f"{told} on {price.channel}"


def _credits(
    before: Terms,
    after: Terms,
    old: CommercialTerms,
    new: CommercialTerms,
    successors: Mapping[str, str],
) -> Iterator[Change]:
    clauses = {clause.id: clause for clause in (*before.clauses, *after.clauses)}
    predecessors = {heir: name for name, heir in successors.items()}
    for name in sorted(clause.id for clause in after.clauses):
        was = old.credit_of(predecessors.get(name, name)) or ClauseCredit(name)
        now = new.credit_of(name) or ClauseCredit(name)
        if was.weight_ppm != now.weight_ppm:
            text = f"weighs {percent_text(now.weight_ppm)} of what is at risk"
            text += f" instead of {percent_text(was.weight_ppm)}"
            yield Change("money", text, _effect(now.weight_ppm > was.weight_ppm), name)
        if was.bands != now.bands:
            text = f"credits: {_bands(clauses[name], now)}; until then {_bands(clauses[name], was)}"
            yield Change("money", text, "neutral", name)
        if was.expected_ppm != now.expected_ppm:
            levels = (
                "nothing"
                if one.expected_ppm is None
                else value_text(clauses[name].indicator, one.expected_ppm)
                for one in (now, was)
            )
            yield Change("money", "expected is {} instead of {}".format(*levels), "neutral", name)
        earn = (now.earn_back_periods, now.earn_back_ppm)
        if earn != (was.earn_back_periods, was.earn_back_ppm):
            text = f"{_earned(now)} instead of {_earned(was)}"
            yield Change("money", text, "neutral", name)


def _bands(clause: Clause, credit: ClauseCredit) -> str:
    word = "above" if clause.at_most else "below"
    return (
        ", ".join(
            f"{percent_text(band.share_ppm)} {word} {value_text(clause.indicator, band.beyond_ppm)}"
            for band in credit.bands
        )
        or "none"
    )


def _earned(credit: ClauseCredit) -> str:
    if not credit.earn_back_periods:
        return "no earn-back"
    share = percent_text(credit.earn_back_ppm)
    return f"{share} of a credit back after {credit.earn_back_periods} good periods"


def _effect(stricter: bool) -> Effect:
    return "stricter" if stricter else "looser"
