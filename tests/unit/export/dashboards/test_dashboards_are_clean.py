"""The dashboards keep the public linter's rules, and name only what workers export."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from streams.domain.contract import DIMENSIONS, ContractBook
from streams.export.dashboards import queries
from streams.export.metric_defs import ALL, MetricDef
from streams.export.reference import exposed_name
from tests.dashboard_files import panels_of, rendered
from tests.unit.export.dashboards import books, linter

RUNBOOKS = Path(__file__).parents[4] / "deploy" / "runbooks"
BOOKS = {
    "bundled": books.BUNDLED,
    "everything": books.EVERYTHING,
    "no clauses": books.NO_CLAUSES,
    "empty": books.EMPTY,
}
EACH = pytest.mark.parametrize(
    "dashboard",
    [one for book in BOOKS.values() for one in rendered(book).values()],
    ids=[f"{name}-{uid}" for name, book in BOOKS.items() for uid in rendered(book)],
)
SCRAPED = {"job", "instance"}


def series(definition: MetricDef) -> dict[str, set[str]]:
    """Name -> labels of the series of a metric."""
    labels = {*definition.labels, *SCRAPED}
    if definition.kind != "histogram":
        return {exposed_name(definition): labels}
    parts = {f"{definition.name}_{part}": labels for part in ("sum", "count")}
    return {**parts, f"{definition.name}_bucket": labels | {"le"}}


EXPORTED = {name: labels for each in ALL for name, labels in series(each).items()}


@pytest.mark.parametrize("rule", linter.RULES)
@EACH
def test_the_linter_s_rule_holds(dashboard: linter.Dashboard, rule: str) -> None:
    assert list(linter.RULES[rule](dashboard)) == []


def test_every_rule_left_out_has_a_reason() -> None:
    assert all(len(reason) > 10 for reason in linter.LEFT_OUT.values())
    assert not linter.LEFT_OUT.keys() & linter.RULES.keys()


@EACH
def test_queries_name_metrics_and_labels_that_workers_export(dashboard: linter.Dashboard) -> None:
    for place, expr in linter.expressions(dashboard):
        for selector, _ in linter.selectors(linter.promql.parse(linter.filled(expr))):
            if selector.name == "ALERTS":  # Prometheus' own
                continue
            assert selector.name in EXPORTED, place
            matched = {each.name for each in selector.matchers.matchers}
            assert matched <= EXPORTED[selector.name], place


@EACH
def test_variables_ask_for_labels_that_workers_export(dashboard: linter.Dashboard) -> None:
    for one in linter.queried(dashboard):
        metric = re.match(r"label_values\((\w+)", one["query"]["query"])
        assert metric is not None
        assert one["name"] in EXPORTED[metric[1]]


@EACH
def test_every_variable_that_is_used_is_declared_and_the_other_way_round(
    dashboard: linter.Dashboard,
) -> None:
    text = str({**dashboard, "templating": None}) + str(
        [one.get("query") for one in linter.variables(dashboard)]
    )
    used = set(re.findall(r"\$\{?([a-z_]\w*)", text))
    used -= {"__rate_interval", "__field", "__url_time_range"}  # Grafana's own
    declared = {one["name"] for one in linter.variables(dashboard)}
    assert used <= declared
    # Kept where a link from another dashboard may set them.
    assert declared - used <= {"market", "channel", "clock", "contract", "window"}


@EACH
def test_what_is_shared_by_workers_is_not_counted_twice(dashboard: linter.Dashboard) -> None:
    """A window's gauge is of one grouping: summed over all of them, each customer counts often."""
    grouped = {each.name for each in ALL if "grouping" in each.labels}
    grouped -= {"baton_breach_active"}  # counted by clause, and a clause has one grouping
    for place, expr in linter.expressions(dashboard):
        for selector, _ in linter.selectors(linter.promql.parse(linter.filled(expr))):
            if selector.name in grouped:
                assert "grouping" in {each.name for each in selector.matchers.matchers}, place


@EACH
def test_panels_and_queries_can_be_told_apart(dashboard: linter.Dashboard) -> None:
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert ids == list(range(1, len(ids) + 1))
    for panel in panels_of(dashboard):
        refs = [asked.ref for asked in panel.asked]
        assert len(set(refs)) == len(refs)
        assert all(refs)


@EACH
def test_panels_do_not_overlap_and_fit(dashboard: linter.Dashboard) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells


@EACH
def test_runbooks_that_panels_link_to_are_there(dashboard: linter.Dashboard) -> None:
    for page in re.findall(r"\$\{runbooks\}/([\w.-]+)", str(dashboard)):
        assert (RUNBOOKS / page).is_file()


@EACH
def test_no_target_of_a_contract_is_typed_into_a_threshold(dashboard: linter.Dashboard) -> None:
    """Zero is where a budget ends; every other limit is a series of its own."""
    for panel in panels_of(dashboard):
        steps = panel.json["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert {step["value"] for step in steps} <= {None, 0}
        assert all(left["color"] != right["color"] for left, right in pairwise(steps))


def test_values_that_promql_or_re2_would_read_otherwise_are_escaped() -> None:
    assert queries.any_of("clause", ["a.b", "c-d"]) == r'clause=~"a\\.b|c-d"'


@pytest.mark.parametrize("book", [books.EVERYTHING], ids=["everything"])
def test_each_version_of_the_ai_that_is_rolled_up_has_its_panels(book: ContractBook) -> None:
    titles = [panel.title for panel in panels_of(rendered(book)["baton-containment"])]
    for dimension in DIMENSIONS:
        words = dimension.replace("_", " ")
        assert f"Safe containment by {words}" in titles
