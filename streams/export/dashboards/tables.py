"""Tables: a row for each set of labels, a column for each figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import prometheus as prometheus_shapes
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    Panel,
)

from streams.export.dashboards.panels import (
    COUNT,
    TIME,
    Said,
    one_color,
    target_of,
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, from an instant query whose labels are the table's other columns."""

    name: str
    expr: str
    unit: str = COUNT


def listing(
    said: Said,
    columns: Iterable[Column],
    labels: Mapping[str, str],
    *,
    largest: str = "",
    least: str = "",
) -> Panel:
    """A table: a row for each set of `labels` (label -> heading, in order) that a column has.

    All columns must have the same labels. What is `largest`, or `least`, in the column of that
    name stands first.
    """
    asked = list(columns)
    panel = (
        table.Panel()
        .unit(COUNT)
        .no_value("-")
        .thresholds(one_color("text"))
        .show_header(True)
        .cell_height(shapes.TableCellHeight.SM)
        .min_width(80)
    )
    for index, column in enumerate(asked):
        panel.with_target(
            target_of(index, column.expr).format(prometheus_shapes.PromQueryFormat.TABLE).instant()
        )
        panel.override_by_name(column.name, _cell(column))
    values = [
        f"Value #{ascii_uppercase[i]}" if len(asked) > 1 else "Value" for i in range(len(asked))
    ]
    order = [*labels, *values]
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(
        DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {"Time": True},
                "indexByName": {name: place for place, name in enumerate(order)},
                "renameByName": {
                    **labels,
                    **{value: column.name for value, column in zip(values, asked, strict=True)},
                },
            },
        )
    )
    if first := largest or least:
        order_by = common.TableSortByFieldState().display_name(first).desc(bool(largest))
        panel.sort_by([order_by])
    return said.of(panel.build())


def _cell(column: Column) -> list[DynamicConfigValue]:
    properties: dict[str, object] = {"unit": column.unit}
    if column.unit == TIME:
        properties["custom.width"] = 210
    return [DynamicConfigValue(name, value) for name, value in properties.items()]
