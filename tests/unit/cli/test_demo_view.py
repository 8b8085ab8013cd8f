"""The demo's table of breaches: each figure in its own unit."""

from __future__ import annotations

import pytest
from rich.console import Console

from streams.cli.demo_view import breach_table
from streams.domain.breach_record import BreachRecord


@pytest.mark.parametrize(
    ("indicator", "numerator", "denominator", "said"),
    [
        ("escalation_wait", 3, 0, "3 overdue"),
        ("escalation_within", 3, 4, "75.0 % of 4"),
        ("escalation_within", 0, 0, "unknown"),
        ("compliance_exceptions", 61, 1, "61"),
        ("cost_per_verified", 6_150_000, 3, "2.05 each of 3"),
    ],
)
def test_a_breach_s_figure_is_in_its_own_unit(
    indicator: str, numerator: int, denominator: int, said: str
) -> None:
    record = BreachRecord(
        status="closed",
        contract="telco-2026",
        version=1,
        clause="c",
        indicator=indicator,
        severity="page",
        key=(),
        opened_at=0,
        time=60_000,
        numerator=numerator,
        denominator=denominator,
        target_ppm=1,
    )
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(breach_table([record], 12))
    cells = [cell.strip() for cell in capture.get().splitlines()[4].split("│")]
    assert said in cells


def test_how_many_breaches_there_were_stands_over_the_last_of_them() -> None:
    records = [
        BreachRecord(
            status="updated" if number == 0 else "opened",
            contract="telco-2026",
            version=1,
            clause=f"c{number}",
            indicator="csat",
            severity="page",
            key=(),
            opened_at=0,
            time=60_000,
            numerator=1,
            denominator=2,
            target_ppm=1,
        )
        for number in range(4)
    ]
    console = Console(width=200)
    with console.capture() as capture:
        console.print(breach_table(records, 2))
        console.print(breach_table(records, 3))
    told = capture.get()
    assert told.count("c1") == 1
    assert told.count("the last 2 of 3") == 1
    assert told.count("the last") == 1
