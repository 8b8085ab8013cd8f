"""The published value of one window of one key: what `sla-windows` and the gauges show."""

from __future__ import annotations

import msgspec
import orjson

from streams.domain.facts import rfc3339

WINDOW_LENGTHS_MS: dict[str, int] = {"5m": 300_000, "1h": 3_600_000, "24h": 86_400_000}
SLICE_MS = 60_000
PERCENTS = (50, 95, 99)


class WindowValue(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and latency quantiles of one key over (end - length, end]. Times in ms.

    `key` as in a breach record. `counts` are section 8's counters (zeros left out); `samples` =
    ended + open escalations; `latency_ms` maps "p50" ... to the quantile rounded to whole ms, or
    None; `escalated_before` says whether the key has ever opened an escalation at or before `end`.
    """

    contract: str
    key: tuple[tuple[str, str], ...]
    window: str
    end: int
    counts: dict[str, int]
    open: int
    oldest_t0: int | None
    samples: int
    latency_ms: dict[str, int | None]
    escalated_before: bool


def encode_window(value: WindowValue) -> bytes:
    """The value as JSON; equal values give equal bytes."""
    return orjson.dumps(
        {
            "contract": value.contract,
            "key": dict(value.key),
            "window": value.window,
            "end": rfc3339(value.end),
            "counts": dict(sorted(value.counts.items())),
            "open": value.open,
            "oldest_t0": None if value.oldest_t0 is None else rfc3339(value.oldest_t0),
            "samples": value.samples,
            "latency_ms": value.latency_ms,
            "escalated_before": value.escalated_before,
        }
    )
