"""Audit logs of a help desk's incidents (ServiceNow): a row an update, fields as they then were.

The format is the UCI "incident management process enriched event log"; a row's time is
`sys_updated_at`. An incident is a conversation. What the rows honestly say:

- There is no AI, and no moment at which a customer waits for a human instead of one: **no handoff
  and no ai events**. Assignment and reassignment are work passing between people at the desk, not
  an escalation, and are not mapped.
- `contact.started` at opened_at; `resolution.claimed` by human where the state becomes Resolved;
  `resolution.reopened` where reopen_count rises; `contact.ended` (by unknown: nothing says who
  or what closes) where the state becomes Closed. Every other update is `contact.data_updated`:
  somebody worked on it.
- `resolved_at`, `closed_at` and `made_sla` are final values repeated on earlier rows: not read.
- The contact type gives the channel: phone and IVR are voice, all else (form, direct) is email.

Each event's `recordedtime` is its row's sys_updated_at. Events come in the file's order: a file
grouped by incident steps back in time at each incident. Changes are judged in the order of time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from streams.domain.events import (
    Channel,
    ContactDataUpdated,
    ContactEnded,
    ContactEndedData,
    ContactStarted,
    Data,
    Event,
    ResolutionClaimed,
    ResolutionClaimedData,
    ResolutionReopened,
    ResolutionReturnData,
)
from streams.sources.base import (
    Conversation,
    SourceOptions,
    SourceProblem,
    Stamp,
    identifier,
    moment_ms,
    pseudonym,
    term,
)
from streams.sources.tables import Columns, Row, read_rows

COLUMNS = Columns(
    required={
        "number": ("number",),
        "state": ("incident_state", "ident_state", "state"),
        "opened": ("opened_at",),
        "updated": ("sys_updated_at",),
        "reopens": ("reopen_count",),
    },
    optional={
        "changes": ("sys_mod_count",),
        "contact": ("contact_type",),
        "caller": ("caller_id",),
        "category": ("category",),
    },
)
_TIME_FORMAT = "%d/%m/%Y %H:%M"
_UNKNOWN = ("", "?")
_VOICE = ("phone", "ivr")


class _Update(NamedTuple):
    """One row; ordered by time, then by the count of changes, then by place in the file."""

    updated_ms: int
    changes: int
    line: int
    number: str
    state: str
    opened_ms: int
    reopens: int
    where: str
    conversation: Conversation


@dataclass(frozen=True, slots=True)
class IncidentSource:
    """`incidents`: ServiceNow incident event logs, CSV, latin-1, dates d/m/yyyy HH:MM."""

    name: str = "incidents"

    def read(self, path: Path, options: SourceOptions) -> Iterator[Event | SourceProblem]:
        """Events in the order of the file. Holds the whole log in memory."""
        zone = ZoneInfo(options.time_zone)
        incidents: dict[str, list[_Update]] = {}
        for row in read_rows(path, "latin-1", COLUMNS):
            update = row if isinstance(row, SourceProblem) else self._update(row, options, zone)
            if isinstance(update, SourceProblem):
                yield update
            else:
                incidents.setdefault(update.number, []).append(update)
        found: list[tuple[int, Event | SourceProblem]] = []
        for updates in incidents.values():
            found += _incident(sorted(updates, key=lambda u: (u.updated_ms, u.changes, u.line)))
        found.sort(key=lambda pair: pair[0])
        for _, item in found:
            yield item

    def _update(self, row: Row, options: SourceOptions, zone: ZoneInfo) -> _Update | SourceProblem:
        cells = row.cells
        number = identifier(cells["number"])
        if number is None:
            return SourceProblem("bad_identifier", "number is no identifier; left out", row.where)
        state = cells["state"]
        if not state[:1].isalpha():
            return SourceProblem(
                "unknown_state", "the state is a code or empty, not a label; left out", row.where
            )
        opened_ms, updated_ms = _time(cells["opened"], zone), _time(cells["updated"], zone)
        if opened_ms is None or updated_ms is None:
            return SourceProblem("bad_time", "a time is not d/m/yyyy HH:MM; left out", row.where)
        reopens = _count(cells["reopens"])
        if reopens is None:
            return SourceProblem("bad_count", "reopen_count is no count; left out", row.where)
        caller = cells.get("caller", "")
        category = cells.get("category", "")
        return _Update(
            updated_ms=updated_ms,
            changes=_count(cells.get("changes", "")) or 0,
            line=row.line,
            number=number,
            state=state,
            opened_ms=opened_ms,
            reopens=reopens,
            where=row.where,
            conversation=Conversation(
                source=self.name,
                id=options.own(number),
                options=options,
                channel=_channel(cells.get("contact", "")),
                channel_subtype=term(cells.get("contact")),
                customer_key=None
                if caller in _UNKNOWN
                else pseudonym(options.salt, options.own(caller)),
                journey=None if category in _UNKNOWN else term(category),
            ),
        )


def _incident(updates: list[_Update]) -> Iterator[tuple[int, Event | SourceProblem]]:
    """What an incident's updates, in the order of time, say; each with its line in the file."""
    state, reopens = "", 0
    for update in updates:
        first = update is updates[0]
        events = list(_changes(update, state, reopens, first))
        yield from ((update.line, event) for event in events)
        if not any(isinstance(event, Event) for event in events):
            # An update of nothing that is followed here is still work on the incident.
            yield (
                update.line,
                ContactDataUpdated(
                    **_stamp(update, "updated"), data=Data(**update.conversation.shared())
                ),
            )
        state, reopens = update.state, max(reopens, update.reopens)


def _changes(
    update: _Update, state: str, reopens: int, first: bool
) -> Iterator[Event | SourceProblem]:
    shared = update.conversation.shared()
    if first:
        if update.opened_ms > update.updated_ms:
            yield SourceProblem(
                "updated_before_opened", "taken as opened at its first update", update.where
            )
        yield ContactStarted(
            **update.conversation.stamp(
                "started", min(update.opened_ms, update.updated_ms), update.updated_ms
            ),
            data=Data(**shared),
        )
    unseen = update.reopens - reopens - (0 if first else 1)
    if unseen > 0:
        yield SourceProblem(
            "reopening_unseen",
            f"{unseen} reopenings have no row of their own; left out",
            update.where,
        )
    if update.reopens > reopens and not first:
        yield ResolutionReopened(**_stamp(update, "reopened"), data=ResolutionReturnData(**shared))
    if update.state == state:
        return
    if update.state == "Resolved":
        yield ResolutionClaimed(
            **_stamp(update, "resolved"),
            data=ResolutionClaimedData(**shared, claimed_by="human"),
        )
    elif update.state == "Closed":
        yield ContactEnded(
            **_stamp(update, "closed"), data=ContactEndedData(**shared, ended_by="unknown")
        )


def _stamp(update: _Update, what: str) -> Stamp:
    # Of the row's content, not its line: another extract of the same log gives the same ids.
    return update.conversation.stamp(
        f"{update.updated_ms}.{update.changes}.{what}", update.updated_ms, update.updated_ms
    )


def _time(text: str, zone: ZoneInfo) -> int | None:
    try:
        return moment_ms(datetime.strptime(text, _TIME_FORMAT), zone)
    except ValueError:
        return None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _channel(contact_type: str) -> Channel:
    return "voice" if contact_type.lower() in _VOICE else "email"
