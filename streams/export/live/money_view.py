"""A contract's money in words: what is booked, what it comes to as of now, what credits take."""

from __future__ import annotations

from collections.abc import Iterator

from streams.domain.money import amount_text, down_to_minor_unit
from streams.export.live.shown import Cell, Row
from streams.export.live.snapshot import Snapshot

# Of each contract, those that cost most.
MOST_CLAUSES_OF_ONE = 5
_NONE = Cell("\N{EN DASH}")


def money_rows(snapshot: Snapshot) -> Iterator[Row]:
    """A row for each contract, and one for each of the clauses that cost most."""
    for one in snapshot.money:
        currency = snapshot.currencies[one.contract]
        grace = "" if one.grace is None else f"{_amount(one.grace, currency)} in grace"
        credits = sum(micros for _, micros in one.at_risk) if one.at_risk else None
        yield Row(
            key=one.contract,
            cells=[
                Cell(one.contract),
                _cell(one.open, currency, grace),
                _cell(one.preview, currency),
                _cell(credits, currency),
            ],
        )
        for clause, micros in one.at_risk[:MOST_CLAUSES_OF_ONE]:
            yield Row(
                key=f"{one.contract}|{clause}",
                cells=[Cell(clause), Cell(""), Cell(""), _cell(micros, currency)],
            )


def _cell(micros: int | None, currency: str, more: str = "") -> Cell:
    return _NONE if micros is None else Cell(_amount(micros, currency), n=more)


def _amount(micros: int, currency: str) -> str:
    text = amount_text(down_to_minor_unit(micros, currency), currency)
    return text.replace("-", "\N{MINUS SIGN}")
