"""`baton governance erase`: asks for it, erases audit samples, waits until it is confirmed."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from streams.cli.actor import actor_of, actor_options, now_ms
from streams.cli.audit_options import broker_settings
from streams.cli.contract import form_option
from streams.cli.erased_samples import erase_samples
from streams.cli.erasure_request import Asked
from streams.cli.governance import (
    as_json,
    brokers_option,
    run_on_broker,
)
from streams.cli.governance_copies import Copy, copies_of, document_of, lines_of, warning
from streams.cli.replay_clock import Duration
from streams.domain.events import SubjectKind
from streams.domain.facts import rfc3339
from streams.domain.governance import GovernanceEntry, GovernanceRecord, governance_record
from streams.kafka import topics
from streams.kafka.governance_log import log_governance, read_governance
from streams.kafka.tombstones import write_placed
from streams.kafka.whole_topic import partitions_of
from streams.settings import Settings

SOURCE = "/baton/governance"
EXIT_UNCONFIRMED = 1
EXIT_SETTLING = 3
_LONGEST = 256
_POLL_S = 0.5


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
    events still knows, and of those given, get tombstones. Until when raw copies lie in topics that
    go by time is printed, with a warning where that is more than 30 days. Without --customer,
    --conversation and --customer-key the key is asked for, unseen.

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

    async def work() -> tuple[dict[str, Confirmed], int, list[Copy]]:
        partitions = await _partitions(settings)
        await log_governance(settings, [_requested(one, actor, purpose) for one in asked])
        await _write(settings, partitions, [one.event(actor) for one in asked])
        samples = {} if no_samples else await erase_samples(settings, asked, actor)
        found = await _confirmed(settings, asked, partitions, wait_ms / 1000)
        for one in asked:
            found[one.request].samples = samples.get(one.request, 0)
        left = await copies_of(settings, {one.request: (at, one.contract) for one in asked})
        return found, partitions, left

    found, partitions, left = run_on_broker(settings, work)
    _print(asked, found, partitions, left, form)
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


def _print(
    asked: Iterable[Asked],
    found: dict[str, Confirmed],
    partitions: int,
    left: Sequence[Copy],
    form: str,
) -> None:
    for one in asked:
        said = found[one.request]
        confirmed = said.by_all(partitions, one.kind)
        if form == "json":
            click.echo(
                as_json(
                    {
                        "request": one.request,
                        "contract": one.contract,
                        "kind": one.kind,
                        "confirmed": confirmed,
                        "conversations": sum(said.applied.values()),
                        "erased": said.erased,
                        "settling": said.settling,
                        "settled_by": said.settled_by if said.settling else None,
                        "closes": sum(said.unlinked.values()),
                        "renamed": said.renamed,
                        "samples": said.samples,
                        "raw_copies": [
                            document_of(copy) for copy in left if copy.request == one.request
                        ],
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
        for line in lines_of(copy for copy in left if copy.request == one.request):
            click.echo(f"  raw copies               {line}")
    late = [copy for copy in left if copy.too_long]
    if late:
        click.echo(warning(late), err=True)
