"""What a contract document says about billing: what is wrong with it, and the rules it makes."""

from __future__ import annotations

from itertools import pairwise

from streams.domain.commercial import BillingRules, VolumeTier
from streams.domain.contract_document import Billing, ContractSpec, duration_ms
from streams.domain.contract_source import Findings, KeyPath, SourceDocument
from streams.domain.money import millionths, percent_ppm

_BILLING: KeyPath = ("spec", "billing")


def check_billing(document: SourceDocument, spec: ContractSpec, findings: Findings) -> None:
    """Note what is wrong with tiers, cap, minimum and lists of a contract's billing rules."""
    rules = spec.billing
    if rules is None:
        return
    if spec.currency is None:
        findings.error(document, ("spec", "currency"), "is required where there is billing")
    if not spec.prices:
        for name, given in (("allowance", rules.allowance), ("tiers", rules.tiers)):
            if given:
                findings.error(
                    document, (*_BILLING, name), "without spec.prices there is nothing to count"
                )
    for name, listed in (("resolvedBy", rules.resolved_by), ("disputedBy", rules.disputed_by)):
        if len(set(listed)) != len(listed):
            findings.error(document, (*_BILLING, name), "names one twice")
    for number, (earlier, later) in enumerate(pairwise(rules.tiers), start=1):
        if later.from_ <= earlier.from_:
            findings.error(
                document,
                (*_BILLING, "tiers", number, "from"),
                "tiers go by volume: `from` must rise from tier to tier",
            )
        if percent_ppm(later.percent) > percent_ppm(earlier.percent):
            findings.warning(
                document,
                (*_BILLING, "tiers", number, "percent"),
                "a larger volume costs more a unit than a smaller one",
            )
    if (
        rules.cap is not None
        and rules.minimum is not None
        and millionths(rules.minimum) > millionths(rules.cap)
    ):
        findings.error(
            document, (*_BILLING, "minimum"), "is more than the cap; no period could keep both"
        )


def billing_rules(billing: Billing | None) -> BillingRules:
    """The rules in integers; without any the defaults of BILLING.md."""
    if billing is None:
        return BillingRules()
    grace = billing.close_grace
    return BillingRules(
        bills=billing.bills,
        resolved_by=billing.resolved_by,
        disputed_by=billing.disputed_by,
        recontact=billing.recontact,
        matter_ms=duration_ms(billing.matter_window),
        dispute_ms=duration_ms(billing.dispute_window),
        grace_ms=None if grace is None else duration_ms(grace),
        allowance=billing.allowance or 0,
        tiers=tuple(VolumeTier(t.from_, percent_ppm(t.percent)) for t in billing.tiers),
        cap_micros=None if billing.cap is None else millionths(billing.cap),
        minimum_micros=0 if billing.minimum is None else millionths(billing.minimum),
    )
