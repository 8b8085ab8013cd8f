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
    yield missing(promise, "alo-memory", "faust") or _at_least(
        promise, costs["alo-memory"].rate / costs["faust"].rate, 20
    )
    promise = "at-least-once at least 20 % of the bare floor, events/s"
    yield missing(promise, "alo-memory", "floor") or _at_least(
        promise, costs["alo-memory"].rate / costs["floor"].rate, 0.2, percent=True
    )
    for peer, title in (("quix", "Quix Streams"), ("bytewax", "Bytewax")):
        promise = f"more events per CPU-second than {title}, durable state on"
        yield missing(promise, "alo-disk", peer) or _at_least(
            promise, costs[peer].cpu_per_million / costs["alo-disk"].cpu_per_million, 1
        )
    for where in ("memory", "disk"):
        promise = f"exactly-once at least 80 % of at-least-once, tables in {where}"
        yield missing(promise, f"alo-{where}", f"eos-{where}") or _at_least(
            promise, costs[f"eos-{where}"].rate / costs[f"alo-{where}"].rate, 0.8, percent=True
        )
    for name, guarantee in (("alo-memory", "at-least-once"), ("eos-memory", "exactly-once")):
        promise = f"event to metric under 1 s at the 99th percentile, {guarantee}, half load"
        latency = latencies.get(name)
        if latency is None:
            yield Target(promise, None, False, left_out.get(name, "latency was not asked for"))
        else:
            slowest = max(latency.counted_ms[1], latency.shown_ms[1])
            yield Target(promise, f"{slowest:,.0f} ms", slowest < 1000)


def _at_least(promise: str, ratio: float, wanted: float, *, percent: bool = False) -> Target:
    told = f"{ratio:.0%}" if percent else f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.0f}x"
    return Target(promise, told, ratio >= wanted)
