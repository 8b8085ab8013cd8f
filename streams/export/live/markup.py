"""The page as HTML: what a browser paints first, and all there is without JavaScript."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from importlib import resources

from streams.export.live import words
from streams.export.live.drawing import HEIGHT, WIDTH
from streams.export.live.shown import COLUMNS, Cell, Column, Page, Row, Table

_SLOT = re.compile(r"\{\{(field|table|text) ([a-z-]+)\}\}")


@lru_cache
def asset(name: str) -> str:
    """The text of one of the page's files, as they are shipped."""
    return (resources.files(__package__) / "assets" / name).read_text(encoding="utf-8")


def html(page: Page, now_ms: int) -> str:
    """The whole page; `now_ms` is the wall clock, by which its lag is told."""
    texts = {
        "title": _title(len(page.breaches)),
        "clock": "no clock yet" if page.clock is None else words.clock(page.clock),
        "lag": "waiting for the first tick" if page.clock is None else lag(page.clock, now_ms),
    }

    def said(slot: re.Match[str]) -> str:
        kind, name = slot.groups()
        if kind == "text":
            return escape(texts[name])
        if kind == "field":
            return cell(page.fields[name])
        return table(name, page.tables[name])

    return _SLOT.sub(said, asset("page.html"))


def _title(breaches: int) -> str:
    return {0: "no breach", 1: "1 breach"}.get(breaches, f"{breaches} breaches")


def lag(clock: int, now_ms: int) -> str:
    """How far the event clock is from the wall clock, both in ms."""
    behind = now_ms - clock
    if behind < 0:
        return f"{words.age(-behind)} ahead of the wall clock"
    return f"{words.age(behind)} behind the wall clock"


def table(name: str, content: Table) -> str:
    """One table with its columns (shown.COLUMNS) and its note."""
    columns = COLUMNS[name]
    # Roles are said although they are the elements' own: on a phone's screen the elements are laid
    # out as cards, and browsers drop the table with the layout.
    head = "".join(
        f'<th role="columnheader" scope="col" class="{_class(column)}" data-kind="{column.kind}">'
        f"{escape(column.heading)}</th>"
        for column in columns
    )
    rows = "".join(_row(columns, one) for one in content.rows)
    shows_note = not content.rows or " more " in content.note
    empty = "" if content.rows else ' class="empty"'
    return (
        f'<div id="t-{name}"{empty}><table role="table" aria-labelledby="h-{name}">'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{rows}</tbody></table>'
        f'<p class="note">{escape(content.note) if shows_note else ""}</p></div>'
    )


def _class(column: Column) -> str:
    return "" if column.kind == "head" else column.kind


def _row(columns: tuple[Column, ...], row: Row) -> str:
    state = f' data-state="{row.state}"' if row.state else ""
    cells = "".join(
        f'<th role="rowheader" scope="row">{cell(said)}</th>'
        if column.kind == "head"
        else f'<td role="cell" class="{column.kind}" data-label="{escape(column.heading)}">'
        f"{cell(said)}</td>"
        for column, said in zip(columns, row.cells, strict=True)
    )
    return f'<tr role="row" data-key="{escape(row.key)}"{state}>{cells}</tr>'


def cell(said: Cell) -> str:
    """What stands in one cell."""
    if said.d:
        text = _drawing(said)
    elif said.a is not None:
        text = f'<span class="age" data-since="{said.a}">{escape(said.t)}</span>'
    elif said.s is not None:
        text = f'<span class="state {said.s}">{escape(said.t)}</span>'
    else:
        text = escape(said.t)
    return text + (f" <small>{escape(said.n)}</small>" if said.n else "")


def _drawing(said: Cell) -> str:
    limits = ""
    if said.y is not None:
        limits += f'<path class="limit" d="M0 {said.y:g}H{WIDTH}"></path>'
    if said.v is not None:
        limits += f'<path class="limit" d="M{said.v:g} 0V{HEIGHT}"></path>'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(said.t)}">'
        f'{limits}<path class="line" d="{said.d}"></path></svg>'
    )
