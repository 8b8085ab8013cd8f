"""Every query of every dashboard, asked of a Prometheus that watched a worker through a day."""

from __future__ import annotations

import pytest

from streams.contract_files import load_contracts
from streams.domain.clause_counts import RATIOS
from streams.domain.contract import INDICATORS
from tests.dashboard_files import Asked, ShownPanel, panels_of, rendered
from tests.e2e.dashboards.asking import answer
from tests.e2e.dashboards.watched_day import WatchedDay
from tests.stream_run import CONTRACT

BOOK = load_contracts([CONTRACT])
QUERIES = [
    pytest.param(panel, asked, id=f"{panel}-{asked.ref}".replace(" ", "_"))
    for dashboard in rendered(BOOK).values()
    for panel in panels_of(dashboard)
    for asked in panel.asked
]

# Titles of panels that this day leaves empty, and why that is right.
EMPTY = {
    "Fenced batches": "one worker: nobody takes its partitions over",
    "Local state discarded": "it keeps its tables in memory",
    "Foreign records": "nobody else writes to its changelogs",
    "Standby copies": "it has none",
}


def why_empty(panel: ShownPanel, asked: Asked) -> str | None:
    """The reason where this panel may be empty on such a day."""
    of = {name for name in INDICATORS if f'"{name}"' in asked.expr or f"{name}|" in asked.expr}
    if of and not of & RATIOS:
        return f"{', '.join(sorted(of))}: not in the stream yet"
    return EMPTY.get(panel.title)


@pytest.mark.parametrize(("panel", "asked"), QUERIES)
def test_a_query_has_an_answer(day: WatchedDay, panel: ShownPanel, asked: Asked) -> None:
    found = answer(day, asked)
    if why_empty(panel, asked) is None:
        assert any(series.known for series in found)
    else:
        assert found == []


def test_every_panel_that_may_be_empty_exists() -> None:
    titles = {panel.title for one in rendered(BOOK).values() for panel in panels_of(one)}
    assert EMPTY.keys() <= titles
