"""The ledger books what the batch computation books, byte for byte, however records arrive."""

from __future__ import annotations

import os
import random
from collections import Counter, defaultdict

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from streams.domain.billing.ledger import Ledger
from streams.domain.billing.records import (
    Booked,
    Item,
    Seal,
    Told,
    encode_booked,
    encode_seal,
)
from streams.domain.contract import ContractBook
from streams.oracle.billing import account_of
from tests.log_builder import CONTRACT
from tests.properties.billing_records import DAY_MS, END_MS, accounts

_SETTINGS = settings(
    max_examples=int(os.environ.get("BATON_EXAMPLES", "60")),
    deadline=None,
    # A contract that says all that it can is large before anything is told under it.
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
Account = tuple[ContractBook, list[Told]]


def booked_at_once(book: ContractBook, records: list[Told]) -> list[Booked | Seal]:
    ledger = Ledger(book, CONTRACT)
    ledger.apply(0, END_MS, records)
    return ledger.advance()


def split(booked: list[Booked | Seal]) -> tuple[list[bytes], list[bytes]]:
    records = [encode_booked(one) for one in booked if not isinstance(one, Seal)]
    return records, [encode_seal(one) for one in booked if isinstance(one, Seal)]


@given(accounts())
@_SETTINGS
def test_ledger_books_what_the_batch_computation_books(account: Account) -> None:
    book, records = account
    expected = account_of(records, book, CONTRACT, END_MS)
    found = booked_at_once(book, records)
    for one in found:
        kind = one.status if isinstance(one, Item) else getattr(one, "kind", "seal")
        event(f"{kind} {getattr(one, 'reason', '')} {getattr(one, 'charge_class', '')}")
    items = [one for one in found if not isinstance(one, Seal)]
    assert items == list(expected.booked)
    assert split(found) == (
        [encode_booked(one) for one in expected.booked],
        [encode_seal(one) for one in expected.seals],
    )


@given(accounts(), st.integers(1, 3), st.randoms(use_true_random=False))
@_SETTINGS
def test_order_duplicates_sources_and_batches_do_not_matter(
    account: Account, sources: int, chance: random.Random
) -> None:
    book, records = account
    expected = booked_at_once(book, records)
    ledger = Ledger(book, CONTRACT, sources=sources)
    parts: dict[int, list[Told]] = defaultdict(list)
    for record in records:
        parts[sum(record.fact.conversation.encode()) % sources].append(record)
    found: list[Booked | Seal] = []
    at = min(record.known for record in records) - 1
    while at < END_MS:
        upto = min(at + chance.choice((1, DAY_MS, 9 * DAY_MS, 40 * DAY_MS)), END_MS)
        steps = list(range(sources))
        chance.shuffle(steps)
        for source in steps:
            batch = [r for r in parts[source] if at < r.known <= upto]
            # A crash brings back what was sent before.
            batch += [r for r in parts[source] if r.known <= at and chance.random() < 0.3]
            batch += batch[:1]
            chance.shuffle(batch)
            ledger.apply(source, upto, batch)
            if chance.random() < 0.5:
                found += ledger.advance()
        found += ledger.advance()
        at = upto
    assert split(found) == split(expected)


@given(accounts())
@_SETTINGS
def test_charges_and_reversals_come_to_what_is_billed_and_none_is_reversed_twice(
    account: Account,
) -> None:
    booked = booked_at_once(*account)
    items = [one for one in booked if isinstance(one, Item)]
    ids = Counter(one.id for one in booked)
    assert not [name for name, times in ids.items() if times > 1]
    finals = {one.id: one for one in items if one.status == "final"}
    reversals = Counter(one.reverses_id for one in items if one.status == "reversal")
    assert set(reversals) <= set(finals)
    assert all(times == 1 for times in reversals.values())
    for one in items:
        if one.reverses_id is not None:
            original = finals[one.reverses_id]
            assert one.amount_micros == -original.amount_micros
            assert original.about == one.about
    net = sum(one.amount_micros for one in items)
    standing = [one for name, one in finals.items() if name not in reversals]
    assert net == sum(one.amount_micros for one in standing)
    assert sum(one.about.agreed_micros for one in standing if one.charge == "resolution") == net
    per_episode = Counter(one.about.of for one in standing if one.charge == "resolution")
    assert all(times == 1 for times in per_episode.values())


@given(accounts())
@_SETTINGS
def test_every_statement_is_payable_and_nothing_is_added_after_its_seal(account: Account) -> None:
    sealed: dict[str, Seal] = {}
    totals: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for one in booked_at_once(*account):
        if isinstance(one, Seal):
            assert one.total_micros == totals[one.period]
            assert one.total_micros % 10_000 == 0
            assert one.records == counts[one.period]
            sealed[one.period] = one
            continue
        assert one.period not in sealed
        counts[one.period] += 1
        totals[one.period] += one.amount_micros
        assert one.sequence == counts[one.period]
        correction = one.charge_class is not None
        assert correction == (one.service_period != one.period)
