"""Issue 5's targets, each against what one run measured. Only ratios travel between machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tests.bench.contestant import Cost
from tests.bench.latency import Latency

Verdict = Literal["met", "NOT met", "not measured"]


@dataclass(frozen=True, slots=True)
class Target:
    """One promise. `measured` is None where the run has not what it needs, and `why` says so."""

    promise: str
    measured: str | None
    met: bool
    why: str = ""

    @property
    def verdict(self) -> Verdict:
        """In a word."""
        if self.measured is None:
            return "not measured"
        return "met" if self.met else "NOT met"


def targets(
    costs: Mapping[str, Cost], latencies: Mapping[str, Latency], left_out: Mapping[str, str]
) -> Iterator[Target]:
    """Those of the targets that this program measures. Costs and latencies by contestant's name."""

    def missing(promise: str, *names: str) -> Target | None:
        absent = [name for name in names if name not in costs]
        if not absent:
            return None
        return Target(promise, None, False, ", ".join(left_out.get(n, n) for n in absent))

    promise = "at-least-once at least 20x stock Faust, events/s"
    yield missing(promise, "alo-memory", "faust") or _faster(
        promise, costs["alo-memory"], costs["faust"], 20
    )
    promise = "at-least-once at least 20 % of the bare floor, events/s"
    yield missing(promise, "alo-memory", "floor") or _faster(
        promise, costs["alo-memory"], costs["floor"], 0.2
    )
    for peer, title in (("quix", "Quix Streams"), ("bytewax", "Bytewax")):
        promise = f"more events per CPU-second than {title}, durable state on"
        yield missing(promise, "alo-disk", peer) or _cheaper(
            promise, costs["alo-disk"], costs[peer]
        )
    for where, title in (("memory", "in memory"), ("disk", "on disk")):
        promise = f"exactly-once at least 80 % of at-least-once, events/s, tables {title}"
        yield missing(promise, f"alo-{where}", f"eos-{where}") or _faster(
            promise, costs[f"eos-{where}"], costs[f"alo-{where}"], 0.8
        )
    for name, guarantee in (("alo-memory", "at-least-once"), ("eos-memory", "exactly-once")):
        promise = f"event to metric under 1 s at the 99th percentile, {guarantee}, half load"
        latency = latencies.get(name)
        if latency is None:
            yield Target(promise, None, False, left_out.get(name, "latency was not asked for"))
        else:
            slowest = max(latency.counted_ms[1], latency.shown_ms[1])
            yield Target(promise, f"{slowest:,.0f} ms", slowest < 1000)


def _faster(promise: str, one: Cost, other: Cost, wanted: float) -> Target:
    """By the wall clock, as promised; the CPU says how much of it was waiting for cores."""
    ratio, cheaper = one.rate / other.rate, other.cpu_per_million / one.cpu_per_million
    told = f"{_times(ratio)} ({_times(cheaper)} by CPU-seconds)"
    return Target(promise, told, ratio >= wanted)


def _cheaper(promise: str, one: Cost, other: Cost) -> Target:
    ratio = other.cpu_per_million / one.cpu_per_million
    return Target(promise, _times(ratio), ratio > 1)


def _times(ratio: float) -> str:
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.1f}x"
