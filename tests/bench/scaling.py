"""`make bench-scale`: what grows with open interactions, with keys and with series, and what not.

`python -m tests.bench.scaling [PART ...]` measures the parts (memory, cost, keys, scrape,
billing) and writes SCALING.md, in which the others stay as they were measured. A program and no
test: it asserts no time, and a goal that is missed is said to be.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from tests.bench import scaling_billing, scaling_cost, scaling_keys, scaling_memory, scaling_scrape
from tests.bench.machine import processor
from tests.bench.scaling_report import Goal, Part, Table, read_parts, write_parts

Measured = tuple[list[Goal], list[Table], dict[str, float]]
_KB = 1_000
# Sizes whose ratio the goals are about: of the keys, combinations.
_FEW, _MANY = 10_000, 3_000_000
_FEW_KEYS, _MANY_KEYS = 10, 10_000
_SERIES = 10_000


def memory() -> Measured:
    """Bytes an interaction holds."""
    held = [
        scaling_memory.held(kind, count)
        for count in scaling_memory.SIZES
        for kind in ("memory", "disk")
    ]
    largest = {each.tables: each for each in held}
    goals = [
        Goal("table bytes an open interaction", largest["memory"].table_bytes, _KB, "B"),
        Goal(
            "RSS an open interaction, tables in memory", largest["memory"].rss_bytes, 2 * _KB, "B"
        ),
        Goal("RSS an open interaction, tables on disk", largest["disk"].rss_bytes, 2 * _KB, "B"),
    ]
    head = ["tables", "interactions", "table", "links' table", "RSS", "of it links", "on disk"]
    rows = [
        [
            each.tables,
            f"{each.interactions:,}",
            *(
                f"{size:,.0f} B"
                for size in (
                    each.table_bytes,
                    each.link_table_bytes,
                    each.rss_bytes,
                    each.rss_of_links,
                    each.disk_bytes,
                )
            ),
        ]
        for each in held
    ]
    kinds = [
        [kind, f"{count:,}", f"{mean:,.0f} B", f"{most:,} B"]
        for kind, (count, mean, most) in scaling_memory.by_kind().items()
    ]
    tables = [
        Table("Each interaction's share", head, rows),
        Table(
            "Of which kind they are, and their bytes in the table",
            ["interaction", "of the mix", "mean", "most"],
            kinds,
        ),
    ]
    figures = {
        "table_bytes": largest["memory"].table_bytes,
        "link_table_bytes": largest["memory"].link_table_bytes,
        "rss_memory_bytes": largest["memory"].rss_bytes,
        "rss_disk_bytes": largest["disk"].rss_bytes,
        "disk_bytes": largest["disk"].disk_bytes,
    }
    return goals, tables, figures


def cost() -> Measured:
    """CPU an event by the number of interactions."""
    points = list(scaling_cost.points(scaling_cost.SIZES))
    by_place = {(each.tables, each.load, each.interactions): each for each in points}
    goals = []
    for tables in ("memory", "disk"):
        for load in scaling_cost.LOADS:
            few, many = (by_place[tables, load, size].cpu_us for size in (_FEW, _MANY))
            name = f"CPU an event, {_MANY:,} / {_FEW:,} interactions, {tables}, {load}"
            goals.append(Goal(name, many / few, 1.2))
    rows = [
        [
            each.tables,
            each.load,
            f"{each.interactions:,}",
            f"{each.cpu_us:.1f} us",
            f"{each.longest_ms:.0f} ms",
        ]
        for each in points
    ]
    head = ["tables", "load", "interactions", "CPU an event", "longest batch"]
    note = (
        "Lifecycle stage only. `beside`: a log beside quiet interactions; `anywhere`: an event each"
        " of interactions that nothing was heard of, the worst case, and a walk each at one tick."
    )
    figures = {
        f"anywhere_{each.tables}_us": each.cpu_us
        for each in points
        if each.load == "anywhere" and each.interactions == _MANY
    }
    return goals, [Table("The least of several runs", head, rows, [note])], figures


def keys() -> Measured:
    """CPU an event by the number of keys."""
    points = [
        scaling_keys.point(load, combinations)
        for load in scaling_keys.LOADS
        for combinations in scaling_keys.KEYS
    ]
    by_place = {(each.load, each.combinations): each for each in points}
    goals = []
    for load in scaling_keys.LOADS:
        few, many = (by_place[load, n] for n in (_FEW_KEYS, _MANY_KEYS))
        name = f"CPU an event, {many.keys:,} / {few.keys:,} keys, {load}"
        goals.append(Goal(name, many.cpu_us / few.cpu_us, 1.2))
    head = ["load", "events/s", "keys", "CPU an event", "lifecycle", "links", "windows"]
    head += ["entries an event", "values an event", "RSS a key", "series"]
    rows = [
        [
            each.load,
            f"{each.events_a_second:,.0f}",
            f"{each.keys:,}",
            f"{each.cpu_us:.1f} us",
            *(f"{us:.1f}" for us in each.stages_us.values()),
            f"{each.entries:.3f}",
            f"{each.values:.3f}",
            f"{each.key_bytes / 1000:,.0f} kB",
            f"{each.series:,}",
        ]
        for each in points
    ]
    few, many = by_place["dense", _FEW_KEYS], by_place["dense", _MANY_KEYS]
    figures = {
        # What an entry costs from the fact to the published value, beyond what events cost.
        "entry_us": (many.cpu_us - few.cpu_us) / (many.entries - few.entries),
        "series_a_key": many.series / many.keys,
    }
    return goals, [Table("All stages, no broker", head, rows)], figures


def scrape() -> Measured:
    """Time of a page, and how long the loop stands still."""
    points = [scaling_scrape.point(combinations) for combinations in scaling_scrape.KEYS]
    nearest = min(points, key=lambda each: abs(each.series - _SERIES))
    goals = [
        Goal(f"a page of {nearest.series:,} series, CPU", nearest.page_cpu_ms, 100, "ms"),
        Goal(f"a page of {nearest.series:,} series, at rest", nearest.page_ms, 100, "ms"),
        Goal("the loop's longest stall meanwhile, at rest", nearest.stall_ms, 10, "ms"),
    ]
    head = ["series", "page", "CPU", "at rest", "longest stall", "at half load", "longest stall"]
    head += ["without a scrape"]
    rows = [
        [
            f"{each.series:,}",
            f"{each.page_bytes / 1e6:.1f} MB",
            *(
                f"{ms:.0f} ms"
                for ms in (
                    each.page_cpu_ms,
                    each.page_ms,
                    each.stall_ms,
                    each.page_under_load_ms,
                    each.stall_under_load_ms,
                    each.stall_of_load_ms,
                )
            ),
        ]
        for each in points
    ]
    note = "Wall clock, medians; CPU is the least. What else the machine does lengthens the former."
    figures = {
        "series_us": nearest.page_cpu_ms * 1e3 / nearest.series,
        "series_bytes": nearest.page_bytes / nearest.series,
    }
    return goals, [Table("A worker's /metrics", head, rows, [note])], figures


def billing() -> Measured:
    """Memory a billed conversation, CPU a record of it."""
    points = [
        scaling_billing.billed(kind, count)
        for count in scaling_billing.SIZES
        for kind in scaling_billing.KINDS
    ]
    few = {each.tables: each for each in points[: len(scaling_billing.KINDS)]}
    many = {each.tables: each for each in points[-len(scaling_billing.KINDS) :]}
    goals, figures = [], {}
    for kind in scaling_billing.KINDS:
        # What a process has once (RocksDB's buffers, the conversations at hand) is in neither.
        less, more = few[kind], many[kind]
        grown = more.rss_bytes * more.conversations - less.rss_bytes * less.conversations
        rss = grown / (more.conversations - less.conversations)
        most = 2 * _KB if kind == "memory" else _KB
        goals.append(Goal(f"RSS a billed conversation, tables {_PLACE[kind]}", rss, most, "B"))
        goals.append(
            Goal(
                f"CPU a record, {more.conversations:,} / {less.conversations:,} conversations,"
                f" {kind}",
                more.cpu_us / less.cpu_us,
                1.2,
            )
        )
        figures[f"rss_{kind}_bytes"] = rss
        figures[f"{kind}_us"] = more.cpu_us
    preview = max(each.preview_ms for each in points)
    goals.append(Goal("a preview of the open period", preview, 10, "ms"))
    head = ["tables", "conversations", "records", "RSS", "table", "CPU a record", "preview"]
    head += ["a restart's reading"]
    rows = [
        [
            each.tables,
            f"{each.conversations:,}",
            f"{each.records:,}",
            f"{each.rss_bytes:,.0f} B",
            f"{each.table_bytes:,.0f} B",
            f"{each.cpu_us:.1f} us",
            f"{each.preview_ms:.1f} ms",
            f"{each.restore_s:.2f} s",
        ]
        for each in points
    ]
    note = "Ledger and table alone. RSS by row has what a process has once; the goals have not."
    return goals, [Table("Each billed conversation's share", head, rows, [note])], figures


_PLACE = {"memory": "in memory", "disk": "on disk"}
PARTS: dict[str, tuple[str, Callable[[], Measured]]] = {
    "memory": ("Memory an interaction (scaling_memory.py)", memory),
    "cost": ("CPU an event by interactions (scaling_cost.py)", cost),
    "keys": ("CPU an event by keys (scaling_keys.py)", keys),
    "scrape": ("A scrape (scaling_scrape.py)", scrape),
    "billing": ("A billed conversation (scaling_billing.py)", billing),
}


def _machine() -> dict[str, str]:
    return {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
    }


def main() -> None:
    """Measure and write, a part at a time; the goals are printed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    given = parser.parse_args()
    for name in given.parts:
        print(f"measuring: {name} ...", file=sys.stderr, flush=True)
        title, measure = PARTS[name]
        machine = _machine()
        goals, tables, figures = measure()
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        parts = read_parts()
        parts[title] = Part(goals, tables, figures, at, machine)
        order = [title for title, _ in PARTS.values()]
        write_parts({title: parts[title] for title in order if title in parts})
        for goal in goals:
            print("  ".join(goal.cells))


if __name__ == "__main__":
    main()
