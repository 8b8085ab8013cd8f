"""What a window's counters say about a clause: its events, its misses, and how many are left.

Sections 8 and 9 of DEFINITIONS.md say what a numerator and a denominator are. A miss is what
speaks against the clause: of an indicator that has a least, denominator - numerator; of one that
has a most, the numerator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from streams.domain.contract import AMOUNTS, INDICATORS, PPM, Clause, Indicator, Terms
from streams.domain.indicators import NEEDS_ESCALATION, ratio
from streams.domain.window_value import WINDOW_LENGTHS_MS

# escalation_wait is a limit and no ratio.
RATIOS: frozenset[Indicator] = frozenset(INDICATORS) - {"escalation_wait"}
# Of these, what enters the denominator is good or bad at once and stays so. An answer to a survey
# comes long after the request that it is counted against; an amount has no events.
COUNTED: frozenset[Indicator] = RATIOS - AMOUNTS - {"csat_response"}
_WINDOW_NAMES = {length: name for name, length in WINDOW_LENGTHS_MS.items()}


def window_of(clause: Clause) -> str | None:
    """The name of the window or calendar period that the clause is judged over; None for
    `escalation_wait`.
    """
    return clause.period or _WINDOW_NAMES.get(clause.window_ms)


def clauses_of(terms: Terms, dimensions: tuple[tuple[str, str], ...]) -> Iterator[Clause]:
    """The clauses that judge a key with these dimensions, in the contract's order."""
    names = tuple(name for name, _ in dimensions)
    values = tuple(value for _, value in dimensions)
    for clause in terms.clauses:
        if clause.grouping == names and clause.admits(values):
            yield clause


@dataclass(frozen=True, slots=True)
class KeyClauses:
    """The clauses by which one version's `terms` judge one key, in the contract's order.

    `waits` are those about who waits; `shares` all others, each with its window; `counted` those of
    the others whose events are good or bad at once.
    """

    terms: Terms
    waits: tuple[Clause, ...]
    shares: tuple[tuple[Clause, str], ...]
    counted: tuple[Clause, ...]


def key_clauses(terms: Terms, dimensions: tuple[tuple[str, str], ...]) -> KeyClauses:
    """The clauses by which `terms` judge a key with these dimensions."""
    clauses = tuple(clauses_of(terms, dimensions))
    return KeyClauses(
        terms,
        waits=tuple(one for one in clauses if one.indicator == "escalation_wait"),
        shares=tuple((one, window) for one in clauses if (window := window_of(one)) is not None),
        counted=tuple(one for one in clauses if one.indicator in COUNTED),
    )


def ratio_of(clause: Clause, counts: Mapping[str, int], escalated: bool) -> tuple[int, int]:
    """(numerator, denominator) as section 9 judges them; (0, 0) where unknown.

    `escalated`: whether the key has ever opened an escalation. Raises ValueError for an indicator
    that is not in RATIOS.
    """
    if clause.indicator not in RATIOS:
        raise ValueError(f"{clause.indicator} is no ratio")
    if clause.indicator in NEEDS_ESCALATION and not escalated:
        return 0, 0
    return ratio(clause.indicator, counts, clause.reason)


def misses_of(clause: Clause, numerator: int, denominator: int) -> int:
    """How much of the denominator speaks against the clause; of an amount, the amount itself."""
    return numerator if clause.at_most else denominator - numerator


def misses_allowed(clause: Clause, denominator: int) -> int | None:
    """How many misses so many events allow; None for an amount that counts no events."""
    if clause.indicator == "cost_per_verified":
        return None
    if clause.indicator in AMOUNTS:
        return clause.target_ppm // PPM
    share = clause.target_ppm if clause.at_most else PPM - clause.target_ppm
    return share * denominator // PPM


def slice_counts(
    clauses: KeyClauses, counts: Mapping[str, int], escalated: bool
) -> Iterator[tuple[Clause, int, int]]:
    """(clause, events, bad) of each clause of a key, from the counters of one slice alone.

    Who still waits is in no slice: a wait counts where it becomes overdue or ends.
    """
    for clause in clauses.counted:
        numerator, events = ratio_of(clause, counts, escalated)
        if events:
            yield clause, events, misses_of(clause, numerator, events)
