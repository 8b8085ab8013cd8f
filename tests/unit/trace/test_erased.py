"""What `baton trace` and `baton similar` tell of a customer who asked for erasure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import cli
from streams.contract_files import bundled_contract
from tests.log_builder import (
    T,
    claimed,
    customer_message,
    ended,
    erasure_requested,
    failure,
    human_message,
    requested,
)

TELCO = str(bundled_contract("telco-2026"))
HOUR_S = 3_600
ASKED_AT = T(2 * HOUR_S)


def visit(name: str, at: int, customer: str | None) -> list[bytes]:
    """A chat in which a human had to take over."""
    return [
        customer_message(name, at, customer_key=customer, intent="bill.dispute"),
        failure(name, at + 1_000, customer_key=customer),
        requested(name, at + 5_000),
        human_message(name, at + 9_000, "a-7"),
        claimed(name, at + 30_000, "human"),
        ended(name, at + 60_000),
    ]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two chats of a customer and one of another, then the first asks, and says it all again."""
    records = [
        *visit("a", T(0), "k1"),
        *visit("b", T(HOUR_S), "k1"),
        *visit("other", T(HOUR_S), "k2"),
        erasure_requested("k1", ASKED_AT),
        *visit("late", T(3 * HOUR_S), "k2"),
    ]
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join([*records, records[0]]) + b"\n")
    return path


def run(command: str, log: Path, name: str, settle: str, *arguments: str) -> Result:
    given = (command, "--log", str(log), "--contract", TELCO, "--interaction", name)
    return CliRunner().invoke(cli, [*given, "--settle", settle, *arguments])


def traced(log: Path, name: str, settle: str) -> Any:
    done = run("trace", log, name, settle, "--format", "json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_while_its_accounts_are_settled_it_is_told_without_its_customer_s_other_chats(
    log: Path,
) -> None:
    trace = traced(log, "a", "1m")
    (life,) = trace["lives"]
    assert life["erased"] == {"asked_at": "2026-03-02T02:00:00.000Z", "gone": False}
    assert life["events"]
    assert trace["links"] == []
    assert "its accounts are being settled" in run("trace", log, "a", "1m").stdout
    # Where nobody asks, the same log links them.
    whole = log.with_name("whole.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)
    whole.write_bytes(b"".join(one for one in lines if b"erasure_requested" not in one))
    assert traced(whole, "a", "1m")["links"] != []


def test_once_they_are_settled_its_day_and_its_money_are_told_and_no_more(log: Path) -> None:
    trace = traced(log, "a", "30h")
    (life,) = trace["lives"]
    assert life["erased"]["gone"]
    assert [life[name] for name in ("attributes", "runs", "events", "facts")] == [[], [], [], []]
    assert life["bills"]
    assert [trace[name] for name in ("unused", "links", "link_counts", "breaches")] == [[]] * 4
    text = run("trace", log, "a", "30h").stdout
    assert "nothing is told of it any more" in text
    assert "message.sent" not in text


@pytest.mark.parametrize("settle", ["30h", "10d"])
def test_similar_neither_names_nor_counts_it(log: Path, settle: str) -> None:
    alike = ("--same", "handoff,reason", "--format", "json")
    before = json.loads(run("similar", log, "other", "1m", *alike).stdout)
    assert {one["conversation"] for one in before["interactions"]} == {"a", "b", "other", "late"}
    after = json.loads(run("similar", log, "other", settle, *alike).stdout)
    assert {one["conversation"] for one in after["interactions"]} == {"other", "late"}
    assert (after["count"], after["population"]) == (2, 2)
    of_it = run("similar", log, "a", settle)
    assert of_it.exit_code == 1
    assert "conversation a of telco-2026 was erased, as was asked for" in of_it.output


def test_what_was_forgotten_before_anybody_asked_is_not_brought_back_either(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log.jsonl"
    asked = erasure_requested("k1", T(20 * 24 * HOUR_S))
    others = visit("other", T(20 * 24 * HOUR_S), "k2")
    log.write_bytes(b"\n".join([*visit("a", T(0), "k1"), *others, asked, *others]) + b"\n")
    (life,) = traced(log, "a", "1m")["lives"]
    assert life["erased"]["gone"]
    assert life["events"] == []
    found = run("similar", log, "other", "1m", "--same", "handoff", "--format", "json")
    assert {one["conversation"] for one in json.loads(found.stdout)["interactions"]} == {"other"}
