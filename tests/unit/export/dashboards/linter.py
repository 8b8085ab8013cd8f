"""The rules of the public grafana/dashboard-linter (its docs/index.md), which is a Go program.

Left out, with the reason, as its `.lint` file would have it:
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import promql_parser as promql

from tests.dashboard_files import EVERYTHING, Asked, panels_of

Dashboard = Mapping[str, Any]
Complaint = str

LEFT_OUT = {
    "template-job-rule": "what a contract's figures are does not depend on which job scraped them:"
    " every query is summed over workers and chosen by contract",
    "template-instance-rule": "only the pipeline's dashboard is about workers, and it has one;"
    " elsewhere a window belongs to whichever worker owns it at the moment",
    "target-job-rule": "as template-job-rule",
    "target-instance-rule": "as template-instance-rule",
    "target-logql-rule": "there are no logs on these dashboards",
    "target-logql-auto-rule": "there are no logs on these dashboards",
}

# Of Grafana's own list (categories.ts of @grafana/data); the rendering test asks the real one.
UNITS = re.compile(r"percentunit|s|short|none|cps|dateTimeAsLocal|currency:[A-Z]{3} ")
_COUNTER = re.compile(r"_(total|count|sum|bucket)$")
_AGGREGATING = {"rate", "irate", "increase"}


def template_datasource_rule(dashboard: Dashboard) -> Iterator[Complaint]:
    """Precisely one variable for the data source, named and labelled as others expect."""
    found = [one for one in variables(dashboard) if one["type"] == "datasource"]
    if [(one["name"], one["label"], one["query"]) for one in found] != [
        ("datasource", "Data source", "prometheus")
    ]:
        yield f"data source variables: {found}"


def template_label_promql_rule(dashboard: Dashboard) -> Iterator[Complaint]:
    """Variables ask for a label of a series that PromQL can select."""
    for one in queried(dashboard):
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", one["query"]["query"])
        if found is None or found[2] != one["name"]:
            yield f"{one['name']}: {one['query']}"
        else:
            promql.parse(filled(found[1]))


def template_on_time_change_reload_rule(dashboard: Dashboard) -> Iterator[Complaint]:
    """Variables are asked for again as the time range changes."""
    for one in queried(dashboard):
        if one["refresh"] != 2:
            yield f"{one['name']} refreshes on {one['refresh']}"


def panel_datasource_rule(dashboard: Dashboard) -> Iterator[Complaint]:
    """Panels, their queries, variables and annotations use the variable and no fixed uid."""
    asking: list[Mapping[str, Any]] = [
        *queried(dashboard),
        *dashboard["annotations"]["list"],
        *(panel.json for panel in panels_of(dashboard)),
        *(target for panel in panels_of(dashboard) for target in panel.json.get("targets", [])),
    ]
    for one in asking:
        if one["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
            yield f"{one}"


def panel_title_description_rule(dashboard: Dashboard) -> Iterator[Complaint]:
    """Each panel says what it is and how to read it."""
    for panel in panels_of(dashboard):
        if not panel.title or len(panel.json.get("description", "")) < 20:
            yield str(panel)


def panel_units_rule(dashboard: Dashboard) -> Iterator[Complaint]:
    """Each panel, and each column of a table, has a unit that Grafana has."""
    for panel in panels_of(dashboard):
        config = panel.json["fieldConfig"]
        told = [config["defaults"].get("unit", "")]
        told += [
            each["value"]
            for override in config.get("overrides", [])
            for each in override["properties"]
            if each["id"] == "unit"
        ]
        if bad := [unit for unit in told if not UNITS.fullmatch(unit)]:
            yield f"{panel}: {bad}"


def panel_no_targets_rule(dashboard: Dashboard) -> Iterator[Complaint]:
    """Each panel asks something."""
    for panel in panels_of(dashboard):
        if not panel.asked:
            yield str(panel)


def target_promql_rule(dashboard: Dashboard) -> Iterator[Complaint]:
    """Each query is PromQL, annotations' too."""
    for place, expr in expressions(dashboard):
        try:
            promql.parse(filled(expr))
        except ValueError as error:
            yield f"{place}: {error}: {filled(expr)}"


def target_rate_interval_rule(dashboard: Dashboard) -> Iterator[Complaint]:
    """A range is $__rate_interval, whatever the scrape interval."""
    for place, expr in expressions(dashboard):
        if set(re.findall(r"\[([^\]]+)\]", expr)) - {"$__rate_interval"}:
            yield f"{place}: {expr}"


def target_counter_agg_rule(dashboard: Dashboard) -> Iterator[Complaint]:
    """No counter is shown as it stands: it begins anew with each worker."""
    for place, expr in expressions(dashboard):
        for selector, function in selectors(promql.parse(filled(expr))):
            if _COUNTER.search(selector.name or "") and function not in _AGGREGATING:
                yield f"{place}: {selector.name} in {function}"


def uneditable_dashboard(dashboard: Dashboard) -> Iterator[Complaint]:
    """What is made from the contracts is not edited in the browser."""
    if dashboard["editable"] is not False:
        yield "it can be edited"


RULES: Mapping[str, Callable[[Dashboard], Iterator[Complaint]]] = {
    "template-datasource-rule": template_datasource_rule,
    "template-label-promql-rule": template_label_promql_rule,
    "template-on-time-change-reload-rule": template_on_time_change_reload_rule,
    "panel-datasource-rule": panel_datasource_rule,
    "panel-title-description-rule": panel_title_description_rule,
    "panel-units-rule": panel_units_rule,
    "panel-no-targets-rule": panel_no_targets_rule,
    "target-promql-rule": target_promql_rule,
    "target-rate-interval-rule": target_rate_interval_rule,
    "target-counter-agg-rule": target_counter_agg_rule,
    "uneditable-dashboard": uneditable_dashboard,
}


def variables(dashboard: Dashboard) -> list[Mapping[str, Any]]:
    return list(dashboard["templating"]["list"])


def queried(dashboard: Dashboard) -> list[Mapping[str, Any]]:
    """The variables whose values Prometheus is asked for."""
    return [one for one in variables(dashboard) if one["type"] == "query"]


def expressions(dashboard: Dashboard) -> Iterator[tuple[str, str]]:
    """(place, PromQL) of each query of panels and annotations."""
    for panel in panels_of(dashboard):
        for asked in panel.asked:
            yield f"{panel} {asked.ref}", asked.expr
    for mark in dashboard["annotations"]["list"]:
        yield f"{dashboard['uid']} {mark['name']}", mark["expr"]


def filled(expr: str) -> str:
    return Asked("", expr, False, "", "").filled(EVERYTHING)


def selectors(node: Any, function: str = "") -> Iterator[tuple[promql.VectorSelector, str]]:
    """(selector, the function its range is given to) of each in the tree."""
    match node:
        case promql.VectorSelector():
            yield node, function
        case promql.MatrixSelector():
            yield node.vector_selector, function
        case promql.Call():
            for each in node.args:
                inner = node.func.name if isinstance(each, promql.MatrixSelector) else ""
                yield from selectors(each, inner)
        case promql.BinaryExpr():
            yield from selectors(node.lhs)
            yield from selectors(node.rhs)
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr():
            yield from selectors(node.expr)
        case promql.SubqueryExpr():
            yield from selectors(node.expr, "subquery")
        case _:
            assert isinstance(node, promql.NumberLiteral | promql.StringLiteral), node
