"""What surrounds the panels of every dashboard: variables, annotations, links, layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    GridPos,
    Panel,
    RowPanel,
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from streams.domain.contract import ContractBook, Dimension
from streams.export.dashboards.panels import DATASOURCE
from streams.export.dashboards.queries import CONTRACT, where

WIDTH = 24
_ALL = VariableOption(selected=True, text=["All"], value=["$__all"])
# The latest first; 10 of each contract are exported.
_TAG = "baton"

Placed = tuple[Panel, int, int]
"""A panel, its width in 24ths and its height in rows of 30 pixels."""


class Sheet:
    """A dashboard being laid out: panels from left to right, rows from top to bottom."""

    def __init__(self, uid: str, title: str, description: str) -> None:
        self.uid = uid
        self._title = title
        self._description = description
        self._panels: list[Panel | RowPanel] = []
        self._y = 0

    def row(self, title: str, *placed: Placed) -> None:
        """A titled row; panels wrap where the width is full."""
        at = GridPos(h=1, w=WIDTH, x=0, y=self._y)
        heading = RowPanel(title=title, grid_pos=at, id_val=len(self._panels) + 1, panels=[])
        self._panels.append(heading)
        self._y += 1
        x = tallest = 0
        for panel, width, height in placed:
            if x + width > WIDTH:
                x, self._y, tallest = 0, self._y + tallest, 0
            panel.id_val = len(self._panels) + 1
            panel.grid_pos = GridPos(h=height, w=width, x=x, y=self._y)
            self._panels.append(panel)
            x += width
            tallest = max(tallest, height)
        self._y += tallest

    def finish(
        self,
        *variables: Builder[VariableModel],
        marks: Iterable[Builder[AnnotationQuery]],
        runbooks: str,
        since: str = "now-6h",
    ) -> Dashboard:
        """The dashboard, read-only: it is made from the contracts, not in the browser."""
        made = (
            build.Dashboard(self._title)
            .uid(self.uid)
            .description(self._description)
            .tags([_TAG])
            .readonly()
            .timezone("browser")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .time(since, "now")
            .refresh("30s")
            .variables([_datasource(), *variables, _runbooks(runbooks)])
            .annotations(list(marks))
            .links(
                [
                    build.DashboardLink("Baton")
                    .type(DashboardLinkType.DASHBOARDS)
                    .tags([_TAG])
                    .as_dropdown(True)
                    .keep_time(True)
                    .include_vars(True),
                    build.DashboardLink("Runbooks")
                    .type(DashboardLinkType.LINK)
                    .url("${runbooks}/README.md")
                    .icon("doc")
                    .target_blank(True),
                ]
            )
            .build()
        )
        made.panels = self._panels
        return made


def _datasource() -> Builder[VariableModel]:
    return build.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _runbooks(url: str) -> Builder[VariableModel]:
    made = build.ConstantVariable("runbooks").label("Runbooks").value(url).build()
    made.hide = VariableHide.HIDE_VARIABLE
    made.skip_url_sync = True
    made.current = VariableOption(selected=True, text=url, value=url)
    return _Made(made)


class _Made(Builder[VariableModel]):
    def __init__(self, variable: VariableModel) -> None:
        self._variable = variable

    def build(self) -> VariableModel:
        return self._variable


def contracts() -> Builder[VariableModel]:
    """`$contract`: those that any worker reports."""
    return _from_labels("contract", "Contract", "baton_open_handoffs")


def chosen(dimension: Dimension, contract: str = CONTRACT) -> Builder[VariableModel]:
    """`$channel`, `$market` ...: the values that the chosen contracts' windows have."""
    label = dimension.replace("_", " ").capitalize()
    return _from_labels(dimension, label, f"baton_open_handoffs{where(contract)}")


def _from_labels(name: str, label: str, series: str) -> Builder[VariableModel]:
    query = f"label_values({series}, {name})"
    return (
        build.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query({"query": query, "refId": f"labels-{name}"})
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(_ALL)
    )


def workers() -> Builder[VariableModel]:
    """`$instance`: the workers that are scraped."""
    return _from_labels("instance", "Worker", "baton_ready")


def windows(book: ContractBook) -> Builder[VariableModel]:
    """`$window`: over what event time a figure is; calendar periods where a contract has them."""
    periods = {period for name in book.names for period in book.periods(name)}
    known = ("5m", "1h", "24h", *(p for p in ("1d", "1w", "1M", "1Q") if p in periods))
    return _of_list("window", "Window", {name: name for name in known}, "1h")


# The later of the two: ages are then never below 0. Without quotes, which Grafana escapes in a
# variable's value.
DATA_CLOCK = (
    "scalar(max(baton_heartbeat_timestamp_seconds) > max(baton_watermark_timestamp_seconds)"
    " or max(baton_watermark_timestamp_seconds))"
)


def clock() -> Builder[VariableModel]:
    """`$clock`: what ages are reckoned to. A replay of old data has its own: its ticks."""
    return _of_list("clock", "Clock", {"wall": "time()", "data": DATA_CLOCK}, "wall")


def _of_list(
    name: str, label: str, values: Mapping[str, str], current: str
) -> Builder[VariableModel]:
    return (
        build.CustomVariable(name)
        .label(label)
        .values(",".join(f"{text} : {value}" for text, value in values.items()))
        .options(
            [
                VariableOption(selected=text == current, text=text, value=value)
                for text, value in values.items()
            ]
        )
        .current(VariableOption(selected=True, text=current, value=values[current]))
    )


def breaches(selector: str) -> Builder[AnnotationQuery]:
    """A region while any clause of the selection is in breach."""
    return (
        _mark("Breaches", f"max by (contract, clause) (baton_breach_active{selector}) > 0", "red")
        .title_format("{{clause}} in breach")
        .text_format("{{contract}}")
        .tag_keys("contract,clause")
    )


def alerts(contract: str) -> Builder[AnnotationQuery]:
    """A region while an alert of the rules fires (deploy/prometheus)."""
    firing = where('alertstate="firing"', 'alertname=~"Baton.*"', contract)
    return (
        _mark("Alerts", f"max by (alertname, contract) (ALERTS{firing}) > 0", "orange")
        .title_format("{{alertname}}")
        .text_format("{{contract}}")
        .tag_keys("alertname")
        .enable(False)
    )


def config_changes(contract: str) -> Builder[AnnotationQuery]:
    """A line where the service was changed, at the change's own time."""
    by = "by (contract, object, to_version)"
    times = f"max {by} (baton_config_change_timestamp_seconds{where(contract)})"
    return (
        _mark("Changes of the service", f"{times} * 1000", "blue")
        .title_format("{{object}} {{to_version}}")
        .text_format("{{contract}}")
        .tag_keys("object,to_version")
        .use_value_for_time(True)
    )


def _mark(name: str, expr: str, color: str) -> build.AnnotationQuery:
    return (
        build.AnnotationQuery()
        .name(name)
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color(color)
        .expr(expr)
        .step("15s")
        .target(prometheus.Dataquery().expr(expr).ref_id("Anno").range())
    )
