"""`baton contract`: what the contract's author asks before anybody is held to it."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click
import orjson

from streams.contract_files import checked as terms_and_problems
from streams.domain.contract import ContractError, Terms
from streams.domain.contract_source import Problem
from streams.domain.facts import rfc3339
from streams.domain.time_zone import local_text

EXIT_ERRORS = 1

form_option = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)


@click.group()
def contract() -> None:
    """Check contracts, compare their versions, and try them on a log."""


@contract.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@form_option
@click.option("--notes", is_flag=True, help="Say what follows from sound terms, too.")
def check(files: tuple[Path, ...], form: str, notes: bool) -> None:
    """Say everything that is wrong with contract FILES (or folders of *.yaml), and where.

    Exit code 0: they can be used, perhaps with warnings; 1: they cannot.
    """
    terms, problems = checked(files)
    if form == "json":
        _print_json(terms, problems)
    else:
        _print_text(terms, problems, notes)
    if any(problem.grade == "error" for problem in problems):
        sys.exit(EXIT_ERRORS)


def checked(paths: tuple[Path, ...]) -> tuple[list[Terms], list[Problem]]:
    """As contract_files.checked. Raises click.ClickException where a path names no file."""
    try:
        return terms_and_problems(paths)
    except ContractError as error:
        raise click.ClickException(str(error)) from None


def _print_text(terms: list[Terms], problems: list[Problem], notes: bool) -> None:
    for problem in problems:
        if problem.grade != "note" or notes:
            click.echo(f"{problem.place}: {problem.grade}: {problem.message}")
    counts = Counter(problem.grade for problem in problems)
    for one in sorted(terms, key=lambda t: (t.contract, t.version)):
        ends = one.effective_to_ms
        until = "" if ends is None else f" to {local_text(ends, one.time_zone)}"
        click.echo(
            f"{one.contract} version {one.version}: {_number(len(one.clauses), 'clause')}, in force"
            f" from {local_text(one.effective_from_ms, one.time_zone)}{until} ({one.time_zone})"
        )
    told = [_number(counts["error"], "error"), _number(counts["warning"], "warning")]
    if counts["note"]:
        shown = "" if notes else " (--notes shows them)"
        told.append(_number(counts["note"], "note") + shown)
    click.echo(", ".join(told))


def _print_json(terms: list[Terms], problems: list[Problem]) -> None:
    report = {
        "problems": [
            {
                "file": one.file,
                "line": one.line or None,
                "column": one.column if one.line else None,
                "severity": one.grade,
                "path": one.path or None,
                "message": one.text,
                "allowed": list(one.allowed),
                "nearest": one.nearest,
            }
            for one in problems
        ],
        "contracts": [
            {
                "contract": one.contract,
                "version": one.version,
                "effective_from": rfc3339(one.effective_from_ms),
                "effective_to": None
                if one.effective_to_ms is None
                else rfc3339(one.effective_to_ms),
                "clauses": [clause.id for clause in one.clauses],
            }
            for one in sorted(terms, key=lambda t: (t.contract, t.version))
        ],
    }
    click.get_binary_stream("stdout").write(
        orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n"
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
