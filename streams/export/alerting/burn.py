"""Burn rates that can fire: multi-window, multi-burn-rate alerts for targets a call centre has.

The stock table is sre.google/workbook/alerting-on-slos (2 % of a 30-day budget in 1 h and 5 % in
6 h page, 10 % in 1 d and 10 % in 3 d make a ticket). No budget burns faster than 1 / budget: with a
target of 80 % that is 5, so 14.4 and 6 could never fire (ECOSYSTEM.md 0.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

from streams.domain.contract import PPM, Clause

# What the fastest scaled factor leaves to the most that can burn.
_REACH = 0.9
_HOUR_MS = 3_600_000
# Below this no share means much, whatever the contract's volume is spread over.
_FEWEST = 5


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of the table: the budget burns `factor` times too fast over both windows."""

    factor: float
    long: str
    short: str
    long_ms: int
    fast: bool
    hold: str


STOCK = (
    Pair(14.4, "1h", "5m", _HOUR_MS, True, "2m"),
    Pair(6.0, "6h", "30m", 6 * _HOUR_MS, True, "5m"),
    Pair(3.0, "1d", "2h", 24 * _HOUR_MS, False, "15m"),
    Pair(1.0, "3d", "6h", 72 * _HOUR_MS, False, "1h"),
)
WINDOWS = tuple(dict.fromkeys(w for pair in STOCK for w in (pair.short, pair.long)))


def budget_ppm(clause: Clause) -> int:
    """The share of events that may be bad, in ppm."""
    return clause.target_ppm if clause.at_most else PPM - clause.target_ppm


def most_burn(clause: Clause) -> float | None:
    """How fast the budget can burn at most, when every event is bad; None for no budget."""
    budget = budget_ppm(clause)
    return PPM / budget if budget else None


def feasible_pairs(clause: Clause) -> tuple[Pair, ...]:
    """The pairs for this clause: stock where all can fire, else scaled between 1 and the most.

    1 stays 1 (the budget lasts exactly its period) and the order is kept. Empty where there is no
    budget at all, or one that even 1 could not exceed.
    """
    most = most_burn(clause)
    if most is None or most <= 1:
        return ()
    top = STOCK[0].factor
    if top < most:
        return STOCK
    reach = _REACH * most
    if reach <= 1:
        return tuple(pair for pair in STOCK if pair.factor < most)
    scale = log(reach) / log(top)
    return tuple(
        Pair(round(p.factor**scale, 2), p.long, p.short, p.long_ms, p.fast, p.hold) for p in STOCK
    )


def burn_comment(clause: Clause) -> str:
    """Why the factors are what they are."""
    most = most_burn(clause)
    if most is None:
        return (
            f"{clause.id}: no budget at all, so there is no rate to burn it at; every miss counts."
        )
    pairs = feasible_pairs(clause)
    if not pairs:
        return f"{clause.id}: the target allows everything, so no burn rate can be too fast."
    told = "/".join(f"{p.factor:g}" for p in pairs)
    if pairs == STOCK:
        return f"{clause.id}: at most {most:.4g} can burn; the stock factors {told} all can fire."
    told = f"scaled to {told}" if len(pairs) == len(STOCK) else f"there is room for {told} alone"
    return (
        f"{clause.id}: at most {most:.4g} can burn, so the stock factors 14.4/6/3/1 cannot all"
        f" fire; {told}."
    )


def volume_floor(clause: Clause, span_ms: int) -> int:
    """The fewest events over `span_ms` at which a share is judged: the clause's minimum volume,
    or of a shorter span its part of it.
    """
    whole = clause.window_ms or _PERIOD_MS[clause.period or "1M"]
    part = ceil(clause.minimum_volume * min(span_ms, whole) / whole)
    return max(part, min(_FEWEST, clause.minimum_volume))


_PERIOD_MS = {
    "1d": 24 * _HOUR_MS,
    "1w": 7 * 24 * _HOUR_MS,
    "1M": 30 * 24 * _HOUR_MS,
    "1Q": 91 * 24 * _HOUR_MS,
}
