"""`baton governance copies`: until when the topics that go by time still have what was erased.

GDPR article 12(3) gives a month from the request; what a contract agrees may be less. Times in ms
since 1970 UTC.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from streams.cli.audit import print_wide
from streams.cli.audit_options import broker_settings
from streams.cli.contract import form_option
from streams.cli.governance import as_json, brokers_option, run_on_broker
from streams.cli.options import book_from
from streams.domain.contract import ContractBook
from streams.domain.contract_retention import DAY_MS, DataKind, shortest_of
from streams.domain.events import epoch_ms
from streams.domain.facts import rfc3339
from streams.kafka import topics
from streams.kafka.connection import client_options
from streams.kafka.governance_log import read_governance
from streams.kafka.retention import TopicTimes, older_than, times_of
from streams.kafka.whole_topic import NoTopic
from streams.settings import Settings

EXIT_TOO_LONG = 4
MONTH_DAYS = 30
# A request, which names its subject, is on every partition so long after its own time.
_WRITTEN_WITHIN_MS = 60_000
# What stands in them of a person, and what contracts call them.
_COPIES: dict[str, tuple[str, DataKind | None]] = {
    topics.EVENTS: ("the events as they came, and the request", "events"),
    topics.DEAD_LETTERS: ("refused records as they came", "deadLetters"),
    topics.LINKS: ("digests, conversation ids", None),
    topics.DELTAS: ("conversation ids", None),
    topics.BILLING_RECORDS: ("digests, conversation ids", None),
}


@dataclass(frozen=True)
class Copy:
    """What one topic has of who asked at `asked_ms`: by when it is `due` to be gone, and by when it
    will be; `gone_by` None for never, `known` False where the brokers do not say. `there`: whether
    anything of that time or before still stands in it.
    """

    topic: str
    holds: str
    request: str
    asked_ms: int
    due: int
    known: bool
    gone_by: int | None
    there: bool

    @property
    def too_long(self) -> bool:
        """Whether it stays for longer than it may."""
        return self.there and (self.gone_by is None or self.gone_by > self.due)

    @property
    def says(self) -> str:
        """What to tell of it, in words."""
        if not self.there:
            return "gone"
        if not self.known:
            return "NOT KNOWN until when: the brokers do not say, or do not let us ask"
        if self.gone_by is None:
            return "NEVER gone by itself"
        late = f", LATER than {rfc3339(self.due)}" if self.too_long else ""
        return f"gone by {rfc3339(self.gone_by)}{late}"


@click.command()
@click.option("--request", help="Only what was asked for by this request.")
@click.option(
    "--contract",
    "contracts",
    type=click.Path(path_type=Path),
    multiple=True,
    envvar="BATON_CONTRACT",
    help="Contract files: what they agree holds where it is less than --within.",
)
@click.option(
    "--within",
    "within_days",
    type=click.IntRange(1),
    default=MONTH_DAYS,
    show_default=True,
    help="Days from a request in which raw copies must be gone.",
)
@form_option
@brokers_option
def copies(
    request: str | None,
    contracts: tuple[Path, ...],
    within_days: int,
    form: str,
    **given: Any,
) -> None:
    """Say of each request of erasure which topics still have raw copies, and until when.

    A topic lets go of a record with its whole segment, so at the latest after retention.ms and
    segment.ms. Exit code 0: all are gone, or will be in time; 4: some will not be, and what to do
    is printed.
    """
    settings = broker_settings(given)
    book = book_from(contracts) if contracts else None
    found = run_on_broker(settings, lambda: _of_all(settings, request, book, within_days))
    if request is not None and not found:
        raise click.ClickException(f"no request {request} on {settings.topic(topics.GOVERNANCE)}")
    if form == "json":
        for one in found:
            click.echo(as_json(document_of(one)))
    else:
        print_wide(_table(found))
    late = [one for one in found if one.too_long]
    if late:
        click.echo(warning(late), err=True)
        sys.exit(EXIT_TOO_LONG)


async def _of_all(
    settings: Settings, request: str | None, book: ContractBook | None, within_days: int
) -> list[Copy]:
    records, _ = await read_governance(settings)
    asked = {
        one.data.request: (epoch_ms(datetime.fromisoformat(one.time)), one.data.contract or "")
        for one in records
        if one.type == "baton.governance.requested" and one.data.request is not None
    }
    wanted = {r: about for r, about in asked.items() if request is None or r == request}
    return await copies_of(settings, wanted, book, within_days)


async def copies_of(
    settings: Settings,
    asked: dict[str, tuple[int, str]],
    book: ContractBook | None = None,
    within_days: int = MONTH_DAYS,
) -> list[Copy]:
    """What each topic has of requests: by their names, their time and contract.

    Raises ConnectionFailed, KafkaError.
    """
    found = []
    for name, (holds, kind) in _COPIES.items():
        topic = settings.topic(name)
        times = await times_of(client_options(settings), topic)
        for request, (at, contract) in asked.items():
            days = min(within_days, _agreed(kind, contract, book) or within_days)
            try:
                old = await older_than(settings, topic, at + _WRITTEN_WITHIN_MS)
            except NoTopic:
                times, old = None, {}  # or one that may not be seen by us
            # What cannot be known is no proof that nothing is in it.
            there = times is None or bool(old)
            found.append(_copy(topic, holds, request, at, at + days * DAY_MS, times, there))
    return found


def _agreed(kind: DataKind | None, contract: str, book: ContractBook | None) -> int | None:
    if kind is None or book is None or contract not in book:
        return None
    return shortest_of(kind, book.versions(contract))


def _copy(
    topic: str,
    holds: str,
    request: str,
    at: int,
    due: int,
    times: TopicTimes | None,
    there: bool,
) -> Copy:
    gone_by = None if times is None else times.gone_by(at + _WRITTEN_WITHIN_MS)
    return Copy(topic, holds, request, at, due, times is not None, gone_by, there)


def warning(late: Sequence[Copy]) -> str:
    """What to do about copies that stay too long."""
    named = ", ".join(dict.fromkeys(one.topic for one in late))
    due = rfc3339(min(one.due for one in late))
    before = rfc3339(max(one.asked_ms for one in late) + _WRITTEN_WITHIN_MS)
    return (
        f"RAW COPIES STAY TOO LONG: {named}. Either give the topics a retention.ms and segment.ms"
        f" that come to less, or delete by hand by {due} what is older than the request:"
        f" `baton governance retention --contract FILE --before {before} --apply`"
    )


def lines_of(found: Iterable[Copy]) -> list[str]:
    """The copies, a line each."""
    return [f"{one.topic}: {one.says} ({one.holds})" for one in found]


def document_of(one: Copy) -> dict[str, Any]:
    """A copy for machines."""
    return {
        "request": one.request,
        "topic": one.topic,
        "there": one.there,
        "known": one.known,
        "asked": rfc3339(one.asked_ms),
        "gone_by": None if one.gone_by is None else rfc3339(one.gone_by),
        "due": rfc3339(one.due),
        "too_long": one.too_long,
    }


def _table(found: Iterable[Copy]) -> Table:
    table = Table(title_justify="left")
    for name in ("request", "asked", "topic", "holds", "raw copies"):
        table.add_column(name)
    for one in found:
        asked = rfc3339(one.asked_ms)
        table.add_row(one.request[:12], asked, one.topic, one.holds, one.says)
    return table
