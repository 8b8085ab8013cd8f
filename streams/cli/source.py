"""`baton source`: adapters of other systems, and what a file of theirs can tell."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import orjson

from streams.cli.log_source import source_option, source_options_from
from streams.sources.adapter import Ignored
from streams.sources.checking import Check, as_document, check_file
from streams.sources.coverage import FAMILIES
from streams.sources.platforms import PLATFORMS
from streams.sources.reference import platform_table, platforms_table
from streams.sources.registry import SOURCES
from streams.sources.scaffold import ScaffoldError, scaffold

EXIT_NOTHING = 1
EXIT_PROBLEMS = 3
_SHOWN = 12


@click.group()
def source() -> None:
    """Read other systems: which there are, what a file of theirs gives, how to add one."""


@source.command("list")
@click.argument("name", type=click.Choice(sorted(PLATFORMS)), required=False)
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text")
def list_sources(name: str | None, form: str) -> None:
    """Print the sources and which indicators each can feed; of NAME, why not all and how to.

    As Markdown it is README's table.
    """
    if form == "json":
        document = {each: _document(each) for each in PLATFORMS if name in (None, each)}
        click.get_binary_stream("stdout").write(orjson.dumps(document, option=_INDENTED))
    elif form == "markdown":
        click.echo(platforms_table() if name is None else platform_table(name))
    else:
        click.echo("\n".join(_list() if name is None else _feeds(name)))


@source.command()
@click.argument("name", type=click.Choice(sorted(SOURCES)))
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@source_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def check(name: str, file: Path, source_options: tuple[str, ...], form: str) -> None:
    """Say what of FILE is mapped, what is dropped, and which indicators it can feed.

    FILE holds payloads of NAME as JSON lines, a JSON list or one document; gzip too. Of tables it
    is their folder or a zip of it. Exit code 0:
    all of it is mapped or ignored on purpose; 3: something is not, or has a problem; 1: no event
    could be made of it.
    """
    found = check_file(name, file, source_options_from(source_options, name, file))
    if form == "json":
        click.get_binary_stream("stdout").write(orjson.dumps(as_document(found), option=_INDENTED))
    else:
        click.echo("\n".join(_report(found)))
    if not found.events:
        sys.exit(EXIT_NOTHING)
    if found.problems:
        sys.exit(EXIT_PROBLEMS)


@source.command()
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=".",
    help="The checkout of Baton to write into.",
)
def new(name: str, into: Path) -> None:
    """Write the beginnings of an adapter of the platform NAME: module, sample, golden file.

    They pass `make lint` and the tests as they are; streams/sources/README.md says how to go on.
    """
    try:
        written = scaffold(name, into)
    except ScaffoldError as error:
        raise click.ClickException(str(error)) from None
    for path in written:
        click.echo(path)
    click.echo(
        f"next: python -m pytest tests/unit/sources/platforms -k {name}\n"
        "then, as streams/sources/README.md has it step by step: your payloads, the mapping,"
        " BATON_GOLDEN=write for the golden file, and the table in README.md"
    )


def _document(name: str) -> dict[str, object]:
    platform = PLATFORMS[name]
    feeds = {family: feed._asdict() for family, feed in platform.feeds.items()}
    return {"title": platform.title, "reads": platform.reads, "feeds": feeds}


def _list() -> Iterator[str]:
    width = max(map(len, SOURCES))
    for name in sorted(SOURCES):
        platform = PLATFORMS.get(name)
        if platform is None:
            yield f"{name:<{width}}  files of one form, see streams/sources"
            continue
        yield f"{name:<{width}}  {platform.title}"
        for level in ("yes", "partly"):
            fed = [family for family, feed in platform.feeds.items() if feed.level == level]
            yield f"{'':<{width}}    {level}: {', '.join(fed) or '-'}"


def _feeds(name: str) -> Iterator[str]:
    platform = PLATFORMS[name]
    yield f"{platform.title}: {platform.reads}"
    width = max(map(len, FAMILIES))
    for family, feed in platform.feeds.items():
        yield f"  {feed.level:<6}  {family:<{width}}  {feed.why}".rstrip()
        if feed.how:
            yield f"  {'':<6}  {'':<{width}}  -> {feed.how}"


def _report(found: Check) -> Iterator[str]:
    tally = found.tally
    if tally is not None:
        yield f"{tally.payloads} payloads of {found.title}, {found.conversations} conversations"
        yield from _kinds(found)
    else:
        yield f"{found.conversations} conversations in a file of {found.title}"
    if found.numbered:
        yield (
            "conversations bear this desk's own numbers: where another desk is measured under the"
            " same contract, give each --option prefix=NAME"
        )
    yield ""
    yield "events"
    for name, count in sorted(found.events.items()):
        yield f"  {count:>8}  {name}"
    if not found.events:
        yield "  none"
    if found.problems:
        yield ""
        yield "problems"
        for code, count in found.problems.most_common():
            where, message = found.first[code]
            yield f"  {count:>8}  {code}: {message} (first at {where})"
    if tally is not None:
        yield from _fields(found)
    yield ""
    yield "indicators that these events can feed"
    width = max(map(len, FAMILIES))
    for verdict in found.verdicts:
        yield f"  {verdict.level:<6}  {verdict.family:<{width}}  {verdict.why}".rstrip()
        if verdict.how and verdict.level != "yes":
            yield f"  {'':<6}  {'':<{width}}  -> {verdict.how}"


def _kinds(found: Check) -> Iterator[str]:
    tally = found.tally
    if tally is None:
        return
    platform = PLATFORMS[found.source]
    yield ""
    yield "kinds of payload"
    for kind, count in tally.mapped.most_common():
        yield f"  {count:>8}  mapped   {kind}"
    for kind, count in tally.ignored.most_common():
        how = platform.kinds[kind]
        why = how.why if isinstance(how, Ignored) else ""
        yield f"  {count:>8}  ignored  {kind}: {why}"
    for kind, count in tally.unknown.most_common(_SHOWN):
        yield f"  {count:>8}  unknown  {kind[:60]!a}"
    if found.unseen:
        yield f"  not seen: {', '.join(found.unseen)}"


def _fields(found: Check) -> Iterator[str]:
    if found.tally is None:
        return
    journal = found.tally.journal
    ways = {
        "copied": ("label",),
        "identifiers": ("id",),
        "pseudonyms": ("pseudonym",),
        "read": ("word", "time", "number", "decided"),
    }
    yield ""
    yield "fields"
    for title, of in ways.items():
        paths = sorted({path for path, how in journal.read if how in of})
        yield f"  {title + ':':<12} {', '.join(paths) or '-'}"
    dropped = journal.dropped()
    names = [path or "(the payload)" for path, _ in dropped.most_common()]
    more = f" and {len(names) - 40} more" if len(names) > 40 else ""
    yield f"  {'dropped:':<12} {', '.join(sorted(names[:40])) or '-'}{more}"
    for path, count in sorted(journal.unlisted.items()):
        yield f"  {count} values of {path} are in no list of the adapter"


_INDENTED = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
