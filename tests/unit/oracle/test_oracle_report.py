"""The verdict as JSON and as tables."""

from __future__ import annotations

from io import StringIO

import orjson
from rich.console import Console

from streams.domain.facts import rfc3339
from streams.oracle.judge import Verdict, judge
from streams.oracle.report import verdict_json, verdict_table
from tests.log_builder import (
    T,
    ai_turn,
    cost,
    customer_message,
    ended,
    exception,
    failure,
    human_message,
    requested,
    started,
)
from tests.unit.oracle.verdicts import BOOK, judged

LOG = (
    started("c1", T(0)),
    customer_message("c1", T(1)),
    ai_turn("c1", T(2)),
    ended("c1", T(50)),
    failure("c2", T(0), "tool_error"),
    requested("c2", T(5)),
    requested("c3", T(5)),
    human_message("c3", T(300)),
    exception("c3", T(310)),
    cost("c3", T(320), -250_000),
    b"{",
)


def shown(verdict: Verdict) -> list[list[str]]:
    """The tables' rows as lists of cells, headings and rules left out."""
    text = StringIO()
    Console(file=text, width=200, color_system=None).print(verdict_table(verdict))
    rows = [line for line in text.getvalue().splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]


def test_equal_verdicts_give_equal_json_whatever_the_order_of_the_log() -> None:
    there, back = judged(*LOG, until=T(600)), judged(*reversed(LOG), until=T(600))
    assert verdict_json(there) == verdict_json(back)


def test_json_holds_facts_and_breaches_as_they_are_published() -> None:
    document = orjson.loads(verdict_json(judged(*LOG, until=T(600))))
    assert document["dead_letters"] == {"malformed_json": 1}
    assert document["facts"][0]["type"] == "baton.fact.ai_failure"
    assert [r["type"] for r in document["breaches"]] == ["baton.breach.opened"] + [
        "baton.breach.updated"
    ] * (len(document["breaches"]) - 1)
    assert {w["end"] for w in document["windows"]} == {rfc3339(T(600))}


def test_tables_show_waits_by_channel_indicators_failures_breaches_and_counts() -> None:
    rows = shown(judged(*LOG, until=T(600)))
    # c2 waits since its signal (600 s), c3 waited 295 s; each shown by its bucket's middle.
    p50, p95 = (f"{2 ** ((bucket - 0.5) / 64) / 1000:.1f} s" for bucket in (1163, 1229))
    assert ["telco-2026", "chat", "2", "1", "0", "2", "2", p50, p95, p95] in rows
    assert ["telco-2026", "containment_raw", "100.0 %", "1", "1"] in rows
    assert ["telco-2026", "containment_no_recontact", "unknown", "0", "0"] in rows
    assert ["telco-2026", "compliance_exceptions", "1", "1", "1"] in rows
    assert ["telco-2026", "cost_per_verified", "unknown", "-0.25", "0"] in rows
    assert ["telco-2026", "tool_error", "1", "1", "100.0 %"] in rows
    breach = ["telco-2026", "chat-wait", "channel=chat", "2026-03-02T00:02:00.001Z", "open", "1"]
    assert breach in rows
    assert ["dead letters: malformed_json", "1"] in rows


def test_an_empty_log_still_has_its_tables() -> None:
    assert ["events", "0"] in shown(judge([], BOOK, lateness_ms=0))
