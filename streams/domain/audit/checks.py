"""What takes more than the shape of a contract's sampling plan to see."""

from __future__ import annotations

from streams.domain.contract_document import ContractSpec
from streams.domain.contract_source import Findings, SourceDocument
from streams.domain.money import percent_ppm

_PPM = 1_000_000
_PATH = ("spec", "sampling")


def check_sampling(document: SourceDocument, spec: ContractSpec, findings: Findings) -> None:
    """Note what is wrong with the sampling plan, where there is one."""
    plan = spec.sampling
    if plan is None:
        return
    if not _PPM // 2 <= percent_ppm(plan.confidence) < _PPM:
        text = f"must be from 50 to less than 100 per cent, not {plan.confidence}"
        findings.error(document, (*_PATH, "confidence"), text)
    if not 0 < percent_ppm(plan.margin) <= _PPM // 2:
        text = f"must be more than 0 and at most 50 per cent points, not {plan.margin}"
        findings.error(document, (*_PATH, "margin"), text)
    for number, name in enumerate(plan.strata):
        if name in plan.strata[:number]:
            findings.error(document, (*_PATH, "strata", number), f"{name} is named twice")
