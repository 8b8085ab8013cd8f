"""What `baton compare` says of the billing topics."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import msgspec
import pytest

from streams.cli.compare_billing import ADJUSTMENTS, ITEMS, billing_differences
from streams.cli.demo_check import Difference
from streams.domain.billing.records import Item, encode_booked, encode_seal
from streams.domain.contract import ContractBook
from streams.oracle.billing import Account, account_of
from streams.oracle.billing_records import billing_records
from tests.month.log import month_log

LOG = month_log(40, tick_ms=1_800_000)
CONTRACT = "telco-2026"


@cache
def account() -> Account:
    verdict = LOG.verdict
    assert verdict.watermark is not None
    return account_of(billing_records(verdict, CONTRACT), LOG.book, CONTRACT, verdict.watermark)


def published() -> tuple[list[bytes], list[bytes]]:
    booked = account().booked
    items = [encode_booked(one) for one in booked if isinstance(one, Item)]
    adjustments = [encode_booked(one) for one in booked if not isinstance(one, Item)]
    signed = [
        msgspec.structs.replace(one, key_id="ours", signature="ab" * 64) for one in account().seals
    ]
    return items, adjustments + [encode_seal(one) for one in signed]


def compared(items: list[bytes], adjustments: list[bytes]) -> dict[str, Difference]:
    found = billing_differences(items, adjustments, LOG.verdict, LOG.book)
    return {each.what: each for each in found}


def test_what_is_booked_and_sealed_is_identical_whoever_signed_it() -> None:
    assert account().seals
    found = compared(*published())
    assert {name: each.identical for name, each in found.items()} == {
        ITEMS: True,
        ADJUSTMENTS: True,
    }
    assert found[ITEMS].published > 0


@pytest.mark.parametrize("what", [ITEMS, ADJUSTMENTS])
def test_one_record_less_or_one_that_is_another_is_told(what: str) -> None:
    items, adjustments = published()
    told = items if what == ITEMS else adjustments
    told[0] = told[0].replace(b'"period":"2026-', b'"period":"2027-')
    found = compared(items, adjustments)
    assert (found[what].missing, found[what].unexpected) == (1, 1)
    del told[0]
    found = compared(items, adjustments)
    assert (found[what].missing, found[what].unexpected) == (1, 0)


def test_where_no_contract_is_billed_nothing_is_compared() -> None:
    unbilled = ContractBook(
        replace(terms, commercial=None) for terms in LOG.book.versions(CONTRACT)
    )
    assert billing_differences([], [], LOG.verdict, unbilled) == []
