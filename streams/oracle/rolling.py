"""The value of every window at one boundary, rolling or of a calendar period, counted afresh from
the facts.

DEFINITIONS.md section 8. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from streams.domain.calendar_period import period_of
from streams.domain.contract import ContractBook
from streams.domain.histogram import bucket_of, bucket_value_ms
from streams.domain.window_value import PERCENTS, WINDOW_LENGTHS_MS, WindowValue
from streams.oracle.counters import Counted
from streams.oracle.indicators import Key, Versions
from streams.oracle.waits import Wait, counts_as_waiting


def windows_at(
    end: int, facts: Iterable[Counted], waits: Iterable[Wait], book: ContractBook
) -> list[WindowValue]:
    """Every key's windows at the boundary `end`; by contract, key, length, then period.

    `facts` are the on-time assertions; those after `end` are not looked at, nor `waits` that began
    later. A fact's groupings are those of the version that judged it.
    """
    versions = Versions(book)
    past: dict[tuple[str, Key], list[Counted]] = defaultdict(list)
    for one in facts:
        if one.end <= end:
            for grouping in versions.of(one.fact).groupings:
                past[one.fact.contract, versions.key(one.fact, grouping)].append(one)
    begun: dict[tuple[str, Key], list[Wait]] = defaultdict(list)
    for wait in waits:
        if wait.since <= end:
            for grouping in versions.of(wait.opened).groupings:
                begun[wait.opened.contract, versions.key(wait.opened, grouping)].append(wait)
    starts = {name: _starts(name, end, book) for name in book.names}
    found = []
    for contract, key in sorted({*past, *begun}):
        known = past[contract, key]
        still = [w for w in begun[contract, key] if w.until is None or w.until > end]
        for window, start in starts[contract].items():
            found.append(_window(contract, key, window, start, end, known, still))
    return found


def _starts(contract: str, end: int, book: ContractBook) -> dict[str, int]:
    """Where each of the contract's windows that end at `end` starts; the start is not in it."""
    zone = book.versions(contract)[0].time_zone
    rolling = {window: end - length for window, length in WINDOW_LENGTHS_MS.items()}
    return rolling | {one: period_of(one, zone, end)[0] for one in book.periods(contract)}


def _window(
    contract: str,
    key: Key,
    window: str,
    start: int,
    end: int,
    past: Sequence[Counted],
    still_open: Sequence[Wait],
) -> WindowValue:
    counts: Counter[str] = Counter()
    latencies: list[int] = []
    for one in past:
        if one.end > start:
            for name, number in one.counts.items():
                counts[name] += number
            if one.fact.kind == "escalation_ended":
                latencies.append(one.fact.detail["latency_ms"])
    counts["waiting"] = sum(map(counts_as_waiting, still_open))
    open_t0s = [wait.opened.detail["t0"] for wait in still_open]
    waits = latencies + [end - t0 for t0 in open_t0s]
    return WindowValue(
        contract=contract,
        key=key,
        window=window,
        end=end,
        counts={name: counts[name] for name in sorted(counts) if counts[name]},
        open=len(open_t0s),
        oldest_t0=min(open_t0s, default=None),
        samples=len(waits),
        latency_ms={f"p{percent}": _quantile(waits, percent) for percent in PERCENTS},
        escalated_before=any(one.fact.kind == "escalation_opened" for one in past),
    )


def _quantile(waits: Sequence[int], percent: int) -> int | None:
    if not waits:
        return None
    rank = -(-percent * len(waits) // 100)
    return round(bucket_value_ms(sorted(map(bucket_of, waits))[rank - 1]))
