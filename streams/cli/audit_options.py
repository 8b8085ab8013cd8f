"""Options that the subcommands of `baton audit` share, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from streams.cli.access import access_options, log_access
from streams.cli.audit_frame import ClosedPeriod, closed_period
from streams.cli.audit_log import AuditLog, log_of_file, log_of_topic
from streams.cli.log_source import log_options
from streams.cli.options import (
    book_from,
    chosen_contract,
    connection_options,
    contract_option,
    settings_from,
)
from streams.cli.replay_clock import Duration, lateness_option
from streams.domain.audit.draw import DrawError, commitment
from streams.domain.audit.terms import SamplingTerms
from streams.domain.calendar_period import NamedPeriod, period_named
from streams.domain.contract import ContractBook
from streams.secrets import SecretError, secret_in
from streams.settings import Settings

_F = TypeVar("_F", bound=Callable[..., Any])
SECRET_VARIABLE = "BATON_AUDIT_SECRET"
SECRET_FLAG = "--secret-file"


@dataclass(frozen=True)
class Subject:
    """Which contract and period an audit is about, and the sampling plan in force at its end."""

    book: ContractBook
    contract: str
    period: NamedPeriod
    terms: SamplingTerms
    agreed: bool


def subject_options(function: _F) -> _F:
    """Add --contract, --name and --period."""
    function = click.option(
        "--period",
        "period_name",
        required=True,
        help="2026-06, 2026-Q2, 2026-W23 or 2026-06-01, in the contract's time zone.",
    )(function)
    function = click.option("--name", help="Which contract, where the files hold several.")(
        function
    )
    return contract_option(function)


def subject_of(contracts: tuple[Path, ...], name: str | None, period_name: str) -> Subject:
    """What --contract, --name and --period say. Raises click.UsageError and ClickException."""
    book = book_from(contracts)
    contract = chosen_contract(book, name)
    try:
        period = period_named(period_name, book.versions(contract)[-1].time_zone)
    except ValueError as error:
        raise click.UsageError(f"--period {error}") from None
    agreed = book.at(contract, period.end_ms - 1).sampling
    return Subject(book, contract, period, agreed or SamplingTerms(), agreed is not None)


def reading_options(function: _F) -> _F:
    """Add what says where events are read from: a FILE with its format, or the brokers."""
    function = connection_options(function)
    function = click.option("--prefix", envvar="BATON_PREFIX", default="", help="Of topic names.")(
        function
    )
    function = click.option(
        "--broker",
        envvar="BATON_BROKER",
        default="127.0.0.1:9092",
        show_default=True,
        help="Read the topic of events there, where no FILE is given.",
    )(function)
    function = click.option(
        "--settle",
        "settle_ms",
        type=Duration(),
        help="How long after FILE's last record time goes on; default: until the last episode has"
        " matured.",
    )(function)
    function = access_options(log_options(lateness_option(function)))
    return click.argument(
        "file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)
    )(function)


def log_from(subject: Subject, given: dict[str, Any]) -> AuditLog:
    """The events that the options name, once it is told who reads. Raises ClickException."""
    file: Path | None = given["file"]
    if file is None:
        settings = broker_settings(given)
        log = log_of_topic(settings)
        log_access(settings, given, "audit-frame", count=log.count, contract=subject.contract)
        return log
    settle = given["settle_ms"]
    if settle is None:
        versions = subject.book.versions(subject.contract)
        settle = max(terms.inactivity_ms + terms.verification_ms for terms in versions)
    log = log_of_file(file, given["source"], given["source_options"], settle)
    log_access(None, given, "audit-frame", count=log.count, contract=subject.contract)
    return log


def frame_from(subject: Subject, given: dict[str, Any]) -> ClosedPeriod:
    """The closed period that the reading options hold. Raises ClickException."""
    closed = closed_period(
        log_from(subject, given),
        subject.book,
        subject.contract,
        subject.period,
        subject.terms,
        given["lateness_ms"],
    )
    if not closed.census.population:
        click.echo(
            f"{closed.log.name}: no episode of {subject.contract} ended in {subject.period.name};"
            f" {closed.log.covers}",
            err=True,
        )
    return closed


def broker_settings(given: Mapping[str, Any]) -> Settings:
    """How to talk to the brokers that the reading options name."""
    here = {name: value for name, value in given.items() if name in Settings.model_fields}
    return settings_from(here)


def secret_options(function: _F) -> _F:
    """Add --secret-file and --commitment."""
    function = click.option(
        "--commitment",
        "commitments",
        multiple=True,
        metavar="HEX",
        required=True,
        help="What was published of a secret before the period; one for each.",
    )(function)
    return click.option(
        SECRET_FLAG,
        "secret_files",
        type=click.Path(path_type=Path),
        multiple=True,
        help=f"File that holds the period's secret, if {SECRET_VARIABLE} does not; once for each"
        " side's, where both have one.",
    )(function)


def secrets_from(files: tuple[Path, ...], variable: str) -> tuple[str, ...]:
    """The period's secrets. Raises ClickException where there is none, and never shows one."""
    if variable and files:
        raise click.UsageError(f"{SECRET_VARIABLE} and {SECRET_FLAG} are both set; keep one")
    if variable:
        return (variable,)
    if not files:
        raise click.UsageError(f"the period's secret is needed: {SECRET_FLAG} or {SECRET_VARIABLE}")
    try:
        return tuple(secret_in(file, SECRET_FLAG) for file in files)
    except SecretError as error:
        raise click.ClickException(str(error)) from None


def check_commitments(
    subject: Subject, secrets: tuple[str, ...], published: tuple[str, ...]
) -> tuple[str, ...]:
    """The commitments to the secrets, in order. Raises ClickException where they are not just what
    was published.
    """
    try:
        made = {commitment(subject.contract, subject.period.name, secret) for secret in secrets}
    except DrawError as error:
        raise click.ClickException(str(error)) from None
    said = {one.strip().lower() for one in published}
    if made != said:
        what = (
            "a secret is not the one that was committed to"
            if len(made) == len(said)
            else f"{len(said)} published and {len(made)} secret"
        )
        raise click.ClickException(
            f"{what}: every secret of {subject.contract} for {subject.period.name} must have the"
            f" commitment that was published before it (--commitment), and none be missing"
        )
    return tuple(sorted(made))
