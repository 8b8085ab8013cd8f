"""The worker's own state in words."""

from __future__ import annotations

from collections.abc import Iterator

from streams.export.live import words
from streams.export.live.shown import Cell, Row
from streams.export.live.snapshot import Pipeline


def pipeline_rows(pipeline: Pipeline) -> Iterator[Row]:
    """One row a figure, in a fixed order; those that say nothing here are left out."""
    for name, cell in _figures(pipeline):
        yield Row(key=name, cells=[Cell(name), cell])


def _figures(p: Pipeline) -> Iterator[tuple[str, Cell]]:
    if p.ready:
        yield "State", Cell("ready", s="kept")
    else:
        yield "State", Cell(p.why, s="watch" if p.why != "crashed" else "breach")
    marks = list(p.watermarks.values())
    if marks:
        spread = max(marks) - min(marks)
        yield "Watermark, slowest", Cell(words.moment(min(marks)))
        yield "Slowest behind fastest", Cell(words.age(spread))
    else:
        yield "Watermark, slowest", Cell("unknown")
    yield "Records not yet delivered", Cell(f"{p.undelivered:,}")
    for stage, records in p.records.items():
        yield f"Records read, {stage}", Cell(f"{records:,}")
    yield "Interactions remembered", Cell(f"{p.interactions:,}")
    yield "Late facts", Cell(f"{p.late_facts:,}")
    total = sum(p.dead_letters.values())
    codes = ", ".join(f"{code} {count:,}" for code, count in p.dead_letters.items())
    yield "Dead letters", Cell(f"{total:,}", n=codes)
    yield "Recoveries", Cell(f"{p.recoveries:,}", n=f"last took {p.recovery_seconds:.1f} s")
    if p.standby_lag:
        yield "Standby records behind", Cell(f"{p.standby_lag:,}")
    if p.fenced:
        yield "Batches given up", Cell(f"{p.fenced:,}")
    if p.webhook:
        said = ", ".join(f"{count:,} {outcome}" for outcome, count in p.webhook.items())
        yield "Webhook", Cell(said)
