"""Where `baton billing export` sends to, and with which credentials."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

import click

from streams.secrets import SecretError, secret_in

TOKEN_VARIABLE = "BATON_METERING_TOKEN"
TOKEN_FLAG = "--token-file"


def token_from(variable: str, file: Path | None) -> str:
    """The API key from its variable or its file, "" where there is none.

    Raises click.UsageError and ClickException, which do not show it.
    """
    if variable and file is not None:
        raise click.UsageError(f"{TOKEN_VARIABLE} and {TOKEN_FLAG} are both set; keep one")
    if file is None:
        return variable
    try:
        return secret_in(file, TOKEN_FLAG)
    except SecretError as error:
        raise click.ClickException(str(error)) from None


def address_from(said: str, token: str) -> str:
    """The address, where it is one that the token may be sent to. Raises click.UsageError."""
    try:
        parts = urlsplit(said)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise click.UsageError("--to: is no address") from None
    if parts.scheme not in ("http", "https") or not host:
        raise click.UsageError("--to: an address that begins with https:// and names a host")
    if parts.username or parts.password:
        raise click.UsageError(
            f"--to: no credentials in the address; {TOKEN_VARIABLE} or {TOKEN_FLAG} has them"
        )
    if token and parts.scheme == "http" and not _is_loopback(host):
        raise click.UsageError("--to: the token would go over the network unencrypted; say https")
    return said


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
