"""`baton invoice` and `baton reconcile` on a synthetic day: same bytes, tampering named, and twelve
wrong claims of a vendor found, and no other.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import cli
from streams.sources.synthetic import SyntheticDay, write_log

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


def claims_of(statement: Path) -> list[dict[str, str]]:
    """What an honest vendor claims: every resolution that is billed net."""
    net: Counter[tuple[str, str, int]] = Counter()
    about: dict[tuple[str, str, int], dict[str, Any]] = {}
    for record in json.loads(statement.read_bytes())["records"]:
        data = record["data"]
        if record["type"] in ("baton.billing.final", "baton.billing.reversal"):
            place = (data["conversation_id"], data["life"], data["episode"])
            net[place] += data["amount_micros"]
            about[place] = data
    return [
        {
            "conversation": place[0],
            "life": place[1],
            "episode": str(place[2]),
            "amount": f"{amount // 10**6}.{amount % 10**6:06d}",
            "currency": "SGD",
            "channel": about[place]["channel"],
            "journey": about[place]["journey"],
            "resolved_by": about[place]["resolved_by"],
        }
        for place, amount in net.items()
        if amount
    ]


def written(rows: list[dict[str, str]], file: Path) -> Path:
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def test_an_honest_vendor_and_we_agree(statement: Path, tmp_path: Path) -> None:
    result = run("reconcile", statement, written(claims_of(statement), tmp_path / "theirs.csv"))
    assert result.exit_code == 0, result.output


def test_twelve_wrong_claims_are_found_and_no_other(statement: Path, tmp_path: Path) -> None:
    rows = claims_of(statement)
    assert len(rows) > 40
    records = json.loads(statement.read_bytes())["records"]
    void = [one["data"] for one in records if one["type"] == "baton.billing.void"]
    planted: list[tuple[str, str]] = []
    for row, amount in zip(rows[:3], ("99.99", "0.01", "0"), strict=True):
        row["amount"] = amount
        planted.append(("wrong_amount", row["conversation"]))
    rows[3]["currency"] = "USD"
    planted.append(("wrong_currency", rows[3]["conversation"]))
    for row, (name, value) in zip(
        rows[4:6], (("resolved_by", "human"), ("channel", "fax")), strict=True
    ):
        row[name] = value
        planted.append(("wrong_terms", row["conversation"]))
    for row in rows[6:8]:
        rows.append(dict(row))
        planted.append(("duplicate", row["conversation"]))
    for data in void[:2]:
        rows.append(
            {**rows[8], "conversation": data["conversation_id"], "life": data["life"],
             "episode": str(data["episode"])}
        )  # fmt: skip
        planted.append(("not_billable", data["conversation_id"]))
    rows.append({**rows[9], "conversation": "nobody-ever"})
    planted.append(("unknown", "nobody-ever"))
    gone = rows.pop(10)
    planted.append(("missing", gone["conversation"]))
    assert len(planted) == 12
    theirs = written(rows, tmp_path / "theirs.csv")
    result = run("reconcile", statement, theirs, "--format", "json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert Counter((one["kind"], one["conversation"]) for one in found) == Counter(planted)
    assert all(one["evidence"] for one in found if one["kind"] != "unknown")


def test_a_period_that_is_not_there_is_said(log: Path, contract: Path) -> None:
    result = run("invoice", log, "--contract", contract, "--period", "2020-01", "--tick", "1m")
    assert result.exit_code == 1
    assert "no period 2020-01; there are: 2026-06" in result.output
