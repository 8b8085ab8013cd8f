"""The contract's terms as the rest of the domain needs them, effective-dated.

Documents are read by contract_document.py; this module holds what was agreed, in integer
milliseconds and parts per million, and answers which version was in force at an instant.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Literal, get_args

import msgspec

from streams.domain.audit.terms import SamplingTerms
from streams.domain.calendar_period import PERIODS, Period
from streams.domain.commercial import CommercialTerms
from streams.domain.contract_retention import RetentionTerms
from streams.domain.service_hours import ServiceHours

Dimension = Literal[
    "channel", "market", "journey", "supplier", "prompt_version", "model", "knowledge_version"
]
DIMENSIONS: tuple[Dimension, ...] = (
    "channel",
    "market",
    "journey",
    "supplier",
    "prompt_version",
    "model",
    "knowledge_version",
)
# Deployed while a contract runs, so that its scope may admit them by a pattern.
VERSION_DIMENSIONS: frozenset[Dimension] = frozenset(
    ("prompt_version", "model", "knowledge_version")
)

Indicator = Literal[
    "escalation_wait",
    "escalation_within",
    "answer_within",
    "answer_removed_within",
    "first_response_within",
    "containment_raw",
    "containment_safe",
    "containment_no_recontact",
    "containment_safe_verified",
    "verified_resolution",
    "first_contact",
    "recontact",
    "recontact_24h",
    "recontact_72h",
    "recontact_7d",
    "recontact_same_24h",
    "recontact_same_72h",
    "recontact_same_7d",
    "unlinked",
    "human_takeover",
    "abandonment",
    "context_complete",
    "customer_repeated",
    "failure_share",
    "qa_coverage_ai",
    "qa_coverage_human",
    "qa_pass_ai",
    "qa_pass_human",
    "csat_satisfied",
    "csat_response",
    "compliance_exceptions",
    "cost_per_verified",
]
INDICATORS: tuple[Indicator, ...] = get_args(Indicator)
# More of them is worse: the clause sets a most, not a least.
AT_MOST: frozenset[Indicator] = frozenset(
    (
        "recontact",
        "recontact_24h",
        "recontact_72h",
        "recontact_7d",
        "recontact_same_24h",
        "recontact_same_72h",
        "recontact_same_7d",
        "unlinked",
        "human_takeover",
        "abandonment",
        "customer_repeated",
        "failure_share",
        "compliance_exceptions",
        "cost_per_verified",
    )
)
# Numbers that are no share of 1: the clause sets a `limit`.
AMOUNTS: frozenset[Indicator] = frozenset(("compliance_exceptions", "cost_per_verified"))
Severity = Literal["page", "ticket"]
PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Clause:
    """One promise: an indicator, on which keys it is judged, and where it breaches.

    `grouping` names the dimensions of its keys (one breach state a key); `where` fixes some of them
    to a value. `target_ppm` and `hysteresis_ppm` are parts per million and 0 for `escalation_wait`,
    as are `window_ms` (0) and `minimum_volume` (1). `reason` is set for `failure_share` only. A
    clause is judged over a rolling window (`window_ms`) or the contract's calendar `period`, whose
    `window_ms` is 0. Where the indicator is an amount, `target_ppm` is millionths of it: of a
    count, or of the contract's currency.
    """

    id: str
    indicator: Indicator
    grouping: tuple[Dimension, ...]
    where: tuple[tuple[Dimension, str], ...] = ()
    window_ms: int = 0
    target_ppm: int = 0
    hysteresis_ppm: int = 0
    minimum_volume: int = 1
    severity: Severity = "page"
    reason: str | None = None
    period: Period | None = None

    @property
    def at_most(self) -> bool:
        """True where more is worse."""
        return self.indicator in AT_MOST

    @property
    def scale(self) -> int:
        """What a numerator is multiplied by to be compared with target_ppm * denominator."""
        return 1 if self.indicator == "cost_per_verified" else PPM

    def admits(self, values: tuple[str, ...]) -> bool:
        """Whether a key of this clause's grouping (its values, in order) is judged by it."""
        return all(values[self.grouping.index(name)] == wanted for name, wanted in self.where)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A span of time, in ms since 1970 UTC, in which the contract does not hold the supplier to its
    word; `channels` empty means all.
    """

    from_ms: int
    to_ms: int
    reason: str
    channels: frozenset[str] = frozenset()

    def covers(self, time_ms: int, channel: str) -> bool:
        """Whether an instant on a channel is excluded; `to_ms` is exclusive."""
        in_span = self.from_ms <= time_ms < self.to_ms
        return in_span and (not self.channels or channel in self.channels)


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of a contract. Times in ms since 1970 UTC, `effective_to_ms` exclusive.

    `service_clock`: handoff thresholds are of service time (`hours`), not of elapsed time.
    `answer_ms` and `first_response_ms` are thresholds by channel. `qa_pass_ppm` is the least score
    that passes, `csat_satisfied_ppm` the least satisfied one, as a share of its scale. `currency`
    is what amounts are in. `sampling` is None where nothing is agreed about audit samples.
    """

    contract: str
    version: int
    effective_from_ms: int
    effective_to_ms: int | None
    time_zone: str
    inactivity_ms: int
    escalation_expiry_ms: int
    verification_ms: int
    thresholds_ms: Mapping[str, int]
    required_context: frozenset[str]
    groupings: tuple[tuple[Dimension, ...], ...]
    scope: Mapping[Dimension, frozenset[str]]
    clauses: tuple[Clause, ...]
    hours: ServiceHours | None = None
    service_clock: bool = False
    exclusions: tuple[Exclusion, ...] = ()
    answer_ms: Mapping[str, int] = field(default_factory=dict)
    short_abandon_ms: int = 5_000
    first_response_ms: Mapping[str, int] = field(default_factory=dict)
    qa_pass_ppm: int = 800_000
    csat_satisfied_ppm: int = 750_000
    currency: str = "USD"
    commercial: CommercialTerms | None = None
    sampling: SamplingTerms | None = None
    retention: RetentionTerms | None = None

    def bounded(self, dimension: Dimension, value: str) -> str:
        """The value as a label: itself where the contract's scope lists it, else `other`.

        Versions of the AI are deployed while a contract runs: theirs are listed by patterns, `*`
        standing for any characters.
        """
        listed = self.scope.get(dimension, frozenset())
        if value == "unknown" or value in listed:
            return value
        if dimension in VERSION_DIMENSIONS and any(fnmatchcase(value, one) for one in listed):
            return value
        return "other"

    def excluded(self, time_ms: int, channel: str) -> bool:
        """Whether what happens at this instant on this channel is excluded."""
        return bool(self.exclusions) and any(
            one.covers(time_ms, channel) for one in self.exclusions
        )


class ContractError(ValueError):
    """A contract that cannot be used; the message says where and what to do."""


def in_one_line(text: str) -> str:
    """What the author of a contract wrote, so that it fits into one line of a message."""
    line = "".join(c if c.isprintable() else "?" for c in text)
    return line if len(line) <= 300 else f"{line[:200]} ... {line[-60:]}"


class ContractBook:
    """Every version of every contract this worker serves.

    A time before a contract's first version is judged by the first, after the last by the last, so
    that a contact at the edge is measured rather than lost; versions of one contract never overlap.
    """

    def __init__(self, terms: Iterable[Terms]) -> None:
        by_contract: dict[str, list[Terms]] = {}
        for one in sorted(terms, key=lambda t: (t.contract, t.effective_from_ms)):
            by_contract.setdefault(one.contract, []).append(one)
        for name, versions in by_contract.items():
            for earlier, later in pairwise(versions):
                if (
                    earlier.effective_to_ms is None
                    or earlier.effective_to_ms > later.effective_from_ms
                ):
                    raise ContractError(
                        f"contract {name}: versions {earlier.version} and {later.version} overlap;"
                        " end the earlier one where the later begins"
                    )
            if len({v.version for v in versions}) != len(versions):
                raise ContractError(f"contract {name}: two documents have the same version")
            if len({v.inactivity_ms for v in versions}) > 1:
                raise ContractError(
                    f"contract {name}: `inactivity` differs between versions; it joins a"
                    " conversation's activity into one run and must be the same in all of them"
                )
            if any(c.period for v in versions for c in v.clauses) and (
                len({v.time_zone for v in versions}) > 1
            ):
                raise ContractError(
                    f"contract {name}: `timeZone` differs between versions; calendar periods need"
                    " the same in all of them"
                )
        self._versions = by_contract
        self._starts = {n: [v.effective_from_ms for v in vs] for n, vs in by_contract.items()}
        self._numbered = {(n, v.version): v for n, vs in by_contract.items() for v in vs}
        text = msgspec.json.encode(by_contract, order="deterministic")
        self.fingerprint = hashlib.sha256(text).hexdigest()[:16]
        """The same for the same terms; another where anything in them is another."""

    def __contains__(self, contract: object) -> bool:
        return contract in self._versions

    @property
    def names(self) -> tuple[str, ...]:
        """Contract names, sorted."""
        return tuple(sorted(self._versions))

    def versions(self, contract: str) -> tuple[Terms, ...]:
        """All versions of one contract, oldest first."""
        return tuple(self._versions[contract])

    def periods(self, contract: str) -> tuple[Period, ...]:
        """The calendar periods that any clause of any version is judged over, shortest first."""
        used = {c.period for terms in self._versions[contract] for c in terms.clauses}
        return tuple(period for period in PERIODS if period in used)

    def at(self, contract: str, time_ms: int) -> Terms:
        """The terms in force at `time_ms`. Raises KeyError for a contract not in the book."""
        versions = self._versions[contract]
        if len(versions) == 1:
            return versions[0]
        index = bisect_right(self._starts[contract], time_ms) - 1
        return versions[max(index, 0)]

    def version(self, contract: str, version: int) -> Terms:
        """One version of a contract by its number. Raises KeyError where there is none."""
        return self._numbered[(contract, version)]
