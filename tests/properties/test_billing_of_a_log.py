"""From events to statements: what a log comes to is the same by the ledger and by the batch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from streams.contract_files import load_contracts
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.records import Item, Seal
from streams.oracle.billing import account_of
from streams.oracle.billing_records import billing_records
from streams.oracle.judge import judge
from streams.replay import ticked, timed
from streams.sources.synthetic import SyntheticDay, generate

_CONTRACT = Path(__file__).parents[2] / "deploy" / "contracts" / "telco-2026.yaml"
_DAY_MS = 86_400_000


def test_a_synthetic_day_is_billed_alike_by_ledger_and_batch() -> None:
    book = load_contracts([_CONTRACT])
    events = timed(generate(SyntheticDay(seed=11, interactions=600)))
    log = ticked(events, interval_ms=60_000, settle_ms=_DAY_MS)
    verdict = judge(log, book, lateness_ms=30_000)
    records = billing_records(verdict, "telco-2026")
    until = records[-1].known + 40 * _DAY_MS
    ledger = Ledger(book, "telco-2026")
    ledger.apply(0, until, records)
    booked = ledger.advance()
    expected = account_of(records, book, "telco-2026", until)
    assert [one for one in booked if not isinstance(one, Seal)] == list(expected.booked)
    assert [one for one in booked if isinstance(one, Seal)] == list(expected.seals)
    told = Counter(one.status for one in booked if isinstance(one, Item))
    assert told["final"] > 50
    assert told["void"] > 50
    assert told["provisional"] > told["final"]
