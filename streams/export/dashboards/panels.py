"""The vocabulary of panels: what all dashboards say in the same form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_uppercase

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import heatmap as heatmap_shapes
from grafana_foundation_sdk.models import prometheus as prometheus_shapes
from grafana_foundation_sdk.models.dashboard import (
    DashboardLink,
    DashboardLinkType,
    DynamicConfigValue,
    FieldColorModeId,
    Panel,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

from streams.export.dashboards import queries

DATASOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")

SHARE, SECONDS, COUNT = "percentunit", "s", "short"
TIME = "dateTimeAsLocal"
_MONEY = "currency:"
PER_SECOND, PLAIN = "cps", "none"

GREEN, YELLOW, RED, GREY = "green", "yellow", "red", "#6e7079"
_STATES = {
    queries.BREACHED: ("breached", RED),
    queries.AT_RISK: ("at risk", YELLOW),
    queries.MET: ("met", GREEN),
    queries.NOT_JUDGED: ("not judged", GREY),
}
STATES = ValueMap(
    {
        str(code): ValueMappingResult(text=text, color=color, index=index)
        for index, (code, (text, color)) in enumerate(_STATES.items())
    }
)


def money(currency: str) -> str:
    """The unit of an amount of money, by ISO 4217."""
    return f"{_MONEY}{currency} "


@dataclass(frozen=True, slots=True)
class Query:
    """One series or family of series; `target`: what was promised, drawn as a dashed line."""

    expr: str
    legend: str = ""
    target: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What a panel says of itself; `runbook` is a page under deploy/runbooks."""

    title: str
    description: str
    runbook: str = ""
    links: Mapping[str, str] = field(default_factory=dict)

    def of(self, panel: Panel) -> Panel:
        """The panel with this title, description and links."""
        panel.title = self.title
        panel.description = self.description
        panel.datasource = DATASOURCE
        links = dict(self.links)
        if self.runbook:
            links["Runbook"] = f"${{runbooks}}/{self.runbook}.md"
        if links:
            panel.links = [
                DashboardLink(
                    title=title,
                    type_val=DashboardLinkType.LINK,
                    url=url,
                    target_blank=True,
                )
                for title, url in links.items()
            ]
        return panel


def _ranged(index: int, query: Query) -> prometheus.Dataquery:
    return target_of(index, query.expr).legend_format(query.legend or "__auto").range()


def target_of(index: int, expr: str) -> prometheus.Dataquery:
    """A panel's query, by its place among them."""
    return (
        prometheus.Dataquery()
        .expr(expr)
        .ref_id(ascii_uppercase[index])
        .datasource(DATASOURCE)
        .editor_mode(prometheus_shapes.QueryEditorMode.CODE)
    )


def _legend(beside: bool = False) -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(shapes.LegendDisplayMode.LIST)
        .placement(shapes.LegendPlacement.RIGHT if beside else shapes.LegendPlacement.BOTTOM)
        .calcs([])
    )


def _palette() -> build.FieldColor:
    return build.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC)


def one_color(color: str) -> build.ThresholdsConfig:
    """A base without steps: what is too much is for the contract to say, not for a panel."""
    return (
        build.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=None, color=color)])
    )


_SPENT = (
    build.ThresholdsConfig()
    .mode(ThresholdsMode.ABSOLUTE)
    # Zero is where a budget ends, whatever the contract.
    .steps([Threshold(value=None, color=RED), Threshold(value=0, color=GREEN)])
)

# Counts of an interval do not overlap much where the step is longer than the scrape interval.
_BAR = "1m"

_PROMISED = [
    DynamicConfigValue("color", {"mode": "fixed", "fixedColor": RED}),
    DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
    DynamicConfigValue("custom.fillOpacity", 0),
    DynamicConfigValue("custom.showPoints", "never"),
]


def lines(
    said: Said,
    unit: str,
    *asked: Query,
    stacked: bool = False,
    bars: bool = False,
    low: float | None = 0,
    high: float | None = None,
    many: bool = False,
) -> Panel:
    """Values over time. Gaps stay gaps: unknown is neither 0 nor the value before it. The names of
    `many` series stand beside the graph, one under another.
    """
    panel = (
        timeseries.Panel()
        .unit(unit)
        .color_scheme(_palette())
        .thresholds(one_color(GREEN))
        .legend(_legend(beside=many))
        .tooltip(
            common.VizTooltipOptions()
            .mode(shapes.TooltipDisplayMode.MULTI)
            .sort(shapes.SortOrder.DESCENDING)
        )
        .draw_style(shapes.GraphDrawStyle.BARS if bars else shapes.GraphDrawStyle.LINE)
        .line_width(1 if bars else 2)
        .fill_opacity(60 if bars else 25 if stacked else 0)
        .show_points(shapes.VisibilityMode.NEVER if bars else shapes.VisibilityMode.AUTO)
        .span_nulls(False)
    )
    if bars:
        panel.interval(_BAR)
    if stacked:
        panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A"))
    if low is not None:
        panel.axis_soft_min(low)
    if high is not None:
        panel.axis_soft_max(high)
    for index, query in enumerate(asked):
        panel.with_target(_ranged(index, query))
        if query.target:
            panel.override_by_query(ascii_uppercase[index], _PROMISED)
    return said.of(panel.build())


def number(
    said: Said, unit: str, query: Query, *, budget: bool = False, none: str = "unknown"
) -> Panel:
    """The value now, one tile a series; `budget`: below 0 it is overspent. `none` stands where
    there is no value.
    """
    panel = (
        stat.Panel()
        .unit(unit)
        .no_value(none)
        .thresholds(_SPENT if budget else one_color("text"))
        .color_scheme(build.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .color_mode(shapes.BigValueColorMode.VALUE)
        .graph_mode(shapes.BigValueGraphMode.AREA)
        .text_mode(shapes.BigValueTextMode.AUTO)
        .orientation(shapes.VizOrientation.AUTO)
        .justify_mode(shapes.BigValueJustifyMode.AUTO)
        .reduce_options(_last())
        .with_target(_ranged(0, query))
    )
    if unit.startswith(_MONEY):
        panel.decimals(2)
    return said.of(panel.build())


def tiles(said: Said, query: Query, *, link: str = "") -> Panel:
    """One coloured tile a series, its state as text. `link` may use `${__field.labels.NAME}`."""
    panel = (
        stat.Panel()
        .unit(COUNT)
        .no_value("nothing is reported")
        .mappings([STATES])
        .thresholds(one_color(GREY))
        .color_scheme(build.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .color_mode(shapes.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(shapes.BigValueGraphMode.NONE)
        .text_mode(shapes.BigValueTextMode.VALUE_AND_NAME)
        .orientation(shapes.VizOrientation.AUTO)
        .justify_mode(shapes.BigValueJustifyMode.AUTO)
        .reduce_options(_last())
        .with_target(_ranged(0, query))
    )
    if link:
        panel.data_links([build.DashboardLink("Open").url(link).type(DashboardLinkType.LINK)])
    return said.of(panel.build())


def _last() -> common.ReduceDataOptions:
    # Not the last that is not null: what ended is unknown now.
    return common.ReduceDataOptions().calcs(["last"]).fields("").values(False)


def lights(said: Said, query: Query) -> Panel:
    """States over time, one lane a series."""
    panel = (
        statetimeline.Panel()
        .unit(COUNT)
        .mappings([STATES])
        .thresholds(one_color(GREY))
        .color_scheme(build.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .merge_values(True)
        .show_value(shapes.VisibilityMode.NEVER)
        .row_height(0.8)
        .align_value(shapes.TimelineValueAlignment.LEFT)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.SINGLE))
        .line_width(0)
        .fill_opacity(85)
        .span_nulls(False)
        .with_target(_ranged(0, query))
    )
    return said.of(panel.build())


def bar_list(
    said: Said, unit: str, query: Query, *, budget: bool = False, low: float | None = 0
) -> Panel:
    """The values now, side by side."""
    panel = (
        bargauge.Panel()
        .unit(unit)
        .no_value("none")
        .thresholds(_SPENT if budget else one_color("blue"))
        .color_scheme(build.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .display_mode(shapes.BarGaugeDisplayMode.BASIC)
        .value_mode(shapes.BarGaugeValueMode.COLOR)
        # Beside the bars Grafana cuts a clause's name short.
        .name_placement(shapes.BarGaugeNamePlacement.TOP)
        .orientation(shapes.VizOrientation.HORIZONTAL)
        .show_unfilled(True)
        .reduce_options(_last())
        .with_target(target_of(0, query.expr).legend_format(query.legend or "__auto").instant())
    )
    if low is not None:
        panel.min(low)
    if unit.startswith(_MONEY):
        panel.decimals(2)
    return said.of(panel.build())


def heat(said: Said, unit: str, expr: str) -> Panel:
    """A histogram over time; `expr` gives cumulative buckets by `le`."""
    panel = (
        heatmap.Panel()
        .unit(COUNT)
        .thresholds(one_color(GREEN))
        .calculate(False)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmap_shapes.HeatmapColorMode.SCHEME)
            .scheme("YlOrRd")
            .steps(64)
        )
        .cell_gap(1)
        .interval(_BAR)
        .y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(shapes.AxisPlacement.LEFT))
        .show_legend()
        .with_target(
            target_of(0, expr)
            .legend_format("{{le}}")
            .format(prometheus_shapes.PromQueryFormat.HEATMAP)
            .range()
        )
    )
    return said.of(panel.build())
