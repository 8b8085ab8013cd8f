"""Panels about money, by currency, and the dashboard that has them all.

Figures to watch, in the currency's unit: what is owed is settled from the billing topics.
"""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from streams.domain.billing.feed import billed_contracts
from streams.domain.contract import ContractBook
from streams.export.dashboards import addresses, frame
from streams.export.dashboards.panels import Query, Said, bar_list, lines, money, number
from streams.export.dashboards.queries import CONTRACT, any_of, where

_UNIT = " / 1e6"
_OPEN = 'period_state="open"'


def money_dashboard(book: ContractBook, runbooks: str) -> Dashboard | None:
    """All contracts that are billed; None where none is."""
    groups = list(by_currency(book))
    if not groups:
        return None
    sheet = frame.Sheet(
        addresses.MONEY,
        "Baton / Money",
        "What the open billing period comes to, what was billed and taken back, what service"
        " credits would cost as of now and what is at risk. To watch; `baton invoice` settles.",
    )
    for currency, names in groups:
        chosen = (any_of("contract", names), CONTRACT)
        sheet.row(
            currency,
            (running_total(currency, *chosen), 8, 5),
            (comes_to(currency, *chosen), 8, 5),
            (credits_previewed(currency, *chosen), 8, 5),
            (_over_time(currency, *chosen), 12, 8),
            (_booked(currency, *chosen), 12, 8),
            (_credits_over_time(currency, *chosen), 12, 8),
            (at_risk_by_clause(currency, *chosen), 12, 8),
        )
    return sheet.finish(
        frame.contracts(),
        marks=[frame.breaches(where(CONTRACT)), frame.alerts(CONTRACT)],
        runbooks=runbooks,
        since="now-7d",
    )


def by_currency(book: ContractBook) -> Iterator[tuple[str, list[str]]]:
    """Currencies with the contracts that are billed in them, sorted."""
    found: dict[str, list[str]] = {}
    for name in billed_contracts(book):
        found.setdefault(book.versions(name)[-1].currency, []).append(name)
    yield from sorted(found.items())


def running_total(currency: str, *chosen: str) -> Panel:
    """The open period so far."""
    return number(
        Said(
            f"Open period so far, {currency}",
            "Booked in the billing period that is open: charges less what was taken back.",
            runbook="billing-stalled",
        ),
        money(currency),
        Query(
            f"max by (contract) (baton_billing_period_micros{where(_OPEN, *chosen)}){_UNIT}",
            "{{contract}}",
        ),
    )


def comes_to(currency: str, *chosen: str) -> Panel:
    """The preview of the close."""
    return number(
        Said(
            f"Comes to as of now, {currency}",
            "What the oldest period that is not closed would come to if it closed now: volume,"
            " fees, credits and restatements with it. Nothing of that is booked before the close.",
            runbook="seal-missing",
        ),
        money(currency),
        Query(_preview(chosen), "{{contract}}"),
    )


def credits_previewed(currency: str, *chosen: str) -> Panel:
    """What service credits would take."""
    return number(
        Said(
            f"Credits as of now, {currency}",
            "What service credits would take from that, all clauses together, before the cap. They"
            " can fall again.",
            runbook="credits-at-risk",
        ),
        money(currency),
        Query(_credits(chosen), "{{contract}}"),
    )


def at_risk_by_clause(currency: str, *chosen: str) -> Panel:
    """What each clause's credits would take."""
    return bar_list(
        Said(
            f"At risk by clause, {currency}",
            "What each clause's service credits would take if the period closed now.",
            runbook="credits-at-risk",
        ),
        money(currency),
        Query(
            f"max by (contract, clause) (baton_clause_money_at_risk_micros{where(*chosen)}){_UNIT}",
            "{{contract}} {{clause}}",
        ),
    )


def _preview(chosen: tuple[str, ...]) -> str:
    return f"max by (contract) (baton_billing_preview_micros{where(*chosen)}){_UNIT}"


def _credits(chosen: tuple[str, ...]) -> str:
    of_each = f"max by (contract, clause) (baton_clause_money_at_risk_micros{where(*chosen)})"
    return f"sum by (contract) ({of_each}){_UNIT}"


def _over_time(currency: str, *chosen: str) -> Panel:
    return lines(
        Said(
            f"Periods, {currency}",
            "What is booked in the period that is open and in the one in grace, and what the older"
            " would come to if it closed now.",
            runbook="seal-missing",
        ),
        money(currency),
        Query(
            f"max by (contract, period_state) (baton_billing_period_micros{where(*chosen)}){_UNIT}",
            "{{contract}} {{period_state}}",
        ),
        Query(_preview(chosen), "{{contract}} as of now"),
        low=None,
    )


def _booked(currency: str, *chosen: str) -> Panel:
    moved = where('status=~"final|reversal"', *chosen)
    amount = f"increase(baton_billing_amount_micros_total{moved}[$__rate_interval])"
    return lines(
        Said(
            f"Billed and taken back, {currency}",
            "Items booked, in processing time; what a reversal takes back counts upwards too.",
        ),
        money(currency),
        Query(f"sum by (contract, status) ({amount}){_UNIT}", "{{contract}} {{status}}"),
        bars=True,
    )


def _credits_over_time(currency: str, *chosen: str) -> Panel:
    return lines(
        Said(
            f"Credits over time, {currency}",
            "What service credits would take as of then, by clause, before the cap.",
            runbook="credits-at-risk",
        ),
        money(currency),
        Query(
            f"max by (contract, clause) (baton_clause_money_at_risk_micros{where(*chosen)}){_UNIT}",
            "{{contract}} {{clause}}",
        ),
        stacked=True,
    )
