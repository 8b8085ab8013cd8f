"""What an open period would come to if it closed now is what the batch computation lets it come to,
and what its close books: BILLING.md 7.9.
"""

from __future__ import annotations

import os
import random

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.agents import account_table
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.periods import Span
from streams.domain.billing.records import Adjustment, Booked, Seal, Told
from streams.domain.contract import ContractBook
from streams.oracle.billing import foreseen
from tests.log_builder import CONTRACT
from tests.properties.billing_records import DAY_MS, END_MS, HOUR_MS, accounts
from tests.properties.test_billing import booked_at_once, split
from tests.properties.test_billing_forgets import in_time


def _settings(share: float) -> settings:
    """Walking through months, and asking the batch at every step, takes its time."""
    return settings(
        max_examples=max(1, int(share * int(os.environ.get("BATON_EXAMPLES", "100")))),
        deadline=None,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
        ],
    )


_AFTER_A_RECORD = (0, 0, 1, 59_999, HOUR_MS, 3 * DAY_MS, 20 * DAY_MS, 35 * DAY_MS, 60 * DAY_MS)
_STEPS = (1, HOUR_MS, DAY_MS, 9 * DAY_MS, 20 * DAY_MS)
Account = tuple[ContractBook, list[Told]]


def open_periods(ledger: Ledger) -> list[Span]:
    """The periods that have begun and are not closed, in order."""
    span, reached = ledger.books.next, ledger.reached
    found: list[Span] = []
    while span is not None and reached is not None and reached > span.start:
        found.append(span)
        span = ledger.calendar.after(span)
    return found


def assert_foreseen(ledger: Ledger, book: ContractBook, records: list[Told]) -> None:
    """Of every open period the ledger's preview is the batch computation's."""
    reached = ledger.reached
    assert reached is not None
    oldest = ledger.preview()
    spans = open_periods(ledger)
    if oldest is None or oldest.period in [span.name for span in spans]:
        assert oldest == foreseen(records, book, CONTRACT, reached)
    for span in spans:
        found = ledger.preview(span)
        assert found == foreseen(records, book, CONTRACT, reached, span.name)
        assert found is not None
        for line in found.lines:
            event(f"{line.kind} {line.charge_class}")


@given(accounts(), st.sampled_from(_AFTER_A_RECORD), st.randoms(use_true_random=False))
@_settings(1.0)
def test_a_preview_is_what_the_batch_computation_lets_the_period_come_to(
    account: Account, after: int, chance: random.Random
) -> None:
    book, records = account
    # Of what is known last, or late, more hangs together.
    at = chance.choice(sorted(one.known for one in records)[len(records) // 2 :]) + after
    ledger = Ledger(book, CONTRACT)
    ledger.apply(0, at, records)
    ledger.advance()
    assert_foreseen(ledger, book, records)


@given(accounts(), st.integers(1, 3), st.randoms(use_true_random=False))
@_settings(0.07)
def test_order_duplicates_sources_batches_and_deaths_do_not_matter_to_a_preview(
    account: Account, sources: int, chance: random.Random
) -> None:
    book, records = account
    records = in_time(records)
    if not records:
        return
    table: dict[bytes, bytes] = {}
    ledger = Ledger(book, CONTRACT, sources=sources, forgets=True)
    account_table.restore(ledger, table)
    booked: list[Booked | Seal] = []
    at = min(record.known for record in records) - 1
    while at < END_MS:
        upto = min(at + chance.choice(_STEPS), END_MS)
        for source in chance.sample(range(sources), sources):
            mine = [r for r in records if sum(r.fact.conversation.encode()) % sources == source]
            batch = [r for r in mine if at < r.known <= upto]
            batch += [r for r in mine if r.known <= at and chance.random() < 0.2]
            batch += batch[:1]
            chance.shuffle(batch)
            ledger.apply(source, upto, batch)
        booked += ledger.advance()
        # To look must change nothing: not every state is looked at.
        if chance.random() < 0.4:
            assert_foreseen(ledger, book, records)
        for _ in account_table.changes(ledger, table):
            pass
        if chance.random() < 0.3:
            ledger = Ledger(book, CONTRACT, sources=sources, forgets=True)
            account_table.restore(ledger, table)
            if chance.random() < 0.4:
                assert_foreseen(ledger, book, records)
        at = upto
    assert split(booked) == split(booked_at_once(book, records))


@given(accounts())
@_settings(0.4)
def test_the_last_preview_of_a_period_is_what_its_close_books(account: Account) -> None:
    book, records = account
    booked = booked_at_once(book, records)
    for seal in (one for one in booked if isinstance(one, Seal)):
        last = seal.closed_at - 1
        known = [record for record in records if record.known != seal.closed_at]
        if len(known) < len(records) or last < min(record.known for record in records):
            continue  # what is known in that very millisecond is not foreseen before it
        found = foreseen(records, book, CONTRACT, last, seal.period)
        if found is None:
            continue  # it closes in the millisecond in which it begins, or before
        lines = [
            replace(one, booked_at=last)
            for one in booked
            if isinstance(one, Adjustment) and one.period == seal.period
        ]
        assert list(found.lines) == lines
        assert found.total_micros == seal.total_micros
        assert found.records + len(lines) == seal.records
