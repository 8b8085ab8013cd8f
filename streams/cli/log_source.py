"""Which log a command reads: canonical JSON lines, or another format through a source adapter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from streams.event_log import LogError, arrival_ms, read_log
from streams.sources.base import SourceOptions
from streams.sources.registry import SOURCES, read_sorted

_F = TypeVar("_F", bound=Callable[..., Any])

CANONICAL = "canonical"
# For a call log that holds times of day only, and a user who does not care which day it was.
_ANY_DAY = date(2000, 1, 1)
_DEFAULT_OPTIONS = {"contract": "real-data", "salt": "baton"}


def source_option(function: _F) -> _F:
    """Add --option."""
    return click.option(
        "--option",
        "source_options",
        multiple=True,
        metavar="NAME=VALUE",
        help="What a foreign log does not say about itself: contract, salt, date, time_zone,"
        " supplier, channel, market, journey, start, step_ms. mark=bot:NAME (or automation, staff,"
        " human, handoff, resolved; one for each) says what an id, tag, intent or tool is.",
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
        options = source_options_from(given, source, file)
        records, problems = read_sorted(source, file, options, order="recorded")
    except (LogError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    counts = Counter(problem.code for problem in problems)
    for code, count in sorted(counts.items()):
        first = next(p for p in problems if p.code == code)
        click.echo(f"{file}: {count} x {code}, first at {first.where}: {first.message}", err=True)
    if not records:
        raise click.ClickException(f"{file}: no event could be read as {source}")
    for raw in records:
        yield raw, arrival_ms(raw)


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


def _options(given: tuple[str, ...]) -> SourceOptions:
    return options_from(given, _DEFAULT_OPTIONS)


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
