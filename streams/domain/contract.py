"""The contract's terms as the rest of the domain needs them, effective-dated.

Documents are read by contract_document.py; this module holds what was agreed, in integer
milliseconds and parts per million, and answers which version was in force at an instant.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import msgspec

Dimension = Literal["channel", "market", "journey", "supplier"]
DIMENSIONS: tuple[Dimension, ...] = ("channel", "market", "journey", "supplier")

Indicator = Literal[
    "escalation_wait",
    "escalation_within",
    "containment_raw",
    "containment_safe",
    "containment_no_recontact",
    "containment_safe_verified",
    "failure_share",
]
INDICATORS: tuple[Indicator, ...] = (
    "escalation_wait",
    "escalation_within",
    "containment_raw",
    "containment_safe",
    "containment_no_recontact",
    "containment_safe_verified",
    "failure_share",
)
Severity = Literal["page", "ticket"]
PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Clause:
    """One promise: an indicator, on which keys it is judged, and where it breaches.

    `grouping` names the dimensions of its keys (one breach state a key); `where` fixes some of them
    to a value. `target_ppm` and `hysteresis_ppm` are parts per million and 0 for `escalation_wait`,
    as are `window_ms` (0) and `minimum_volume` (1). `reason` is set for `failure_share` only.
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

    @property
    def at_most(self) -> bool:
        """True where more is worse."""
        return self.indicator == "failure_share"

    def admits(self, values: tuple[str, ...]) -> bool:
        """Whether a key of this clause's grouping (its values, in order) is judged by it."""
        return all(values[self.grouping.index(name)] == wanted for name, wanted in self.where)


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of a contract. Times in ms since 1970 UTC, `effective_to_ms` exclusive."""

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

    def bounded(self, dimension: Dimension, value: str) -> str:
        """The value as a label: itself where the contract's scope lists it, else `other`."""
        return value if value == "unknown" or value in self.scope[dimension] else "other"


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

    def at(self, contract: str, time_ms: int) -> Terms:
        """The terms in force at `time_ms`. Raises KeyError for a contract not in the book."""
        versions = self._versions[contract]
        index = bisect_right(self._starts[contract], time_ms) - 1
        return versions[max(index, 0)]

    def version(self, contract: str, version: int) -> Terms:
        """One version of a contract by its number. Raises KeyError where there is none."""
        return self._numbered[(contract, version)]
