"""Options that several subcommands share; a worker's come from Settings, so that each is said
once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from aiokafka.errors import KafkaError
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from streams.contract_files import load_contracts
from streams.domain.contract import ContractBook, ContractError
from streams.domain.events import MARKETS
from streams.settings import Settings

_F = TypeVar("_F", bound=Callable[..., Any])

# How mode, under Faust, logs a part that fails while it is stopped.
_FAREWELL = "Error while stopping child"
# And asyncio, what a producer answered for each record of a batch whose first one said so.
_ONE_OF_MANY = "exception was never retrieved"

CONNECTION = (
    "security_protocol",
    "sasl_mechanism",
    "sasl_username",
    "sasl_password_file",
    "ssl_cafile",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_key_password_file",
)

contract_option = click.option(
    "--contract",
    "contracts",
    type=click.Path(path_type=Path),
    multiple=True,
    envvar="BATON_CONTRACT",
    required=True,
    help="Contract file or folder of *.yaml; may be given several times.",
)


def _markets(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    codes = [code.strip() for one in given for code in one.split(",") if code.strip()]
    for code in codes:
        if code not in MARKETS:
            raise click.BadParameter(f"{code[:20]!r}: a market is two capital letters", ctx, param)
    return tuple(dict.fromkeys(codes))


# As workers have it, to judge those that were started for some markets.
market_option = click.option(
    "--market",
    "markets",
    multiple=True,
    callback=_markets,
    envvar="BATON_MARKET",
    help="The markets that the workers were started for (repeatable; commas separate several);"
    " events of others are dead letters to them.",
)


def settings_options(function: _F) -> _F:
    """Add an option for every field of Settings that is no secret."""
    return _options(function, tuple(Settings.model_fields))


def connection_options(function: _F) -> _F:
    """Add the options that say how to connect to the brokers, beside a command's own --broker."""
    return _options(function, CONNECTION)


def chosen_options(*names: str) -> Callable[[_F], _F]:
    """Add the options of these fields of Settings."""
    return lambda function: _options(function, names)


def _options(function: _F, names: tuple[str, ...]) -> _F:
    for name in reversed(names):
        field = Settings.model_fields[name]
        if field.annotation is SecretStr:
            continue  # the arguments of a process are for all to see
        multiple = get_origin(field.annotation) is list
        flag = "--" + name.replace("_", "-")
        default = field.get_default(call_default_factory=True)
        kind = _kind(field)
        shown = f"{field.description or ''} [env BATON_{name.upper()}"
        if not multiple and default not in (None, ""):
            shown += f"; default: {default}"
        decorate = click.option(
            f"{flag}/--no-{flag[2:]}" if kind is bool else flag,
            name,
            type=None if kind is bool else kind,
            multiple=multiple,
            default=None,
            help=f"{shown}]",
        )
        function = decorate(function)
    return function


def _kind(field: FieldInfo) -> Any:
    annotation = field.annotation
    if get_origin(annotation) is list and Path not in get_args(annotation):
        return str
    if get_origin(annotation) is list or Path in (annotation, *get_args(annotation)):
        return click.Path(path_type=Path)
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    return type(field.get_default(call_default_factory=True))


def settings_from(given: dict[str, Any]) -> Settings:
    """Flags over BATON_* over defaults. Raises click.UsageError naming the setting."""
    said = {name: value for name, value in given.items() if value not in (None, ())}
    if "contract" in said:
        said["contract"] = list(said["contract"])
    elif "BATON_CONTRACT" in os.environ:
        said["contract"] = [Path(p) for p in os.environ["BATON_CONTRACT"].split(os.pathsep) if p]
    try:
        return Settings(**said)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        if not first["loc"]:
            raise click.UsageError(first["msg"].removeprefix("Value error, ")) from None
        name = str(first["loc"][0])
        secret = Settings.model_fields[name].annotation is SecretStr
        flag = "" if secret else f"--{name.replace('_', '-')} "
        raise click.UsageError(f"{flag}(BATON_{name.upper()}): {first['msg']}") from None


def book_from(contracts: list[Path] | tuple[Path, ...]) -> ContractBook:
    """The contracts. Raises click.ClickException with place and cause."""
    if not contracts:
        raise click.UsageError("no contract given: --contract FILE (or BATON_CONTRACT)")
    try:
        return load_contracts(contracts)
    except ContractError as error:
        raise click.ClickException(str(error)) from None


def chosen_contract(book: ContractBook, name: str | None) -> str:
    """The contract a command is about: the one named, or the only one. Raises click.UsageError."""
    if name is None and len(book.names) == 1:
        return book.names[0]
    if name is None or name not in book:
        there = ", ".join(book.names)
        what = "--name is needed" if name is None else f"no contract {name!r}"
        raise click.UsageError(f"{what}; the files hold: {there}")
    return name


def configure_logging(level: str) -> None:
    """Log lines of one format; libraries that log each record or retry stay above the level."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("aiokafka", "faust", "mode", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    for handler in logging.getLogger().handlers:
        handler.addFilter(_shortened)


def _shortened(record: logging.LogRecord) -> bool:
    # What the brokers answered, or what a crashed part made of its end, is in the message; where
    # Faust was told of it helps nobody.
    if record.exc_info and isinstance(record.exc_info[1], KafkaError):
        record.exc_info = None
        return _ONE_OF_MANY not in str(record.msg)
    if _FAREWELL in str(record.msg):
        record.exc_info = None
    return True
