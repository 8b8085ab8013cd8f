"""The gauges and counters of money, in millionths of the contract's currency: to watch, not to
settle by (Prometheus holds 53 bits).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from prometheus_client.core import Metric

from streams.export import metric_defs as m
from streams.export.families import counter, gauge

PeriodState = Literal["open", "grace", "closed"]


@dataclass(slots=True)
class BillingFigures:
    """What the billing stage tells of one contract. Amounts in micro-units, the watermark in ms.

    `booked` by status only grows: what is taken back counts upwards under a status of its own.
    `preview` is what the open period's credits come to so far, above 0; `at_risk` by clause its
    part of the pool.
    """

    booked: Counter[str] = field(default_factory=Counter)
    period: dict[PeriodState, int] = field(default_factory=dict)
    preview: int | None = None
    at_risk: dict[str, int] = field(default_factory=dict)
    watermark: int | None = None


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
