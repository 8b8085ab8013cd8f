"""Contracts that between them have every kind of clause, window, key and roll-up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from streams.contract_files import load_contracts
from streams.domain.contract import DIMENSIONS, INDICATORS, Clause, ContractBook, Indicator

CONTRACTS = Path(__file__).parents[4] / "deploy" / "contracts"
BUNDLED = load_contracts([CONTRACTS])
_TELCO = BUNDLED.versions("telco-2026")[0]
LONG = "a-contract-with-a-name-that-is-longer-than-a-uid-may-be"


def _clause(indicator: Indicator) -> Clause:
    named = indicator.replace("_", "-")
    if indicator == "escalation_wait":
        return Clause(named, indicator, ("channel",), where=(("channel", "voice"),))
    return Clause(
        named,
        indicator,
        ("channel", "market"),
        window_ms=3_600_000,
        target_ppm=800_000,
        minimum_volume=20,
        reason="tool_error" if indicator == "failure_share" else None,
    )


_ROLLING = tuple(_clause(one) for one in INDICATORS)
_CALENDAR = tuple(
    replace(one, id=f"{one.id}-month", grouping=(), window_ms=0, period="1M", severity="ticket")
    for one in _ROLLING
    if one.indicator != "escalation_wait"
)

EVERYTHING = ContractBook(
    [
        replace(
            _TELCO,
            clauses=_ROLLING + _CALENDAR,
            currency="SGD",
            answer_ms={"voice": 20_000},
            first_response_ms={"chat": 30_000},
            groupings=((), ("channel", "market"), *((name,) for name in DIMENSIONS)),
        ),
        # Dropped in the second version, renamed to something else in the third.
        replace(_TELCO, contract=LONG, clauses=_ROLLING[:3], effective_to_ms=2_000_000_000_000),
        replace(
            _TELCO,
            contract=LONG,
            version=2,
            clauses=_ROLLING[1:2],
            currency="PHP",
            effective_from_ms=2_000_000_000_000,
            effective_to_ms=None,
        ),
    ]
)
NO_CLAUSES = ContractBook(
    [
        replace(
            _TELCO,
            contract="no-clauses",
            clauses=(),
            groupings=((),),
            answer_ms={},
            first_response_ms={},
        )
    ]
)
EMPTY = ContractBook([])
