"""The table that a run ends with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from tests.chaos.round import Outcome

_HEAD = (
    "fault",
    "rounds",
    "failed",
    "in",
    "out",
    "lost",
    "duplicated",
    "wrong",
    "restarts",
    "recovery p50 s",
    "max s",
)


def table(outcomes: Sequence[Outcome], guarantee: str) -> str:
    """One line a fault, in the order in which they were first struck, and one for all."""
    names = list(dict.fromkeys(outcome.fault for outcome in outcomes))
    rows = [_row(name, [o for o in outcomes if o.fault == name], guarantee) for name in names]
    rows.append(_row("all", outcomes, guarantee))
    widths = [max(len(row[i]) for row in (_HEAD, *rows)) for i in range(len(_HEAD))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in (_HEAD, *rows)
    ]
    return "\n".join(lines)


def _row(name: str, outcomes: Iterable[Outcome], guarantee: str) -> tuple[str, ...]:
    outcomes = list(outcomes)
    tallies = [outcome.tally for outcome in outcomes]
    times = sorted(took for outcome in outcomes for took in outcome.recoveries)
    return (
        name,
        str(len(outcomes)),
        str(sum(not outcome.passed(guarantee) for outcome in outcomes)),
        str(sum(tally.records_in for tally in tallies)),
        str(sum(tally.records_out for tally in tallies)),
        str(sum(tally.lost for tally in tallies)),
        str(sum(tally.duplicated for tally in tallies)),
        str(sum(tally.wrong for tally in tallies)),
        str(sum(outcome.restarts for outcome in outcomes)),
        f"{median(times):.1f}" if times else "-",
        f"{times[-1]:.1f}" if times else "-",
    )
