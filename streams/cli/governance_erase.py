"""`baton governance erase`: asks for it, erases audit samples, waits until it is confirmed."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click
import msgspec
import orjson
from aiokafka.structs import ConsumerRecord

from streams.cli.actor import actor_of, actor_options, now_ms
from streams.cli.audit_options import broker_settings
from streams.cli.contract import form_option
from streams.cli.governance import (
    as_json,
    brokers_option,
    run_on_broker,
)
from streams.cli.replay import Duration
from streams.domain.audit.record import decode_sample
from streams.domain.erasure import request_digest
from streams.domain.events import SubjectKind
from streams.domain.facts import rfc3339
from streams.domain.governance import GovernanceEntry, GovernanceRecord, governance_record
from streams.kafka import topics
from streams.kafka.connection import client_options
from streams.kafka.governance_log import log_governance, read_governance
from streams.kafka.tombstones import write_placed, write_tombstones
from streams.kafka.topic_reading import read_topic
from streams.kafka.whole_topic import NoTopic, partitions_of, read_whole
from streams.settings import Settings

SOURCE = "/baton/governance"
EXIT_UNCONFIRMED = 1
EXIT_SETTLING = 3
_LONGEST = 256
_POLL_S = 0.5


@dataclass(frozen=True)
class Asked:
    """One subject of one contract. `request` stands for it on the governance log."""

    contract: str
    kind: SubjectKind
    subject: str
    id: str
    time_ms: int

    @property
    def request(self) -> str:
        return request_digest(SOURCE, self.id).hex()

    def event(self, actor: str) -> bytes:
        """The request, as it goes to every partition of the events."""
        return orjson.dumps(
            {
                "specversion": "1.0",
                "id": self.id,
                "source": SOURCE,
                "type": "baton.governance.erasure_requested",
                "time": rfc3339(self.time_ms),
                "data": {
                    "contract": self.contract,
                    "subject_key": self.subject,
                    "subject_kind": self.kind,
                    "actor": actor,
                },
            }
        )


@dataclass
class Confirmed:
    """What the log says of one request."""

    applied: dict[int, int] = field(default_factory=dict)
    unlinked: dict[int, int] = field(default_factory=dict)
    renamed: int = 0
    erased: int = 0
    samples: int = 0
    settled_by: str | None = None

    def take(self, record: GovernanceRecord) -> None:
        """Take in one record."""
        said, kind = record.data, record.type.rpartition(".")[2]
        if kind == "applied" and said.partition is not None:
            self.applied[said.partition] = self.applied.get(said.partition, 0) + said.count
            self.settled_by = max(filter(None, (self.settled_by, said.settled_by)), default=None)
        elif kind == "unlinked" and said.source_partition is not None:
            source = said.source_partition
            self.unlinked[source] = self.unlinked.get(source, 0) + said.count
        elif kind == "renamed":
            self.renamed += said.count
        elif kind == "erased":
            self.erased += said.count

    def by_all(self, partitions: int, kind: SubjectKind) -> bool:
        """Whether every partition has acted on it."""
        linked = kind != "customer" or len(self.unlinked) >= partitions
        return len(self.applied) >= partitions and linked

    @property
    def settling(self) -> int:
        """How many conversations have lost their customer's name, and not yet all the rest."""
        return max(0, sum(self.applied.values()) - self.erased)


@click.command()
@click.option("--name", "names", multiple=True, required=True, help="Contract; once for each.")
@click.option(
    "--customer",
    "customers",
    type=click.File("r", encoding="utf-8"),
    help="File of customer keys, one a line; - is standard input.",
)
@click.option(
    "--conversation",
    "conversations",
    type=click.File("r", encoding="utf-8"),
    help="File of conversation ids, one a line; - is standard input.",
)
@click.option(
    "--customer-key",
    "keys",
    multiple=True,
    help="A customer key. It stays in the shell's history and the list of processes: prefer"
    " --customer.",
)
@click.option("--no-samples", is_flag=True, help="Leave audit samples alone.")
@click.option(
    "--wait",
    "wait_ms",
    type=Duration(),
    default="60s",
    show_default=True,
    help="For the workers' confirmations.",
)
@actor_options
@form_option
@brokers_option
def erase(
    names: tuple[str, ...],
    customers: Any,
    conversations: Any,
    keys: tuple[str, ...],
    no_samples: bool,
    wait_ms: int,
    principal: str | None,
    purpose: str | None,
    form: str,
    **given: Any,
) -> None:
    """Erase customers or conversations, and print what was erased where.

    Workers forget the customer's name and links at once, and each conversation when its accounts
    are settled (DEFINITIONS.md section 12); audit samples of the conversations that the topic of
    events still knows, and of those given, get tombstones. Without --customer, --conversation and
    --customer-key the key is asked for, unseen.

    Exit code 0: all is erased. 3: conversations are still being settled, and will be forgotten by
    the time printed. 1: not confirmed in time, or nothing was done.
    """
    subjects: list[tuple[SubjectKind, str]] = [("customer", key) for key in keys]
    subjects += [("customer", key) for key in _lines(customers)]
    subjects += [("conversation", key) for key in _lines(conversations)]
    if not (keys or customers or conversations):
        if not sys.stdin.isatty():
            raise click.UsageError("--customer - reads keys from standard input")
        subjects.append(("customer", click.prompt("customer key", hide_input=True)))
    if not subjects:
        raise click.UsageError("no customer and no conversation was given")
    if any(not 0 < len(key) <= _LONGEST for _, key in subjects):
        raise click.UsageError(f"a key has 1 to {_LONGEST} characters")
    settings = broker_settings({**given, "guarantee": "at-least-once"})
    actor, at = actor_of(principal, settings), now_ms()
    asked = [
        Asked(name, kind, subject, str(uuid.uuid4()), at)
        for name in dict.fromkeys(names)
        for kind, subject in dict.fromkeys(subjects)
    ]

    async def work() -> tuple[dict[str, Confirmed], int]:
        partitions = await _partitions(settings)
        await log_governance(settings, [_requested(one, actor, purpose) for one in asked])
        await _write(settings, partitions, [one.event(actor) for one in asked])
        samples = {} if no_samples else await _erase_samples(settings, asked, actor)
        found = await _confirmed(settings, asked, partitions, wait_ms / 1000)
        for one in asked:
            found[one.request].samples = samples.get(one.request, 0)
        return found, partitions

    found, partitions = run_on_broker(settings, work)
    _print(asked, found, partitions, form)
    if any(not found[one.request].by_all(partitions, one.kind) for one in asked):
        click.echo(
            "not confirmed in time: are workers running, and do ticks come? The request stands in"
            " the log all the same; look again with `baton governance log`",
            err=True,
        )
        sys.exit(EXIT_UNCONFIRMED)
    if any(found[one.request].settling for one in asked):
        sys.exit(EXIT_SETTLING)


def _lines(file: Any) -> list[str]:
    if file is None:
        return []
    try:
        return [line.strip() for line in file if line.strip()]
    except UnicodeDecodeError:
        raise click.UsageError("keys are UTF-8, one a line") from None


async def _partitions(settings: Settings) -> int:
    return len(await partitions_of(settings, settings.topic(topics.EVENTS)))


def _requested(one: Asked, actor: str, purpose: str | None) -> GovernanceRecord:
    entry = GovernanceEntry(
        contract=one.contract,
        request=one.request,
        actor=actor,
        purpose=purpose,
        what=one.kind,
        count=1,
    )
    return governance_record("baton.governance.requested", one.time_ms, entry)


async def _write(settings: Settings, partitions: int, events: Sequence[bytes]) -> None:
    everywhere = [(number, None, raw) for raw in events for number in range(partitions)]
    await write_placed(settings, settings.topic(topics.EVENTS), everywhere)


class _Said(msgspec.Struct, gc=False):
    contract: str | None = None
    conversation_id: str | None = None
    customer_key: str | None = None


class _Event(msgspec.Struct, gc=False):
    data: _Said | None = None


_EVENT = msgspec.json.Decoder(_Event)


async def _conversations(settings: Settings, asked: Collection[Asked]) -> dict[str, set[str]]:
    """By request the conversations that are given or that the topic of events has of a customer."""
    found: dict[str, set[str]] = {one.request: set() for one in asked}
    wanted: dict[tuple[str, str], str] = {}
    for one in asked:
        if one.kind == "conversation":
            found[one.request].add(one.subject)
        else:
            wanted[one.contract, one.subject] = one.request

    def visit(record: Any) -> None:
        try:
            said = _EVENT.decode(record.value or b"").data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if said is None or said.conversation_id is None:
            return
        request = wanted.get((said.contract or "", said.customer_key or ""))
        if request is not None:
            found[request].add(said.conversation_id)

    if wanted:
        topic = settings.topic(topics.EVENTS)
        partitions = range(await _partitions(settings))
        await read_topic(client_options(settings), topic, partitions, visit)
    return found


async def _erase_samples(settings: Settings, asked: Sequence[Asked], actor: str) -> dict[str, int]:
    """Write a tombstone for each audit sample of the subjects; how many, by request."""
    topic = settings.topic(topics.AUDIT_SAMPLES)
    try:
        read = await read_whole(settings, topic)
    except NoTopic:
        return {}
    conversations = await _conversations(settings, asked)
    standing = {
        (number, record.key): record for number, records in read.items() for record in records
    }
    gone: dict[str, list[tuple[int, bytes]]] = {}
    for (number, key), record in standing.items():
        for one in asked:
            if _is_of(record, one.contract, conversations[one.request]):
                gone.setdefault(one.request, []).append((number, key))
    for places in gone.values():
        await write_tombstones(settings, topic, places)
    told = [
        governance_record(
            "baton.governance.samples_erased",
            now_ms(),
            GovernanceEntry(
                contract=one.contract,
                request=one.request,
                actor=actor,
                what=topics.AUDIT_SAMPLES,
                count=len(gone[one.request]),
            ),
        )
        for one in asked
        if one.request in gone
    ]
    if told:
        await log_governance(settings, told)
    return {request: len(places) for request, places in gone.items()}


def _is_of(record: ConsumerRecord, contract: str, conversations: Collection[str]) -> bool:
    if record.value is None or record.key is None:
        return False
    try:
        data = decode_sample(record.value).data
    except ValueError:
        return False
    return data.contract == contract and data.conversation_id in conversations


async def _confirmed(
    settings: Settings, asked: Sequence[Asked], partitions: int, within_s: float
) -> dict[str, Confirmed]:
    deadline = time.monotonic() + within_s
    while True:
        found = {one.request: Confirmed() for one in asked}
        for record in (await read_governance(settings))[0]:
            if record.data.request in found:
                found[record.data.request].take(record)
        done = all(
            found[one.request].by_all(partitions, one.kind) and not found[one.request].settling
            for one in asked
        )
        waits = [one.settled_by for one in found.values() if one.settling and one.settled_by]
        # What settles later than we wait for is told, not waited for.
        later = bool(waits) and min(waits) > rfc3339(now_ms() + int(within_s * 1000))
        confirmed = all(found[one.request].by_all(partitions, one.kind) for one in asked)
        if done or (confirmed and later) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(_POLL_S)


def _print(asked: Iterable[Asked], found: dict[str, Confirmed], partitions: int, form: str) -> None:
    for one in asked:
        said = found[one.request]
        if form == "json":
            click.echo(
                as_json(
                    {
                        "request": one.request,
                        "contract": one.contract,
                        "kind": one.kind,
                        "confirmed": said.by_all(partitions, one.kind),
                        "conversations": sum(said.applied.values()),
                        "erased": said.erased,
                        "settling": said.settling,
                        "settled_by": said.settled_by if said.settling else None,
                        "closes": sum(said.unlinked.values()),
                        "renamed": said.renamed,
                        "samples": said.samples,
                    }
                )
            )
            continue
        click.echo(f"request {one.request}  {one.contract}, one {one.kind}")
        click.echo(f"  partitions that acted    {len(said.applied)} of {partitions}")
        click.echo(f"  conversations unnamed    {sum(said.applied.values())}")
        click.echo(f"  of them forgotten        {said.erased}")
        if said.settling:
            click.echo(
                f"  still being settled      {said.settling}, forgotten by {said.settled_by}"
            )
        if one.kind == "customer":
            click.echo(f"  closes unlinked          {sum(said.unlinked.values())}")
            click.echo(f"  renamed in accounts      {said.renamed}")
        click.echo(f"  audit samples            {said.samples}")
