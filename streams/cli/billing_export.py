"""`baton billing export`: the billing topics as events of a metering system."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import click

from streams.cli.billing_destination import (
    TOKEN_FLAG,
    TOKEN_VARIABLE,
    address_from,
    token_from,
)
from streams.cli.billing_records import records_in, records_on
from streams.cli.billing_sending import asyncio_run, send_all, send_topics, write_events
from streams.cli.options import (
    book_from,
    chosen_contract,
    connection_options,
    contract_option,
    settings_from,
)
from streams.cli.replay_clock import Duration
from streams.domain.contract import ContractBook, ContractError
from streams.domain.money import amount_text
from streams.export.metering.delivery import Sender
from streams.export.metering.exporter import Exporter
from streams.export.metering.lines import LineReader
from streams.export.metering.systems import SYSTEMS, SystemName


@click.command()
@click.argument("system_name", metavar="openmeter|lago", type=click.Choice(list(SYSTEMS)))
@contract_option
@click.option("--name", help="Which contract, where the files hold several.")
@click.option(
    "--from-file",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A statement (`baton invoice --format json`), or billing records as *.jsonl; without it"
    " the billing topics of --broker.",
)
@click.option(
    "--to",
    "url",
    help="Address that takes events: OpenMeter's .../api/v1/events or .../openmeter/events, Lago's"
    " .../api/v1/events/batch.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write the events here instead, one JSON a line; - for standard output.",
)
@click.option(
    "--account",
    help="Whose usage it is: OpenMeter's subject, Lago's external_subscription_id. Default: the"
    " contract's name.",
)
@click.option(
    TOKEN_FLAG,
    "token_file",
    type=click.Path(path_type=Path),
    envvar="BATON_METERING_TOKEN_FILE",
    help=f"File that holds the API key, if {TOKEN_VARIABLE} does not.",
)
@click.option(
    "--destination",
    help="Name of where it goes, part of the consumer group's; another one begins anew. Default:"
    " the system's name.",
)
@click.option("--follow", is_flag=True, help="Go on with what is billed from now on, until ended.")
@click.option(
    "--leave-out",
    "left_out",
    metavar="ID",
    multiple=True,
    help="Do not send the record of this id, which the system refuses; several times for several.",
)
@click.option(
    "--retry-for",
    "retry_ms",
    type=Duration(),
    default="10m",
    show_default=True,
    help="How long to go on where the system cannot take events.",
)
@click.option("--broker", envvar="BATON_BROKER", default="127.0.0.1:9092", show_default=True)
@click.option("--prefix", envvar="BATON_PREFIX", default="", help="Prefix of topic names.")
@click.option("--app-id", envvar="BATON_APP_ID", default="baton", help="The workers'.")
@connection_options
def export(
    system_name: SystemName,
    contracts: tuple[Path, ...],
    name: str | None,
    file: Path | None,
    url: str | None,
    out: Path | None,
    account: str | None,
    token_file: Path | None,
    destination: str | None,
    follow: bool,
    left_out: tuple[str, ...],
    retry_ms: int,
    **given: Any,
) -> None:
    """Send what a contract is billed to OpenMeter or Lago: one event for each charge, reversal and
    adjustment, under the record's own id.

    From the topics it goes on where the last run had the system's answer: group
    <app id>-export-<destination>-<contract>. A record that is refused is named, and nothing after
    it is sent. Meters and metrics to create before: deploy/metering/.
    """
    if (url is None) == (out is None):
        raise click.UsageError("say where to: --to URL or --out FILE")
    if follow and (file is not None or out is not None):
        raise click.UsageError("--follow is for --to, from the topics")
    book = book_from(contracts)
    contract = chosen_contract(book, name)
    exporter = _exporter(book, contract, system_name, account or contract, left_out)
    settings = settings_from(given)
    if out is not None:
        records = (
            records_in(file, contract) if file is not None else asyncio_run(records_on(settings))
        )
        write_events(exporter, records, out)
        _tell(exporter, None, book, contract)
        return
    token = token_from(os.environ.get(TOKEN_VARIABLE, ""), token_file)
    address = address_from(cast(str, url), token)
    sender = Sender(exporter.system, address, token, retry_for_s=retry_ms / 1000)
    try:
        if file is not None:
            asyncio_run(send_all(exporter, sender, records_in(file, contract)))
        else:
            group = f"{settings.app_id}-export-{destination or system_name}-{contract}"
            asyncio_run(send_topics(exporter, sender, settings, group, follow=follow))
    except click.ClickException:
        if exporter.counts:
            _tell(exporter, sender, book, contract)
        raise
    except KeyboardInterrupt:
        _tell(exporter, sender, book, contract)
        raise
    _tell(exporter, sender, book, contract)


def _exporter(
    book: ContractBook,
    contract: str,
    system: SystemName,
    account: str,
    left_out: tuple[str, ...],
) -> Exporter:
    try:
        return Exporter(LineReader(book, contract), SYSTEMS[system], account, frozenset(left_out))
    except ContractError as error:
        raise click.ClickException(str(error)) from None


def _tell(exporter: Exporter, sender: Sender | None, book: ContractBook, contract: str) -> None:
    counts = exporter.counts
    if not counts:
        click.echo(f"{exporter.system.name}: nothing new of {contract}", err=True)
        return
    currency = book.versions(contract)[-1].currency
    parts = [
        f"{counts['lines']} lines, {amount_text(exporter.amount_micros, currency)},"
        f" {counts['resolutions']} resolutions",
        f"{counts['without a line']} records without a line of {contract}",
    ]
    if counts["left out"]:
        parts.append(f"{counts['left out']} left out")
    if sender is not None:
        parts.append(f"{sender.tally.taken} taken, {sender.tally.known} known already")
    click.echo(f"{exporter.system.name}: {'; '.join(parts)}", err=True)
