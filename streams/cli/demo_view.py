"""The demo's live view: what the worker knows now, for a terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streams.domain.breach_record import BreachRecord
from streams.domain.facts import rfc3339
from streams.domain.indicators import CONTAINMENT, ratio
from streams.domain.key_windows import KeyWindows
from streams.domain.money import decimal_text
from streams.domain.window_value import WINDOW_LENGTHS_MS, WindowValue
from streams.export.live import words
from streams.export.telemetry import Telemetry

_CONTAINMENT_NAMES = {
    "raw": "raw, provisional",
    "safe": "with safe handoff, provisional",
    "no_recontact": "without return, final",
    "safe_verified": "verified or safe handoff, final",
}


def percent(numerator: int, denominator: int) -> str:
    """A share with its sample size; unknown where nothing was counted."""
    return f"{100 * numerator / denominator:.1f} % of {denominator}" if denominator else "unknown"


class Throughput:
    """Records a second over the last few seconds."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque(maxlen=20)

    def update(self, records: int) -> float:
        """The rate, given the records read so far."""
        now = time.monotonic()
        self._points.append((now, records))
        (then, before), (_, after) = self._points[0], self._points[-1]
        return (after - before) / (now - then) if now > then else 0.0


class DemoView:
    """Renders Telemetry. `total` is how many records, ticks included, the worker will read."""

    def __init__(self, telemetry: Telemetry, total: int, url: str) -> None:
        self._telemetry = telemetry
        self._total = total
        self._url = url
        self._throughput = Throughput()
        self.note = ""

    def render(self) -> RenderableType:
        """Everything, as of now."""
        shown = list(self._keys())
        channels = [k for k in shown if [name for name, _ in k.key[1]] == ["channel"]]
        whole = [k for k in shown if not k.key[1]]
        return Group(
            self._progress(),
            Columns([self._open(channels), self._containment(whole), self._reasons(whole)]),
            self._latency(channels),
            self._breaches(),
            Text(self.note, style="bold"),
        )

    def _keys(self) -> Iterator[KeyWindows]:
        for windows in self._telemetry.windows.values():
            for _, held in sorted(windows.keys.items()):
                yield held

    def _values(self, keys: Iterable[KeyWindows]) -> Iterator[WindowValue]:
        closed = [w.closed for w in self._telemetry.windows.values() if w.closed is not None]
        if closed:
            for held in keys:
                for name in WINDOW_LENGTHS_MS:
                    yield held.value(name, max(closed))

    def _progress(self) -> RenderableType:
        t = self._telemetry
        read = t.records["lifecycle"]
        rate = self._throughput.update(read)
        watermark = min(t.watermarks.values(), default=None)
        behind = max(t.watermarks.values(), default=0) - (watermark or 0)
        grid = Table.grid(padding=(0, 2))
        grid.add_row(
            "replay",
            ProgressBar(total=max(1, self._total), completed=min(read, self._total), width=40),
            f"{read:,} of {self._total:,} records, {rate:,.0f}/s",
        )
        grid.add_row(
            "watermark",
            "-" if watermark is None else rfc3339(watermark)[:19] + "Z (data time)",
            f"slowest partition {words.age(behind)} behind; "
            f"dead letters {sum(t.dead_letters.values())}, late facts {sum(t.late_facts.values())}",
        )
        grid.add_row("live page", self._url, "")
        return Panel(grid, title="Baton demo (synthetic day unless DATA is given)", expand=True)

    def _open(self, channels: Iterable[KeyWindows]) -> RenderableType:
        table = Table(title="Waiting for a human now")
        for column in ("channel", "open", "oldest"):
            table.add_column(column, justify="left" if column == "channel" else "right")
        reached = {
            key: windows.reached or 0
            for windows in self._telemetry.windows.values()
            for key in windows.keys
        }
        for held in channels:
            oldest = min((timed.t0 for timed in held.waiting.values()), default=None)
            age = "-" if oldest is None else words.age(reached[held.key] - oldest)
            overdue = len(held.breaches.waits)
            style = "red" if overdue else ""
            label = (
                f"{len(held.waiting)} ({overdue} overdue)" if overdue else str(len(held.waiting))
            )
            table.add_row(held.key[1][0][1], label, age, style=style)
        return table

    def _containment(self, whole: Iterable[KeyWindows]) -> RenderableType:
        table = Table(title="Containment")
        table.add_column("kind")
        for name in ("1h", "24h"):
            table.add_column(name, justify="right")
        values = {v.window: v for v in self._values(whole)}
        for kind, indicator in CONTAINMENT.items():
            row = []
            for name in ("1h", "24h"):
                value = values.get(name)
                known = value is not None and value.escalated_before
                row.append(
                    percent(*ratio(indicator, value.counts)) if value and known else "unknown"
                )
            table.add_row(_CONTAINMENT_NAMES[kind], *row)
        return table

    def _reasons(self, whole: Iterable[KeyWindows]) -> RenderableType:
        table = Table(title="Why the AI fails (1 h)")
        table.add_column("reason")
        table.add_column("n", justify="right")
        for value in self._values(whole):
            if value.window == "1h":
                for reason, count in top_reasons(value, 5):
                    table.add_row(reason, str(count))
        return table

    def _latency(self, channels: Iterable[KeyWindows]) -> RenderableType:
        return latency_table(self._values(channels))

    def _breaches(self) -> RenderableType:
        return breach_table(self._telemetry.breach_log, last=8)


def top_reasons(value: WindowValue, most: int) -> list[tuple[str, int]]:
    """The most frequent failure reasons of a window."""
    reasons = [(n[8:], c) for n, c in value.counts.items() if n.startswith("failure.")]
    return sorted(reasons, key=lambda r: (-r[1], r[0]))[:most]


def latency_table(values: Iterable[WindowValue]) -> Table:
    """Handoff latency by channel and window."""
    table = Table(title="Handoff latency, AI failure to qualified human (open ones at their age)")
    for column in ("channel", "window", "n", "open", "p50", "p95", "p99", "within threshold"):
        table.add_column(column, justify="left" if column in ("channel", "window") else "right")
    for value in values:
        if value.samples:
            stats = [words.age(ms) if ms is not None else "-" for ms in value.latency_ms.values()]
            within = percent(*ratio("escalation_within", value.counts))
            channel = dict(value.key)["channel"]
            table.add_row(
                channel, value.window, str(value.samples), str(value.open), *stats, within
            )
    return table


def _figure(record: BreachRecord) -> str:
    numerator, denominator = record.numerator, record.denominator
    if record.indicator == "escalation_wait":
        return f"{numerator} overdue"
    if record.indicator == "compliance_exceptions":
        return str(numerator)
    if record.indicator == "cost_per_verified" and denominator:
        return f"{decimal_text(numerator // denominator)} each of {denominator}"
    return percent(numerator, denominator)


def breach_table(records: Iterable[BreachRecord], last: int) -> Table:
    """The last breaches to open or close, and how many did so in all."""
    turned = [r for r in records if r.status != "updated"]
    shown = turned[-last:]
    which = f", the last {len(shown)} of {len(turned)}" if len(shown) < len(turned) else ""
    table = Table(title=f"Breaches opened and closed (event time, UTC{which})")
    for column in ("time", "", "clause", "key", "figure", "waiting longest"):
        table.add_column(column)
    for record in shown:
        figure = _figure(record)
        oldest = record.waiting[0].conversation if record.waiting else ""
        key = ", ".join(f"{name}={value}" for name, value in record.key) or record.contract
        style = "red" if record.status == "opened" else "green"
        moment = datetime.fromtimestamp(record.time / 1000, UTC)
        table.add_row(
            f"{moment:%H:%M:%S}", record.status, record.clause, key, figure, oldest, style=style
        )
    return table
