"""What is laid out: cells, rows, tables and the page, as the browser gets them in JSON.

Names are short, for they are sent each second. Fields that say nothing are left out.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from streams.export.live.standing import State


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """One figure. `t` is its text, `n` a smaller one beside it; `s` a state, shown as a shape too.

    `a`: since when it ages (ms of the event clock); `t` is then its age when the page was made.
    `d`: a drawing's path (drawing.py), of which `t` is the description, with a level at height `y`
    or a mark at `v` across.
    """

    t: str
    n: str = ""
    s: State | None = None
    a: int | None = None
    d: str = ""
    y: float | None = None
    v: float | None = None


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row. `key` stays the same from page to page while the row is about the same thing."""

    key: str
    cells: list[Cell]
    state: State | None = None


class Table(msgspec.Struct, frozen=True):
    """`note` is what is said under the rows, or in place of them; "" where nothing is."""

    rows: list[Row]
    note: str


class Page(msgspec.Struct, frozen=True):
    """Fields by the id of the element that shows them, tables by theirs; `breaches` are those open,
    each as a sentence by its id. `clock` is the event time (ms) of all ages.
    """

    clock: int | None
    fields: dict[str, Cell]
    tables: dict[str, Table]
    breaches: dict[str, str]


class Column(NamedTuple):
    """A column's heading and how its cells lie: "" for text, "num" for figures."""

    heading: str
    kind: str = ""


# The row's own heading is the column of kind "head"; there is one in each table.
COLUMNS: dict[str, tuple[Column, ...]] = {
    "waiting": (
        Column("On", "head"),
        Column("Waiting", "num"),
        Column("Overdue", "num"),
        Column("Oldest", "num"),
        Column("Threshold", "num"),
        Column("Ages", "drawing"),
    ),
    "breaches": (
        Column("Clause", "head"),
        Column("Where"),
        Column("Since", "num"),
        Column("Open for", "num"),
        Column("Now", "num"),
        Column("Target", "num"),
        Column("Evidence"),
    ),
    "closed": (
        Column("Clause", "head"),
        Column("Where"),
        Column("From", "num"),
        Column("To", "num"),
        Column("Lasted", "num"),
    ),
    "clauses": (
        Column("State"),
        Column("Clause", "head"),
        Column("Where"),
        Column("Window", "num"),
        Column("Value", "num"),
        Column("Target", "num"),
        Column("Samples", "num"),
        Column("Least", "num"),
        Column("Misses left", "num"),
        Column("Trend", "drawing"),
    ),
    "reasons": (
        Column("Reason", "head"),
        Column("Last hour", "num"),
        Column("Share", "num"),
        Column("23 h before", "num"),
        Column("Change, pp", "num"),
        Column("Verdict"),
    ),
    "versions": (
        Column("Change", "head"),
        Column("Compared"),
        Column("From", "num"),
        Column("To", "num"),
        Column("Change, pp", "num"),
        Column("Verdict"),
    ),
    "money": (
        Column("Of", "head"),
        Column("Booked so far", "num"),
        Column("Comes to as of now", "num"),
        Column("Credits at risk", "num"),
    ),
    "pipeline": (Column("Figure", "head"), Column("Value")),
}
