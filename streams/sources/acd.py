"""Call logs of an ACD behind an automated voice unit (VRU, IVR): a row a call, unit, queue, agent.

The default columns are those of the Technion "Anonymous Bank" logs (their data dictionary:
FIELDS_call-centre.md); another system's names go into `CallLogFormat`. What a row honestly says:

- The caller leaves the unit for a human: `handoff.requested` by `system` at vru_exit (T0).
  A caller who hangs up inside the unit asked nobody for anything: no handoff.
- The unit is a menu, not an AI that tries to resolve: no `ai.*` events, so containment stays
  unknown. Calls that the unit served wholly are not in such logs either.
- Agents are taken as qualified (the log names no skills).
- Who ended a served call is not logged; its end is the agent's, so `ended_by` is human.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from streams.domain.events import (
    ContactEnded,
    ContactEndedData,
    ContactStarted,
    Data,
    EndedBy,
    Event,
    HandoffAgentData,
    HandoffConnected,
    HandoffDequeued,
    HandoffDequeuedData,
    HandoffQueued,
    HandoffQueuedData,
    HandoffRequested,
    HandoffRequestedData,
)
from streams.sources.base import (
    Conversation,
    SourceOptions,
    SourceProblem,
    identifier,
    pseudonym,
    term,
)
from streams.sources.call_times import CallTimes, Leg, read_date, read_times
from streams.sources.tables import Columns, Row, read_rows

UNRECORDED_AGENT = "unrecorded"


@dataclass(frozen=True, slots=True)
class CallLogFormat:
    """Names of columns and values; the defaults are the Technion logs'."""

    line: str = "vru+line"
    call_id: str = "call_id"
    service: str = "type"
    vru_entry: str = "vru_entry"
    vru_exit: str = "vru_exit"
    queue_start: str = "q_start"
    queue_exit: str = "q_exit"
    outcome: str = "outcome"
    service_start: str = "ser_start"
    service_exit: str = "ser_exit"
    agent: str = "server"
    date: str = "date"
    customer: str = "customer_id"
    answered: str = "AGENT"
    abandoned: str = "HANG"
    ignored: str = "PHANTOM"
    no_agent: str = "NO_SERVER"
    no_customer: str = "0"

    def columns(self) -> Columns:
        roles = (
            "line",
            "call_id",
            "service",
            "vru_entry",
            "vru_exit",
            "queue_start",
            "queue_exit",
            "outcome",
            "service_start",
            "service_exit",
            "agent",
        )
        return Columns(
            required={role: (getattr(self, role),) for role in roles},
            optional={"date": (self.date,), "customer": (self.customer,)},
        )


@dataclass(frozen=True, slots=True)
class AcdSource:
    """`acd`: call logs in `format`."""

    format: CallLogFormat = CallLogFormat()
    name: str = "acd"

    def read(self, path: Path, options: SourceOptions) -> Iterator[Event | SourceProblem]:
        """Events row by row. Without a date column, `options.date` is needed."""
        zone = ZoneInfo(options.time_zone)
        for row in read_rows(path, "utf-8-sig", self.format.columns()):
            if isinstance(row, SourceProblem):
                yield row
            else:
                yield from self._row(row, options, zone)

    def _row(
        self, row: Row, options: SourceOptions, zone: ZoneInfo
    ) -> Iterator[Event | SourceProblem]:
        cells = row.cells
        outcome = cells["outcome"]
        if outcome == self.format.ignored:
            yield SourceProblem("phantom", "the log marks the call as virtual; left out", row.where)
            return
        if outcome not in (self.format.answered, self.format.abandoned):
            yield SourceProblem(
                "unknown_outcome", "neither answered nor abandoned; left out", row.where
            )
            return
        day = read_date(cells.get("date")) or options.date
        if day is None:
            yield SourceProblem(
                "no_date", "the row has no date that can be read; give the option `date`", row.where
            )
            return
        call = read_times(row, day, zone)
        if isinstance(call, SourceProblem):
            yield call
            return
        line, call_id = identifier(cells["line"]), identifier(cells["call_id"])
        if line is None or call_id is None:
            yield SourceProblem(
                "bad_identifier", "line or call id is no identifier; left out", row.where
            )
            return
        customer = cells.get("customer", "")
        conversation = Conversation(
            source=self.name,
            # Lines give the same call id to several calls: the entry tells them apart.
            id=options.own(
                f"{line}-{call_id}-{day:%Y%m%d}T{cells['vru_entry'].replace(':', '').zfill(6)}"
            ),
            options=options,
            channel="voice",
            customer_key=None
            if customer in ("", self.format.no_customer)
            else pseudonym(options.salt, options.own(customer)),
            journey=term(cells["service"]),
        )
        if outcome == self.format.answered:
            yield from self._answered(call, conversation, row)
        else:
            yield from _abandoned(call, conversation, row)

    def _answered(
        self, call: CallTimes, conversation: Conversation, row: Row
    ) -> Iterator[Event | SourceProblem]:
        agent = row.cells["agent"]
        agent_id = UNRECORDED_AGENT
        if agent in ("", self.format.no_agent):
            yield SourceProblem(
                "agent_unrecorded",
                f"answered by nobody named; agent_id {UNRECORDED_AGENT}",
                row.where,
            )
        else:
            agent_id = pseudonym(conversation.options.salt, conversation.options.own(agent))
        if call.service is None:
            yield SourceProblem(
                "no_service_times",
                "answered at no time; taken as answered and ended at the exit",
                row.where,
            )
        service = call.service or Leg(call.left_ms, call.left_ms)
        yield from _start(call, conversation, row)
        yield from _handoff(call, conversation, "answered")
        yield HandoffConnected(
            **conversation.stamp("connected", service.start_ms),
            data=HandoffAgentData(
                **conversation.shared(),
                direction="inbound",
                handoff_id=f"{conversation.id}/1",
                agent_id=agent_id,
                qualified=True,
            ),
        )
        yield _end(conversation, service.end_ms, "human")


def _abandoned(
    call: CallTimes, conversation: Conversation, row: Row
) -> Iterator[Event | SourceProblem]:
    if call.service is not None:
        yield SourceProblem(
            "abandoned_with_service",
            "hung up, yet has service times; these are left out",
            row.where,
        )
    yield from _start(call, conversation, row)
    if call.queue is not None:
        yield from _handoff(call, conversation, "abandoned")
    yield _end(conversation, call.left_ms, "customer")


def _start(
    call: CallTimes, conversation: Conversation, row: Row
) -> Iterator[Event | SourceProblem]:
    if call.entry_ms > call.exit_ms:
        yield SourceProblem(
            "entry_after_exit",
            "entered the unit after leaving it; taken as entered at the exit",
            row.where,
        )
    yield ContactStarted(
        **conversation.stamp("started", min(call.entry_ms, call.exit_ms)),
        data=Data(**conversation.shared(), direction="inbound"),
    )


def _handoff(
    call: CallTimes, conversation: Conversation, outcome: Literal["answered", "abandoned"]
) -> Iterator[Event]:
    handoff_id = f"{conversation.id}/1"
    shared = conversation.shared()
    yield HandoffRequested(
        **conversation.stamp("requested", call.exit_ms),
        data=HandoffRequestedData(
            **shared, direction="inbound", handoff_id=handoff_id, requested_by="system"
        ),
    )
    if call.queue is None:
        return
    yield HandoffQueued(
        **conversation.stamp("queued", call.queue.start_ms),
        data=HandoffQueuedData(**shared, direction="inbound", handoff_id=handoff_id),
    )
    yield HandoffDequeued(
        **conversation.stamp("dequeued", call.queue.end_ms),
        data=HandoffDequeuedData(
            **shared, direction="inbound", handoff_id=handoff_id, outcome=outcome
        ),
    )


def _end(conversation: Conversation, end_ms: int, ended_by: EndedBy) -> Event:
    return ContactEnded(
        **conversation.stamp("ended", end_ms),
        data=ContactEndedData(**conversation.shared(), direction="inbound", ended_by=ended_by),
    )
