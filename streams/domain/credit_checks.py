"""What is wrong with the money of a contract: targets, weights, bands, prices, fees.

Every figure here is decimal text; comparisons are exact.
"""

from __future__ import annotations

from itertools import pairwise

from streams.domain.burn_rates import budget_ppm, burn_factors, infeasible_factors
from streams.domain.contract import AMOUNTS, PPM, Clause
from streams.domain.contract_checks import Slos, check_in_scope
from streams.domain.contract_clauses import clause_from, source_of
from streams.domain.contract_document import ContractSpec, PriceRow, ServiceLevel
from streams.domain.contract_source import Findings, KeyPath, SourceDocument
from streams.domain.money import CURRENCIES, decimal_text, millionths, percent_ppm, percent_text

_SPEC = "spec"
_LEVELS: KeyPath = (_SPEC, "serviceLevels")


def check_money(
    document: SourceDocument, spec: ContractSpec, slos: Slos, findings: Findings
) -> None:
    """Note what is wrong with targets, credits, prices and fees of one contract."""
    for number, level in enumerate(spec.service_levels):
        known = slos.get(level.slo_ref)
        if known is not None and known.slo is not None and known.sound:
            clause = clause_from(known.slo, level)
            _check_level(document, (*_LEVELS, number), level, clause, findings)
    _check_weights(document, spec, findings)
    _check_currency(document, spec, slos, findings)
    _check_prices(document, spec, findings)
    _check_at_risk(document, spec, findings)
    for number, point in enumerate(spec.reviews.approval_points if spec.reviews else ()):
        path = (_SPEC, "reviews", "approvalPoints", number, "journey")
        check_in_scope(document, path, "journey", point.journey, spec, findings)


def _check_level(
    document: SourceDocument,
    path: KeyPath,
    level: ServiceLevel,
    clause: Clause,
    findings: Findings,
) -> None:
    amount = clause.indicator in AMOUNTS
    if amount and level.limit is None:
        findings.error(
            document, (*path, "limit"), f"{clause.indicator} needs a limit, a decimal in quotes"
        )
        return
    if not amount and level.limit is not None:
        findings.error(
            document,
            (*path, "limit"),
            f"only amounts have one ({', '.join(sorted(AMOUNTS))}); the target of"
            f" {clause.indicator} stands in its SLO",
        )
    if clause.indicator == "compliance_exceptions" and clause.minimum_volume > 1:
        findings.error(
            document,
            (*path, "minimumVolume"),
            "exceptions are counted, not divided: with a minimum volume they are never judged",
        )
    if clause.indicator == "escalation_wait":
        for field, given in (("expected", level.expected), ("credits", level.credits)):
            if given:
                findings.error(
                    document,
                    (*path, field),
                    "escalation_wait is an alarm on single waits; pay hangs on escalation_within",
                )
        return
    _check_expected(document, path, level, clause, findings)
    _check_bands(document, path, level, clause, findings)
    _check_burn(document, path, clause, findings)


def _check_expected(
    document: SourceDocument,
    path: KeyPath,
    level: ServiceLevel,
    clause: Clause,
    findings: Findings,
) -> None:
    if level.expected is None:
        return
    expected = millionths(level.expected)
    if clause.indicator not in AMOUNTS and expected > PPM:
        findings.error(document, (*path, "expected"), "a share is at most 1")
    elif (expected < clause.target_ppm) if clause.at_most else (expected > clause.target_ppm):
        findings.error(
            document,
            (*path, "expected"),
            f"{level.expected} is better than the target, {_bound(clause)}; expected is the least"
            " that is accepted",
        )


def _check_bands(
    document: SourceDocument,
    path: KeyPath,
    level: ServiceLevel,
    clause: Clause,
    findings: Findings,
) -> None:
    bands = [(millionths(band.beyond), percent_ppm(band.percent)) for band in level.credits]
    order = "rise" if clause.at_most else "fall"
    for number, (beyond, _) in enumerate(bands):
        if (beyond < clause.target_ppm) if clause.at_most else (beyond > clause.target_ppm):
            findings.error(
                document,
                (*path, "credits", number, "beyond"),
                f"{level.credits[number].beyond} is still within the target, {_bound(clause)}",
            )
        if clause.indicator not in AMOUNTS and beyond > PPM:
            findings.error(document, (*path, "credits", number, "beyond"), "a share is at most 1")
    for number, (milder, harsher) in enumerate(pairwise(bands), start=1):
        if (harsher[0] <= milder[0]) if clause.at_most else (harsher[0] >= milder[0]):
            findings.error(
                document,
                (*path, "credits", number, "beyond"),
                f"bands go from the mildest on: `beyond` must {order} from band to band",
            )
        if harsher[1] <= milder[1]:
            findings.error(
                document,
                (*path, "credits", number, "percent"),
                "bands go from the mildest on: `percent` must rise from band to band",
            )
    if level.credits and level.weight is None:
        findings.error(
            document,
            (*path, "weight"),
            "credits need the clause's weight: its part of what is at risk, in per cent",
        )
    if level.weight is not None and not level.credits:
        findings.warning(
            document, (*path, "weight"), "without credits nothing is ever paid for this part"
        )
    if level.earn_back is not None and not level.credits:
        findings.error(document, (*path, "earnBack"), "without credits nothing can be earned back")


def _bound(clause: Clause) -> str:
    word = "at most" if clause.at_most else "at least"
    return f"{word} {decimal_text(clause.target_ppm)}"


def _check_burn(
    document: SourceDocument, path: KeyPath, clause: Clause, findings: Findings
) -> None:
    budget = budget_ppm(clause)
    if budget is None:
        return
    if budget == 0:
        findings.warning(
            document,
            (*path, "sloRef"),
            f"{clause.id} allows no miss at all: a single one breaches, and no burn rate can warn",
        )
    lost = infeasible_factors(budget)
    if lost:
        used = ", ".join(map(_number, burn_factors(budget)))
        findings.warning(
            document,
            (*path, "sloRef"),
            f"{clause.id} lets {percent_text(budget)} be missed, so that a burn rate of"
            f" {', '.join(map(_number, lost))} can never be seen;"
            f" {f'used are {used}' if used else 'none is used'}",
        )


def _number(factor: float) -> str:
    return f"{factor:g}"


def _check_weights(document: SourceDocument, spec: ContractSpec, findings: Findings) -> None:
    weights = [percent_ppm(one.weight) for one in spec.service_levels if one.weight is not None]
    if weights and sum(weights) != PPM:
        findings.error(
            document,
            _LEVELS,
            f"the weights of all service levels are {percent_text(sum(weights))} together;"
            " they must be 100 %",
        )


def _check_currency(
    document: SourceDocument, spec: ContractSpec, slos: Slos, findings: Findings
) -> None:
    if spec.currency is not None:
        if spec.currency not in CURRENCIES:
            findings.error(
                document,
                (_SPEC, "currency"),
                f"{spec.currency} is no currency of ISO 4217",
                given=spec.currency,
                candidates=sorted(CURRENCIES),
            )
        return
    named = (slos.get(level.slo_ref) for level in spec.service_levels)
    costs = any(
        one is not None
        and one.slo is not None
        and source_of(one.slo).indicator == "cost_per_verified"
        for one in named
    )
    if costs or spec.prices or spec.fixed_fee is not None:
        findings.error(document, (_SPEC, "currency"), "is required where there are amounts")


def _check_prices(document: SourceDocument, spec: ContractSpec, findings: Findings) -> None:
    seen: set[tuple[str | None, ...]] = set()
    for number, row in enumerate(spec.prices):
        path: KeyPath = (_SPEC, "prices", number)
        for field, value in (("channel", row.channel), ("journey", row.journey)):
            if value is not None:
                check_in_scope(document, (*path, field), field, value, spec, findings)
        selector = (row.query_type, row.journey, row.channel)
        if selector in seen:
            findings.error(document, path, "an earlier price is for the same resolutions")
        seen.add(selector)
        _check_middle_price(document, path, row, findings)


def _check_middle_price(
    document: SourceDocument, path: KeyPath, row: PriceRow, findings: Findings
) -> None:
    amount = millionths(row.amount)
    former = None if row.client_former_cost is None else millionths(row.client_former_cost)
    cost = None if row.provider_cost is None else millionths(row.provider_cost)
    if former is not None and amount >= former:
        findings.warning(
            document, (*path, "amount"), "the client pays no less than its former cost"
        )
    if cost is not None and amount <= cost:
        findings.warning(
            document, (*path, "amount"), "the provider earns no more than its own cost"
        )


def _check_at_risk(document: SourceDocument, spec: ContractSpec, findings: Findings) -> None:
    credited = any(level.credits for level in spec.service_levels)
    risk = spec.at_risk
    if risk is None:
        if credited:
            findings.error(
                document, (_SPEC, "atRisk"), "credits need what they are taken from: is required"
            )
        return
    path: KeyPath = (_SPEC, "atRisk")
    if not spec.prices and spec.fixed_fee is None:
        findings.error(document, path, "a share of no fees: give spec.prices or spec.fixedFee")
    if not credited:
        findings.warning(document, path, "no service level has credits; nothing is ever deducted")
    if percent_ppm(risk.cap_percent) > percent_ppm(risk.percent_of_fees):
        findings.warning(
            document,
            (*path, "capPercent"),
            "the cap is more than all that is at risk and never reached",
        )
