"""Runbooks name what there is: metrics, commands, flags, pages, and what a worker really says."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

import click
import pytest

from streams.cli.main import cli
from streams.domain.wire import RejectionCode
from streams.export.metric_defs import ALL
from streams.export.reference import exposed_name

REPO = Path(__file__).parents[2]
RUNBOOKS = REPO / "deploy" / "runbooks"
PAGES = sorted(RUNBOOKS.glob("*.md"))
EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
SECTIONS = ["What you see", "What Baton does", "What to do", "When it is over"]

# Flags and make targets that a page names before they are merged.
PENDING: frozenset[str] = frozenset()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code_of(page: Path) -> list[str]:
    """What stands between backquotes within a line."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL))


def told_by(page: Path) -> list[str]:
    """The lines of ```text blocks."""
    blocks = re.findall(r"^```text\n(.*?)^```$", text_of(page), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def flags_of(command: click.Command, names: list[str]) -> set[str]:
    """The flags of a command and of the subcommands that `names` go on with."""
    found = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)} | {
        "--help"
    }
    if isinstance(command, click.Group) and names and names[0] in command.commands:
        found |= flags_of(command.commands[names[0]], names[1:])
    return found


def all_flags_of(command: click.Command) -> set[str]:
    """The flags of a command and of everything below it."""
    found = flags_of(command, [])
    if isinstance(command, click.Group):
        found = found.union(*map(all_flags_of, command.commands.values()))
    return found


@cache
def every_flag() -> frozenset[str]:
    return frozenset(all_flags_of(cli))


@cache
def said_by_the_code() -> str:
    """Every text in streams/ with what is put into it as `…`, one a line."""
    texts = []
    for path in (REPO / "streams").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values)
                texts.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(re.sub(r"%[sdr]", "…", node.value))
    return "\n".join(plain(text) for text in texts)


def plain(text: str) -> str:
    """Neighbouring placeholders, and what only separates them, as one."""
    return re.sub(r"…(?:[/:. ]*…)+", "…", " ".join(text.split()))


@EACH_PAGE
def test_every_metric_named_is_exported(page: Path) -> None:
    exported = {exposed_name(each) for each in ALL}
    exported |= {f"{each.name}_{part}" for each in ALL for part in ("bucket", "sum", "count")}
    named = set(re.findall(r"\bbaton_[a-z0-9_]+", text_of(page)))
    assert named <= exported


@EACH_PAGE
def test_every_command_and_flag_named_exists(page: Path) -> None:
    for code in code_of(page):
        if code.startswith("baton ") and not code.startswith("baton worker:"):
            words = shlex.split(code)[1:]
            assert words[0] in cli.commands, code
            given = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert given - PENDING <= flags_of(cli.commands[words[0]], words[1:]), code
        elif code.startswith("--"):
            assert code.split()[0] in every_flag() | PENDING, code


@EACH_PAGE
def test_every_make_target_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(), re.MULTILINE))
    named = {code.split()[1] for code in code_of(page) if code.startswith("make ")}
    assert named <= targets | PENDING


@EACH_PAGE
def test_every_link_resolves(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text_of(page)):
        assert (page.parent / target).exists(), target


@EACH_PAGE
def test_every_line_quoted_is_one_that_the_code_says(page: Path) -> None:
    for line in told_by(page):
        assert plain(line) in said_by_the_code(), line


@EACH_PAGE
def test_a_page_has_its_four_parts_and_stands_in_the_index(page: Path) -> None:
    if page.name == "README.md":
        return
    assert re.findall("^## (.+)$", text_of(page), re.MULTILINE) == SECTIONS
    assert f"({page.name})" in text_of(RUNBOOKS / "README.md")


def test_the_dead_letters_page_says_what_to_do_about_every_code() -> None:
    page = text_of(RUNBOOKS / "dead-letters.md")
    assert [code for code in RejectionCode.__args__ if f"`{code}`" not in page] == []


def test_conditions_are_promql(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: apt-get install prometheus")
    conditions = sorted(
        {code for page in PAGES for code in code_of(page) if re.search(r"\w(\(| [<=>])", code)}
        & {code for page in PAGES for code in code_of(page) if re.search(r"baton_|^up\b", code)}
    )
    assert len(conditions) > 20
    rules = [{"record": f"condition:{n}", "expr": code} for n, code in enumerate(conditions)]
    path = tmp_path / "rules.json"  # JSON is YAML
    path.write_text(json.dumps({"groups": [{"name": "runbooks", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
