"""What holds of every account, however its records came: nothing is silent, nothing is taken back,
and what was known late comes to what would have been known at once.
"""

from __future__ import annotations

import os
import random
from collections import Counter, defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.domain.billing.ledger import Ledger
from streams.domain.billing.records import Booked, Item, Seal, Told, encode_booked, encode_seal
from streams.domain.contract import ContractBook
from streams.domain.facts import Fact
from streams.oracle.billing import Account as Batch
from streams.oracle.billing import account_of
from tests.log_builder import CONTRACT
from tests.properties.billing_records import DAY_MS, END_MS, accounts

_SETTINGS = settings(
    max_examples=int(os.environ.get("BATON_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
# By then all that is told is known, and the periods that it belongs to are closed again.
_LONG_AFTER_MS = END_MS + 120 * DAY_MS
Account = tuple[ContractBook, list[Told]]
Episode = tuple[str, int, int]


def standing(records: list[Told]) -> list[Told]:
    """The facts that hold in the end."""
    last: dict[tuple[object, ...], Told] = {}
    for one in sorted(records, key=lambda told: (told.fact.revision, told.fact.retracts)):
        last[one.fact.conversation, one.fact.place] = one
    return [one for one in last.values() if not one.fact.retracts]


def ledger_of(book: ContractBook, records: list[Told], until: int) -> list[Booked | Seal]:
    ledger = Ledger(book, CONTRACT)
    ledger.apply(0, until, records)
    return ledger.advance()


def in_bytes(batch: Batch) -> tuple[list[bytes], list[bytes]]:
    return [encode_booked(o) for o in batch.booked], [encode_seal(o) for o in batch.seals]


@given(accounts())
@_SETTINGS
def test_every_claim_that_stood_is_announced_once_and_settled_by_a_charge_or_a_void(
    account: Account,
) -> None:
    book, records = account
    items: dict[Episode, list[Item]] = defaultdict(list)
    for one in ledger_of(book, records, _LONG_AFTER_MS):
        if isinstance(one, Item):
            items[one.about.of].append(one)
    ever = {
        (one.fact.conversation, one.fact.life, one.fact.episode)
        for one in records
        if one.fact.kind == "episode_ended"
        and one.fact.detail["resolved"]
        and not _undone(one, records)
    }
    assert ever == set(items)
    for episode, told in items.items():
        assert [one.status for one in told].count("provisional") == 1
        assert told[0].status == "provisional"
        facts = {
            one.fact.kind: one.fact
            for one in standing(records)
            if (one.fact.conversation, one.fact.life, one.fact.episode) == episode
        }
        claimed = "episode_ended" in facts and facts["episode_ended"].detail["resolved"]
        last = told[-1].status
        if not claimed:
            # Taken back: nothing is charged, and that is said.
            assert last in ("void", "reversal")
        elif "episode_matured" in facts:
            assert last in ("final", "void", "reversal")
        else:
            assert last != "final"
        if last == "final":
            assert claimed
            assert "episode_matured" in facts


def _undone(one: Told, records: list[Told]) -> bool:
    """Whether another record overrides this one in the very millisecond in which it is known."""
    return any(
        other.known <= one.known
        and other.fact.place == one.fact.place
        and other.fact.conversation == one.fact.conversation
        and (other.fact.revision, other.fact.retracts) > (one.fact.revision, one.fact.retracts)
        for other in records
    )


@given(accounts(), st.randoms(use_true_random=False))
@_SETTINGS
def test_the_batch_computation_does_not_depend_on_order_or_repetition(
    account: Account, chance: random.Random
) -> None:
    book, records = account
    expected = in_bytes(account_of(records, book, CONTRACT, END_MS))
    mixed = records + [one for one in records if chance.random() < 0.3]
    chance.shuffle(mixed)
    assert in_bytes(account_of(mixed, book, CONTRACT, END_MS)) == expected


@given(accounts(), st.integers(1, 129))
@_SETTINGS
def test_what_was_booked_by_a_day_is_never_booked_otherwise_later(
    account: Account, day: int
) -> None:
    book, records = account
    until = END_MS - day * DAY_MS
    booked, seals = in_bytes(account_of(records, book, CONTRACT, until))
    later, sealed_later = in_bytes(account_of(records, book, CONTRACT, END_MS))
    assert later[: len(booked)] == booked
    assert sealed_later[: len(seals)] == seals


def net(booked: list[Booked | Seal]) -> Counter[tuple[str, str]]:
    """What is billed of each service period, by kind of line; rounding is of statements alone."""
    sums: Counter[tuple[str, str]] = Counter()
    for one in booked:
        if isinstance(one, Item):
            sums[one.service_period, one.charge] += one.amount_micros
        elif not isinstance(one, Seal) and one.kind != "rounding":
            about = f"{one.kind} {one.clause} {one.clause_period}"
            sums[one.service_period, about] += one.amount_micros
    return Counter({key: amount for key, amount in sums.items() if amount})


@given(accounts())
@_SETTINGS
def test_what_came_late_or_was_corrected_bills_in_the_end_as_if_it_had_been_known_at_once(
    account: Account,
) -> None:
    book, records = account
    # A period is the contract's first by what is known first: the same for both.
    earliest = min(records, key=lambda one: one.fact.time)
    anchor = Told(_before(earliest.fact), earliest.fact.time - 1)
    at_once = [Told(one.fact, one.fact.time, one.customer) for one in standing(records)]
    late = ledger_of(book, [anchor, *records], _LONG_AFTER_MS)
    on_time = ledger_of(book, [anchor, *at_once], _LONG_AFTER_MS)
    assert net(late) == net(on_time)


def _before(fact: Fact) -> Fact:
    """Something of no consequence a millisecond earlier."""
    fields = {name: getattr(fact, name) for name in fact.__struct_fields__}
    return Fact(
        **{**fields, "kind": "csat_requested", "time": fact.time - 1, "detail": {}, "revision": 0,
           "conversation": "nobody's", "retracts": False, "late": False}
    )  # fmt: skip
