"""What ledgers show of themselves is what they booked, and looking at them changes nothing."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import HealthCheck, given, settings
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from streams.domain.billing.ledger import Ledger
from streams.domain.billing.periods import BillingCalendar
from streams.domain.billing.records import Booked, Seal, encode_booked
from streams.export.billing_metrics import BillingFigures, BillingView
from streams.export.collector import BatonCollector
from streams.export.telemetry import Telemetry
from tests.billing_lines import CONTRACT as BILLED
from tests.billing_lines import item, reversal
from tests.log_builder import CONTRACT
from tests.properties.billing_records import DAY_MS, END_MS, accounts
from tests.properties.test_billing import Account, booked_at_once
from tests.unit.export.dashboards.books import BUNDLED


@given(accounts())
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_ledger_that_is_looked_at_books_the_same_and_shows_what_it_booked(
    account: Account,
) -> None:
    book, records = account
    ledger, view = Ledger(book, CONTRACT), BillingView(book)
    calendar = BillingCalendar(book, CONTRACT)
    found: list[Booked | Seal] = []
    totals: dict[str, int] = defaultdict(int)
    closed: set[str] = set()
    at = min(one.known for one in records)
    while at < END_MS:
        at = min(at + 9 * DAY_MS, END_MS)
        ledger.apply(0, at, [one for one in records if one.known <= at])
        for one in ledger.advance():
            found.append(one)
            if isinstance(one, Seal):
                closed.add(one.period)
            else:
                totals[one.period] += one.amount_micros
        figures = view.look([{CONTRACT: ledger}], {})[CONTRACT]
        assert figures.watermark == at
        now, oldest = calendar.of_time(at), ledger.books.next
        if oldest is None:
            assert figures.period == {}
            continue
        assert oldest.name not in closed
        assert figures.period == {"open": totals[now.name]} | (
            {"grace": totals[oldest.name]} if oldest < now else {}
        )
        assert all(amount >= 0 for amount in figures.at_risk.values())
    expected = booked_at_once(book, records)
    assert [encode_booked(one) for one in found if not isinstance(one, Seal)] == [
        encode_booked(one) for one in expected if not isinstance(one, Seal)
    ]


def shown(telemetry: Telemetry) -> dict[tuple[str, ...], float]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(BatonCollector(telemetry, now=lambda: 0.0, lags=dict, ready=lambda: True))
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
        if "billing" in sample.name or "money" in sample.name
    }


def test_counters_of_an_owned_ledger_start_at_0_and_only_rise() -> None:
    telemetry = Telemetry(BUNDLED)
    assert shown(telemetry) == {}
    telemetry.ledgers_owned(0, {BILLED: Ledger(BUNDLED, BILLED)})
    name = ("baton_billing_amount_micros_total", BILLED)
    assert shown(telemetry)[(*name, "reversal")] == 0
    charged = item(1)
    telemetry.booked([charged, reversal(charged)])
    found = shown(telemetry)
    assert found[(*name, "final")] == found[(*name, "reversal")] == charged.amount_micros
    telemetry.ledgers_forgotten()
    assert shown(telemetry) == {}


def test_what_a_ledger_does_not_know_yet_is_absent() -> None:
    figures = BillingView(BUNDLED).look([{BILLED: Ledger(BUNDLED, BILLED)}], {})[BILLED]
    assert figures == BillingFigures(dict.fromkeys(("provisional", "final", "void", "reversal"), 0))
