"""A line of a period before it is booked: what ledger and batch both compute, each its own way."""

from __future__ import annotations

from dataclasses import dataclass

from streams.domain.billing.records import Adjustment, LineKind


@dataclass(frozen=True, slots=True)
class Line:
    """An adjustment as computed, before it is booked; one that comes to 0 is never booked.

    `time` in ms since 1970 UTC, amounts in micro-units. Figures that do not apply are None.
    """

    kind: LineKind
    version: int
    time: int
    amount_micros: int
    formula: str
    clause: str | None = None
    clause_period: str | None = None
    quantity: int | None = None
    base_micros: int | None = None
    numerator: int | None = None
    denominator: int | None = None
    samples: int | None = None
    threshold_ppm: int | None = None
    band_ppm: int | None = None
    weight_ppm: int | None = None
    at_risk_ppm: int | None = None
    worst_key: str | None = None

    @property
    def key(self) -> tuple[LineKind, str, str]:
        """Which line of its period it is: kind, clause and clause period."""
        return (self.kind, self.clause or "", self.clause_period or "")

    def booked(
        self,
        *,
        contract: str,
        currency: str,
        revision: int,
        booked_at: int,
        period: str,
        service_period: str,
        charge_class: str | None,
        sequence: int,
    ) -> Adjustment:
        """The record of it, booked at `booked_at` (ms) as number `sequence` of `period`."""
        return Adjustment(
            kind=self.kind,
            contract=contract,
            version=self.version,
            clause=self.clause,
            clause_period=self.clause_period,
            revision=revision,
            time=self.time,
            amount_micros=self.amount_micros,
            currency=currency,
            quantity=self.quantity,
            base_micros=self.base_micros,
            numerator=self.numerator,
            denominator=self.denominator,
            samples=self.samples,
            threshold_ppm=self.threshold_ppm,
            band_ppm=self.band_ppm,
            weight_ppm=self.weight_ppm,
            at_risk_ppm=self.at_risk_ppm,
            key=self.worst_key,
            formula=self.formula,
            booked_at=booked_at,
            period=period,
            service_period=service_period,
            charge_class=charge_class,
            sequence=sequence,
        )
