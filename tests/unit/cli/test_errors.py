"""What goes wrong is told in a line that names the file and what to do, with an exit code."""

from __future__ import annotations

import errno
import socket
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from streams.cli.main import cli

CONTRACT = Path(__file__).parents[3] / "deploy/contracts/telco-2026.yaml"


def run(*arguments: object) -> Result:
    """`baton ARGUMENTS`, whose errors are click's: anything else fails the test."""
    result = CliRunner().invoke(cli, [str(each) for each in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def ended(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[object, str]:
    """Exit code and stderr of a `baton` whose command raises this."""

    @click.command()
    def command() -> None:
        raise error

    monkeypatch.setattr(main, "cli", command)
    monkeypatch.setattr(sys, "argv", ["baton"])
    with pytest.raises(SystemExit) as exit_:
        main.run()
    return exit_.value.code, capsys.readouterr().err


def test_what_nobody_foresaw_names_its_place_and_quotes_no_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def judged(_: object) -> None:
        raise KeyError("customer Ann")

    monkeypatch.setattr("streams.cli.generate.SyntheticDay", lambda **_: judged(None))
    monkeypatch.setattr(sys, "argv", ["baton", "generate", str(tmp_path / "day.jsonl")])
    with pytest.raises(SystemExit) as exit_:
        main.run()
    told = capsys.readouterr().err
    assert exit_.value.code == main.EXIT_FAILED
    assert told.startswith("Error: KeyError at streams/cli/generate.py:")
    assert "BATON_TRACEBACK=1" in told
    assert "Ann" not in told
    assert "Traceback" not in told


def test_what_a_system_call_refuses_is_told_with_its_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/state/table")
    assert ended(full, monkeypatch, capsys) == (
        main.EXIT_FAILED,
        "Error: /state/table: No space left on device\n",
    )


def test_a_traceback_is_had_by_asking(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BATON_TRACEBACK", "1")
    with pytest.raises(KeyError, match="x"):
        ended(KeyError("x"), monkeypatch, capsys)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe{\x00", b'{"ticket": 1}\n', b"a,b\n"])
def test_a_file_without_any_event_is_an_error_and_no_quiet_day(
    content: bytes, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(content)
    for command in ("oracle", "contract simulate"):
        result = run(*command.split(), log, "--contract", CONTRACT)
        assert result.exit_code == 1
        assert f"Error: {log}: " in result.output
        assert "--source NAME" in result.output


def test_one_event_among_lines_that_are_none_is_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(b'garbage\n{"time": "2026-06-01T00:00:00Z"}\n')
    assert run("oracle", log, "--contract", CONTRACT).exit_code == 0


@pytest.mark.parametrize("name", ["day.txt", "-", "."])
def test_generate_says_how_its_file_must_be_named(name: str, tmp_path: Path) -> None:
    result = run("generate", tmp_path / name if name != "-" else name, "--interactions", 1)
    assert result.exit_code == 1
    assert ".jsonl.gz" in result.output


def test_generate_refuses_more_hours_than_a_synthetic_day_can_have(tmp_path: Path) -> None:
    result = run("generate", tmp_path / "day.jsonl", "--hours", 745)
    assert result.exit_code == 2
    assert "1<=x<=744" in result.output


def test_a_diff_with_a_file_that_is_not_there_is_not_told_as_a_difference(tmp_path: Path) -> None:
    for missing in (tmp_path / "none.yaml", tmp_path):
        result = run("contract", "diff", CONTRACT, missing)
        assert result.exit_code == 2
        assert result.output.startswith("Error: ")


def test_compare_asks_for_its_broker_before_it_judges_a_month(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"no event\n")
    with socket.socket() as nobody:  # bound, and nobody listens
        nobody.bind(("127.0.0.1", 0))
        broker = f"127.0.0.1:{nobody.getsockname()[1]}"
        result = run("compare", log, "--contract", CONTRACT, "--broker", broker)
    assert result.exit_code == 1
    assert "nothing listens there" in result.output
