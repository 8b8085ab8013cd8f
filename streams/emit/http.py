"""Events to Baton's webhook, `/hooks/canonical` of `baton source serve`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import aiohttp

from streams.emit.buffer import Outgoing
from streams.emit.transport import Refusal, Unreachable
from streams.intake.signatures import sign

_TIMEOUT_S = 15.0
_LONGEST_WAIT_S = 300.0
# The receiver says that the content is at fault; all else may pass.
_REFUSED = frozenset((400, 413, 415, 422))


class HttpTransport:
    """Posts a CloudEvents batch; `token` as bearer token, or signed with `secret`.

    A batch that is refused is halved until the event at fault stands alone.
    """

    def __init__(self, url: str, *, token: str = "", secret: str = "") -> None:
        self._url = url
        self._token = token
        self._secret = secret.encode()
        self._session: aiohttp.ClientSession | None = None

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Refusal]:
        """As Transport.send."""
        status = await self._post(b"[" + b",".join(event.raw for event in batch) + b"]")
        if 200 <= status < 300:
            return []
        if status not in _REFUSED:
            raise Unreachable(f"status {status}")
        if len(batch) == 1:
            return [Refusal(batch[0], f"status {status}")]
        half = len(batch) // 2
        return [*await self.send(batch[:half]), *await self.send(batch[half:])]

    async def stop(self) -> None:
        """As Transport.stop."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post(self, body: bytes) -> int:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S))
        headers = {"Content-Type": "application/cloudevents-batch+json; charset=UTF-8"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if self._secret:
            headers["X-Baton-Signature"] = sign(self._secret, int(time.time()), body)
        try:
            # Redirects are not followed, so the secret goes nowhere else.
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                wait = answer.headers.get("Retry-After", "")
                if answer.status in (429, 503) and wait.isascii() and wait.isdigit():
                    told = f"status {answer.status}"
                    raise Unreachable(told, min(float(wait), _LONGEST_WAIT_S))
                return answer.status
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            raise Unreachable(type(error).__name__) from error
