"""`baton contract simulate`: a log, a contract, and what it would have cost."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.main import cli
from streams.contract_files import bundled_contract
from streams.sources.synthetic import SyntheticDay, write_log
from tests.log_builder import T, ai_message, ai_turn, claimed, customer_message, ended, evidence
from tests.unit.cli.contract_commands import GOOD, plain, run

TELCO = str(bundled_contract("telco-2026"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a log of one chat about a bill, resolved by the AI and confirmed."""
    log = [
        customer_message("a", T(1)),
        ai_turn("a", T(2)),
        ai_message("a", T(3)),
        claimed("a", T(50)),
        ended("a", T(60)),
        evidence("a", T(90)),
    ]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(log) + b"\n")
    (tmp_path / "care.yaml").write_text(GOOD)
    return tmp_path


def simulated(folder: Path, *arguments: str) -> tuple[int, str]:
    result = run(folder, "simulate", str(folder / "log.jsonl"), *arguments)
    return result.exit_code, plain(result, folder)


def test_time_goes_on_until_the_last_resolution_is_verified_and_it_is_charged(
    folder: Path,
) -> None:
    code, text = simulated(folder, "--contract", TELCO)
    assert code == 0
    (totals,) = (line for line in text.splitlines() if "2026-03 (part)" in line)
    assert totals.count("SGD 1.40") == 2  # fees, and to pay


def test_with_a_short_settle_nothing_is_verified_yet(folder: Path) -> None:
    code, text = simulated(folder, "--contract", TELCO, "--settle", "10m", "--format", "json")
    (settlement,) = json.loads(text)["settlements"]
    assert (code, settlement["fees_micros"]) == (0, 0)


def test_of_several_contracts_one_is_named(folder: Path) -> None:
    both = ("--contract", TELCO, "--contract", "care.yaml")
    code, text = simulated(folder, *both)
    assert code == 2
    assert "--name is needed; the files hold: care, telco-2026" in text
    code, text = simulated(folder, *both, "--name", "nobody")
    assert "no contract 'nobody'; the files hold: care, telco-2026" in text
    assert simulated(folder, *both, "--name", "telco-2026")[0] == 0


def test_a_log_about_something_else_is_said_to_be_so(folder: Path) -> None:
    code, text = simulated(folder, "--contract", "care.yaml")
    assert (code, text) == (1, "Error: log.jsonl: nothing in it is about the contract care\n")


def test_a_broken_contract_is_named_with_its_place(folder: Path) -> None:
    (folder / "care.yaml").write_text(GOOD.replace("30m", "soon"))
    code, text = simulated(folder, "--contract", "care.yaml")
    assert code == 1
    assert text.startswith("Error: care.yaml:9:15: spec.inactivity: must be a duration")


def test_it_bills_what_the_ledgers_invoice_bills(folder: Path, tmp_path: Path) -> None:
    day = folder / "day.jsonl"
    write_log(SyntheticDay(seed=3, interactions=300), day)
    result = run(
        folder, "simulate", str(day), "--contract", TELCO, "--tick", "1m", "--format", "json"
    )
    (settlement,) = json.loads(result.stdout)["settlements"]
    asked = ["invoice", str(day), "--contract", TELCO, "--tick", "1m", "--format", "json"]
    invoice = CliRunner().invoke(cli, [*asked, "--period", settlement["period"]])
    records = [one["data"] for one in json.loads(invoice.stdout)["records"]]
    assert settlement["net_micros"] == sum(one["amount_micros"] for one in records) > 0
    billed = sum(one["count"] for one in settlement["resolutions"])
    assert billed == sum(one["quantity"] for one in records if "charge" in one)
    voided = [one["reason"] for one in records if one.get("reason") and not one["reverses_id"]]
    assert settlement["not_billed"] == Counter(voided)
    assert len(settlement["lines"]) == sum("formula" in one for one in records)
