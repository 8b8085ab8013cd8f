"""A verdict for machines (JSON) and for people (tables)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson
from rich.console import Group
from rich.table import Table

from streams.domain.breach_record import encode_breach
from streams.domain.contract import PPM, Indicator
from streams.domain.facts import encode_fact, rfc3339
from streams.domain.window_value import WindowValue, encode_window
from streams.oracle.indicators import RATIOS, is_containment, ratio_of
from streams.oracle.judge import Verdict

SHOWN_WINDOW = "24h"
SHOWN_REASONS = 8


def verdict_json(verdict: Verdict) -> bytes:
    """The whole verdict as one JSON document; equal verdicts give equal bytes.

    Facts, breaches and windows stand in it as they are published; the watermark is in ms.
    """
    return b"".join(verdict_parts(verdict))


def verdict_parts(verdict: Verdict) -> Iterator[bytes]:
    """The bytes of verdict_json piece by piece: the whole is many times what it is made of."""
    told = {
        "breaches": _listed(map(encode_breach, verdict.breaches)),
        "dead_letters": [orjson.dumps(verdict.dead_letters, option=orjson.OPT_SORT_KEYS)],
        "events": [orjson.dumps(verdict.events)],
        "facts": _listed(map(encode_fact, verdict.facts)),
        "late_facts": [orjson.dumps(verdict.late_facts)],
        "watermark": [orjson.dumps(verdict.watermark)],
        "windows": _listed(map(encode_window, verdict.windows)),
    }
    for number, (name, value) in enumerate(told.items()):
        yield (b"," if number else b"{") + orjson.dumps(name) + b":"
        yield from value
    yield b"}"


def _listed(items: Iterable[bytes]) -> Iterator[bytes]:
    yield b"["
    for number, item in enumerate(items):
        yield b"," + item if number else item
    yield b"]"


def verdict_table(verdict: Verdict) -> Group:
    """The verdict for a terminal, from the 24 h windows; a value nobody can know is `unknown`."""
    shown = [window for window in verdict.windows if window.window == SHOWN_WINDOW]
    whole = [window for window in shown if not window.key]
    channels = [window for window in shown if [name for name, _ in window.key] == ["channel"]]
    return Group(
        _escalations(channels),
        _indicators(whole),
        _failures(whole),
        _breaches(verdict),
        _counts(verdict),
    )


def _table(title: str, names: Iterable[str], numbers: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in names:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _escalations(windows: Iterable[WindowValue]) -> Table:
    table = _table(
        "Wait for a qualified human, 24 h, by channel",
        ("contract", "channel"),
        ("escalations", "open", "within", "missed", "n", "p50", "p95", "p99"),
    )
    for window in windows:
        counts = (window.counts.get(n, 0) for n in ("escalations", "within", "missed"))
        opened, within, missed = map(str, counts)
        quantiles = (_seconds(window.latency_ms[p]) for p in ("p50", "p95", "p99"))
        channel = window.key[0][1]
        table.add_row(
            window.contract,
            channel,
            opened,
            str(window.open),
            within,
            missed,
            str(window.samples),
            *quantiles,
        )
    return table


def _indicators(windows: Iterable[WindowValue]) -> Table:
    table = _table(
        "Indicators, 24 h (costs in the contract's currency)",
        ("contract", "indicator"),
        ("value", "numerator", "denominator"),
    )
    for window in windows:
        for indicator in RATIOS:
            # Of a reason each: the table of failures.
            if indicator != "failure_share":
                table.add_row(window.contract, indicator, *_ratio(window, indicator))
    return table


def _ratio(
    window: WindowValue, indicator: Indicator, reason: str | None = None
) -> tuple[str, str, str]:
    numerator, denominator = ratio_of(window.counts, indicator, reason)
    above = str(numerator)
    if indicator == "cost_per_verified":
        above = f"{numerator / PPM:.2f}"
    if not denominator or (is_containment(indicator) and not window.escalated_before):
        value = "unknown"
    elif indicator == "compliance_exceptions":
        value = str(numerator)
    elif indicator == "cost_per_verified":
        value = f"{numerator / PPM / denominator:.4f}"
    else:
        value = f"{100 * numerator / denominator:.1f} %"
    return value, above, str(denominator)


def _failures(windows: Iterable[WindowValue]) -> Table:
    table = _table(
        "Top AI failure reasons, 24 h", ("contract", "reason"), ("all", "first", "share")
    )
    for window in windows:
        reasons = {
            name.removeprefix("failure."): n
            for name, n in window.counts.items()
            if name.startswith("failure.")
        }
        top = sorted(reasons, key=lambda reason: (-reasons[reason], reason))[:SHOWN_REASONS]
        for reason in top:
            first = window.counts.get(f"first_failure.{reason}", 0)
            share, count, _ = _ratio(window, "failure_share", reason)
            table.add_row(window.contract, reason, count, str(first), share)
    return table


def _breaches(verdict: Verdict) -> Table:
    table = _table("Breaches", ("contract", "clause", "key", "opened", "closed"), ("last value",))
    latest = {record.id: record for record in verdict.breaches}
    for record in latest.values():
        key = ", ".join(f"{name}={value}" for name, value in record.key) or "all"
        closed = rfc3339(record.time) if record.status == "closed" else "open"
        value = str(record.numerator)
        if record.denominator:
            value = f"{record.numerator}/{record.denominator}"
        opened = rfc3339(record.opened_at)
        table.add_row(record.contract, record.clause, key, opened, closed, value)
    return table


def _counts(verdict: Verdict) -> Table:
    table = _table("Records", ("what",), ("n",))
    table.add_row("events", str(verdict.events))
    table.add_row("facts", str(len(verdict.facts)))
    table.add_row("late facts", str(verdict.late_facts))
    for code, count in verdict.dead_letters.items():
        table.add_row(f"dead letters: {code}", str(count))
    return table


def _seconds(milliseconds: int | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds / 1000:.1f} s"
