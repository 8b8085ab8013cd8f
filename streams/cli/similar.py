"""`baton similar`: the interactions that failed as one did."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from streams.cli.event_logs import Conversation, event_log_from, event_log_options
from streams.cli.options import book_from, contract_option
from streams.domain.contract import ContractBook
from streams.trace.conversation_log import EventLog, Item
from streams.trace.document import json_bytes
from streams.trace.signature import DEFAULT_SAME, PARTS, Marks, Part
from streams.trace.similar import Named, NothingFailed, SignatureReader, similar_to
from streams.trace.similar_text import similar_text


class Parts(click.ParamType):
    """Names of parts of a signature, with commas between."""

    name = "PART,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Part, ...]:
        """The parts, in their own order, each once."""
        if isinstance(value, tuple):
            return value
        named = {name.strip() for name in str(value).split(",")}
        wrong = named - set(get_args(Part))
        if wrong:
            self.fail(f"{', '.join(sorted(wrong))}: parts are {', '.join(PARTS)}", param, ctx)
        return tuple(part for part in PARTS if part in named)


@click.command()
@click.option(
    "--interaction", "conversation", type=Conversation(), required=True, help="Its conversation id."
)
@contract_option
@click.option("--name", help="Which contract, where several know a conversation of this id.")
@click.option(
    "--same",
    type=Parts(),
    default=",".join(DEFAULT_SAME),
    show_default=True,
    help=f"In what they must be the same, of {', '.join(PARTS)}.",
)
@click.option(
    "--limit",
    type=click.IntRange(0, 1_000_000),
    default=20,
    show_default=True,
    help="How many are named at most; all are counted.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@event_log_options
def similar(
    conversation: str,
    contracts: tuple[Path, ...],
    name: str | None,
    same: tuple[Part, ...],
    limit: int,
    form: str,
    **given: Any,
) -> None:
    """Find the interactions with the same failure signature, and say in which versions it is more
    frequent.

    The signature: first failure reason, journey, intent, versions of prompt, model and knowledge,
    the tool that failed, how the handoff ended. From a log with --log FILE, else from the topics of
    --broker.
    """
    book = book_from(contracts)
    lateness_ms = given["lateness_ms"]
    log = event_log_from(given, book, "similar", conversation)
    marks, watermark = _read(log, book, lateness_ms)
    contract = _contract(marks, book, conversation, name, log.name)
    try:
        found = similar_to(
            contract,
            conversation,
            marks,
            same,
            limit=limit,
            basis=log.name,
            watermark=watermark,
        )
    except NothingFailed as error:
        raise click.ClickException(str(error)) from None
    if form == "json":
        click.get_binary_stream("stdout").write(json_bytes(found))
    else:
        zone = book.versions(contract)[0].time_zone
        click.echo(similar_text(found, zone), nl=False)


def _read(
    log: EventLog, book: ContractBook, lateness_ms: int
) -> tuple[dict[Named, Marks], int | None]:
    """The marks of every interaction, and the least watermark of the partitions."""
    marks: dict[Named, Marks] = {}
    readers: dict[int, SignatureReader] = {}

    def of(named: Named) -> Marks:
        found = marks.get(named)
        if found is None:
            found = marks[named] = Marks()
        return found

    def visit(item: Item) -> None:
        reader = readers.get(item.partition)
        if reader is None:
            reader = readers[item.partition] = SignatureReader(book, lateness_ms, of)
        if item.tick is not None:
            reader.tick(item.tick)
        elif item.rejection is None:
            reader.record(item.raw, item.key)

    log.read(visit, None)
    for reader in readers.values():
        reader.flush()
    reached = [r.watermark for r in readers.values() if r.watermark is not None]
    return marks, min(reached, default=None)


def _contract(
    marks: dict[Named, Marks], book: ContractBook, conversation: str, name: str | None, where: str
) -> str:
    known = [contract for contract in book.names if (contract, conversation) in marks]
    if not known or (name is not None and name not in known):
        under = "" if name is None else f" under {name}"
        raise click.ClickException(f"{where}: conversation {conversation} is not in it{under}")
    if name is None and len(known) > 1:
        raise click.UsageError(
            f"conversation {conversation} is known under {', '.join(known)}; say which with --name"
        )
    return name or known[0]
