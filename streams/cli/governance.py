"""`baton governance`: erasure, retention, and who did and saw what."""

from __future__ import annotations

import asyncio
import getpass
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import click
import orjson
from aiokafka.errors import KafkaError
from rich.table import Table

from streams.cli.audit import print_wide
from streams.cli.audit_options import broker_settings
from streams.cli.contract import form_option
from streams.cli.options import connection_options
from streams.domain.governance import GovernanceRecord, encode_governance
from streams.kafka.connection import ConnectionFailed, check_connection, denied
from streams.kafka.governance_log import NotLogged, read_governance
from streams.kafka.whole_topic import NoTopic
from streams.settings import Settings

_F = TypeVar("_F", bound=Callable[..., Any])
_T = TypeVar("_T")
_PREFIX = "baton.governance."


@click.group()
def governance() -> None:
    """Erase persons' data, keep retention, and see who did and saw what.

    What is erased how, and what goes by time alone: deploy/runbooks/erasure.md.
    """


def brokers_option(function: _F) -> _F:
    """Add --broker, --prefix and how to connect."""
    function = connection_options(function)
    function = click.option("--prefix", envvar="BATON_PREFIX", default="", help="Of topic names.")(
        function
    )
    return click.option(
        "--broker", envvar="BATON_BROKER", default="127.0.0.1:9092", show_default=True
    )(function)


def actor_options(function: _F) -> _F:
    """Add --principal and --purpose, which the governance log tells."""
    function = click.option(
        "--purpose",
        envvar="BATON_PURPOSE",
        help="Why, for the governance log. No names, no conversation ids.",
    )(function)
    return click.option(
        "--principal",
        envvar="BATON_PRINCIPAL",
        help="Who does it, for the governance log; by default the user of the brokers, or else of"
        " this machine.",
    )(function)


def actor_of(principal: str | None, settings: Settings | None) -> str:
    """Who does it: a configured name, the credential's, or the operating system's user."""
    if principal:
        return principal
    if settings is not None and settings.sasl_username:
        return settings.sasl_username
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def now_ms() -> int:
    """The wall clock, ms."""
    return time.time_ns() // 1_000_000


def run_on_broker(settings: Settings, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Run it once the brokers answer. Raises ClickException with the cause."""

    async def checked() -> _T:
        await check_connection(settings)
        return await work()

    try:
        return asyncio.run(checked())
    except (ConnectionFailed, NoTopic, NotLogged, KafkaError) as error:
        raise click.ClickException(denied(error) or str(error)) from None


@governance.command("log")
@click.option("--request", help="Only what was done for this request of erasure.")
@click.option("--accessed", is_flag=True, help="Only who looked at what.")
@form_option
@brokers_option
def show_log(request: str | None, accessed: bool, form: str, **given: Any) -> None:
    """Print what the governance log holds, oldest first.

    JSON is one record a line, as it stands on the topic.
    """
    settings = broker_settings(given)
    records, foreign = run_on_broker(settings, lambda: read_governance(settings))
    if request is not None:
        records = [one for one in records if one.data.request == request]
    if accessed:
        records = [one for one in records if one.type == f"{_PREFIX}accessed"]
    if foreign:
        click.echo(f"{foreign} records are not Baton's; find out who else writes there", err=True)
    if form == "json":
        for one in records:
            click.get_binary_stream("stdout").write(encode_governance(one) + b"\n")
        return
    print_wide(_table(records))


def _table(records: list[GovernanceRecord]) -> Table:
    table = Table(title=f"{len(records)} records", title_justify="left")
    for name in ("time", "what was done", "to", "count", "by", "why", "contract", "request"):
        table.add_column(name, justify="right" if name == "count" else "left")
    for one in records:
        said = one.data
        where = "" if said.partition is None else f" {said.partition}"
        table.add_row(
            one.time,
            one.type.removeprefix(_PREFIX),
            f"{said.what or ''}{where}",
            str(said.count),
            said.actor or "worker",
            said.purpose or "",
            said.contract or "",
            (said.request or "")[:12],
        )
    return table


def as_json(document: Mapping[str, Any]) -> str:
    """A document of one line."""
    return orjson.dumps(document).decode()
