"""Panels about money, by currency, and the dashboard that has them all.

Figures to watch, in the currency's unit: what is owed is settled from the billing topics.
"""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from streams.domain.contract import ContractBook
from streams.export.dashboards import addresses, frame
from streams.export.dashboards.panels import Query, Said, bar_list, lines, money, number
from streams.export.dashboards.queries import CONTRACT, any_of, where

_UNIT = " / 1e6"
_OPEN = 'period_state="open"'


def money_dashboard(book: ContractBook, runbooks: str) -> Dashboard | None:
    """All contracts that say something about money; None where none does."""
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
            (credits_previewed(currency, *chosen), 8, 5),
            (pool(currency, *chosen), 8, 5),
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
    """Currencies with the contracts that say something about money in them, sorted."""
    found: dict[str, list[str]] = {}
    for name in book.names:
        last = book.versions(name)[-1]
        if last.commercial is not None:
            found.setdefault(last.currency, []).append(name)
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


def credits_previewed(currency: str, *chosen: str) -> Panel:
    """What service credits would cost."""
    return number(
        Said(
            f"Credits as of now, {currency}",
            "Service credits that the open period would come to if it ended now. They can fall"
            " again: nothing is booked before the close.",
            runbook="credits-at-risk",
        ),
        money(currency),
        Query(_previewed(chosen), "{{contract}}"),
    )


def pool(currency: str, *chosen: str) -> Panel:
    """The most that clauses can cost."""
    return number(
        Said(
            f"At risk, {currency}",
            "The pool that credits are taken from: a share of the open period's fees so far, all"
            " clauses together.",
        ),
        money(currency),
        Query(_pool(chosen), "{{contract}}"),
    )


def at_risk_by_clause(currency: str, *chosen: str) -> Panel:
    """Each clause's part of the pool."""
    return bar_list(
        Said(
            f"At risk by clause, {currency}",
            "The most that each clause can cost in the open period, by the fees so far.",
            runbook="credits-at-risk",
        ),
        money(currency),
        Query(
            f"max by (contract, clause) (baton_clause_money_at_risk_micros{where(*chosen)}){_UNIT}",
            "{{contract}} {{clause}}",
        ),
    )


def _previewed(chosen: tuple[str, ...]) -> str:
    return f"max by (contract) (baton_billing_preview_micros{where(*chosen)}){_UNIT}"


def _pool(chosen: tuple[str, ...]) -> str:
    of_each = f"max by (contract, clause) (baton_clause_money_at_risk_micros{where(*chosen)})"
    return f"sum by (contract) ({of_each}){_UNIT}"


def _over_time(currency: str, *chosen: str) -> Panel:
    return lines(
        Said(
            f"Periods, {currency}",
            "What is booked in the period that is open, in grace, and that was closed last.",
            runbook="seal-missing",
        ),
        money(currency),
        Query(
            f"max by (contract, period_state) (baton_billing_period_micros{where(*chosen)}){_UNIT}",
            "{{contract}} {{period_state}}",
        ),
        low=None,
    )


def _booked(currency: str, *chosen: str) -> Panel:
    amount = f"increase(baton_billing_amount_micros_total{where(*chosen)}[$__rate_interval])"
    return lines(
        Said(
            f"Billed and taken back, {currency}",
            "Booked by status, in processing time; reversals and credits count upwards too.",
        ),
        money(currency),
        Query(f"sum by (contract, status) ({amount}){_UNIT}", "{{contract}} {{status}}"),
        bars=True,
    )


def _credits_over_time(currency: str, *chosen: str) -> Panel:
    return lines(
        Said(
            f"Credits and what is at risk, {currency}",
            "Credits as of now; dashed, the pool that they are taken from.",
            runbook="credits-at-risk",
        ),
        money(currency),
        Query(_previewed(chosen), "{{contract}} credits"),
        Query(_pool(chosen), "{{contract}} at risk", target=True),
    )
