"""What a log's billing topics must hold, by the batch computation, beside what they hold."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from streams.cli.demo_check import Difference, difference
from streams.domain.billing.feed import billed_contracts
from streams.domain.billing.records import Item, encode_booked, encode_seal
from streams.domain.contract import ContractBook
from streams.oracle.billing import account_of
from streams.oracle.billing_records import billing_records
from streams.oracle.judge import Verdict

ITEMS, ADJUSTMENTS = "billing items", "billing adjustments"
_SEAL = "baton.billing.period_closed"


def billing_differences(
    items: Iterable[bytes], adjustments: Iterable[bytes], verdict: Verdict, book: ContractBook
) -> list[Difference]:
    """Both billing topics' values beside what is booked and sealed up to the verdict's watermark.

    Who signed a seal, and whether, is no part of what a log says. Nothing where no contract of the
    book is billed.
    """
    billed = billed_contracts(book)
    if not billed:
        return []
    wanted: dict[str, list[bytes]] = {ITEMS: [], ADJUSTMENTS: []}
    until = verdict.watermark
    for contract in billed:
        if until is None:
            break
        account = account_of(billing_records(verdict, contract), book, contract, until)
        for one in account.booked:
            wanted[ITEMS if isinstance(one, Item) else ADJUSTMENTS].append(encode_booked(one))
        wanted[ADJUSTMENTS] += map(encode_seal, account.seals)
    return [
        difference(ITEMS, items, wanted[ITEMS]),
        difference(ADJUSTMENTS, map(_unsigned, adjustments), wanted[ADJUSTMENTS]),
    ]


def _unsigned(value: bytes) -> bytes:
    event = orjson.loads(value)
    if event["type"] != _SEAL:
        return value
    event["data"] |= {"key_id": "", "signature": ""}
    return orjson.dumps(event)
