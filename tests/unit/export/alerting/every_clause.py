"""Terms with a clause of every indicator and window, to render what no contract of ours has."""

from __future__ import annotations

from dataclasses import replace

from streams.domain.contract import AMOUNTS, INDICATORS, PPM, Clause, ContractBook
from tests.unit.oracle.verdicts import TERMS

_CHAT = (("channel", "chat"),)


def _clause(number: int, indicator: str) -> Clause:
    calendar = number % 2 == 0 or indicator in AMOUNTS
    wait = indicator == "escalation_wait"
    return Clause(
        id=indicator.replace("_", "-"),
        indicator=indicator,  # type: ignore[arg-type]
        grouping=((), ("channel",), ("market",), ("channel", "market"))[number % 4],
        where=_CHAT if number % 4 in (1, 3) else (),
        window_ms=0 if calendar or wait else 86_400_000,
        period="1M" if calendar and not wait else None,
        target_ppm=0 if wait else 3 * PPM if indicator in AMOUNTS else 700_000,
        minimum_volume=1 if wait or indicator in AMOUNTS else 40,
        severity="page" if number % 3 else "ticket",
        reason="tool_error" if indicator == "failure_share" else None,
    )


EVERY = ContractBook(
    [
        replace(
            TERMS,
            contract="every",
            clauses=tuple(_clause(n, indicator) for n, indicator in enumerate(INDICATORS)),
        )
    ]
)
"""One contract, `every`, with every indicator."""
