"""`baton trace`: the whole path of one conversation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from streams.cli.event_logs import Conversation, event_log_from, event_log_options
from streams.cli.options import book_from, contract_option
from streams.trace.conversation_log import TraceError, trace_from
from streams.trace.document import json_bytes
from streams.trace.text import trace_text


@click.command()
@click.option(
    "--interaction", "conversation", type=Conversation(), required=True, help="Its conversation id."
)
@contract_option
@click.option("--name", help="Which contract, where several know a conversation of this id.")
@click.option(
    "--alone",
    is_flag=True,
    help="Read this conversation only: no returns of its customer, no breaches.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@event_log_options
def trace(
    conversation: str,
    contracts: tuple[Path, ...],
    name: str | None,
    alone: bool,
    form: str,
    **given: Any,
) -> None:
    """Tell one conversation in order of event time, and why it was judged as it was.

    Events (never text, never who the customer is), episodes, the wait for a human leg by leg, the
    terms in force, every fact with the clauses that it counts for, breaches that name it, and what
    it comes to in money. From a log with --log FILE, else from the topics of --broker. The same
    records give the same bytes.
    """
    book = book_from(contracts)
    lateness_ms = given["lateness_ms"]
    log = event_log_from(given, book, "trace", conversation)
    try:
        found = trace_from(log, book, lateness_ms, conversation, name, alone=alone)
    except TraceError as error:
        raise click.ClickException(str(error)) from None
    if form == "json":
        click.get_binary_stream("stdout").write(json_bytes(found))
    else:
        click.echo(trace_text(found), nl=False)
