"""`baton invoice` on a synthetic day: the same bytes each time, and tampering named."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from streams.cli.invoice_report import statement_html, statement_table
from streams.cli.main import cli
from streams.domain.billing.statement import Statement
from streams.sources.synthetic import SyntheticDay, write_log
from tests.billing_lines import june

PERIOD = "2026-06"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("invoice") / "day.jsonl"
    write_log(SyntheticDay(seed=5, interactions=400), file)
    return file


@pytest.fixture(scope="module")
def contract() -> Path:
    return Path(__file__).parents[3] / "deploy" / "contracts" / "telco-2026.yaml"


def invoice(log: Path, contract: Path, *more: str | Path) -> Result:
    return run("invoice", log, "--contract", contract, "--period", PERIOD, "--tick", "1m", *more)


@pytest.fixture(scope="module")
def statement(log: Path, contract: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    result = invoice(log, contract, "--format", "json")
    assert result.exit_code == 0, result.output
    file = tmp_path_factory.mktemp("statement") / "ours.json"
    file.write_bytes(result.stdout_bytes)
    return file


@pytest.mark.parametrize("form", ["table", "csv", "json", "html"])
def test_the_same_log_gives_the_same_bytes(log: Path, contract: Path, form: str) -> None:
    once = invoice(log, contract, "--format", form)
    again = invoice(log, contract, "--format", form)
    assert once.exit_code == 0, once.output
    assert once.stdout_bytes == again.stdout_bytes
    assert len(once.stdout_bytes) > 500


def test_a_statement_that_nobody_touched_verifies(
    log: Path, contract: Path, statement: Path
) -> None:
    result = invoice(log, contract, "--verify", statement)
    assert result.exit_code == 0, result.output
    assert "chain and totals sound" in result.output


def test_a_changed_record_is_named(
    log: Path, contract: Path, statement: Path, tmp_path: Path
) -> None:
    told = json.loads(statement.read_bytes())
    number, victim = next(
        (n, one)
        for n, one in enumerate(told["records"], start=1)
        if one["type"] == "baton.billing.final"
    )
    victim["data"]["amount_micros"] += 1
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(told))
    result = invoice(log, contract, "--verify", edited)
    assert result.exit_code == 1
    assert f"record {number} ({victim['id']})" in result.output
    assert f"{victim['id']}: is not what the log gives" in result.output
    assert "the seal says head" in result.output


def test_a_record_taken_out_is_named(
    log: Path, contract: Path, statement: Path, tmp_path: Path
) -> None:
    told = json.loads(statement.read_bytes())
    gone = told["records"].pop(7)
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(told))
    result = invoice(log, contract, "--verify", edited)
    assert result.exit_code == 1
    assert gone["id"] in result.output


def test_a_signed_seal_verifies_under_its_key_alone(
    log: Path, contract: Path, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    publics = []
    for number in (1, 2):
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
        (tmp_path / f"key{number}.pem").write_bytes(private)
        public = key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
        publics.append(tmp_path / f"public{number}.pem")
        publics[-1].write_bytes(public)
    signed = tmp_path / "signed.json"
    key_file = tmp_path / "key1.pem"
    result = invoice(log, contract, "--format", "json", "--signing-key", key_file)
    signed.write_bytes(result.stdout_bytes)
    good = invoice(log, contract, "--verify", signed, "--public-key", publics[0])
    assert good.exit_code == 0, good.output
    assert "signature good" in good.output
    other = invoice(log, contract, "--verify", signed, "--public-key", publics[1])
    assert other.exit_code == 1
    assert "signed with another key" in other.output


def test_a_period_that_is_not_there_is_said(log: Path, contract: Path) -> None:
    result = run("invoice", log, "--contract", contract, "--period", "2020-01", "--tick", "1m")
    assert result.exit_code == 1
    assert "no period 2020-01; there are: 2026-06" in result.output


def preview(log: Path, contract: Path, *more: str) -> Result:
    return invoice(log, contract, "--preview", *more)


def test_a_preview_says_line_by_line_what_the_open_period_comes_to(
    log: Path, contract: Path
) -> None:
    told = json.loads(preview(log, contract, "--format", "json").stdout)["data"]
    lines = preview(log, contract).stdout.splitlines()
    assert lines[0].startswith("telco-2026, 2026-06 (open), as of 2026-06-")
    assert lines[1].startswith("booked so far: ")
    assert lines[-1] == f"if it closed now: {told['total_micros'] / 1e6:.2f} SGD"
    assert len(lines) == len(told["lines"]) + 3
    credits = [line for line in told["lines"] if line["kind"] == "service_credit"]
    assert credits
    for line in credits:
        about = f"service credit {line['clause']} {line['clause_period']}"
        figures = f"[{line['numerator']:,} / {line['denominator']:,}"
        assert any(about in one and figures in one for one in lines)


@pytest.mark.parametrize(
    ("period", "said"),
    [
        ("2026-07", "no period 2026-07; there are: 2026-06"),
        ("2026-Q2", "2026-Q2 is no billing period of telco-2026; the one it lies in is 2026-06"),
        ("June", "'June' is no period: a month like 2026-06"),
    ],
)
def test_a_preview_of_no_open_period_is_refused(
    log: Path, contract: Path, period: str, said: str
) -> None:
    result = run(
        *("invoice", log, "--contract", contract, "--period", period, "--tick", "1m"), "--preview"
    )
    assert result.exit_code == 1
    assert said in result.output


def test_a_preview_is_no_statement_to_be_kept_or_verified(
    log: Path, contract: Path, statement: Path
) -> None:
    for more, said in (
        (("--format", "csv"), "written as table or json, not as csv"),
        (("--verify", str(statement)), "not with --verify"),
    ):
        result = preview(log, contract, *more)
        assert result.exit_code == 2
        assert said in result.output


def test_a_statement_says_whether_it_is_closed_who_signed_it_and_all_three_prices() -> None:
    items, [*adjustments, seal] = june(8)
    closed = Statement("telco-2026", "2026-06", "SGD", (*items, *adjustments), (), seal)
    opened = Statement("telco-2026", "2026-06", "SGD", tuple(items), (), None)
    signed = closed.seal and closed.seal.replace(b'"key_id":""', b'"key_id":"0123456789abcdef"')
    for statement, words in (
        (opened, ("booked so far", "open: more may be booked")),
        (closed, ("to be paid", "unsigned")),
        (dataclasses.replace(closed, seal=signed), ("to be paid", "key 0123456789abcdef")),
    ):
        console = Console(width=120, record=True, file=io.StringIO())
        console.print(statement_table(statement))
        page = statement_html(statement).decode()
        for text in (console.export_text(), page.replace("&#x27;", "'")):
            assert all(word in text or word.capitalize() in text for word in words)
            prices = ("agreed prices", "client's former cost (0 without)")
            assert all(word in text for word in (*prices, "provider's cost (0 without)"))
