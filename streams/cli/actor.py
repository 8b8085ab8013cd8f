"""Who runs a command, and why, as the governance log tells it."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

from streams.settings import Settings

_F = TypeVar("_F", bound=Callable[..., Any])


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
