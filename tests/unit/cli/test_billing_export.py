"""`baton billing export` from files: a statement's total arrives, an edited one is not sent."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import cli
from streams.contract_files import bundled_contract
from streams.domain.billing.records import Booked, Seal, encode_seal
from streams.domain.billing.statement import statement_json, statement_of
from tests.billing_lines import CONTRACT, adjustment, item, june, reversal
from tests.metering_server import public_schema

ABOUT = ("--contract", str(bundled_contract(CONTRACT)))


def export(system: str, *arguments: str | Path, env: dict[str, str] | None = None) -> Result:
    words = ["billing", "export", system, *ABOUT, *map(str, arguments)]
    return CliRunner().invoke(cli, words, env=env)


@pytest.fixture
def statement(tmp_path: Path) -> Path:
    charged = item(1, sequence=1)
    booked: list[Booked | Seal] = [
        charged,
        reversal(charged, sequence=2),
        item(2, sequence=3),
        adjustment(sequence=4),
    ]
    file = tmp_path / "june.json"
    file.write_bytes(statement_json(statement_of(CONTRACT, "2026-06", "SGD", booked)))
    return file


@pytest.mark.parametrize(
    ("system", "schema", "inside"),
    [("openmeter", "MeteringEvent", "data"), ("lago", "EventInputObject", "properties")],
)
def test_a_statement_s_total_is_that_of_its_events(
    statement: Path, system: str, schema: str, inside: str, tmp_path: Path
) -> None:
    out = tmp_path / "events.jsonl"
    done = export(system, "--from-file", statement, "--out", out)
    assert done.exit_code == 0, done.output
    events = [json.loads(line) for line in out.read_text().splitlines()]
    assert all(public_schema(system, schema).is_valid(event) for event in events)
    records = json.loads(statement.read_bytes())["records"]
    total = sum(record["data"]["amount_micros"] for record in records)
    assert sum(Decimal(event[inside]["amount"]) for event in events) * 10**6 == total
    assert "4 lines, SGD 0.65, 1 resolutions" in done.output
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_the_same_statement_gives_the_same_bytes(statement: Path) -> None:
    once, again = (export("lago", "--from-file", statement, "--out", "-") for _ in range(2))
    assert once.exit_code == 0
    assert once.stdout_bytes == again.stdout_bytes
    assert once.stdout_bytes.count(b"\n") == 4


def test_lines_of_a_topic_s_dump_are_read_with_their_numbers(tmp_path: Path) -> None:
    items, adjustments = june(8)
    dump = tmp_path / "records.jsonl"
    dump.write_bytes(b"\n".join([*items, *adjustments]) + b"\n")
    done = export("openmeter", "--from-file", dump, "--out", "-")
    assert done.exit_code == 0, done.output
    assert len(done.stdout.splitlines()) == 10  # 6 charged, 2 of them reversed, 2 adjustments
    dump.write_bytes(b"\n".join([items[0], b"not a record", encode_seal_of_another()]) + b"\n")
    done = export("openmeter", "--from-file", dump, "--out", tmp_path / "none.jsonl")
    assert done.exit_code == 1
    assert f"{dump}:2: is no record of the billing topics" in done.output
    assert not (tmp_path / "none.jsonl").exists()


def encode_seal_of_another() -> bytes:
    return encode_seal(
        Seal(
            contract="another", period="2026-06", closed_at=0, records=0, total_micros=0,
            currency="SGD", head="", previous_head="",
        )
    )  # fmt: skip


def test_an_edited_statement_is_not_sent(statement: Path, tmp_path: Path) -> None:
    told = json.loads(statement.read_bytes())
    told["records"][2]["data"]["amount_micros"] += 1
    statement.write_text(json.dumps(told))
    done = export("lago", "--from-file", statement, "--out", tmp_path / "none.jsonl")
    assert done.exit_code == 1
    assert "is not what was booked, nothing was sent: record 3" in done.output
    assert not (tmp_path / "none.jsonl").exists()


def test_a_statement_of_another_contract_is_told(statement: Path) -> None:
    other = ("--contract", str(bundled_contract("real-data")), "--name", "real-data")
    done = export("lago", *other, "--from-file", statement, "--out", "-")
    assert done.exit_code == 1
    assert f"{statement}: is a statement of {CONTRACT}" in done.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "say where to"),
        (("--to", "https://h/", "--out", "-"), "say where to"),
        (("--out", "-", "--follow"), "--follow is for --to"),
        (("--to", "ftp://h/"), "begins with https://"),
        (("--to", "https://user:pw@h/"), "no credentials in the address"),
        (("--to", "https://h:99999/"), "is no address"),
        (("--to", "http://metering.example/"), "unencrypted; say https"),
    ],
)
def test_a_wrong_destination_is_told_before_anything_is_read(
    arguments: tuple[str, ...], says: str
) -> None:
    done = export("lago", *arguments, env={"BATON_METERING_TOKEN": "planted"})
    assert done.exit_code == 2
    assert says in done.output
    assert "planted" not in done.output
    assert "pw@" not in done.output


def test_a_token_comes_from_one_place(statement: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("from-file\n")
    said = ("--from-file", statement, "--to", "https://h.invalid/", "--token-file", token)
    done = export("lago", *said, env={"BATON_METERING_TOKEN": "planted"})
    assert done.exit_code == 2
    assert "both set" in done.output
    token.write_text("")
    done = export("lago", *said)
    assert done.exit_code == 1
    assert "is empty" in done.output


def test_a_server_that_is_not_there_is_one_line(statement: Path) -> None:
    said = ("--from-file", statement, "--to", "http://127.0.0.1:9/", "--retry-for", "1s")
    done = export("lago", *said)
    assert done.exit_code == 1
    assert f"{statement}, record 1" in done.output
    assert "run it again when it does" in done.output
    assert "Traceback" not in done.output
