"""Contract documents to Terms: every problem found first, then integers made of what is sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from streams.domain.audit.checks import check_sampling
from streams.domain.audit.terms import SamplingTerms
from streams.domain.commercial import ApprovalPoint, Band, ClauseCredit, CommercialTerms, Price
from streams.domain.contract import Clause, Dimension, Exclusion, Terms
from streams.domain.contract_billing import billing_rules, check_billing
from streams.domain.contract_checks import (
    WEEKDAYS,
    KnownSlo,
    Slos,
    check_contract,
    check_slo_is_there,
    minutes_of,
    named_slos,
    scope_values,
)
from streams.domain.contract_clauses import check_slo, clause_from, has_one_side
from streams.domain.contract_document import (
    ContractSpec,
    PriceRow,
    ServiceContract,
    ServiceLevel,
    Slo,
    duration_ms,
)
from streams.domain.contract_retention import check_retention, retention_terms
from streams.domain.contract_shape import converted
from streams.domain.contract_source import Findings, Problem, SourceDocument, shown
from streams.domain.contract_versions import check_versions
from streams.domain.credit_checks import check_money
from streams.domain.events import Channel, epoch_ms
from streams.domain.money import millionths, percent_ppm
from streams.domain.service_hours import ServiceHours

_KINDS = ("ServiceContract", "SLO")


@dataclass(slots=True)
class _File:
    """The documents of one file; an SLO belongs to the contracts of its own file."""

    contracts: list[tuple[SourceDocument, ServiceContract]] = field(default_factory=list)
    slos: dict[str, KnownSlo] = field(default_factory=dict)
    sound: list[Terms] = field(default_factory=list)


def read_documents(
    files: Iterable[Sequence[SourceDocument]],
) -> tuple[list[Terms], list[Problem]]:
    """The terms of every contract without errors, and every problem of all files.

    Versions of one contract may stand in several files. Problems come by file, line and column.
    """
    findings = Findings()
    read = [_file(documents, findings) for documents in files]
    check_versions(
        (
            (document, contract, _has_calendar(contract, one))
            for one in read
            for document, contract in one.contracts
        ),
        findings,
    )
    problems = sorted(findings.problems, key=lambda p: (p.file, p.line, p.column))
    return [terms for one in read for terms in one.sound], problems


def terms_from_documents(documents: Sequence[SourceDocument]) -> list[Terms]:
    """Terms from the documents of one file.

    Raises ContractError naming place, key path and what is allowed.
    """
    findings = Findings()
    terms, findings.problems = read_documents([documents])
    findings.raise_first()
    return terms


def _file(documents: Sequence[SourceDocument], findings: Findings) -> _File:
    read = _File()
    kinds: set[str] = set()
    broken: list[SourceDocument] = []
    for document in documents:
        kind = document.content.get("kind") if isinstance(document.content, dict) else None
        if kind == "ServiceContract":
            contract = converted(document, ServiceContract, findings)
            if contract is None:
                broken.append(document)
            else:
                read.contracts.append((document, contract))
        elif kind == "SLO":
            _take_slo(document, read, findings)
        elif document.content is None and len(documents) > 1:
            continue  # a --- too many
        else:
            findings.error(
                document,
                ("kind",) if isinstance(document.content, dict) else (),
                f"kind is {shown(kind) if kind is not None else 'missing'}",
                given=kind,
                allowed=_KINDS,
            )
            name = _name(document)
            if name is not None:
                read.slos.setdefault(name, KnownSlo(document, None, False))
        kinds.add(kind if isinstance(kind, str) else "")
    if documents and kinds <= {"SLO"}:
        findings.error(documents[0], (), "no ServiceContract document is in this file")
    for document in broken:
        for number, name in named_slos(document.content):
            check_slo_is_there(document, number, name, read.slos, findings)
    used: set[str] = set()
    for document, contract in read.contracts:
        before = len(findings.errors)
        check_contract(document, contract, read.slos, findings)
        check_money(document, contract.spec, read.slos, findings)
        check_billing(document, contract.spec, findings)
        check_sampling(document, contract.spec, findings)
        check_retention(document, contract.spec, findings)
        used |= {level.slo_ref for level in contract.spec.service_levels}
        whole = all(
            read.slos[level.slo_ref].sound
            for level in contract.spec.service_levels
            if level.slo_ref in read.slos
        )
        if len(findings.errors) == before and whole:
            read.sound.append(_terms(contract, read.slos))
    if not broken:
        unused = sorted(name for name, one in read.slos.items() if one.slo and name not in used)
        for name in unused:
            findings.warning(
                read.slos[name].document,
                ("metadata", "name"),
                f"no contract here names the SLO {name}",
            )
    return read


def _take_slo(document: SourceDocument, read: _File, findings: Findings) -> None:
    before = len(findings.errors)
    slo = converted(document, Slo, findings)
    if slo is not None:
        check_slo(document, slo, findings)
    name = _name(document)
    if name is None:
        return
    if name in read.slos:
        findings.error(document, ("metadata", "name"), f"the SLO {shown(name)} is defined twice")
        return
    # One with errors of its own is known by name, so that its contract is not told it is missing.
    whole = slo is not None and has_one_side(slo)
    read.slos[name] = KnownSlo(document, slo if whole else None, len(findings.errors) == before)


def _name(document: SourceDocument) -> str | None:
    """metadata.name of a document that may be wrong elsewhere."""
    content = document.content
    metadata = content.get("metadata") if isinstance(content, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else None


def _has_calendar(contract: ServiceContract, read: _File) -> bool:
    found = (read.slos.get(level.slo_ref) for level in contract.spec.service_levels)
    return any(
        one is not None and one.slo is not None and not one.slo.spec.time_window[0].is_rolling
        for one in found
    )


def _terms(contract: ServiceContract, slos: Slos) -> Terms:
    spec = contract.spec
    levels = [(cast(Slo, slos[level.slo_ref].slo), level) for level in spec.service_levels]
    clauses = [clause_from(slo, level) for slo, level in levels]
    groupings = dict.fromkeys((*spec.roll_ups, *(c.grouping for c in clauses)))
    ends = spec.effective.to
    return Terms(
        contract=contract.metadata.name,
        version=spec.version,
        effective_from_ms=epoch_ms(spec.effective.from_),
        effective_to_ms=None if ends is None else epoch_ms(ends),
        time_zone=spec.time_zone,
        inactivity_ms=duration_ms(spec.inactivity),
        escalation_expiry_ms=duration_ms(spec.handoff.escalation_expiry),
        verification_ms=duration_ms(spec.verification_window),
        thresholds_ms=_spans(spec.handoff.thresholds),
        required_context=frozenset(spec.handoff.required_context),
        groupings=tuple(groupings),
        scope={
            cast(Dimension, name): frozenset(values) for name, values in scope_values(spec).items()
        },
        clauses=tuple(clauses),
        hours=_hours(spec),
        service_clock=spec.handoff.clock == "service",
        exclusions=tuple(
            Exclusion(epoch_ms(e.from_), epoch_ms(e.to), e.reason, frozenset(e.channels))
            for e in spec.exclusions
        ),
        answer_ms=_spans(spec.answer.thresholds) if spec.answer else {},
        first_response_ms=_spans(spec.first_response.thresholds) if spec.first_response else {},
        short_abandon_ms=duration_ms(spec.answer.short_abandon if spec.answer else "5s"),
        qa_pass_ppm=millionths(spec.qa.pass_score if spec.qa else "0.8"),
        csat_satisfied_ppm=millionths(spec.csat.satisfied_from if spec.csat else "0.75"),
        currency=spec.currency or "USD",
        commercial=_commercial(spec, clauses),
        sampling=_sampling(spec),
        retention=retention_terms(spec),
    )


def _spans(thresholds: Mapping[Channel, str]) -> dict[str, int]:
    return {channel: duration_ms(text) for channel, text in thresholds.items()}


def _hours(spec: ContractSpec) -> ServiceHours | None:
    if spec.service_hours is None:
        return None
    days = spec.service_hours.days
    return ServiceHours(
        zone=spec.time_zone,
        weekly=tuple(tuple(minutes_of(one) for one in days.get(day, ())) for day in WEEKDAYS),
        holidays=frozenset(day.strip() for day in spec.service_hours.holidays),
    )


def _sampling(spec: ContractSpec) -> SamplingTerms | None:
    agreed = spec.sampling
    if agreed is None:
        return None
    return SamplingTerms(
        confidence_ppm=percent_ppm(agreed.confidence),
        margin_ppm=percent_ppm(agreed.margin),
        minimum=agreed.minimum_per_stratum,
        allocation=agreed.allocation,
        strata=agreed.strata,
    )


def _commercial(spec: ContractSpec, clauses: Sequence[Clause]) -> CommercialTerms | None:
    credits = tuple(
        _credit(clause.id, level)
        for clause, level in zip(clauses, spec.service_levels, strict=True)
        if level.weight is not None or level.expected is not None
    )
    approvals = spec.reviews.approval_points if spec.reviews else ()
    if spec.currency is None and not approvals:
        return None
    return CommercialTerms(
        currency=spec.currency or "USD",
        prices=tuple(_price(row) for row in spec.prices),
        fixed_fee_micros=millionths(spec.fixed_fee.amount) if spec.fixed_fee else 0,
        at_risk_ppm=percent_ppm(spec.at_risk.percent_of_fees) if spec.at_risk else 0,
        cap_ppm=percent_ppm(spec.at_risk.cap_percent) if spec.at_risk else 0,
        credits=credits,
        approvals=tuple(ApprovalPoint(p.journey, p.action, p.approver) for p in approvals),
        billing=billing_rules(spec.billing),
    )


def _credit(clause: str, level: ServiceLevel) -> ClauseCredit:
    return ClauseCredit(
        clause=clause,
        weight_ppm=0 if level.weight is None else percent_ppm(level.weight),
        bands=tuple(
            Band(millionths(band.beyond), percent_ppm(band.percent)) for band in level.credits
        ),
        expected_ppm=None if level.expected is None else millionths(level.expected),
        earn_back_periods=level.earn_back.meet_target_for_periods if level.earn_back else 0,
        earn_back_ppm=percent_ppm(level.earn_back.percent) if level.earn_back else 0,
    )


def _price(row: PriceRow) -> Price:
    def micros(text: str | None) -> int | None:
        return None if text is None else millionths(text)

    return Price(
        amount_micros=millionths(row.amount),
        channel=row.channel,
        journey=row.journey,
        query_type=row.query_type,
        client_former_micros=micros(row.client_former_cost),
        provider_micros=micros(row.provider_cost),
        agent_ppm=None if row.agent_share is None else percent_ppm(row.agent_share),
    )
