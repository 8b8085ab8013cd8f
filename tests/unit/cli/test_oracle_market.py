"""`baton oracle --market`: the verdict on workers that were started for certain markets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import cli
from streams.contract_files import bundled_contract
from tests.log_builder import T, customer_message, ended, failure, requested

TELCO = str(bundled_contract("telco-2026"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """One conversation of each of three markets, and one that states none."""
    path = tmp_path / "log.jsonl"
    with path.open("wb") as file:
        for market in ("SG", "MY", "PH", None):
            about: dict[str, Any] = {"market": market}
            name = f"c-{market}"
            file.write(customer_message(name, T(0), **about) + b"\n")
            file.write(failure(name, T(1), **about) + b"\n")
            file.write(requested(name, T(5), **about) + b"\n")
            file.write(ended(name, T(60), **about) + b"\n")
    return path


def run(log: Path, *arguments: str, **environment: str) -> Result:
    given = ("oracle", str(log), "--contract", TELCO, "--format", "json", *arguments)
    return CliRunner().invoke(cli, given, env=environment)


def judged(log: Path, *arguments: str, **environment: str) -> tuple[set[str], dict[str, int]]:
    """The conversations of the verdict's facts, and its dead letters."""
    done = run(log, *arguments, **environment)
    assert done.exit_code == 0, done.output
    verdict = json.loads(done.stdout)
    named = {fact["subject"] for fact in verdict["facts"]}
    return named, verdict["dead_letters"]


def test_events_of_other_markets_are_refused_as_the_worker_refuses_them(log: Path) -> None:
    assert judged(log) == ({"c-SG", "c-MY", "c-PH", "c-None"}, {})
    assert judged(log, "--market", "SG") == ({"c-SG"}, {"foreign_market": 12})
    assert judged(log, "--market", "SG", "--market", "PH")[1] == {"foreign_market": 8}
    assert judged(log, "--market", "SG, MY") == ({"c-SG", "c-MY"}, {"foreign_market": 8})


def test_the_market_is_the_worker_s_own_setting(log: Path) -> None:
    assert judged(log, BATON_MARKET="SG,PH") == ({"c-SG", "c-PH"}, {"foreign_market": 8})


def test_a_market_that_is_none_is_named(log: Path) -> None:
    done = run(log, "--market", "Singapore")
    assert done.exit_code == 2
    assert "'Singapore': a market is two capital letters" in done.output
