"""What the billing topics hold, and what the batch computation says they must hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.domain.billing.records import encode_booked, encode_seal
from streams.domain.contract import ContractBook
from streams.kafka import topics
from streams.oracle.billing import account_of
from streams.oracle.billing_records import billing_records
from streams.oracle.judge import Verdict

Read = Callable[[str], list[Any]]


def billed_by_batch(verdict: Verdict, book: ContractBook, contract: str) -> list[bytes]:
    """The canonical bytes of all that is booked of a log up to its watermark, and of the seals."""
    assert verdict.watermark is not None
    account = account_of(billing_records(verdict, contract), book, contract, verdict.watermark)
    records = [encode_booked(one) for one in account.booked]
    return records + [encode_seal(one) for one in account.seals]


def told_once(read: Read, *, repeated: bool) -> list[bytes]:
    """The values of both billing topics; repetitions, byte for byte, once if there may be any."""
    values = [r.value for t in (topics.BILLING_ITEMS, topics.BILLING_ADJUSTMENTS) for r in read(t)]
    distinct = list(dict.fromkeys(values))
    assert repeated or len(distinct) == len(values)
    return distinct


def assert_billed_as_judged(
    verdict: Verdict, book: ContractBook, contract: str, read: Read, *, repeated: bool
) -> None:
    """The topics hold what the batch computation books, each record byte for byte, none besides."""
    assert sorted(told_once(read, repeated=repeated)) == sorted(
        billed_by_batch(verdict, book, contract)
    )
