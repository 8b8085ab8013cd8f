"""`baton contract diff`: what changes for whom, in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click
import orjson

from streams.cli.contract import form_option
from streams.contract_files import checked as terms_and_problems
from streams.domain.contract import ContractError, Terms
from streams.domain.contract_change import Change
from streams.domain.contract_diff import changes_between
from streams.domain.facts import rfc3339
from streams.domain.time_zone import local_text

EXIT_DIFFERENT = 1
EXIT_FAILED = 2
Versions = dict[tuple[str, int], Terms]


class CannotCompare(click.ClickException):
    """There is nothing to compare; exit code 1 says that something differs."""

    exit_code = EXIT_FAILED


@dataclass(frozen=True, slots=True)
class Step:
    """From one version to another; either is None where there is none."""

    before: Terms | None
    after: Terms | None
    changes: tuple[Change, ...]

    @property
    def differs(self) -> bool:
        """Whether anything changes."""
        if self.before is None or self.after is None:
            return True
        return bool(self.changes) or self.before.version != self.after.version


@click.command()
@click.argument("first", metavar="A[@VERSION]")
@click.argument("second", metavar="[B[@VERSION]]", required=False)
@form_option
def diff(first: str, second: str | None, form: str) -> None:
    """Say what changes from contract file A to B, or from version to version.

    With files only, each version is compared with the same one, and a new one with the one before
    it; FILE@1 is one version. With one FILE, its versions are compared in their order. Exit code 0:
    nothing differs; 1: something does; 2: they cannot be compared.
    """
    old, one = _versions(first)
    if second is None:
        if one is not None:
            raise CannotCompare(f"{first} is one version; give another to compare it with")
        steps = list(_successions(old))
        if not steps:
            raise CannotCompare(f"{first}: no contract in it has two versions")
    else:
        new, other = _versions(second)
        steps = list(_between(old, new, one is not None or other is not None))
    differing = [step for step in steps if step.differs]
    if form == "json":
        _print_json(differing)
    else:
        _print_text(differing)
    if differing:
        sys.exit(EXIT_DIFFERENT)


def _versions(named: str) -> tuple[Versions, int | None]:
    """The contract versions of FILE or FILE@VERSION, and that version."""
    path, wanted = Path(named), None
    stem, separator, number = named.rpartition("@")
    if separator and number.isascii() and number.isdigit() and len(number) < 11:
        path, wanted = Path(stem), int(number)
    try:
        terms, problems = terms_and_problems((path,))
    except ContractError as error:
        raise CannotCompare(str(error)) from None
    errors = [problem for problem in problems if problem.grade == "error"]
    if errors:
        raise CannotCompare(
            f"{errors[0].place}: {errors[0].message} ({len(errors)} in all:"
            f" baton contract check {path})"
        )
    found = {(one.contract, one.version): one for one in terms}
    if wanted is not None:
        there = ", ".join(f"{name} {version}" for name, version in sorted(found))
        found = {key: one for key, one in found.items() if key[1] == wanted}
        if not found:
            raise CannotCompare(f"{path} has no version {wanted}; there are: {there}")
    return found, wanted


def _successions(versions: Versions) -> Iterator[Step]:
    for name in sorted({name for name, _ in versions}):
        for before, after in pairwise(_in_order(versions, name)):
            yield Step(before, after, tuple(changes_between(before, after)))


def _between(old: Versions, new: Versions, single: bool) -> Iterator[Step]:
    """What differs between two files; `single` where a version was asked for."""
    if single and len({n for n, _ in old}) == 1 and len({n for n, _ in new}) == 1:
        last, first = (_in_order(one, next(iter(one))[0])[-1] for one in (old, new))
        yield Step(last, first, tuple(changes_between(last, first)))
        return
    for name in sorted({name for name, _ in {**old, **new}}):
        # A version that is only in B follows the one before it, in B or, of another file, in A.
        line = {one.version: one for one in (*_in_order(old, name), *_in_order(new, name))}
        ordered = sorted(line.values(), key=lambda one: one.effective_from_ms)
        followed: set[int] = set()
        for number, after in enumerate(ordered):
            if (name, after.version) not in new:
                continue
            before = old.get((name, after.version))
            if before is None and number > 0:
                before = ordered[number - 1]
                followed.add(before.version)
            changes = () if before is None else tuple(changes_between(before, after))
            if before is None or changes or before.version != after.version:
                yield Step(before, after, changes)
        for gone in _in_order(old, name):
            if (name, gone.version) not in new and gone.version not in followed:
                yield Step(gone, None, ())


def _in_order(versions: Versions, name: str) -> list[Terms]:
    found = [one for (contract, _), one in versions.items() if contract == name]
    return sorted(found, key=lambda one: one.effective_from_ms)


def _print_text(steps: list[Step]) -> None:
    for step in steps:
        click.echo(_title(step))
        for change in step.changes:
            about = f"{change.clause}: " if change.clause is not None else ""
            effect = "" if change.effect == "neutral" else f": {change.effect} for the supplier"
            click.echo(f"  {_since(step)}{about}{change.text}{effect}")
    if not steps:
        click.echo("nothing differs")


def _title(step: Step) -> str:
    if step.after is None and step.before is not None:
        return f"{step.before.contract}: version {step.before.version} is not there any more"
    assert step.after is not None
    if step.before is None:
        return f"{step.after.contract}: version {step.after.version} is new"
    if step.before.version == step.after.version:
        return f"{step.after.contract} version {step.after.version}"
    return f"{step.after.contract} version {step.before.version} -> {step.after.version}"


def _since(step: Step) -> str:
    if step.before is None or step.after is None:
        return ""
    begins = step.after.effective_from_ms
    if begins == step.before.effective_from_ms:
        return ""
    return f"from {local_text(begins, step.after.time_zone)} "


def _print_json(steps: list[Step]) -> None:
    report = [
        {
            "contract": (step.after or step.before).contract,  # type: ignore[union-attr]
            "from_version": None if step.before is None else step.before.version,
            "to_version": None if step.after is None else step.after.version,
            "effective_from": None if step.after is None else rfc3339(step.after.effective_from_ms),
            "changes": [
                {
                    "area": change.area,
                    "clause": change.clause,
                    "text": change.text,
                    "effect": change.effect,
                }
                for change in step.changes
            ],
        }
        for step in steps
    ]
    click.get_binary_stream("stdout").write(
        orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n"
    )
