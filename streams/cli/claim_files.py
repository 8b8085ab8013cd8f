"""The two files of a reconciliation: our statement, and a vendor's claim as CSV. BILLING.md 9."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from streams.cli.invoice import statement_from
from streams.cli.invoice_report import COLUMNS, unguarded
from streams.domain.billing.reconcile import TERMS, VendorClaim
from streams.domain.billing.statement import problems_of
from streams.domain.money import millionths

_ALIASES = {"conversation_id": "conversation", "version": "contract_version"}
_READ = ("conversation", "episode", "life", "amount", "currency", *TERMS)
_AMOUNT = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,6})?")
_EPISODE = re.compile(r"[0-9]{1,9}")
_LIFE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOST_PROBLEMS = 3
_NUMBERS = frozenset(("amount_micros", "episode"))


class OurStatement(NamedTuple):
    """Its records as they are read, their currency, and what it is: contract, period, and `open`
    where nobody has sealed it and that is known.
    """

    entries: Sequence[Mapping[str, Any]]
    currency: str
    name: str


def our_statement(file: Path) -> OurStatement:
    """A statement as `baton invoice` wrote it, json or csv. Raises click.ClickException."""
    with file.open("rb") as opened:
        begins = opened.read(64).lstrip()
    if begins.startswith(b"{"):
        statement = statement_from(file)
        problems = problems_of(statement)
        if problems:
            # Of what was changed nothing can be held against a vendor.
            shown = "; ".join(problems[:_MOST_PROBLEMS])
            raise click.ClickException(f"{file}: is not what was booked: {shown}")
        name = f"{statement.contract}, {statement.period}"
        name += " (open)" if statement.seal is None else ""
        return OurStatement(statement.entries, statement.currency, name)
    entries = []
    for row in _rows(file, COLUMNS):
        if isinstance(row, _Unreadable):
            raise click.ClickException(
                f"{row.where}: {row.why}; is it as `baton invoice` wrote it?"
            )
        entries.append(_entry(row))
    if not entries:
        raise click.ClickException(f"{file}: no record in it; give a statement of `baton invoice`")
    return OurStatement(entries, entries[0]["currency"], str(entries[0]["period"]))


def _entry(row: _Row) -> dict[str, Any]:
    told: dict[str, Any] = {name: unguarded(cell) or None for name, cell in row.cells.items()}
    for name in _NUMBERS:
        if told[name] is None:
            continue
        try:
            told[name] = int(told[name])
        except ValueError:
            raise click.ClickException(f"{row.where}: {name} is no number") from None
    # An adjustment is about no conversation.
    return told if told["conversation_id"] else {**told, "conversation_id": None}


def vendor_claims(file: Path, left_out: Callable[[str], None]) -> Iterator[VendorClaim]:
    """The rows of a vendor's CSV. `left_out` is told of each that cannot be read, by file, line and
    what is wrong. Raises click.ClickException where the file is no such CSV.
    """
    for row in _rows(file, ("conversation", "amount")):
        if isinstance(row, _Unreadable):
            left_out(f"{row.where}: left out: {row.why}")
            continue
        wrong = _wrong(row.cells)
        if wrong is not None:
            left_out(f"{row.where}: left out: {wrong}")
            continue
        yield VendorClaim(
            where=row.where,
            conversation=row.cells["conversation"],
            life=row.cells.get("life") or None,
            episode=int(row.cells.get("episode") or 1),
            amount_micros=millionths(row.cells["amount"]),
            currency=row.cells.get("currency") or None,
            terms=tuple((name, row.cells[name]) for name in TERMS if row.cells.get(name)),
        )


def _wrong(cells: Mapping[str, str]) -> str | None:
    amount, episode, life = (cells.get(name, "") for name in ("amount", "episode", "life"))
    if not cells["conversation"]:
        return "it names no conversation"
    if not _AMOUNT.fullmatch(amount):
        return f"amount {amount[:40]!r} is no decimal like 1234.50, without thousands separators"
    if episode and not _EPISODE.fullmatch(episode):
        return f"episode {episode[:40]!r} is no number"
    if life and not _LIFE.fullmatch(life):
        return f"life {life[:40]!r} is no date like 2026-06-01"
    return None


class _Row(NamedTuple):
    where: str
    cells: Mapping[str, str]


class _Unreadable(NamedTuple):
    where: str
    why: str


def _rows(file: Path, needed: Sequence[str]) -> Iterator[_Row | _Unreadable]:
    """Row by row, cells without spaces around them by the name of their column, in any order."""
    number = 1
    try:
        # A byte order mark is what spreadsheets write; a quoted cell may hold line breaks.
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.reader(opened, strict=True)
            names = _header(file, next(reader, []), needed)
            number = reader.line_num + 1
            for cells in reader:
                where, number = f"{file.name}:{number}", reader.line_num + 1
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(names):
                    yield _Unreadable(where, f"{len(cells)} cells under {len(names)} columns")
                    continue
                pairs = zip(names, cells, strict=True)
                yield _Row(where, {name: cell.strip() for name, cell in pairs})
    except csv.Error as error:
        raise click.ClickException(f"{file}:{number}: {error}") from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{file}: is not UTF-8; save it as CSV in UTF-8") from None
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from None


def _header(file: Path, cells: Sequence[str], needed: Sequence[str]) -> list[str]:
    plain = [cell.strip().lower().replace(" ", "_") for cell in cells]
    ours = needed is COLUMNS
    names = plain if ours else [_ALIASES.get(name, name) for name in plain]
    missing = [name for name in needed if name not in names]
    if missing:
        hint = "; it must be a statement of `baton invoice`, json or csv" if ours else ""
        if len(cells) == 1 and re.search(r"[;\t|]", cells[0]):
            hint = "; separate columns by commas"
        raise click.ClickException(f"{file}:1: the header has no column {missing[0]}{hint}")
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            raise click.ClickException(f"{file}:1: two columns are named {name or 'nothing'}")
        if not ours and name not in _READ:
            click.echo(f"{file.name}:1: column {name[:40]} is not compared", err=True)
    return names
