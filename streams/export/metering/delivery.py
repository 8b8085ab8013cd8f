"""Events brought to a metering system over HTTP: in batches, again where it could not take them,
and never past one that it refuses.

At least once: whether a request without an answer was taken is not known, so it is sent again. The
ids are the records', so that the system knows a repetition.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import aiohttp

from streams.export.metering.systems import Refusal, System

# About single events, so that a batch is divided until it is known about which.
_ABOUT_AN_EVENT = frozenset((400, 409, 413, 422))
_HAS_IT_ALREADY = 409
_TOLD_BY_PLACE = 422
_NOT_NOW = frozenset((408, 425, 429))
_FIRST_WAIT_S, _LONGEST_WAIT_S, _LONGEST_ASKED_S = 0.5, 60.0, 300.0
_TIMEOUT_S = 30.0
_REASON_CHARACTERS = 300


class Entry(NamedTuple):
    """An event, whose id it has, and where its record stands: file:line or topic/partition@offset.

    `offset` is the record's in its partition, 0 in a file.
    """

    where: str
    id: str
    event: dict[str, Any]
    offset: int = 0


class DeliveryError(RuntimeError):
    """The system did not take `entry`, and nothing after it was sent; the message says why and what
    to do, and holds no secret. All before it were taken.
    """

    def __init__(self, entry: Entry, why: str) -> None:
        self.entry = entry
        super().__init__(f"{entry.where} ({entry.id}): {why}")


class Refused(DeliveryError):
    """The system says that this one event is at fault."""


class Unavailable(DeliveryError):
    """The system could not be reached, or lets nobody in; no event is at fault."""


@dataclass
class Tally:
    """Events that were taken, and those that the system said it had already."""

    taken: int = 0
    known: int = 0


class Sender:
    """Posts to `url`, with `token` as a bearer token where there is one; used as `async with`.

    What fails is tried again after growing pauses, or when the system says, for `retry_for_s`
    seconds after its last answer.
    """

    def __init__(
        self,
        system: System,
        url: str,
        token: str = "",
        *,
        retry_for_s: float,
        first_wait_s: float = _FIRST_WAIT_S,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self.tally = Tally()
        self._system = system
        self._url = url
        self._token = token
        self._retry_for_s = retry_for_s
        self._first_wait_s = first_wait_s
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Sender:
        headers = {"Content-Type": self._system.content_type}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        self._session = aiohttp.ClientSession(timeout=self._timeout, headers=headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, entries: Sequence[Entry]) -> None:
        """Return once the system has them all. Raises Refused, Unavailable.

        Entries of one id are one.
        """
        first: dict[str, Entry] = {}
        for entry in entries:
            first.setdefault(entry.id, entry)
        once = list(first.values())
        size = self._system.most_at_once
        for start in range(0, len(once), size):
            await self._deliver(once[start : start + size])

    async def _deliver(self, batch: list[Entry]) -> None:
        while batch:
            status, body = await self._answer(batch)
            if self._system.took(status, body, len(batch)):
                self.tally.taken += len(batch)
                return
            if status not in _ABOUT_AN_EVENT:
                raise Unavailable(batch[0], self._why(status, body))
            refusal = self._refusal(status, body, len(batch))
            if refusal.wrong:
                first = min(refusal.wrong)
                await self._deliver(batch[:first])
                self._refuse(batch[first], f"status {status}: {refusal.wrong[first]}")
            if refusal.known:
                # All or nothing: those that it has kept the others out.
                self.tally.known += len(refusal.known)
                batch = [one for at, one in enumerate(batch) if at not in refusal.known]
            elif len(batch) > 1:
                middle = len(batch) // 2
                await self._deliver(batch[:middle])
                batch = batch[middle:]
            elif status == _HAS_IT_ALREADY:
                self.tally.known += 1
                return
            else:
                self._refuse(batch[0], self._why(status, body))

    def _refusal(self, status: int, body: bytes, size: int) -> Refusal:
        if status != _TOLD_BY_PLACE:
            return Refusal()
        told = self._system.refusal(body)
        # A place that is not in the batch says nothing.
        return Refusal(
            frozenset(at for at in told.known if 0 <= at < size),
            {at: why for at, why in told.wrong.items() if 0 <= at < size},
        )

    def _refuse(self, entry: Entry, why: str) -> NoReturn:
        raise Refused(entry, f"{self._system.name} refuses it: {self._shown(why)}")

    async def _answer(self, batch: Sequence[Entry]) -> tuple[int, bytes]:
        """The first answer that is about the request: status and body. Raises Unavailable."""
        body = self._system.body([entry.event for entry in batch])
        loop = asyncio.get_running_loop()
        begun, wait_s = loop.time(), self._first_wait_s
        while True:
            asked_s = 0.0
            try:
                status, retry_after, said = await self._post(body)
                if status not in _NOT_NOW and status < 500:
                    return status, said
                why = f"status {status}"
                if retry_after.isascii() and retry_after.isdigit():
                    asked_s = min(float(retry_after), _LONGEST_ASKED_S)
            except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as e:
                # Its message names the address, which may hold a secret of its own.
                why = type(e).__name__
            pause = max(wait_s, asked_s)
            if loop.time() + pause - begun > self._retry_for_s:
                raise Unavailable(
                    batch[0],
                    f"{self._system.name} does not take it ({why}), tried for"
                    f" {loop.time() - begun:.0f} s; run it again when it does",
                )
            await asyncio.sleep(pause)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    async def _post(self, body: bytes) -> tuple[int, str, bytes]:
        if self._session is None:
            raise RuntimeError("a Sender is used as `async with`")
        # Redirects are not followed: the token goes nowhere else.
        async with self._session.post(self._url, data=body, allow_redirects=False) as response:
            said = await response.content.read(1_000_000)
            return response.status, response.headers.get("Retry-After", ""), said

    def _why(self, status: int, body: bytes) -> str:
        if status in (401, 403):
            return (
                f"{self._system.name} lets us not in (status {status}): check the token,"
                " BATON_METERING_TOKEN or --token-file"
            )
        if 200 <= status < 400 or status in (404, 405, 415):
            return f"there is no {self._system.name} at this address (status {status}): check --to"
        said = self._shown(body.decode(errors="replace"))
        return f"status {status}: {said}" if said else f"status {status}"

    def _shown(self, text: str) -> str:
        if self._token:
            text = text.replace(self._token, "***")
        text = "".join(sign if sign.isprintable() else " " for sign in text).strip()
        return text if len(text) <= _REASON_CHARACTERS else text[:_REASON_CHARACTERS] + "..."
