"""`baton governance retention`: what is older than it may be, and deleting it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from streams.cli.audit import print_wide
from streams.cli.audit_options import broker_settings
from streams.cli.contract import form_option
from streams.cli.governance import (
    actor_of,
    actor_options,
    as_json,
    brokers_option,
    now_ms,
    run_on_broker,
)
from streams.cli.options import book_from, contract_option
from streams.domain.audit.record import decode_sample
from streams.domain.contract import ContractBook
from streams.domain.contract_retention import DAY_MS, DataKind, shortest_of
from streams.domain.events import epoch_ms
from streams.domain.facts import rfc3339
from streams.domain.governance import GovernanceEntry, governance_record
from streams.kafka import topics
from streams.kafka.connection import client_options
from streams.kafka.governance_log import log_governance
from streams.kafka.retention import delete_before, kept_ms, older_than
from streams.kafka.tombstones import write_tombstones
from streams.kafka.topic_reading import TopicMissing
from streams.kafka.whole_topic import NoTopic, read_whole
from streams.settings import Settings

EXIT_DUE = 3
# Topics that go by time alone. What is internal holds digests and ids too, and is kept for days.
_BY_TIME: dict[DataKind, str] = {
    "events": topics.EVENTS,
    "facts": topics.FACTS,
    "breaches": topics.BREACHES,
    "deadLetters": topics.DEAD_LETTERS,
}
_INTERNAL = (topics.LINKS, topics.DELTAS, topics.BILLING_RECORDS)


@dataclass(frozen=True)
class Found:
    """What a topic holds for longer than it may. `places`: (partition, offset or key)."""

    topic: str
    kind: str
    before_ms: int | None
    agreed: str
    kept_ms: int | None
    count: int
    places: Sequence[tuple[int, Any]]
    by_tombstone: bool = False


@click.command()
@contract_option
@click.option(
    "--before",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d"]),
    help="Shorten events, facts, dead letters and what is internal to this time now, whatever the"
    " contracts say: after an erasure. Takes everybody's records before it.",
)
@click.option("--apply", is_flag=True, help="Delete; without it, only say what would be.")
@actor_options
@form_option
@brokers_option
def retention(
    contracts: tuple[Path, ...],
    before: datetime | None,
    apply: bool,
    principal: str | None,
    purpose: str | None,
    form: str,
    **given: Any,
) -> None:
    """Say what is kept for longer than the contracts allow, and delete it with --apply.

    A topic has one retention: of events, facts, breaches and dead letters the shortest that any
    contract and market agrees holds for the whole topic. Audit samples are erased one by one, each
    after its market's days. Billing is kept. Exit code 3: something is due and --apply was not
    given.
    """
    settings = broker_settings({**given, "guarantee": "at-least-once"})
    book = book_from(contracts)
    cut = None if before is None else epoch_ms(before.astimezone())
    found = run_on_broker(settings, lambda: _found(settings, book, cut))
    due = [one for one in found if one.count]
    if apply and due:
        actor = actor_of(principal, settings)
        run_on_broker(settings, lambda: _delete(settings, due, actor, purpose))
    _print(found, apply, form)
    if due and not apply:
        sys.exit(EXIT_DUE)


async def _found(settings: Settings, book: ContractBook, cut: int | None) -> list[Found]:
    every = [terms for name in book.names for terms in book.versions(name)]
    now, options = now_ms(), client_options(settings)
    found = []
    for kind, name in _BY_TIME.items():
        days = shortest_of(kind, every)
        due = None if days is None else now - days * DAY_MS
        if cut is not None and kind != "breaches":
            due = cut if due is None else max(due, cut)
        agreed = "-" if days is None else f"{days} d"
        found.append(await _by_time(options, settings.topic(name), kind, due, agreed))
    for name in _INTERNAL if cut is not None else ():
        found.append(await _by_time(options, settings.topic(name), "internal", cut, "-"))
    found.append(await _samples(settings, book, now))
    return found


async def _by_time(
    options: dict[str, Any], topic: str, kind: str, due: int | None, agreed: str
) -> Found:
    try:
        kept = await kept_ms(options, topic)
        old = {} if due is None else await older_than(options, topic, due)
    except TopicMissing as error:
        raise NoTopic(str(error)) from None
    count = sum(upto - start for start, upto in old.values())
    places = [(number, upto) for number, (_, upto) in sorted(old.items())]
    return Found(topic, kind, due, agreed, kept, count, places)


async def _samples(settings: Settings, book: ContractBook, now: int) -> Found:
    topic = settings.topic(topics.AUDIT_SAMPLES)
    try:
        read = await read_whole(settings, topic)
    except NoTopic:
        return Found(topic, "auditSamples", None, "-", None, 0, (), True)
    standing = {(number, r.key): r for number, records in read.items() for r in records}
    places = []
    for (number, key), record in standing.items():
        if record.value is None or key is None:
            continue
        try:
            data = decode_sample(record.value).data
        except ValueError:
            continue
        if data.contract not in book:
            continue
        agreed = book.at(data.contract, now).retention
        days = None if agreed is None else agreed.of("auditSamples", data.market)
        if days is not None and record.timestamp < now - days * DAY_MS:
            places.append((number, key))
    kept = await kept_ms(client_options(settings), topic)
    return Found(topic, "auditSamples", None, "by market", kept, len(places), places, True)


async def _delete(
    settings: Settings, due: Sequence[Found], actor: str, purpose: str | None
) -> None:
    # Told first: what cannot be told is not done.
    told = [
        governance_record(
            "baton.governance.deleted",
            now_ms(),
            GovernanceEntry(actor=actor, purpose=purpose, what=one.topic, count=one.count),
        )
        for one in due
    ]
    await log_governance(settings, told)
    for one in due:
        if one.by_tombstone:
            await write_tombstones(settings, one.topic, one.places)
        else:
            await delete_before(client_options(settings), one.topic, dict(one.places))


def _print(found: Sequence[Found], applied: bool, form: str) -> None:
    if form == "json":
        for one in found:
            click.echo(
                as_json(
                    {
                        "topic": one.topic,
                        "kind": one.kind,
                        "agreed": one.agreed,
                        "retention_ms": one.kept_ms,
                        "before": None if one.before_ms is None else rfc3339(one.before_ms),
                        "records": one.count,
                        "deleted": applied and one.count > 0,
                    }
                )
            )
        return
    table = Table(title_justify="left")
    for name in ("topic", "agreed", "topic keeps", "older than", "records", ""):
        table.add_column(name)
    for one in found:
        kept = "for ever" if one.kept_ms is None else f"{one.kept_ms / DAY_MS:.4g} d"
        older = "" if one.before_ms is None else rfc3339(one.before_ms)
        state = "" if not one.count else "deleted" if applied else "due"
        table.add_row(one.topic, one.agreed, kept, older, str(one.count), state)
    print_wide(table)
