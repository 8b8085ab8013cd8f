"""Every query of every dashboard, asked of a Prometheus that watched a worker through a day."""

from __future__ import annotations

import pytest

from streams.contract_files import load_contracts
from tests.dashboard_files import Asked, ShownPanel, panels_of, rendered
from tests.e2e.dashboards.asking import answer, ever_answered
from tests.e2e.dashboards.watched_day import SHORT_DAY, WatchedDay
from tests.stream_run import CONTRACT

BOOK = load_contracts([CONTRACT])
QUERIES = [
    pytest.param(panel, asked, id=f"{panel}-{asked.ref}".replace(" ", "_"))
    for dashboard in rendered(BOOK).values()
    for panel in panels_of(dashboard)
    for asked in panel.asked
]

DAY_MS = 86_400_000

# Titles of panels that this day leaves empty, and why that is right.
EMPTY = {
    "Fenced batches": "one worker: nobody takes its partitions over",
    "Local state discarded": "it keeps its tables in memory",
    "Foreign records": "nobody else writes to its changelogs",
    "Standby copies": "it has none",
}


@pytest.mark.parametrize(("panel", "asked"), QUERIES)
def test_a_query_has_an_answer(day: WatchedDay, panel: ShownPanel, asked: Asked) -> None:
    found = ever_answered(day, asked)
    if panel.title not in EMPTY:
        assert any(series.known for series in found)
    else:
        assert found == []


MARKS = [
    pytest.param(mark["expr"], id=f"{dashboard['uid']}-{mark['name']}".replace(" ", "_"))
    for dashboard in rendered(BOOK).values()
    for mark in dashboard["annotations"]["list"]
    if mark["name"] != "Alerts"  # this Prometheus has no rules: tests/e2e/test_paging.py has
]
VARIABLES = [
    pytest.param(one["query"]["query"], one["name"], id=f"{dashboard['uid']}-{one['name']}")
    for dashboard in rendered(BOOK).values()
    for one in dashboard["templating"]["list"]
    if one["type"] == "query"
]


@pytest.mark.parametrize("expr", MARKS)
def test_an_annotation_has_something_to_mark(day: WatchedDay, expr: str) -> None:
    assert any(series.known for series in answer(day, Asked("", expr, False, "", "")))


@pytest.mark.parametrize(("query", "label"), VARIABLES)
def test_a_variable_has_values(day: WatchedDay, query: str, label: str) -> None:
    selector = query.removeprefix("label_values(").removesuffix(f", {label})")
    found = answer(day, Asked("", f"group by ({label}) ({selector})", True, "", ""))
    assert {series.labels.get(label) for series in found} - {None, "other"}


def test_a_change_is_marked_at_its_own_time(day: WatchedDay) -> None:
    """Grafana takes a value that stands for the time as milliseconds."""
    (expr,) = {str(mark.values[0]) for mark in MARKS if "$contract" in str(mark.values[0])} - {
        str(mark.values[0]) for mark in MARKS if "baton_breach_active" in str(mark.values[0])
    }
    found = answer(day, Asked("", expr, True, "", ""))
    times = [value for series in found for _, value in series.points]
    assert times
    assert all(SHORT_DAY.start_ms - DAY_MS < time <= SHORT_DAY.end_ms for time in times)


def test_every_panel_that_may_be_empty_exists() -> None:
    titles = {panel.title for one in rendered(BOOK).values() for panel in panels_of(one)}
    assert EMPTY.keys() <= titles
