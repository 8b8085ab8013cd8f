"""A breach handed to somebody's HTTP endpoint: what is sent, and what an answer means.

CloudEvents 1.0 in structured mode over HTTP (`application/cloudevents+json`), one event a request.
The same event carries the same `id` however often it is sent, in `Idempotency-Key` too.
"""

from __future__ import annotations

import asyncio
from typing import Literal, NamedTuple

import aiohttp
import orjson

# `failed` is tried again; `refused` is not, for the receiver says that this one event is at fault.
Outcome = Literal["delivered", "failed", "refused"]

TIMEOUT_S = 10.0
_REFUSED = frozenset((400, 413, 415, 422))
_LONGEST_WAIT_S = 300.0


class Answer(NamedTuple):
    """What came of one request: `why` for a log line; `wait_s` is how long the receiver asks us to
    wait (Retry-After), 0 where it does not say.
    """

    outcome: Outcome
    why: str
    wait_s: float = 0.0


class BreachEvent(NamedTuple):
    """What is sent, and under which id."""

    id: str
    body: bytes


def breach_event(record: bytes) -> BreachEvent | None:
    """The event to send for a record of `sla-breaches`; None for an update, or what is no breach.

    It is the record's, but for the evidence: of each escalation only since when it waits, nothing
    that names a conversation. Openings and closings are sent; updates stay in the topic.
    """
    try:
        event = orjson.loads(record)
        if event["type"] not in ("baton.breach.opened", "baton.breach.closed"):
            return None
        event["data"]["waiting"] = [{"t0": one["t0"]} for one in event["data"]["waiting"]]
        return BreachEvent(str(event["id"]), orjson.dumps(event))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


class Webhook:
    """Posts to `url`, with `secret` as a bearer token where there is one. Close it after use."""

    def __init__(self, url: str, secret: str = "", timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._headers = {"Content-Type": "application/cloudevents+json"}
        if secret:
            self._headers["Authorization"] = f"Bearer {secret}"
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_s))

    async def post(self, event: BreachEvent) -> Answer:
        """Send one event, once; redirects are not followed, so the secret goes nowhere else."""
        headers = {**self._headers, "Idempotency-Key": event.id}
        try:
            async with self._session.post(
                self._url, data=event.body, headers=headers, allow_redirects=False
            ) as response:
                return _answer(response.status, response.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            # Its message names the address, which may hold a secret of its own.
            return Answer("failed", type(error).__name__)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def _answer(status: int, retry_after: str) -> Answer:
    why = f"status {status}"
    if 200 <= status < 300:
        return Answer("delivered", why)
    if status in _REFUSED:
        return Answer("refused", why)
    wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    return Answer("failed", why, min(wait, _LONGEST_WAIT_S))
