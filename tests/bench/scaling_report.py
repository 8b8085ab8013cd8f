"""SCALING.md: ratios first, then what was measured, then the machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

RESULTS = Path(__file__).with_name("SCALING.md")
# The same for programs (deploy/capacity).
FIGURES = Path(__file__).with_name("scaling.json")


class Goal(msgspec.Struct):
    """One figure and the most that it may be. `unit` stands behind both."""

    name: str
    measured: float
    most: float
    unit: str = "x"

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        verdict = "yes" if self.measured <= self.most else "**no**"
        return (
            self.name,
            _figure(self.measured, self.unit),
            _figure(self.most, self.unit),
            verdict,
        )


class Table(msgspec.Struct):
    """One part's figures, as they are shown."""

    title: str
    head: list[str]
    rows: list[list[str]]
    notes: list[str] = []


class Part(msgspec.Struct):
    """What one program measured: its goals and tables, when (RFC 3339) and on which machine."""

    goals: list[Goal]
    tables: list[Table]
    figures: dict[str, float]
    measured_at: str
    machine: dict[str, str]


Parts = dict[str, Part]


def read_parts() -> Parts:
    """What was measured last, by part."""
    if not FIGURES.exists():
        return {}
    return msgspec.json.decode(FIGURES.read_bytes(), type=Parts)


def write_parts(parts: Parts) -> None:
    """Both files."""
    FIGURES.write_bytes(msgspec.json.format(msgspec.json.encode(parts)) + b"\n")
    RESULTS.write_text(as_markdown(parts))


def as_markdown(parts: Parts) -> str:
    """SCALING.md."""
    goals = [goal for part in parts.values() for goal in part.goals]
    lines = ["# Last runs of `make bench-scale`", ""]
    lines += ["Written by the program; each part says what it does at the head of its file.", ""]
    lines += table(("goal", "measured", "at most", "held"), (goal.cells for goal in goals))
    for name, part in parts.items():
        lines += ["", f"## {name}"]
        for each in part.tables:
            lines += ["", f"{each.title}:", "", *table(each.head, each.rows)]
            lines += ["", *each.notes] if each.notes else []
        machine = ", ".join(f"{what} {value}" for what, value in part.machine.items())
        lines += ["", f"Measured {part.measured_at} on: {machine}."]
    return "\n".join(lines) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of Markdown."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _figure(value: float, unit: str) -> str:
    if unit == "x":
        return f"{value:.2f}x"
    return f"{value:,.0f} {unit}"
