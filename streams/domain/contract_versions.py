"""Whether documents of one name can be versions of one contract."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from streams.domain.contract import ContractError
from streams.domain.contract_document import ContractSpec, ServiceContract, duration_ms
from streams.domain.contract_source import Findings, KeyPath, SourceDocument


def check_versions(
    contracts: Iterable[tuple[SourceDocument, ServiceContract, bool]], findings: Findings
) -> None:
    """Note what keeps documents from being versions of one contract; each comes with whether any
    of its clauses is judged over calendar periods.
    """
    by_name: dict[str, list[tuple[SourceDocument, ServiceContract, bool]]] = {}
    for one in contracts:
        by_name.setdefault(one[1].metadata.name, []).append(one)
    for name, versions in by_name.items():
        versions.sort(key=lambda v: v[1].spec.effective.from_)
        for earlier, later in pairwise(versions):
            _check_follows(name, earlier[1], later[0], later[1], findings)
        first = versions[0][1].spec
        calendar = any(one[2] for one in versions)
        billed = any(v[1].spec.prices or v[1].spec.fixed_fee for v in versions)
        numbers: set[int] = set()
        for document, contract, _ in versions:
            spec = contract.spec
            if spec.version in numbers:
                _version_error(
                    document, "version", f"contract {name} has a version {spec.version} already",
                    findings,
                )  # fmt: skip
            numbers.add(spec.version)
            if _length(spec.inactivity) != _length(first.inactivity):
                _version_error(
                    document,
                    "inactivity",
                    f"version {first.version} of contract {name} says {first.inactivity}; it joins"
                    " a conversation's activity into one run and must be the same in all versions",
                    findings,
                )
            if billed:
                _check_billed(name, first, document, spec, calendar, findings)
            if calendar and spec.time_zone != first.time_zone:
                _version_error(
                    document,
                    "timeZone",
                    f"version {first.version} of contract {name} says {first.time_zone}; calendar"
                    " periods need the same in all versions",
                    findings,
                )


def _check_follows(
    name: str,
    earlier: ServiceContract,
    document: SourceDocument,
    later: ServiceContract,
    findings: Findings,
) -> None:
    ends, begins = earlier.spec.effective.to, later.spec.effective.from_
    path: KeyPath = ("spec", "effective", "from")
    if ends is None or ends > begins:
        findings.error(
            document,
            path,
            f"contract {name}: versions {earlier.spec.version} and {later.spec.version} overlap;"
            " end the earlier one where the later begins",
        )
    elif ends < begins:
        findings.warning(
            document,
            path,
            f"contract {name}: from {ends.isoformat()} on no version is in force until then;"
            f" version {earlier.spec.version} judges what happens between",
        )


def _check_billed(
    name: str,
    first: ContractSpec,
    document: SourceDocument,
    spec: ContractSpec,
    calendar: bool,
    findings: Findings,
) -> None:
    """BILLING.md 5.1; what the contract is measured by does not need it."""
    for field, said, before in (
        ("currency", spec.currency, first.currency),
        ("timeZone", spec.time_zone, first.time_zone),
    ):
        if said != before and not (field == "timeZone" and calendar):
            findings.warning(
                document,
                ("spec", field),
                f"version {first.version} of contract {name} says {before or 'none'}; while they"
                " differ, nothing of the contract is billed: give the changed one another name",
            )


def _version_error(document: SourceDocument, field: str, text: str, findings: Findings) -> None:
    findings.error(document, ("spec", field), text)


def _length(text: str) -> int | str:
    try:
        return duration_ms(text)
    except ContractError:
        return text  # too long; noted elsewhere
