"""`baton trace` and `baton similar` on a file: what is printed, and what is said of mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import cli
from streams.contract_files import bundled_contract
from tests.log_builder import T, customer_message, ended, failure, human_message, requested

TELCO = str(bundled_contract("telco-2026"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    lines = [
        line
        for name in ("a", "b")
        for line in (
            customer_message(name, T(0)),
            failure(name, T(1)),
            requested(name, T(5)),
            human_message(name, T(9)),
            ended(name, T(60)),
        )
    ]
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join([*lines, lines[0]]) + b"\n")
    return path


def run(command: str, log: Path, *arguments: str, name: str = "a") -> Result:
    given = (command, "--log", str(log), "--contract", TELCO, "--interaction", name)
    return CliRunner().invoke(cli, [*given, *arguments])


def test_a_trace_is_text_or_json_and_the_same_bytes_each_time(log: Path) -> None:
    text, document = run("trace", log), run("trace", log, "--format", "json")
    assert (text.exit_code, document.exit_code) == (0, 0)
    assert text.stdout.startswith("Conversation a under contract telco-2026\n")
    assert "record 11: duplicate message.sent" in text.stdout
    assert json.loads(document.stdout)["conversation"] == "a"
    assert run("trace", log).stdout == text.stdout
    assert run("trace", log, "--format", "json").stdout == document.stdout


def test_similar_counts_first(log: Path) -> None:
    result = run("similar", log, "--same", "handoff,reason", "--limit", "1")
    assert result.exit_code == 0
    assert result.stdout.startswith("2 of 2 interactions of telco-2026 failed as a did\n")
    assert "same in    reason, handoff" in result.stdout
    assert json.loads(run("similar", log, "--format", "json").stdout)["count"] == 2


@pytest.mark.parametrize("command", ["trace", "similar"])
@pytest.mark.parametrize(
    ("arguments", "name", "said"),
    [
        ((), "nobody", "conversation nobody is not in it"),
        (("--name", "other"), "a", "other"),
        ((), "", "1 to 256 characters"),
        (("--lateness", "soon"), "a", "--lateness"),
    ],
)
def test_a_mistake_is_named(
    log: Path, command: str, arguments: tuple[str, ...], name: str, said: str
) -> None:
    result = run(command, log, *arguments, name=name)
    assert result.exit_code != 0
    assert said in result.output
    assert "Traceback" not in result.output


def test_parts_that_a_signature_lacks_are_named_with_those_it_has(log: Path) -> None:
    result = run("similar", log, "--same", "reason,weather")
    assert result.exit_code != 0
    assert "weather: parts are reason, channel, journey" in result.output


def test_a_source_without_a_log_is_a_mistake() -> None:
    given = ["trace", "--interaction", "a", "--contract", TELCO, "--source", "acd"]
    result = CliRunner().invoke(cli, given)
    assert (result.exit_code, "none is given" in result.output) == (2, True)
