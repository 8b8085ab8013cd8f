"""Who asked for erasure is called otherwise in the accounts, and nothing else changes."""

from __future__ import annotations

import os
import random
from bisect import bisect_left

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.agents import account_table
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.records import Booked, Seal, Told
from streams.domain.contract import ContractBook
from streams.domain.links import DroppedCustomer, customer_digest
from streams.domain.memory import FORGET_AFTER_MS
from tests.log_builder import CONTRACT, EPOCH_MS
from tests.properties.billing_records import DAY_MS, END_MS, accounts
from tests.properties.test_billing import booked_at_once, split
from tests.properties.test_billing_forgets import in_time

_SETTINGS = settings(
    max_examples=int(os.environ.get("BATON_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
_STEPS = (1, 3_600_000, DAY_MS, DAY_MS, 9 * DAY_MS)
# Never forgotten, just made, or so old that it is forgotten as soon as it is read.
_AGES = (-200 * DAY_MS, 0, 0, DAY_MS, 40 * DAY_MS)
Account = tuple[ContractBook, list[Told]]


def requests() -> st.SearchStrategy[list[DroppedCustomer]]:
    def made(customer: str, at: int, age: int, request: bytes) -> DroppedCustomer:
        digest = customer_digest(CONTRACT, customer)
        return DroppedCustomer(at, digest, at - age, request, CONTRACT)

    return st.lists(
        st.builds(
            made,
            st.sampled_from(("k1", "k1", "k2", "never heard of")),
            st.integers(0, 90 * 6).map(lambda step: EPOCH_MS + step * DAY_MS // 6),
            st.sampled_from(_AGES),
            st.sampled_from((b"a" * 16, b"b" * 16)),
        ),
        min_size=1,
        max_size=4,
    )


def ends_of(customer: bytes, asked: list[DroppedCustomer]) -> list[int]:
    """Until when each request of a customer is remembered."""
    mine = [one for one in asked if one.customer == customer]
    return sorted({max(one.at, one.until + FORGET_AFTER_MS) for one in mine})


def as_other_people(told: Told, asked: list[DroppedCustomer]) -> Told:
    """The record, of somebody else after the end of every request of its customer."""
    if told.customer is None:
        return told
    before = bisect_left(ends_of(told.customer, asked), told.known)
    return replace(told, customer=told.customer + bytes([before]))


def kept_from(customer: bytes, asked: list[DroppedCustomer], reached: int) -> bool:
    """Whether its digest must stand nowhere: it was asked for, and that is remembered."""
    ends = ends_of(customer, [one for one in asked if one.at <= reached])
    return bool(ends) and reached < ends[-1]


@given(accounts(), requests(), st.integers(1, 3), st.randoms(use_true_random=False))
@_SETTINGS
def test_who_is_called_otherwise_is_billed_the_same_and_stands_nowhere_by_its_digest(
    account: Account, asked: list[DroppedCustomer], sources: int, chance: random.Random
) -> None:
    book, records = account
    records = in_time(records)
    if not records:
        return
    expected = booked_at_once(book, [as_other_people(told, asked) for told in records])
    if expected == booked_at_once(book, records):
        event("as without any request")
    table: dict[bytes, bytes] = {}
    ledger = Ledger(book, CONTRACT, sources=sources, forgets=True)
    account_table.restore(ledger, table)
    found: list[Booked | Seal] = []
    at = min(record.known for record in records) - 1
    while at < END_MS:
        upto = min(at + chance.choice(_STEPS), END_MS)
        for source in chance.sample(range(sources), sources):
            told = [r for r in records if at < r.known <= upto and _source(r, sources) == source]
            # Every source reads the request, and a crash brings back what was told before.
            gone = [one for one in asked if one.at <= upto]
            chance.shuffle(told)
            chance.shuffle(gone)
            ledger.apply(source, upto, told, erased=gone)
        found += ledger.advance()
        erased = account_table.erased(ledger)
        before = {key: table.get(key) for key in erased}
        changed = dict(account_table.changes(ledger, table))
        told_again = f"{CONTRACT}\0e".encode()
        assert {key for key in changed if key.startswith(told_again)} <= erased
        for customer in {one.customer for one in asked}:
            if kept_from(customer, asked, upto):
                assert not any(customer in raw for raw in table.values())
            held = [key for key, raw in before.items() if raw is not None and customer in raw]
            assert set(held) <= changed.keys()
        if chance.random() < 0.3:
            ledger = Ledger(book, CONTRACT, sources=sources, forgets=True)
            account_table.restore(ledger, table)
        at = upto
    assert split(found) == split(expected)
    # The last request is forgotten with its time: nobody is told from others for ever.
    over = max(max(ends_of(one.customer, asked)) for one in asked) <= END_MS
    assert bool(ledger.erased) != over


def _source(told: Told, sources: int) -> int:
    return sum(told.fact.conversation.encode()) % sources
