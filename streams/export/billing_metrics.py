"""The gauges and counters of money, in millionths of the contract's currency: to watch, not to
settle by (Prometheus holds 53 bits).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from prometheus_client.core import Metric

from streams.domain.billing.ledger import Ledger
from streams.domain.billing.periods import BillingCalendar
from streams.domain.billing.records import ItemStatus
from streams.domain.contract import ContractBook
from streams.export import metric_defs as m
from streams.export.families import counter, gauge

PeriodState = Literal["open", "grace"]
# A preview goes through all of the period's units: not at each look, but once a minute of the
# ledger's time.
_PREVIEW_EACH_MS = 60_000


@dataclass(slots=True)
class BillingFigures:
    """What the ledger of one contract tells. Amounts in micro-units, the watermark in ms.

    `booked` by status only grows: what is taken back counts upwards under a status of its own.
    `preview` is what the oldest period that is not closed would come to if it closed now, `at_risk`
    what credits would take from it, by clause, 0 or more.
    """

    booked: dict[str, int] = field(default_factory=dict)
    period: dict[PeriodState, int] = field(default_factory=dict)
    preview: int | None = None
    at_risk: dict[str, int] = field(default_factory=dict)
    watermark: int | None = None


class BillingView:
    """Looks at a worker's ledgers; keeps nothing but their last previews."""

    def __init__(self, book: ContractBook) -> None:
        self._book = book
        self._previews: dict[str, tuple[int, int | None, dict[str, int]]] = {}

    def look(
        self,
        ledgers: Iterable[Mapping[str, Ledger]],
        booked: Mapping[tuple[str, str], int],
    ) -> dict[str, BillingFigures]:
        """The figures of every ledger that is owned. `booked`: micro-units by (contract, status)
        since the worker started.
        """
        found = {
            contract: self._figures(contract, ledger, booked)
            for owned in ledgers
            for contract, ledger in owned.items()
        }
        for gone in self._previews.keys() - found.keys():
            del self._previews[gone]
        return dict(sorted(found.items()))

    def _figures(
        self, contract: str, ledger: Ledger, booked: Mapping[tuple[str, str], int]
    ) -> BillingFigures:
        # Known series start at 0, so that a first amount is an increase and not a new series.
        figures = BillingFigures(
            {status: booked.get((contract, status), 0) for status in get_args(ItemStatus)},
            watermark=ledger.reached,
        )
        if ledger.reached is None or ledger.books.next is None:
            return figures
        now = BillingCalendar(self._book, contract).of_time(ledger.reached)
        totals = {span: held.total for span, held in ledger.books.open.items()}
        figures.period["open"] = totals.get(now, 0)
        if ledger.books.next < now:
            figures.period["grace"] = totals.get(ledger.books.next, 0)
        figures.preview, figures.at_risk = self._preview(contract, ledger, ledger.reached)
        return figures

    def _preview(
        self, contract: str, ledger: Ledger, reached: int
    ) -> tuple[int | None, dict[str, int]]:
        kept = self._previews.get(contract)
        if kept is None or not 0 <= reached - kept[0] < _PREVIEW_EACH_MS:
            made = ledger.preview()
            total = None if made is None else made.total_micros
            kept = (reached, total, {} if made is None else dict(made.at_risk_micros))
            self._previews[contract] = kept
        return kept[1], kept[2]


def billing_families(billing: Mapping[str, BillingFigures]) -> Iterator[Metric]:
    """The families of these contracts."""
    period, preview = gauge(m.BILLING_PERIOD), gauge(m.BILLING_PREVIEW)
    at_risk, watermark = gauge(m.MONEY_AT_RISK), gauge(m.BILLING_WATERMARK)
    for contract, figures in billing.items():
        for state, micros in figures.period.items():
            period.add_metric((contract, state), micros)
        if figures.preview is not None:
            preview.add_metric((contract,), figures.preview)
        for clause, micros in figures.at_risk.items():
            at_risk.add_metric((contract, clause), micros)
        if figures.watermark is not None:
            watermark.add_metric((contract,), figures.watermark / 1000)
    yield counter(
        m.BILLING_AMOUNT,
        (
            ((contract, status), micros)
            for contract, figures in billing.items()
            for status, micros in figures.booked.items()
        ),
    )
    yield from (period, preview, at_risk, watermark)
