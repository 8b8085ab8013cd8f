"""What takes more than one field of a contract to see: references, hours, spans, scope.

Money and credits are credit_checks.py's. Errors are what cannot be judged or contradicts itself;
warnings what is allowed and probably not meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any
from zoneinfo import available_timezones

from streams.domain.contract import VERSION_DIMENSIONS, ContractError
from streams.domain.contract_clauses import source_of, source_path
from streams.domain.contract_document import (
    ContractSpec,
    ServiceContract,
    Slo,
    duration_ms,
)
from streams.domain.contract_source import Findings, KeyPath, SourceDocument, shown
from streams.domain.contract_values import Weekday
from streams.domain.events import EARLIEST, LATEST, Channel
from streams.domain.time_zone import zone_of

_SPEC = "spec"
_UNLISTED = ("other", "unknown")
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class KnownSlo:
    """An SLO document of the file; `slo` None where it has not even the shape of one, `sound` False
    where it has errors of its own.
    """

    document: SourceDocument
    slo: Slo | None
    sound: bool


Slos = Mapping[str, KnownSlo]


def check_contract(
    document: SourceDocument, contract: ServiceContract, slos: Slos, findings: Findings
) -> None:
    """Note what is wrong with one contract document, its money apart."""
    spec = contract.spec
    _check_zone(document, (_SPEC, "timeZone"), spec.time_zone, findings)
    _check_effective(document, spec, findings)
    _check_durations(document, spec, findings)
    _check_hours(document, spec, findings)
    _check_exclusions(document, spec, findings)
    _check_channels(document, spec, findings)
    _check_references(document, spec, slos, findings)


def _check_zone(document: SourceDocument, path: KeyPath, zone: str, findings: Findings) -> None:
    try:
        zone_of(zone)
    except ValueError:
        text = f"{shown(zone)} is not an IANA time zone like Asia/Manila"
        findings.error(document, path, text, given=zone, candidates=sorted(available_timezones()))


def _check_effective(document: SourceDocument, spec: ContractSpec, findings: Findings) -> None:
    begins, ends = spec.effective.from_, spec.effective.to
    for name, moment in (("from", begins), ("to", ends)):
        if moment is not None and not EARLIEST <= moment <= LATEST:
            findings.error(document, (_SPEC, "effective", name), "must lie in the years 1 to 9000")
    if ends is not None and ends <= begins:
        findings.error(document, (_SPEC, "effective", "to"), "must be after `from`")


def _check_durations(document: SourceDocument, spec: ContractSpec, findings: Findings) -> None:
    fields: list[tuple[KeyPath, str]] = [
        (("inactivity",), spec.inactivity),
        (("verificationWindow",), spec.verification_window),
        (("handoff", "escalationExpiry"), spec.handoff.escalation_expiry),
    ]
    for name, thresholds in _thresholds(spec):
        fields += [((name, "thresholds", channel), text) for channel, text in thresholds.items()]
    if spec.answer is not None:
        fields.append((("answer", "shortAbandon"), spec.answer.short_abandon))
    for path, text in fields:
        try:
            duration_ms(text)
        except ContractError as error:
            findings.error(document, (_SPEC, *path), str(error))


def _thresholds(spec: ContractSpec) -> list[tuple[str, dict[Channel, str]]]:
    found = [("handoff", spec.handoff.thresholds)]
    if spec.answer is not None:
        found.append(("answer", spec.answer.thresholds))
    if spec.first_response is not None:
        found.append(("firstResponse", spec.first_response.thresholds))
    return found


def _check_hours(document: SourceDocument, spec: ContractSpec, findings: Findings) -> None:
    hours = spec.service_hours
    if hours is None:
        if spec.handoff.clock == "service":
            findings.error(
                document, (_SPEC, "handoff", "clock"), "a service clock needs spec.serviceHours"
            )
        return
    path: KeyPath = (_SPEC, "serviceHours")
    for day, spans in hours.days.items():
        minutes = [minutes_of(span) for span in spans]
        for number, (opens, closes) in enumerate(minutes):
            if opens >= closes:
                findings.error(
                    document,
                    (*path, "days", day, number),
                    f"{spans[number]} ends before it begins; over midnight, split it in two",
                )
        for number, (earlier, later) in enumerate(pairwise(minutes), start=1):
            if later[0] < earlier[1]:
                findings.error(
                    document,
                    (*path, "days", day, number),
                    f"{spans[number]} begins before {spans[number - 1]} ends;"
                    " spans are in order and do not overlap",
                )
    if not any(hours.days.values()):
        findings.error(document, (*path, "days"), "nothing is ever open")
    seen: set[str] = set()
    for number, holiday in enumerate(hours.holidays):
        at = (*path, "holidays", number)
        if not _is_date(holiday):
            findings.error(document, at, f"{shown(holiday)} is no day that there is")
        elif holiday in seen:
            findings.warning(document, at, f"{holiday} stands here twice")
        elif not _in_force(spec, date.fromisoformat(holiday.strip())):
            findings.warning(document, at, f"on {holiday} this version is not in force")
        seen.add(holiday)


def minutes_of(span: str) -> tuple[int, int]:
    """`08:00-20:00` in minutes since local midnight."""
    opens, closes = span.strip().split("-")
    return _minute(opens), _minute(closes)


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _in_force(spec: ContractSpec, day: date) -> bool:
    ends = spec.effective.to
    return spec.effective.from_.date() <= day and (ends is None or day <= ends.date())


def _check_exclusions(document: SourceDocument, spec: ContractSpec, findings: Findings) -> None:
    for number, span in enumerate(spec.exclusions):
        path: KeyPath = (_SPEC, "exclusions", number)
        for name, moment in (("from", span.from_), ("to", span.to)):
            if not EARLIEST <= moment <= LATEST:
                findings.error(document, (*path, name), "must lie in the years 1 to 9000")
        if span.to <= span.from_:
            findings.error(document, (*path, "to"), "must be after `from`")
        elif span.to <= spec.effective.from_ or (
            spec.effective.to is not None and span.from_ >= spec.effective.to
        ):
            findings.warning(document, path, "lies outside the time in which this version holds")


def _check_channels(document: SourceDocument, spec: ContractSpec, findings: Findings) -> None:
    for name, thresholds in _thresholds(spec):
        for channel in thresholds:
            if channel not in spec.scope.channels:
                findings.warning(
                    document,
                    (_SPEC, name, "thresholds", channel),
                    f"spec.scope.channels has no {channel}",
                    at_key=True,
                )
    if spec.first_response is not None and "voice" in spec.first_response.thresholds:
        findings.warning(
            document,
            (_SPEC, "firstResponse", "thresholds", "voice"),
            "a call has no first response; only written channels have",
            at_key=True,
        )


def _check_references(
    document: SourceDocument, spec: ContractSpec, slos: Slos, findings: Findings
) -> None:
    seen: set[str] = set()
    for number, level in enumerate(spec.service_levels):
        path: KeyPath = (_SPEC, "serviceLevels", number, "sloRef")
        if not check_slo_is_there(document, number, level.slo_ref, slos, findings):
            continue
        if level.slo_ref in seen:
            findings.error(document, path, f"the SLO {level.slo_ref!r} stands here twice")
        seen.add(level.slo_ref)
        known = slos[level.slo_ref]
        if known.slo is not None:
            _check_filter(known.document, known.slo, spec, findings)
            _check_calendar(known.document, known.slo, spec, findings)
            _check_can_be_judged(known.document, known.slo, spec, findings)


def check_slo_is_there(
    document: SourceDocument, number: int, name: str, slos: Slos, findings: Findings
) -> bool:
    """Whether the file has the SLO that a service level (by number) names; noted if not."""
    if name not in slos:
        text = f"{shown(name)} names no SLO document"
        if not slos:
            text += "; there are none in this file"
        path = (_SPEC, "serviceLevels", number, "sloRef")
        findings.error(document, path, text, given=name, allowed=sorted(slos))
    return name in slos


def named_slos(content: Any) -> Iterator[tuple[int, str]]:
    """What a contract document that has errors elsewhere names as its SLOs, with their number."""
    spec = content.get("spec")
    levels = spec.get("serviceLevels") if isinstance(spec, dict) else None
    for number, level in enumerate(levels if isinstance(levels, list) else ()):
        name = level.get("sloRef") if isinstance(level, dict) else None
        if isinstance(name, str):
            yield number, name


def scope_values(spec: ContractSpec) -> dict[str, tuple[str, ...]]:
    """What the scope lists, by dimension; versions of the AI are patterns."""
    scope = spec.scope
    return {
        "channel": tuple(scope.channels),
        "market": scope.markets,
        "journey": scope.journeys,
        "supplier": scope.suppliers,
        "prompt_version": scope.prompt_versions,
        "model": scope.models,
        "knowledge_version": scope.knowledge_versions,
    }


def check_in_scope(
    document: SourceDocument,
    path: KeyPath,
    dimension: str,
    value: str,
    spec: ContractSpec,
    findings: Findings,
) -> None:
    """Note a value that the contract's scope does not list, so that nothing would ever match it."""
    listed = scope_values(spec)[dimension]
    patterns = listed if dimension in VERSION_DIMENSIONS else ()
    if value in (*listed, *_UNLISTED) or any(fnmatchcase(value, one) for one in patterns):
        return
    text = f"the scope of the contract lists no {dimension} {shown(value)}"
    findings.error(document, path, text, given=value, allowed=(*sorted(set(listed)), *_UNLISTED))


def _check_filter(
    document: SourceDocument, slo: Slo, spec: ContractSpec, findings: Findings
) -> None:
    path = (*source_path(slo), "where")
    for dimension, value in source_of(slo).where.items():
        check_in_scope(document, (*path, dimension), dimension, value, spec, findings)


def _check_calendar(
    document: SourceDocument, slo: Slo, spec: ContractSpec, findings: Findings
) -> None:
    calendar = slo.spec.time_window[0].calendar
    if calendar is not None and calendar.time_zone != spec.time_zone:
        findings.error(
            document,
            ("spec", "timeWindow", 0, "calendar", "timeZone"),
            f"{shown(calendar.time_zone)} is not the contract's time zone; give {spec.time_zone}",
        )


def _check_can_be_judged(
    document: SourceDocument, slo: Slo, spec: ContractSpec, findings: Findings
) -> None:
    """A promise without what it is measured against would be unknown for ever."""
    source = source_of(slo)
    channel = source.where.get("channel")
    needed = {
        "escalation_wait": "handoff",
        "escalation_within": "handoff",
        "answer_within": "answer",
        "answer_removed_within": "answer",
        "first_response_within": "firstResponse",
    }.get(source.indicator)
    text = None
    if needed is not None:
        there: dict[Channel, str] = dict(_thresholds(spec)).get(needed, {})
        if channel is not None and channel not in there:
            text = f"spec.{needed}.thresholds of the contract has no {channel}"
        elif not there:
            text = f"the contract has no spec.{needed}.thresholds"
    elif source.indicator == "context_complete" and not spec.handoff.required_context:
        text = "the contract has no spec.handoff.requiredContext"
    if text is not None:
        findings.warning(
            document,
            (*source_path(slo), "indicator"),
            f"{source.indicator} will always be unknown: {text}",
        )
