"""The benchmark's figures as text, Markdown and JSON: ratios first, for only they travel."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams.cli.demo_check import Difference
from tests.bench.contestant import Cost
from tests.bench.contestants import Contestant
from tests.bench.latency import Latency
from tests.bench.log import Density
from tests.bench.targets import Target, targets

_COSTS = ("contestant", "events", "events/s", "CPU-s per million", "peak RSS", "held to the oracle")
_LATENCIES = (
    "Baton",
    "events/s",
    "event counted, p50 / p99 / most",
    "all stages, p50 / p99 / most",
)
_ELSEWHERE = (
    "Two workers: `python -m tests.bench.two_workers`. Bytes an open interaction, a flat cost and"
    " scrapes: `make bench-scale`."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant on one log, and where it differs from the oracle."""

    contestant: Contestant
    density: Density
    cost: Cost
    different: tuple[Difference, ...]

    @property
    def right(self) -> bool:
        """Whether all that it published is the oracle's."""
        return all(each.identical for each in self.different)

    @property
    def held(self) -> str:
        """What was compared, and whether it is the same."""
        if not self.different:
            return "-"
        return ", ".join(
            f"{each.published:,} {each.what} {'identical' if each.identical else 'DIFFERENT'}"
            for each in self.different
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """As text, in the order of the table's head."""
        cost = self.cost
        return (
            self.contestant.title,
            f"{cost.events:,}",
            f"{cost.rate:,.0f}",
            f"{cost.cpu_per_million:.1f}",
            f"{cost.peak_rss_bytes / 2**20:,.0f} MiB",
            self.held,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """A run. `latencies` by the contestant's name, `left_out` says why by its title or name;
    `logs` describes each.
    """

    rows: tuple[Row, ...]
    latencies: Mapping[str, Latency]
    left_out: Mapping[str, str]
    logs: Mapping[Density, str]
    machine: Mapping[str, str]

    @property
    def right(self) -> bool:
        """Whether every contestant published what the oracle says."""
        return all(row.right for row in self.rows)

    def of(self, density: Density) -> list[Row]:
        """The contestants that read that log."""
        return [row for row in self.rows if row.density == density]

    def targets(self) -> list[Target]:
        """The issue's targets, on the dense log."""
        costs = {row.contestant.name: row.cost for row in self.of("dense")}
        return list(targets(costs, self.latencies, self.left_out))

    def as_json(self) -> str:
        """One JSON document."""
        document: dict[str, Any] = {
            "targets": [
                {"promise": t.promise, "measured": t.measured, "verdict": t.verdict, "why": t.why}
                for t in self.targets()
            ],
            "contestants": [
                {
                    "name": row.contestant.name,
                    "title": row.contestant.title,
                    "log": row.density,
                    "events": row.cost.events,
                    "events_per_second": row.cost.rate,
                    "cpu_seconds_per_million_events": row.cost.cpu_per_million,
                    "peak_rss_bytes": row.cost.peak_rss_bytes,
                    "identical_to_oracle": {d.what: d.identical for d in row.different},
                }
                for row in self.rows
            ],
            "latencies": {
                name: {
                    "events_per_second": each.rate,
                    "counted_ms": each.counted_ms,
                    "shown_ms": each.shown_ms,
                }
                for name, each in self.latencies.items()
            },
            "left_out": dict(self.left_out),
            "logs": dict(self.logs),
            "machine": dict(self.machine),
        }
        return json.dumps(document, indent=2)

    def as_text(self) -> str:
        """For a terminal."""
        lines: list[str] = []
        for head, rows in self._tables():
            lines += [*_aligned([head, *rows]), ""]
        lines += self._notes()
        return "\n".join(lines)

    def as_markdown(self) -> str:
        """RESULTS.md."""
        lines = ["# Last run of `make bench`", "", "Written by the program; see README.md.", ""]
        for head, rows in self._tables():
            lines += [_line(head), "|" + "---|" * len(head), *map(_line, rows), ""]
        lines += [f"- {note}" for note in self._notes()]
        return "\n".join(lines) + "\n"

    def _tables(self) -> Iterator[tuple[Sequence[str], list[Sequence[str]]]]:
        yield (
            ("target (issue 5)", "measured", ""),
            [(t.promise, t.measured or t.why, t.verdict) for t in self.targets()],
        )
        for density in ("dense", "thin"):
            rows = self.of(density)
            if rows:
                first, *rest = _COSTS
                yield (f"{first}, {density} log", *rest), [row.cells for row in rows]
        if self.latencies:
            titles = {row.contestant.name: row.contestant.title for row in self.rows}
            yield _LATENCIES, [_latency(titles[n], each) for n, each in self.latencies.items()]
        yield ("machine", ""), list(self.machine.items())

    def _notes(self) -> list[str]:
        notes = [f"{density.capitalize()} log: {told}." for density, told in self.logs.items()]
        notes.append(_ELSEWHERE)
        notes += [f"Left out: {title}: {why}." for title, why in self.left_out.items()]
        return notes


def _latency(title: str, each: Latency) -> tuple[str, ...]:
    return title, f"{each.rate:,.0f}", _three(each.counted_ms), _three(each.shown_ms)


def _three(values: tuple[float, float, float]) -> str:
    return " / ".join(f"{value:,.0f}" for value in values) + " ms"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
