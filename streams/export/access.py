"""Who may read the pages of a worker: a bearer token, a user with a password, or anybody."""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
from base64 import b64decode, b64encode

from streams.secrets import secret
from streams.settings import Settings


class AccessError(RuntimeError):
    """The pages would be open to the network, or to nobody; the message says what to do."""


class Access:
    """Decides on the Authorization header of a request (RFC 6750 Bearer, RFC 7617 Basic).

    Without token and user everybody is let in.
    """

    def __init__(self, *, token: str = "", user: str = "", password: str = "") -> None:
        self._wanted: dict[str, bytes] = {}
        if token:
            self._wanted["bearer"] = token.encode()
        if user:
            self._wanted["basic"] = b64encode(f"{user}:{password}".encode())

    @property
    def challenges(self) -> tuple[str, ...]:
        """What WWW-Authenticate must offer with a 401; empty where everybody is let in."""
        return tuple(f'{scheme.capitalize()} realm="baton"' for scheme in self._wanted)

    def allows(self, header: str | None) -> bool:
        """Whether a request with this Authorization header is let in; in constant time."""
        if not self._wanted:
            return True
        scheme, _, said = (header or "").partition(" ")
        wanted = self._wanted.get(scheme.lower())
        if wanted is None:
            return False
        return hmac.compare_digest(said.strip().encode(errors="surrogateescape"), wanted)


def user_of(header: str | None) -> str:
    """Who an Authorization header that was let in stands for: basic authentication names a user."""
    scheme, _, said = (header or "").partition(" ")
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):
            return b64decode(said.strip()).partition(b":")[0].decode(errors="replace")
    return "pages token" if scheme.lower() == "bearer" else "page session"


def pages_access(settings: Settings) -> Access:
    """Who may read the pages.

    Raises AccessError where they would be served beyond loopback without credentials that nobody
    has asked for, where credentials are incomplete, or where single conversations would be told
    without any; SecretError where one cannot be read.
    """
    token = secret(settings, "pages_token")
    user, password = settings.pages_user, secret(settings, "pages_password")
    if bool(user) != bool(password):
        raise AccessError(
            "basic authentication of the pages needs both --pages-user and BATON_PAGES_PASSWORD"
            " (or --pages-password-file)"
        )
    if ":" in user:
        raise AccessError("--pages-user: a user of basic authentication has no ':' in its name")
    if not (token or user or settings.pages_open or _is_loopback(settings.host)):
        raise AccessError(
            f"--host {settings.host} is not loopback, so the pages need credentials:"
            " BATON_PAGES_TOKEN (or --pages-token-file), or --pages-user with"
            " BATON_PAGES_PASSWORD; --pages-open serves them to anybody"
        )
    if settings.trace_api and not (token or user):
        raise AccessError(
            "--trace-api tells single conversations, so the pages need credentials, on loopback"
            " too: BATON_PAGES_TOKEN (or --pages-token-file), or --pages-user with"
            " BATON_PAGES_PASSWORD"
        )
    return Access(token=token, user=user, password=password)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        # Any other name may mean another address on another day.
        return host == "localhost"
