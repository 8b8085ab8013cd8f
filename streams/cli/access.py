"""Who looks at what: told on the governance log before it is shown, or not shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from streams.cli.actor import actor_of, actor_options, now_ms
from streams.domain.governance import (
    AccessKind,
    GovernanceEntry,
    GovernanceRecord,
    access_record,
    conversation_digest,
    encode_governance,
)
from streams.kafka.governance_log import NotLogged, log_governance
from streams.settings import Settings

_F = TypeVar("_F", bound=Callable[..., Any])


def access_options(function: _F) -> _F:
    """Add --principal, --purpose and --access-log."""
    function = click.option(
        "--access-log",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="BATON_ACCESS_LOG",
        help="Where data come from a file: tell who looked in this file, a JSON line each. From the"
        " brokers it is always told on governance-log.",
    )(function)
    return actor_options(function)


def log_access(
    settings: Settings | None,
    given: dict[str, Any],
    what: AccessKind,
    *,
    count: int,
    contract: str | None = None,
    conversation: str | None = None,
) -> None:
    """Tell that somebody looks; `settings` None where data come from a file. Raises ClickException
    where it cannot be told: then nothing may be shown.
    """
    entry = GovernanceEntry(
        contract=contract,
        actor=actor_of(given.get("principal"), settings),
        purpose=given.get("purpose"),
        what=what,
        count=count,
        conversation=None if conversation is None else conversation_digest(conversation),
    )
    record = access_record(now_ms(), entry)
    if settings is not None:
        try:
            asyncio.run(log_governance(settings, [record]))
        except NotLogged as error:
            raise click.ClickException(f"access refused, for it cannot be told: {error}") from None
    elif (file := given.get("access_log")) is not None:
        _append(file, record)


def _append(file: Path, record: GovernanceRecord) -> None:
    try:
        with file.open("ab") as opened:
            opened.write(encode_governance(record) + b"\n")
    except OSError as error:
        raise click.ClickException(
            f"access refused, for it cannot be told: --access-log {file}: {error.strerror}"
        ) from None
