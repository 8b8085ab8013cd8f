"""A ledger that forgets, and dies and is restored at any moment, books what one books that never
forgot.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.agents import account_table
from streams.domain.billing.items import RETRACTED
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.records import Booked, Seal, Told
from streams.domain.contract import ContractBook
from streams.domain.memory import LATE_LIMIT_MS
from tests.log_builder import CONTRACT
from tests.properties.billing_records import DAY_MS, END_MS, accounts
from tests.properties.test_billing import booked_at_once, split

_SETTINGS = settings(
    max_examples=int(os.environ.get("BATON_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
_STEPS = (1, 3_600_000, DAY_MS, DAY_MS, 9 * DAY_MS)
Account = tuple[ContractBook, list[Told]]


def in_time(records: list[Told]) -> list[Told]:
    """The records of each place up to the first that no lifecycle could have told: that long after
    its fact nothing corrects it any more.
    """
    places: dict[object, list[Told]] = defaultdict(list)
    for told in records:
        places[told.fact.conversation, told.fact.place].append(told)
    kept: list[Told] = []
    for several in places.values():
        for told in sorted(several, key=lambda t: (t.known, t.fact.revision, t.fact.retracts)):
            if told.known > told.fact.time + LATE_LIMIT_MS:
                break
            kept.append(told)
    return kept


@given(accounts(), st.randoms(use_true_random=False))
@_SETTINGS
def test_forgetting_and_dying_at_any_moment_change_nothing_that_is_booked(
    account: Account, chance: random.Random
) -> None:
    book, records = account
    records = in_time(records)
    if not records:
        return
    expected = booked_at_once(book, records)
    table: dict[bytes, bytes] = {}
    ledger = Ledger(book, CONTRACT, forgets=True)
    account_table.restore(ledger, table)
    found: list[Booked | Seal] = []
    at = min(record.known for record in records) - 1
    unreleased: list[Told] = []
    while at < END_MS:
        upto = min(at + chance.choice(_STEPS), END_MS)
        unreleased = [r for r in records if at < r.known <= upto]
        ahead = [r for r in records if upto < r.known <= upto + DAY_MS]
        ledger.apply(0, upto, [*unreleased, *ahead])
        found += ledger.advance()
        for _ in account_table.changes(ledger, table):
            pass
        if chance.random() < 0.3:
            ledger = Ledger(book, CONTRACT, forgets=True)
            account_table.restore(ledger, table)
            assert ledger.reached == upto
        at = upto
    assert split(found) == split(expected)
    # Nothing is held by then but who still waits, what is said of an episode that may be open, and
    # what was told of claims that were taken back.
    for name in {record.fact.conversation for record in records}:
        held = ledger.accounts.conversations.get(name)
        if held is None:
            continue
        kinds = {told.fact.kind for told in held.standing.values()}
        assert kinds <= {"escalation_opened", "csat_received", "qa_evaluated"}
        assert kinds or all(one.told == RETRACTED for one in held.accounts.values())


@given(accounts())
@_SETTINGS
def test_what_a_lifecycle_could_not_have_told_any_more_is_refused(account: Account) -> None:
    book, records = account
    ledger = Ledger(book, CONTRACT, forgets=True)
    for told in records:
        assert ledger.refuses(told) == (told.known > told.fact.time + LATE_LIMIT_MS)
    ledger.apply(0, END_MS, [told for told in records if ledger.refuses(told)])
    assert not ledger.advance()
