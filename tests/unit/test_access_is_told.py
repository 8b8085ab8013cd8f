"""Whoever looks at what was said of single persons is told of first, by whatever way they look.

Every command and every page is listed here by what it shows; one that is new fails until it is.
Those that show single conversations are run with a log that cannot be written: nothing may come
out.
"""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import click
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

import streams
from streams.cli.main import cli
from streams.contract_files import bundled_contract
from streams.export.trace_api import NotTold, TraceApi
from streams.sources.synthetic import SyntheticDay, write_log
from tests.log_builder import CONTRACT
from tests.unit.export.test_trace_api import OnePartition
from tests.unit.oracle.verdicts import BOOK

NAMED = ("--contract", str(bundled_contract(CONTRACT)))
SUBJECT = (*NAMED, "--period", "2026-06-01")
SECRET = "5e" * 32
# What each must tell of, in this order.
TOLD = {
    "trace": ["trace"],
    "similar": ["similar"],
    "audit plan": ["audit-frame"],
    "audit sample": ["audit-frame"],
    "audit verify": ["audit-frame", "audit-samples"],
    "audit report": ["audit-samples", "audit-frame"],
}
# Totals, one's own file made into another, or what names nobody; and what deletes, which is told as
# what it is (test_governance.py).
NOT_OF_PERSONS = {
    *(
        "audit commit",
        "billing export",
        "compare",
        "demo",
        "doctor",
        "generate",
        "invoice",
        "oracle",
    ),
    *("contract check", "contract diff", "contract render", "contract simulate", "reconcile"),
    *("governance copies", "governance erase", "governance log", "governance retention"),
    *("replay", "schemas", "topics acls", "topics export", "worker"),
    *("source check", "source list", "source new", "source run", "source serve"),
}
# Where samples are read, by the module: those above, and two that show none.
READS_SAMPLES = {"audit_samples", "audit_draw", "erased_samples", "governance_retention"}


def commands(group: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not isinstance(group, click.Group):
        yield " ".join(path)
        return
    for name, command in group.commands.items():
        yield from commands(command, (*path, name))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day's log, and the sample of it."""
    made = tmp_path_factory.mktemp("told")
    write_log(SyntheticDay(seed=7, interactions=60), made / "day.jsonl")
    done = run(made, "audit sample", made / "access.jsonl")
    assert done.exit_code == 0, done.output
    (made / "sample.jsonl").write_bytes(done.stdout_bytes)
    return made


def run(folder: Path, command: str, told_in: Path) -> Result:
    """A command that shows conversations, on the day's log."""
    log = str(folder / "day.jsonl")
    arguments: list[str]
    if command in ("trace", "similar"):
        arguments = [command, *NAMED, "--log", log, "--interaction", "c-000001"]
    else:
        arguments = [*command.split(), log, *SUBJECT]
    if command in ("audit sample", "audit verify"):
        said = CliRunner().invoke(cli, ["audit", "commit", *SUBJECT], env=_environment())
        arguments += ["--commitment", json.loads(said.stdout)["commitment"]]
    if command in ("audit verify", "audit report"):
        arguments += ["--sample", str(folder / "sample.jsonl")]
    arguments += ["--access-log", str(told_in)]
    return CliRunner().invoke(cli, arguments, env=_environment())


def _environment() -> dict[str, str]:
    return {"BATON_AUDIT_SECRET": SECRET, "BATON_PRINCIPAL": "auditor-7"}


def test_every_command_is_known_by_what_it_shows() -> None:
    assert set(commands()) == TOLD.keys() | NOT_OF_PERSONS


@pytest.mark.parametrize("command", TOLD)
def test_a_command_tells_who_looks_at_what(folder: Path, tmp_path: Path, command: str) -> None:
    told = tmp_path / "access.jsonl"
    run(folder, command, told)
    entries = [json.loads(line) for line in told.read_text().splitlines()]
    assert [entry["data"]["what"] for entry in entries] == TOLD[command]
    assert {entry["data"]["actor"] for entry in entries} == {"auditor-7"}


@pytest.mark.parametrize("command", TOLD)
def test_a_command_shows_nothing_where_it_cannot_tell(
    folder: Path, tmp_path: Path, command: str
) -> None:
    done = run(folder, command, tmp_path / "no" / "such" / "folder")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "access refused, for it cannot be told" in done.stderr
    assert "c-0000" not in done.stderr


def test_samples_are_read_in_modules_that_are_known_to_tell_or_show_none() -> None:
    root = Path(streams.__file__).parent
    reading = set()
    for file in root.rglob("*.py"):
        nodes = ast.walk(ast.parse(file.read_text()))
        if any(isinstance(n, ast.Attribute) and n.attr == "AUDIT_SAMPLES" for n in nodes):
            reading.add(file.stem)
    assert reading == READS_SAMPLES


def test_no_page_about_conversations_shows_anything_where_it_cannot_tell() -> None:
    asked: list[str] = []

    async def nobody_hears(
        actor: str, purpose: str | None, what: str, contract: str, conversation: str
    ) -> None:
        asked.append(what)
        raise NotTold("the log is full")

    async def answers() -> dict[str, tuple[int, str]]:
        app = web.Application()
        TraceApi(OnePartition("c1", "c2"), BOOK, now=lambda: 0.0, told=nobody_hears).register(app)
        pages = {route.resource.canonical for route in app.router.routes() if route.resource}
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            (where,) = runner.addresses
            found = {}
            async with aiohttp.ClientSession() as session:
                for page in sorted(pages):
                    query = {"contract": CONTRACT, "interaction": "c1"}
                    url = f"http://127.0.0.1:{where[1]}{page}"
                    async with session.get(url, params=query) as answer:
                        found[page] = (answer.status, await answer.text())
            return found
        finally:
            await runner.cleanup()

    found = asyncio.run(answers())
    assert set(found) == {"/api/trace", "/api/similar"}
    assert asked == ["similar", "trace"]
    for status, text in found.values():
        assert status == 503
        assert "cannot be told who looks" in text
        assert "c1" not in text
