"""Which log a command reads: canonical JSON lines, or another format through a source adapter."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from streams.event_log import LogError, arrival_ms, read_log
from streams.sources.base import SourceOptions, SourceProblem
from streams.sources.registry import SOURCES, read_records
from streams.sources.sorting import SortedRecords

_F = TypeVar("_F", bound=Callable[..., Any])

CANONICAL = "canonical"
# For a call log that holds times of day only, and a user who does not care which day it was.
_ANY_DAY = date(2000, 1, 1)
SALT_VARIABLE = "BATON_SOURCE_SALT"
# For figures that stay here; everybody knows it, so it hides nobody from who has a list of people.
_KNOWN_SALT = "baton"
_DEFAULT_CONTRACT = "real-data"


def source_option(function: _F) -> _F:
    """Add --option."""
    return click.option(
        "--option",
        "source_options",
        multiple=True,
        metavar="NAME=VALUE",
        help="What a foreign log does not say about itself: contract, salt, date, time_zone,"
        " supplier, channel, market, journey, start, step_ms; prefix=NAME where several desks"
        " number conversations from 1. mark=bot:NAME (or automation, staff, human, handoff,"
        " resolved; one for each) says what an id, tag, intent or tool is. The salt is"
        f" {SALT_VARIABLE} if that is set.",
    )(function)


def log_options(function: _F) -> _F:
    """Add --source and --option."""
    function = source_option(function)
    return click.option(
        "--source",
        type=click.Choice([CANONICAL, *sorted(SOURCES)]),
        default=CANONICAL,
        show_default=True,
        help="Format of FILE.",
    )(function)


def read_source(
    file: Path, source: str, given: tuple[str, ...]
) -> Iterator[tuple[bytes, int | None]]:
    """Records with arrival times (ms), in order. Raises click.ClickException with file and
    cause.
    """
    try:
        if source == CANONICAL:
            yield from _canonical(file)
            return
        with SortedRecords("recorded") as records:
            _read_into(records, file, source, source_options_from(given, source, file))
            for record in records:
                yield record.raw, record.recorded_ms
    except (LogError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None


def _read_into(records: SortedRecords, file: Path, source: str, options: SourceOptions) -> None:
    counts: Counter[str] = Counter()
    first: dict[str, SourceProblem] = {}
    for item in read_records(source, file, options):
        if isinstance(item, SourceProblem):
            counts[item.code] += 1
            first.setdefault(item.code, item)
        else:
            records.add(item)
    for code, count in sorted(counts.items()):
        at, told = first[code].where, first[code].message
        click.echo(f"{file}: {count} x {code}, first at {at}: {told}", err=True)
    if not records.count:
        raise click.ClickException(f"{file}: no event could be read as {source}")


def _canonical(file: Path) -> Iterator[tuple[bytes, int | None]]:
    """Raises LogError, before a record is shown, where none has a time: a file of something else
    would be judged to hold dead letters only, and look like a day on which nothing happened.
    """
    records = read_log(file)
    first: list[tuple[bytes, int | None]] = []
    for raw in records:
        first.append((raw, arrival_ms(raw)))
        if first[-1][1] is not None:
            break
    else:
        held = f"none of its {len(first)} lines is" if first else "it is empty; no line is"
        raise LogError(
            f"{file}: {held} a canonical event, which is JSON with a `time`; another system's log"
            " needs --source NAME"
        )
    yield from first
    for raw in records:
        yield raw, arrival_ms(raw)


def source_options_from(given: tuple[str, ...], source: str, file: Path) -> SourceOptions:
    """The options for reading `file` as `source`. Raises click.UsageError naming the option."""
    options = _options(given)
    if source == "acd" and options.date is None:
        click.echo(
            f"{file}: no --option date=YYYY-MM-DD; its times of day become {_ANY_DAY}", err=True
        )
        return replace(options, date=_ANY_DAY)
    return options


def warn_of_known_salt(source: str, given: tuple[str, ...]) -> None:
    """Say on stderr that pseudonyms which are about to leave this machine can be undone."""
    if source != CANONICAL and _options(given).salt == _KNOWN_SALT:
        click.echo(
            f"warning: pseudonyms of {source} are made with a salt that everybody knows: whoever"
            " has a list of customers finds each of them again, and they meet none that are made"
            f" with a secret one. Set {SALT_VARIABLE}, as for `baton source run` and `serve`",
            err=True,
        )


def _options(given: tuple[str, ...]) -> SourceOptions:
    salt = os.environ.get(SALT_VARIABLE) or _KNOWN_SALT
    return options_from(given, {"contract": _DEFAULT_CONTRACT, "salt": salt})


def options_from(given: Iterable[str], defaults: Mapping[str, str]) -> SourceOptions:
    """The options of NAME=VALUE texts over `defaults`. Raises click.UsageError naming one."""
    values: dict[str, Any] = dict(defaults)
    marks: set[tuple[str, str]] = set()
    for item in given:
        name, separator, value = item.partition("=")
        if name == "mark":
            marks.add(_mark(value))
            continue
        if not separator or name not in SourceOptions.__dataclass_fields__:
            known = ", ".join(("mark", *SourceOptions.__dataclass_fields__))
            # Not the value, which may be a salt.
            raise click.UsageError(f"--option {name[:60]!r}: NAME=VALUE with NAME one of {known}")
        values[name] = value
    for name, (read, form) in _TYPED.items():
        if name in values:
            try:
                values[name] = read(values[name])
            except ValueError:
                raise click.UsageError(f"--option {name}: must be {form}") from None
    try:
        return SourceOptions(**values | {"marks": frozenset(marks)})
    except ValueError as error:
        raise click.UsageError(f"--option {error}") from None


def _mark(text: str) -> tuple[str, str]:
    what, separator, name = text.partition(":")
    if not separator or not name:
        raise click.UsageError("--option mark: must look like mark=bot:4200001")
    return what, name


def _start(text: str) -> datetime:
    start = datetime.fromisoformat(text)
    return start if start.tzinfo else start.replace(tzinfo=UTC)


# Options that are no text: how each is read, and how it must look.
_TYPED: dict[str, tuple[Callable[[str], Any], str]] = {
    "date": (date.fromisoformat, "a day like 2026-06-01"),
    "start": (_start, "a time like 2026-06-01T00:00:00Z"),
    "step_ms": (int, "a whole number of milliseconds"),
}
