"""HTTP as the doctor asks it: an answer, or in a few words why there is none."""

from __future__ import annotations

import os
from typing import Any

import aiohttp
import orjson

PATIENCE = aiohttp.ClientTimeout(total=10, connect=5)


class NoAnswer(RuntimeError):
    """The message says why in a few words."""


class Asking:
    """Asks over one session. `token`, where one is given, is sent as a bearer's."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def text(self, url: str, path: str, token: str = "") -> tuple[int, str]:
        """Status and body. Raises NoAnswer."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with self._session.get(_address(url, path), headers=headers) as answer:
                return answer.status, await answer.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise NoAnswer(_reason(error)) from None

    async def json(self, url: str, path: str) -> Any:
        """The document. Raises NoAnswer for any status but 200."""
        status, body = await self.text(url, path)
        if status != 200:
            raise NoAnswer(f"status {status}")
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            raise NoAnswer("what answers is no JSON") from None

    async def head(self, url: str) -> int:
        """The status of a HEAD request. Raises NoAnswer."""
        try:
            async with self._session.head(url, allow_redirects=False) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise NoAnswer(_reason(error)) from None


def _address(url: str, path: str) -> str:
    return f"{url.rstrip('/')}{path}"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.InvalidURL):
        return "that is no http:// or https:// address"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorError):
        return os.strerror(error.os_error.errno or 0).lower()
    return str(error) or type(error).__name__
