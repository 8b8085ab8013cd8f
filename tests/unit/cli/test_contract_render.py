"""`baton contract render` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.main import cli

DEPLOY = Path(__file__).parents[3] / "deploy"


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["contract", "render", *arguments])
    return done.exit_code, done.output


def test_without_contracts_those_that_come_with_baton_are_rendered(tmp_path: Path) -> None:
    code, said = run("--out", str(tmp_path))
    assert code == 0
    names = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert sorted(str(Path(line).relative_to(tmp_path)) for line in said.splitlines()) == names
    for name in names:
        assert (tmp_path / name).read_text() == (DEPLOY / name).read_text()


def test_one_contract_is_rendered_with_other_settings(tmp_path: Path) -> None:
    contract = str(DEPLOY / "contracts" / "telco-2026.yaml")
    code, _ = run(contract, "--out", str(tmp_path), "--scrape-interval", "1s", "--worker", "w:1")
    assert code == 0
    assert not (tmp_path / "prometheus/rules/real-data.yaml").exists()
    text = (tmp_path / "prometheus/prometheus.yml").read_text()
    assert "scrape_interval: 1s" in text
    assert "w:1" in text


@pytest.mark.parametrize("given", ["", "0s", "15", "1.5m", "fast"])
def test_what_is_no_duration_is_refused_by_name(given: str, tmp_path: Path) -> None:
    code, said = run("--out", str(tmp_path), "--stale-after", given)
    assert code == 2
    assert "--stale-after" in said
    assert not list(tmp_path.iterdir())


def test_a_contract_that_is_not_there_is_named(tmp_path: Path) -> None:
    code, said = run(str(tmp_path / "none.yaml"), "--out", str(tmp_path))
    assert code == 1
    assert "none.yaml" in said


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "prometheus").write_text("a file")
    code, said = run("--out", str(tmp_path))
    assert code == 1
    assert "cannot be written" in said
