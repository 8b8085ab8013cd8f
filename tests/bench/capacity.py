"""`python -m tests.bench.capacity`: how large a deployment must be, from measured figures.

Rewrites the tables between markers in deploy/CAPACITY.md. `--fit` measures anew what one event
sends and costs in process (half a minute) and keeps it in capacity.json, `--worker-us` sets what a
whole worker's CPU comes to on real Kafka (RESULTS.md); memory and series come from scaling.json.
`--check` compares what the model says of another log with what is measured. A program and no test:
nothing in it asserts a time.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import msgspec

from streams.domain.memory import FORGET_AFTER_MS
from tests.bench.scaling_report import read_parts, table

DOCUMENT = Path(__file__).parents[2] / "deploy" / "CAPACITY.md"
FIGURES = Path(__file__).with_name("capacity.json")
RATES = (1_000, 100_000, 5_000_000)
# Choices, not measurements: room for bursts and for a neighbour's partitions, what a worker may
# hold, and how many partitions one deployment bears (3 P^2 records a round, see the document).
LOAD = 0.5
WORKER_BYTES = 16e9
PARTITIONS_A_WORKER = 2
MOST_PARTITIONS = 96
REPLICAS = 3
BROKER_BYTES_S = 100e6
_GIB = 2**30


class Figures(msgspec.Struct):
    """What was measured; bytes and records are of one event, without record batches' own."""

    worker_us: float
    stages_us: float
    event_bytes: float
    events_a_contact: float
    sent_bytes: dict[str, float]
    sent_records: dict[str, float]
    rss_memory_bytes: float
    rss_disk_bytes: float
    disk_bytes: float
    recovered_a_second: float


class Plan(msgspec.Struct):
    """One deployment, or all its cells together. Bytes a second are before compression."""

    events_a_second: int
    remembered: float
    workers_by_cpu: int
    workers_by_memory: int
    partitions: int
    cells: int
    in_bytes_s: float
    out_bytes_s: float
    brokers: int
    round_records: int
    recovery_s: float

    @property
    def workers(self) -> int:
        """The greater of what CPU and what memory ask for."""
        return max(self.workers_by_cpu, self.workers_by_memory)


def plan(rate: int, figures: Figures) -> Plan:
    """What `rate` events a second, day and night, need with tables on disk."""
    remembered = rate / figures.events_a_contact * FORGET_AFTER_MS / 1000
    by_cpu = math.ceil(rate * figures.worker_us / 1e6 / LOAD)
    by_memory = math.ceil(remembered * figures.rss_disk_bytes / WORKER_BYTES)
    workers = max(by_cpu, by_memory)
    partitions = max(4, workers * PARTITIONS_A_WORKER)
    cells = math.ceil(partitions / MOST_PARTITIONS)
    a_cell = math.ceil(partitions / cells)
    incoming = rate * figures.event_bytes
    outgoing = rate * sum(figures.sent_bytes.values())
    written = (incoming + outgoing) * REPLICAS
    return Plan(
        events_a_second=rate,
        remembered=remembered,
        workers_by_cpu=by_cpu,
        workers_by_memory=by_memory,
        partitions=a_cell * cells,
        cells=cells,
        in_bytes_s=incoming,
        out_bytes_s=outgoing,
        brokers=max(3, math.ceil(written / BROKER_BYTES_S)),
        round_records=3 * a_cell**2,
        recovery_s=remembered / workers / figures.recovered_a_second,
    )


def tables(figures: Figures) -> dict[str, str]:
    """What stands between the document's markers, by marker."""
    plans = [plan(rate, figures) for rate in RATES]
    rows = {
        "remembered interactions": (f"{p.remembered / 1e6:,.0f} M" for p in plans),
        "workers by CPU": (f"{p.workers_by_cpu:,}" for p in plans),
        "workers by memory": (f"{p.workers_by_memory:,}" for p in plans),
        "partitions": (f"{p.partitions:,}" for p in plans),
        "cells": (f"{p.cells:,}" for p in plans),
        "records a flush round and cell": (f"{p.round_records:,}" for p in plans),
        "in": (f"{p.in_bytes_s / 1e6:,.1f} MB/s" for p in plans),
        "out, changelogs included": (f"{p.out_bytes_s / 1e6:,.1f} MB/s" for p in plans),
        "brokers by bandwidth": (f"{p.brokers:,}" for p in plans),
        "a worker's disk": (
            f"{p.remembered / p.workers * figures.disk_bytes / _GIB:,.1f} GiB" for p in plans
        ),
        "a worker's recovery, disk lost": (f"{p.recovery_s:,.0f} s" for p in plans),
    }
    head = ("", *(f"{p.events_a_second:,} events/s" for p in plans))
    worked = table(head, ((name, *cells) for name, cells in rows.items()))
    measured = (
        ("CPU of a worker", f"{figures.worker_us:.1f} us an event"),
        ("of it the stages, in process", f"{figures.stages_us:.1f} us"),
        ("an event on the topic", f"{figures.event_bytes:,.0f} B"),
        ("events a contact", f"{figures.events_a_contact:.1f}"),
        ("memory an interaction, tables in memory", f"{figures.rss_memory_bytes:,.0f} B"),
        ("memory an interaction, tables on disk", f"{figures.rss_disk_bytes:,.0f} B"),
        ("disk an interaction", f"{figures.disk_bytes:,.0f} B"),
        ("recovery from changelogs", f"{figures.recovered_a_second:,.0f} interactions/s"),
        *(
            (f"sent to {topic}", f"{size:,.0f} B, {figures.sent_records[topic]:.3f} records")
            for topic, size in sorted(figures.sent_bytes.items())
        ),
    )
    return {
        "measured": "\n".join(table(("figure", "measured"), measured)),
        "worked": "\n".join(worked),
    }


def document(text: str, figures: Figures) -> str:
    """The document with its tables made anew. Raises ValueError where a marker is missing."""
    for marker, made in tables(figures).items():
        head, begin, rest = text.partition(f"<!-- {marker} -->\n")
        _, end, tail = rest.partition(f"<!-- /{marker} -->")
        if not (begin and end):
            raise ValueError(f"{DOCUMENT.name} has no {marker} markers")
        text = f"{head}{begin}{made}\n{end}{tail}"
    return text


def read_figures() -> Figures:
    """The figures that were fitted last."""
    return msgspec.json.decode(FIGURES.read_bytes(), type=Figures)


def fitted(worker_us: float) -> Figures:
    """Measure what an event sends and costs; the rest was measured by bench-scale and recovery."""
    from tests.bench.capacity_fit import RECOVERED_A_SECOND, sent

    memory = next(part for name, part in read_parts().items() if name.startswith("Memory"))
    one = sent(seed=1)
    return Figures(
        worker_us=worker_us,
        stages_us=one.cpu_us,
        event_bytes=one.event_bytes,
        events_a_contact=one.events_a_contact,
        sent_bytes=one.bytes_an_event,
        sent_records=one.records_an_event,
        rss_memory_bytes=memory.figures["rss_memory_bytes"],
        rss_disk_bytes=memory.figures["rss_disk_bytes"],
        disk_bytes=memory.figures["disk_bytes"],
        recovered_a_second=RECOVERED_A_SECOND,
    )


def check(figures: Figures) -> str:
    """The model against a log of another seed: measured / predicted."""
    from tests.bench.capacity_fit import sent

    other = sent(seed=2)
    ratios = {
        "CPU of the stages": other.cpu_us / figures.stages_us,
        "bytes in": other.event_bytes / figures.event_bytes,
        "bytes out": sum(other.bytes_an_event.values()) / sum(figures.sent_bytes.values()),
        "events a contact": other.events_a_contact / figures.events_a_contact,
    }
    return "\n".join(
        f"{name:20}{ratio:6.2f}x of what the model says" for name, ratio in ratios.items()
    )


def main() -> None:
    """Fit where that is asked for, rewrite the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--worker-us", type=float, help="CPU of a worker, us an event")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    if given.fit:
        worker_us = given.worker_us or read_figures().worker_us
        FIGURES.write_bytes(msgspec.json.format(msgspec.json.encode(fitted(worker_us))) + b"\n")
    figures = read_figures()
    DOCUMENT.write_text(document(DOCUMENT.read_text(), figures))
    if given.check:
        print(check(figures))


if __name__ == "__main__":
    main()
