"""BILLING.md 5.1: what is billed is in one currency and one time zone, whatever versions say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.billing.ledger import Ledger
from streams.domain.contract import ContractBook, ContractError
from streams.oracle.billing import account_of
from tests.log_builder import CONTRACT
from tests.unit.domain.billing.by_hand import Account, price


@pytest.mark.parametrize("other", [{"currency": "EUR"}, {"time_zone": "Europe/Berlin"}])
def test_neither_ledger_nor_batch_bills_in_two(other: dict[str, Any]) -> None:
    account = Account().version(price("1"), until="2026-04-01").version(since="2026-04-01")
    told = account.resolved("c1", "2026-03-05")
    first, second = account.book.versions(CONTRACT)
    book = ContractBook([first, replace(second, **other)])
    with pytest.raises(ContractError, match="differs between versions"):
        Ledger(book, CONTRACT)
    with pytest.raises(ContractError, match="differs between versions"):
        account_of([told], book, CONTRACT, told.known)
