"""`baton audit`: samples that neither side can steer, and what their reviews say."""

from __future__ import annotations

import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

from streams.cli.audit_options import (
    SECRET_VARIABLE,
    frame_from,
    reading_options,
    secrets_from,
    subject_of,
    subject_options,
)
from streams.cli.audit_tables import plan_json, plan_table
from streams.cli.contract import form_option
from streams.domain.audit.draw import DrawError, commitment
from streams.domain.audit.sizes import allocated
from streams.domain.events import epoch_ms

_WIDTH_IN_A_FILE = 160
_SECRET_BYTES = 32


@click.group()
def audit() -> None:
    """Draw episodes for review so that neither side can steer it, and report on the reviews.

    Before a period each side keeps a secret and publishes its commitment (`commit`). After it is
    closed the secrets are disclosed: `plan` says what will be drawn, `sample` draws, `verify`
    repeats the draw, `report` says what the reviews come to.
    """


def print_wide(shown: Any) -> None:
    """A table for a terminal, or wide enough for a file."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_IN_A_FILE)
    console.print(shown)


@audit.command()
@subject_options
@click.option(
    "--secret-file",
    "secret_file",
    type=click.Path(path_type=Path),
    help=f"File that holds the secret, if {SECRET_VARIABLE} does not.",
)
@click.option(
    "--new", type=click.Path(path_type=Path), help="Make a secret and keep it in this new file."
)
def commit(
    contracts: tuple[Path, ...],
    name: str | None,
    period_name: str,
    secret_file: Path | None,
    new: Path | None,
) -> None:
    """Print the commitment to a secret, to be published before its period begins."""
    subject = subject_of(contracts, name, period_name)
    if new is not None:
        if secret_file is not None or os.environ.get(SECRET_VARIABLE):
            raise click.UsageError("--new makes a secret; another one was given too")
        secret = _new_secret(new)
    else:
        files = () if secret_file is None else (secret_file,)
        (secret,) = secrets_from(files, os.environ.get(SECRET_VARIABLE, ""))
    try:
        made = commitment(subject.contract, subject.period.name, secret)
    except DrawError as error:
        raise click.ClickException(str(error)) from None
    if epoch_ms(datetime.now(UTC)) >= subject.period.start_ms:
        click.echo(
            f"{subject.period.name} has begun: this commitment proves nothing about what was"
            " chosen before it",
            err=True,
        )
    document = {
        "contract": subject.contract,
        "period": subject.period.name,
        "commitment": made,
        "algorithm": 'sha256(["baton.audit.commitment.v1",contract,period,secret])',
    }
    sys.stdout.write(orjson.dumps(document).decode() + "\n")


def _new_secret(file: Path) -> str:
    made = secrets.token_hex(_SECRET_BYTES)
    try:
        # No file is written over: the secret in it may be one that somebody has committed to.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(made + "\n")
    except OSError as error:
        raise click.ClickException(f"--new {file}: {error.strerror}") from None
    return made


@audit.command()
@subject_options
@reading_options
@form_option
def plan(
    contracts: tuple[Path, ...], name: str | None, period_name: str, form: str, **given: Any
) -> None:
    """Say what a closed period holds, by stratum, and how many of each will be drawn.

    From FILE, or from the topic of events where none is given. No secret is needed.
    """
    subject = subject_of(contracts, name, period_name)
    closed = frame_from(subject, given)
    census = closed.census
    sizes = allocated({name: n.all for name, n in census.populations.items()}, subject.terms)
    if form == "json":
        click.get_binary_stream("stdout").write(
            plan_json(subject, census, sizes, closed.too_late) + b"\n"
        )
    else:
        print_wide(plan_table(subject, census, sizes, closed.too_late, closed.log.covers))
