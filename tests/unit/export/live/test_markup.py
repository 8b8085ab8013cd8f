"""The page's HTML: every slot filled, every cell under its column, all of it text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from streams.domain.significance import Comparison
from streams.export.live import markup, words
from streams.export.live.drawing import HEIGHT, WIDTH, ages_path, trend_path
from streams.export.live.page import HEADERS
from streams.export.live.shown import COLUMNS, Cell, Row, Table
from streams.export.live.trend import Plan, Point
from tests.log_builder import T
from tests.unit.export.live.looked_at import page_after
from tests.unit.export.live.test_snapshot import waits

PAGE = page_after(*waits("a", 0), *waits("b", 3, "voice"), until=T(400))
HTML = markup.html(PAGE, T(431))
VOID = {"meta", "link", "input", "br"}


class Outline(HTMLParser):
    """Ids, addresses and inline code of a page, and whether its elements close."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.ids += [said["id"]] if said.get("id") else []
        self.addresses += [v or "" for name, v in attrs if name in ("src", "href", "action")]
        self.inline += [name for name in said if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in said):
            self.inline.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(html: str) -> Outline:
    found = Outline()
    found.feed(html)
    assert found.open == []
    return found


def test_every_slot_is_filled_and_every_id_stands_once() -> None:
    assert "{{" not in HTML
    ids = outline(HTML).ids
    assert len(ids) == len(set(ids))
    assert {*PAGE.fields, *(f"t-{name}" for name in PAGE.tables)} <= set(ids)


@pytest.mark.parametrize("name", ["page.html", "sign_in.html"])
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(name: str) -> None:
    found = outline(HTML if name == "page.html" else markup.asset(name))
    assert found.inline == []
    for address in found.addresses:
        assert re.fullmatch(r"live/page\.(css|js)|data:,|#main|\./|", address), address
    assert not re.search(r"https?:|//|@import|url\(", markup.asset("page.css").replace("/*", ""))


def test_the_policy_allows_no_source_but_our_own() -> None:
    policy = HEADERS["Content-Security-Policy"]
    said = dict(part.split(" ", 1) for part in policy.split("; "))
    assert said["default-src"] == "'none'"
    assert {said[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert "unsafe" not in policy
    assert "*" not in policy


@pytest.mark.parametrize("name", COLUMNS)
def test_each_row_has_a_cell_for_each_column_and_one_heading(name: str) -> None:
    kinds = [column.kind for column in COLUMNS[name]]
    assert kinds.count("head") == 1
    for row in PAGE.tables[name].rows:
        assert len(row.cells) == len(kinds)


def test_what_anybody_wrote_is_text_and_no_markup() -> None:
    hostile = "<script>alert(1)</script>\"'&"
    row = Row(hostile, [Cell(hostile, n=hostile), Cell(hostile, d="M0 0"), Cell(hostile, a=1)])
    columns = len(COLUMNS["pipeline"])
    said = markup.table("pipeline", Table([Row(row.key, row.cells[:columns])], hostile))
    said += "".join(map(markup.cell, row.cells))
    assert "<script" not in said
    assert outline(said).inline == []


@pytest.mark.parametrize(
    ("now", "said"),
    [(431, "31 s behind the wall clock"), (395, "5 s ahead of the wall clock")],
)
def test_the_lag_of_the_event_clock_is_told(now: float, said: str) -> None:
    assert said in markup.html(PAGE, T(now))


def test_a_state_is_said_in_words_beside_its_shape() -> None:
    assert markup.cell(Cell("in breach", s="breach")) == (
        '<span class="state breach">in breach</span>'
    )


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (-5, "0 s"),
        (59_999, "59 s"),
        (60_000, "1 m 00 s"),
        (3_599_999, "59 m 59 s"),
        (3_600_000, "1 h 00 m"),
        (86_400_000, "1 d 00 h"),
        (176 * 86_400_000 + 5 * 3_600_000, "176 d 05 h"),
    ],
)
def test_ages_are_said_shortly(ms: int, said: str) -> None:
    assert words.age(ms) == said


def test_amounts_are_in_their_own_units() -> None:
    assert words.value("cost_per_verified", 1_250_000, "SGD") == "1.25 SGD"
    assert words.value("compliance_exceptions", 3_000_000, "SGD") == "3"
    assert words.value("containment_safe", 845_000, "SGD") == "84.5 %"


def test_a_difference_says_its_interval_in_points() -> None:
    said = words.interval(Comparison("no_difference", 0.01, -0.0261, 0.0462, 0.6))
    assert said == "\N{MINUS SIGN}2.6 to +4.6"


def test_a_trend_is_broken_where_nothing_was_counted() -> None:
    plan = Plan(60_000, 60_000)
    found = [Point(0, 1, 2), Point(60_000, 0, 0), Point(120_000, 2, 2)]
    path, target = trend_path(plan, found, 120_000, 0.5)
    assert path.count("M") == 2
    assert target == HEIGHT - 2  # the lowest of what is to be seen
    assert trend_path(plan, [Point(0, 0, 0)], 0, 0.5) == ("", None)


def test_a_trend_ends_at_the_right_edge_and_stays_in_its_box() -> None:
    plan = Plan(60_000, 60_000)
    found = [Point(n * 60_000, n % 7, 7) for n in range(60)]
    path, _ = trend_path(plan, found, found[-1].boundary, None)
    places = [tuple(map(float, xy.split())) for xy in re.findall(r"[ML]([\d.]+ [\d.]+)", path)]
    assert places[0][0] == 0
    assert places[-1][0] == WIDTH
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)


def test_ages_are_drawn_against_their_threshold_and_the_oldest_stay_in_the_box() -> None:
    path, limit = ages_path([0, 60_000, 10_000_000], 60_000)
    places = [float(x) for x in re.findall(r"M([\d.]+)", path)]
    assert places == [2, WIDTH / 2, WIDTH - 2]
    assert limit == WIDTH / 2
    assert ages_path([], 60_000)[0] == ""
    assert ages_path([0], None) == ("", None)
