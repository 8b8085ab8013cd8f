"""Options that several subcommands share; a worker's come from Settings, so that each is said
once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_origin

import click
from pydantic import ValidationError

from streams.contract_files import load_contracts
from streams.domain.contract import ContractBook, ContractError
from streams.settings import Settings

_F = TypeVar("_F", bound=Callable[..., Any])

contract_option = click.option(
    "--contract",
    "contracts",
    type=click.Path(path_type=Path),
    multiple=True,
    envvar="BATON_CONTRACT",
    required=True,
    help="Contract file or folder of *.yaml; may be given several times.",
)
lateness_option = click.option(
    "--lateness",
    envvar="BATON_LATENESS",
    default="30s",
    show_default=True,
    help="How far the watermark stays behind the ticks.",
)


def settings_options(function: _F) -> _F:
    """Add an option for every field of Settings."""
    for name, field in reversed(Settings.model_fields.items()):
        multiple = get_origin(field.annotation) is list
        flag = "--" + name.replace("_", "-")
        default = field.get_default(call_default_factory=True)
        kind: Any = click.Path(path_type=Path) if multiple else type(default)
        shown = field.description or ""
        decorate = click.option(
            f"{flag}/--no-{flag[2:]}" if kind is bool else flag,
            name,
            type=None if kind is bool else kind,
            multiple=multiple,
            default=None,
            help=f"{shown} [env BATON_{name.upper()}; default: {default}]"
            if not multiple
            else f"{shown} [env BATON_{name.upper()}]",
        )
        function = decorate(function)
    return function


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
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise click.UsageError(
            f"--{name.replace('_', '-')} (BATON_{name.upper()}): {first['msg']}"
        ) from None


def book_from(contracts: list[Path] | tuple[Path, ...]) -> ContractBook:
    """The contracts. Raises click.ClickException with place and cause."""
    if not contracts:
        raise click.UsageError("no contract given: --contract FILE (or BATON_CONTRACT)")
    try:
        return load_contracts(contracts)
    except ContractError as error:
        raise click.ClickException(str(error)) from None


def configure_logging(level: str) -> None:
    """Log lines of one format; libraries that log each record or retry stay above the level."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("aiokafka", "faust", "mode", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
