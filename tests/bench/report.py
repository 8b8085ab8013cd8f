"""The benchmark's figures as text, Markdown and JSON: ratios first, for only they travel."""

from __future__ import annotations

import json
from dataclasses import dataclass

from streams.cli.demo_check import Difference
from tests.bench.contestant import Cost

HEAD = ("what", "events", "events/s", "CPU-s per million", "peak RSS")


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant."""

    name: str
    cost: Cost

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of HEAD."""
        cost = self.cost
        return (
            self.name,
            f"{cost.events:,}",
            f"{cost.rate:,.0f}",
            f"{cost.cpu_per_million:.1f}",
            f"{cost.peak_rss_bytes / 2**20:,.0f} MiB",
        )


@dataclass(frozen=True, slots=True)
class Report:
    """Rows are floor, Baton, stock Faust; `ticks` are the tick records beside the events."""

    rows: tuple[Row, Row, Row]
    different: tuple[Difference, ...]
    ticks: int
    machine: dict[str, str]

    def ratios(self) -> dict[str, float]:
        """How many times the events a second, and how many times the CPU an event."""
        floor, baton, faust = (row.cost for row in self.rows)
        return {
            "Baton / floor, events/s": baton.rate / floor.rate,
            "Baton / stock Faust, events/s": baton.rate / faust.rate,
            "Baton / floor, CPU an event": baton.cpu_per_million / floor.cpu_per_million,
            "Baton / stock Faust, CPU an event": baton.cpu_per_million / faust.cpu_per_million,
        }

    def as_json(self) -> str:
        """One JSON document."""
        return json.dumps(
            {
                "ratios": self.ratios(),
                "contestants": [
                    {
                        "name": row.name,
                        "events": row.cost.events,
                        "events_per_second": row.cost.rate,
                        "cpu_seconds_per_million_events": row.cost.cpu_per_million,
                        "peak_rss_bytes": row.cost.peak_rss_bytes,
                    }
                    for row in self.rows
                ],
                "tick_records": self.ticks,
                "identical_to_oracle": {d.what: d.identical for d in self.different},
                "machine": self.machine,
            },
            indent=2,
        )

    def as_text(self) -> str:
        """For a terminal."""
        cells = [HEAD, *(row.cells for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [f"{name:36}{_times(ratio)}" for name, ratio in self.ratios().items()]
        lines.append("")
        for row in cells:
            first, *rest = (
                c.ljust(w) if not i else c.rjust(w)
                for i, (c, w) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  ".join((first, *rest)))
        lines += ["", *self._notes(), ""]
        lines += [f"{name:20}{value}" for name, value in self.machine.items()]
        return "\n".join(lines)

    def as_markdown(self) -> str:
        """RESULTS.md."""
        lines = ["# Last run of `make bench`", "", "Written by the program; see README.md.", ""]
        lines += ["| ratio | |", "|---|---|"]
        lines += [f"| {name} | {_times(ratio)} |" for name, ratio in self.ratios().items()]
        lines += ["", f"| {' | '.join(HEAD)} |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(row.cells)} |" for row in self.rows]
        lines += ["", *self._notes(), "", "| machine | |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in self.machine.items()]
        return "\n".join(lines) + "\n"

    def _notes(self) -> list[str]:
        verdicts = ", ".join(
            f"{d.published:,} {d.what} {'identical' if d.identical else 'DIFFERENT'}"
            for d in self.different
        )
        return [
            f"Baton against the oracle: {verdicts}.",
            f"Floor and Baton also read {self.ticks:,} tick records, which do not count as events;"
            " stock Faust reads fewer events, and only usable ones, for it is slow.",
        ]


def _times(ratio: float) -> str:
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.0f}x"
