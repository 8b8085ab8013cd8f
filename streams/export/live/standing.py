"""How one clause stands for one key: a state, and the figures that it was read off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from streams.domain.clause_counts import misses_allowed, misses_of, window_of
from streams.domain.contract import PPM, Clause, ContractBook, Indicator, Terms
from streams.domain.indicators import ratio
from streams.domain.key_windows import KeyWindows

# `watch`: kept, with four fifths or more of what the clause allows used up. `few`: below the
# clause's minimum volume, so that it cannot breach. `unknown`: nothing was counted.
State = Literal["breach", "watch", "kept", "few", "unknown"]
STATES: tuple[State, ...] = ("breach", "watch", "kept", "few", "unknown")
_WATCH_NUMERATOR, _WATCH_DENOMINATOR = 4, 5
_NOW = "now"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One clause for one key.

    `value_ppm` is comparable with `target_ppm`: millionths of 1, or of the amount that the
    indicator is; None where unknown. `samples` is the denominator, for `escalation_wait` how many
    wait now. `misses_left` is how many more the volume so far allows, None where that has no
    meaning. For `escalation_wait` `oldest_t0` (ms) is since when the longest waiting customer
    waits, `overdue` how many are over the threshold, `threshold_ms` what it is (None where the
    key's channels differ in theirs). `key` None: no key of this clause is held here.
    """

    contract: str
    clause: str
    indicator: Indicator
    severity: str
    window: str
    state: State
    key: tuple[tuple[str, str], ...] | None = None
    value_ppm: int | None = None
    target_ppm: int = 0
    at_most: bool = False
    samples: int = 0
    minimum_volume: int = 0
    misses_left: int | None = None
    oldest_t0: int | None = None
    overdue: int = 0
    threshold_ms: int | None = None


def judged_keys(
    clause: Clause, contract: str, keys: Mapping[tuple[str, tuple[str, ...]], list[KeyWindows]]
) -> Iterator[KeyWindows]:
    """The keys that the clause judges, out of those held by (contract, names of dimensions)."""
    for held in keys.get((contract, clause.grouping), ()):
        if clause.admits(tuple(value for _, value in held.key[1])):
            yield held


def standing(
    clause: Clause, terms: Terms, held: KeyWindows | None, clock: int | None = None
) -> Standing:
    """How the clause stands; `held` is the key's windows, None where no key is held.

    `clock` is the event time (ms) at which those that wait are as old as they are.
    """
    of_clause: dict[str, Any] = {
        "contract": terms.contract,
        "clause": clause.id,
        "indicator": clause.indicator,
        "severity": clause.severity,
        "window": window_of(clause) or _NOW,
        "target_ppm": clause.target_ppm,
        "at_most": clause.at_most,
        "minimum_volume": clause.minimum_volume,
    }
    if held is None:
        return Standing(**of_clause, state="unknown")
    of_key = of_clause | {"key": held.key[1]}
    if clause.indicator == "escalation_wait":
        return Standing(**of_key, **_wait(clause, terms, held, clock))
    return Standing(**of_key, **_share(clause, held))


def standings(
    book: ContractBook,
    keys: Mapping[tuple[str, tuple[str, ...]], list[KeyWindows]],
    clock: int | None,
) -> Iterator[Standing]:
    """Every clause in force at the event clock, for every key held; in the contract's order."""
    for contract in book.names:
        terms = book.at(contract, clock) if clock is not None else book.versions(contract)[-1]
        for clause in terms.clauses:
            found = sorted(judged_keys(clause, contract, keys), key=lambda held: held.key)
            for held in found:
                yield standing(clause, terms, held, clock)
            if not found:
                yield standing(clause, terms, None)


def _wait(clause: Clause, terms: Terms, held: KeyWindows, clock: int | None) -> dict[str, Any]:
    channel = dict[str, str](held.key[1]).get("channel", "")
    threshold = terms.thresholds_ms.get(channel)
    oldest = min((timed.t0 for timed in held.waiting.values()), default=None)
    overdue = len(held.breaches.waits)
    state: State = "breach" if clause.id in held.breaches.open else "kept"
    # With a service clock, age is not the time since T0, so nothing is foretold.
    if state == "kept" and None not in (threshold, oldest, clock) and not terms.service_clock:
        assert threshold is not None
        assert oldest is not None
        assert clock is not None
        if (clock - oldest) * _WATCH_DENOMINATOR >= threshold * _WATCH_NUMERATOR:
            state = "watch"
    return {
        "state": state,
        "samples": len(held.waiting),
        "oldest_t0": oldest,
        "overdue": overdue,
        "threshold_ms": threshold,
    }


def _share(clause: Clause, held: KeyWindows) -> dict[str, Any]:
    counts = held.counts(window_of(clause) or _NOW)
    numerator, denominator = ratio(clause.indicator, counts, clause.reason)
    if clause.indicator.startswith("containment_") and held.first_escalation_end is None:
        denominator = 0
    found: dict[str, Any] = {"samples": denominator}
    if denominator:
        found["value_ppm"] = numerator * clause.scale // denominator
        allowed = misses_allowed(clause, denominator)
        if allowed is not None:
            found["misses_left"] = allowed - misses_of(clause, numerator, denominator)
    if clause.id in held.breaches.open:
        found["state"] = "breach"
    elif not denominator:
        found["state"] = "unknown"
    elif denominator < clause.minimum_volume:
        found["state"] = "few"
    else:
        found["state"] = "watch" if _nearly_used(clause, numerator, denominator) else "kept"
    return found


def _nearly_used(clause: Clause, numerator: int, denominator: int) -> bool:
    used = misses_of(clause, numerator, denominator) * clause.scale
    allowed = (clause.target_ppm if clause.at_most else PPM - clause.target_ppm) * denominator
    return used > 0 and used * _WATCH_DENOMINATOR >= allowed * _WATCH_NUMERATOR
