"""Every contract under deploy/contracts/ can be used, and says what it is there to show."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from streams.contract_files import load_contracts, source_documents
from streams.domain.contract import INDICATORS
from streams.domain.contract_terms import read_documents

CONTRACTS = Path(__file__).parents[3] / "deploy" / "contracts"
FILES = sorted(CONTRACTS.glob("*.yaml"))
REALISTIC = ("asean-care-2026", "retail-per-resolution-2026", "retail-bank-2026")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_has_no_error_and_no_warning_but_of_burn_rates(file: Path) -> None:
    terms, problems = read_documents([source_documents(file)])
    assert terms
    assert {one.contract for one in terms} == {file.stem}
    assert [p for p in problems if p.grade == "error" or "burn rate" not in p.text] == []


def test_all_of_them_can_be_served_together() -> None:
    assert load_contracts([CONTRACTS]).names == tuple(sorted(file.stem for file in FILES))


def test_one_has_two_versions_of_which_the_later_begins_where_the_earlier_ends() -> None:
    first, second = load_contracts([CONTRACTS]).versions("asean-care-2026")
    assert first.effective_to_ms == second.effective_from_ms


def test_they_show_hours_holidays_exclusions_calendars_and_money_and_the_indicators() -> None:
    book = load_contracts([CONTRACTS])
    versions = list(chain.from_iterable(book.versions(name) for name in REALISTIC))
    for terms in versions:
        assert terms.hours is not None
        assert terms.hours.holidays
        assert terms.commercial is not None
        assert terms.commercial.prices
        assert any(credit.bands for credit in terms.commercial.credits)
        assert any(clause.period for clause in terms.clauses)
        assert any(clause.minimum_volume > 1 for clause in terms.clauses)
    assert all(book.versions(name)[0].exclusions for name in REALISTIC)
    assert {p for terms in versions for c in terms.clauses if (p := c.period)} == {
        "1d",
        "1w",
        "1M",
        "1Q",
    }
    used = {c.indicator for n in book.names for terms in book.versions(n) for c in terms.clauses}
    # The queue-removal form is for reconciliation only, and one containment is enough for pay.
    assert set(INDICATORS) - used <= {"answer_removed_within", "containment_safe_verified"}


def test_the_regulated_one_has_human_approval_points_and_tight_waits() -> None:
    (bank,) = load_contracts([CONTRACTS]).versions("retail-bank-2026")
    assert bank.commercial is not None
    assert len(bank.commercial.approvals) >= 3
    assert max(bank.thresholds_ms.values()) <= 45_000


def test_the_one_paid_by_the_resolution_has_its_three_prices_and_a_zone_with_summer_time() -> None:
    (shop,) = load_contracts([CONTRACTS]).versions("retail-per-resolution-2026")
    assert shop.commercial is not None
    assert shop.time_zone == "America/New_York"
    for price in shop.commercial.prices:
        assert price.provider_micros is not None
        assert price.client_former_micros is not None
        assert price.provider_micros < price.amount_micros < price.client_former_micros
