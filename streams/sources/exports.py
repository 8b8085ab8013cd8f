"""Exports of platforms into tables (Fivetran, Airbyte and the like): CSV files, a row an object.

The rows become the payloads that the platform itself would have sent, each with what the other
tables know of it, and its adapter reads those. A folder is read as a whole and so is a zip of the
files; a table is known by its columns, whatever its file is called.

A history of fields says what a value became; what it was is the row before, in the order of time.
Rows that are repeated give the same events under the same ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from zipfile import ZipFile, is_zipfile

from streams.domain.events import Event
from streams.sources.adapter import Platform
from streams.sources.base import SourceOptions, SourceProblem
from streams.sources.json_files import Found
from streams.sources.platforms.intercom import PLATFORM as INTERCOM
from streams.sources.platforms.zendesk import PLATFORM as ZENDESK
from streams.sources.tables import UNREADABLE, Columns, Row, read_rows

MAX_UNPACKED_BYTES = 2 * 1024 * 1024 * 1024

Tables = Mapping[str, list[Row]]


class Table(NamedTuple):
    """A table of an export: the columns it is known by, and others that are read."""

    known_by: tuple[str, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableExport:
    """An export of a platform's tables as a Source. Holds all of them in memory."""

    platform: Platform
    tables: Mapping[str, Table]
    payloads: Callable[[Tables], Iterator[Found]]

    @property
    def name(self) -> str:
        """The platform's name, and what it is a form of."""
        return f"{self.platform.name}-tables"

    def read(self, path: Path, options: SourceOptions) -> Iterator[Event | SourceProblem]:
        """Events table by table; a problem for each file that is no table of the platform."""
        tables: dict[str, list[Row]] = defaultdict(list)
        with TemporaryDirectory(prefix="baton-tables-") as unpacked:
            for file in _files(path, Path(unpacked)):
                if isinstance(file, SourceProblem):
                    yield file
                else:
                    yield from self._add(file, tables)
        for found in self.payloads(tables):
            yield from self.platform.read(found.payload, options, found.where)

    def _add(self, file: Path, tables: dict[str, list[Row]]) -> Iterator[SourceProblem]:
        every = {
            name: (name,)
            for table in self.tables.values()
            for name in (*table.known_by, *table.others)
        }
        rows: list[Row] = []
        for row in read_rows(file, "utf-8", Columns({}, every)):
            if isinstance(row, SourceProblem):
                yield row
            else:
                rows.append(row)
        if not rows:
            if file.is_file() and file.stat().st_size == 0:
                yield SourceProblem("missing_column", "the file is empty", file.name)
            return
        columns = rows[0].cells.keys()
        for name, table in self.tables.items():
            if columns >= set(table.known_by):
                tables[name] += rows
                return
        yield SourceProblem(
            "unknown_table", f"no table of {self.platform.title} that is read", file.name
        )


def _files(path: Path, into: Path) -> Iterator[Path | SourceProblem]:
    """The tables in the folder or zip `path`, or `path` itself."""
    if path.is_dir():
        yield from sorted(path.glob("*.csv*"))
    elif not is_zipfile(path):
        yield path
    else:
        try:
            with ZipFile(path) as archive:
                members = sorted(
                    (m for m in archive.infolist() if m.filename.lower().endswith(".csv")),
                    key=lambda member: member.filename,
                )
                if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
                    yield SourceProblem(
                        "too_large", f"unpacks to more than {MAX_UNPACKED_BYTES} bytes", path.name
                    )
                    return
                for at, member in enumerate(members):
                    file = into / f"{at:03d}-{Path(member.filename).name}"
                    with archive.open(member) as packed, file.open("wb") as plain:
                        copyfileobj(packed, plain)
                    yield file
        except UNREADABLE as error:
            yield SourceProblem(
                "unreadable_file", f"cannot be read ({type(error).__name__})", path.name
            )


def _by(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row.cells[column]].append(row)
    return grouped


def _ticket_payloads(tables: Tables) -> Iterator[Found]:
    tickets = {row.cells["id"]: row.cells for row in tables.get("ticket", ())}
    roles = {row.cells["id"]: row.cells["role"] for row in tables.get("user", ())}

    def audit(row: Row, ticket_id: str, at: str, author: str, event: dict[str, Any]) -> Found:
        ticket = tickets.get(ticket_id, {})
        users = [{"id": author, "role": roles[author]}] if author in roles else []
        one = {"ticket_id": ticket_id, "created_at": at, "author_id": author, "events": [event]}
        return Found({"ticket": _ticket(ticket), "users": users, "audits": [one]}, row.where)

    for row in tables.get("ticket", ()):
        cells = row.cells
        created = {"type": "Create", "field_name": "requester_id", "value": cells["requester_id"]}
        by = cells.get("submitter_id") or cells["requester_id"]
        yield audit(row, cells["id"], cells["created_at"], by, created)
    for row in tables.get("comment", ()):
        cells = row.cells
        comment = {"type": "Comment", "id": cells["id"], "public": cells["public"]}
        at = cells.get("created") or cells.get("created_at", "")
        yield audit(row, cells["ticket_id"], at, cells["user_id"], comment)
    fields = sorted(
        tables.get("field", ()),
        key=lambda row: (row.cells["ticket_id"], row.cells["field_name"], row.cells["updated"]),
    )
    for (ticket_id, field), rows in groupby(
        fields, key=lambda row: (row.cells["ticket_id"], row.cells["field_name"])
    ):
        before = ""
        for row in rows:
            after = row.cells["value"]
            change = {"type": "Change", "field_name": field}
            change |= {"previous_value": before, "value": after}
            before = after
            who = row.cells.get("user_id", "")
            yield audit(row, ticket_id, row.cells["updated"], who, change)
    chats = _by(tables.get("chat", ()), "chat_id")
    for row in tables.get("chat_event", ()):
        yield Found(_chat_event(row, chats.get(row.cells["chat_id"], [])), row.where)


def _ticket(cells: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": cells.get("id"),
        "requester_id": cells.get("requester_id"),
        "via": {"channel": cells.get("via_channel")},
    }


def _chat_event(row: Row, chats: list[Row]) -> dict[str, Any]:
    """A chat's event; the ticket is known where the chat has one only."""
    event: dict[str, Any] = dict(row.cells)
    tickets = {chat.cells["ticket_id"] for chat in chats}
    if len(tickets) == 1:
        event["ticket_id"] = next(iter(tickets))
    if chats:
        cells = chats[0].cells
        event["ticket"] = {
            "requester_id": cells.get("user_id"),
            "via": {"channel": cells.get("channel")},
        }
    return event


def _conversation_payloads(tables: Tables) -> Iterator[Found]:
    versions = _by(tables.get("conversation", ()), "id")
    contacts = {
        row.cells["conversation_id"]: row.cells["contact_id"] for row in tables.get("contact", ())
    }
    parted = {row.cells["conversation_id"] for row in tables.get("part", ())}
    for number, rows in versions.items():
        rows.sort(key=lambda row: row.cells["updated_at"])
        yield Found(_conversation(rows[-1].cells, contacts.get(number)), rows[-1].where)
        if number not in parted:
            yield from _states(rows)
    for row in tables.get("part", ()):
        cells = row.cells
        known = versions.get(cells["conversation_id"])
        part: dict[str, Any] = {
            "type": "conversation_part",
            "id": cells["id"],
            "conversation_id": cells["conversation_id"],
            "part_type": cells["part_type"],
            "created_at": cells["created_at"],
            "author": {"type": cells["author_type"], "id": cells.get("author_id")},
            "assigned_to": {
                "type": cells.get("assigned_to_type"),
                "id": cells.get("assigned_to_id"),
            },
            "body": cells.get("body"),
        }
        if known:
            part["source"] = {"type": known[-1].cells["source_type"]}
        part["contacts"] = _people(contacts.get(cells["conversation_id"]))
        yield Found(part, row.where)


def _conversation(cells: Mapping[str, str], contact: str | None) -> dict[str, Any]:
    return {
        "type": "conversation",
        "id": cells["id"],
        "created_at": cells["created_at"],
        "source": {
            "type": cells["source_type"],
            "id": cells.get("source_id"),
            "delivered_as": cells.get("source_delivered_as"),
            "author": {
                "type": cells.get("source_author_type"),
                "id": cells.get("source_author_id"),
            },
        },
        "conversation_rating": {
            "created_at": cells.get("conversation_rating_created_at"),
            "rating": cells.get("conversation_rating_value"),
        },
        "contacts": _people(contact),
    }


def _people(contact: str | None) -> dict[str, Any]:
    return {"contacts": [{"id": contact}] if contact else []}


def _states(rows: list[Row]) -> Iterator[Found]:
    """Of a conversation without parts: that it was closed or opened again, by whom is unknown."""
    before = ""
    for row in rows:
        cells, state = row.cells, row.cells["state"]
        if state != before and (state == "closed" or (before == "closed" and state == "open")):
            kind = "close" if state == "closed" else "open"
            part = {
                "part_type": kind,
                "conversation_id": cells["id"],
                "created_at": cells["updated_at"],
                "author": {"id": None},
                "source": {"type": cells["source_type"]},
            }
            yield Found(part, row.where)
        before = state


TABLE_EXPORTS = (
    TableExport(
        ZENDESK,
        {
            "field": Table(("ticket_id", "field_name", "value", "updated"), ("user_id",)),
            "comment": Table(("id", "ticket_id", "user_id", "public"), ("created", "created_at")),
            "chat_event": Table(
                ("chat_id", "created_at", "type", "actor_id"),
                ("chat_index", "message_id", "original_message", "reason"),
            ),
            "chat": Table(("chat_id", "ticket_id"), ("user_id", "channel")),
            "ticket": Table(
                ("id", "requester_id", "created_at", "status"), ("submitter_id", "via_channel")
            ),
            "user": Table(("id", "role")),
        },
        _ticket_payloads,
    ),
    TableExport(
        INTERCOM,
        {
            "part": Table(
                ("id", "conversation_id", "part_type", "author_type", "created_at"),
                ("author_id", "assigned_to_type", "assigned_to_id", "body"),
            ),
            "conversation": Table(
                ("id", "created_at", "updated_at", "state", "source_type"),
                (
                    *("source_id", "source_delivered_as", "source_author_type", "source_author_id"),
                    *("conversation_rating_created_at", "conversation_rating_value"),
                ),
            ),
            "contact": Table(("contact_id", "conversation_id")),
        },
        _conversation_payloads,
    ),
)
