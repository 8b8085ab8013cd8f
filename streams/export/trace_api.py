"""/api/trace and /api/similar: what this worker remembers of a conversation, for who may know it.

Served by pages.py behind the same check as /metrics, and only where `--trace-api` asks for it. Its
answers come from this worker's tables alone, and say what a trace over the topics would add.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from aiohttp import web

from streams.domain.contract import ContractBook
from streams.domain.governance import AccessKind
from streams.domain.interaction import Interaction
from streams.export.access import user_of
from streams.trace.document import json_bytes
from streams.trace.remembered import remembered_trace, standing_from
from streams.trace.signature import DEFAULT_SAME, PARTS, Marks, Part
from streams.trace.similar import Named, NothingFailed, similar_to
from streams.trace.similar_text import similar_text
from streams.trace.text import trace_text

_LONGEST_NAME = 256
# What one request may cost: so many take 45 ms, and ten times as many more than a second; a longer
# conversation is traced by `baton trace`.
_MOST_MOMENTS = 500
_MOST_EXAMINED = 20_000
_AT_ONCE = 50
_MOST_NAMED = 1_000
_TRACES_A_SECOND = 20.0
_FORMATS = ("json", "text")
_NOT_REMEMBERED: tuple[Part, ...] = ("intent", "tool")
_SIMILAR_LIMITS = (
    "read from what the worker remembers: intents and tools are not in it, nor are conversations"
    " that were forgotten",
)


class Memory(Protocol):
    """What a worker remembers, by lifecycle partition."""

    def partition_of(self, conversation: str) -> int:
        """The partition that holds a conversation, here or elsewhere."""

    def watermarks(self) -> Mapping[int, int | None]:
        """The partitions that this worker holds now, and how far each was read (ms)."""

    def interaction(self, contract: str, conversation: str) -> Interaction | None:
        """What is remembered of a conversation whose partition is held here."""

    def names(self, partition: int, most: int) -> list[Named]:
        """Interactions that a partition remembers now, at most so many."""

    def remembered(self) -> int:
        """How many interactions all partitions held here remember."""


@dataclass(slots=True)
class _Bucket:
    """So many requests a second on average, and as many at once."""

    rate: float
    clock: Callable[[], float]
    level: float = 0.0
    seen: float = 0.0

    def takes_one(self) -> bool:
        now = self.clock()
        self.level = max(0.0, self.level - (now - self.seen) * self.rate)
        self.seen = now
        if self.level + 1 > self.rate:
            return False
        self.level += 1
        return True


class NotTold(RuntimeError):
    """Who looks could not be told; the message says why."""


# Told of each answer before it is given: actor, purpose, what, contract, conversation.
Told = Callable[[str, str | None, AccessKind, str, str], Awaitable[None]]


class TraceApi:
    """`now` gives seconds of a clock that only goes forward. `told` raises NotTold where it cannot
    be told who looks; then nothing is shown.
    """

    def __init__(
        self, memory: Memory, book: ContractBook, *, now: Callable[[], float], told: Told
    ) -> None:
        self._memory = memory
        self._told = told
        self._book = book
        self._bucket = _Bucket(_TRACES_A_SECOND, now)
        self._searching = asyncio.Lock()

    def register(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/api/trace", self._trace)
        app.router.add_get("/api/similar", self._similar)

    async def _trace(self, request: web.Request) -> web.Response:
        contract, conversation, form = self._asked(request)
        if not self._bucket.takes_one():
            raise _refusal(web.HTTPTooManyRequests, "too many traces a second", retry=1)
        number, state = self._found(contract, conversation)
        await self._tell(request, "trace", contract, conversation)
        if len(state.milestones) + len(state.notes) > _MOST_MOMENTS:
            raise _refusal(
                web.HTTPUnprocessableEntity,
                f"more than {_MOST_MOMENTS} moments; `baton trace` tells conversations of any size",
            )
        watermark = self._memory.watermarks()[number]
        basis = f"what this worker remembers, partition {number}"
        trace = remembered_trace(state, contract, conversation, self._book, watermark, basis)
        if form == "text":
            return _text(trace_text(trace))
        return _json(json_bytes(trace))

    async def _similar(self, request: web.Request) -> web.Response:
        contract, conversation, form = self._asked(request)
        same, limit = _same(request), _limit(request)
        self._found(contract, conversation)
        await self._tell(request, "similar", contract, conversation)
        if self._searching.locked():
            raise _refusal(web.HTTPTooManyRequests, "another search is under way", retry=5)
        async with self._searching:
            marks, limits = await self._marks(contract, conversation)
        watermarks = [w for w in self._memory.watermarks().values() if w is not None]
        try:
            found = similar_to(
                contract,
                conversation,
                marks,
                same,
                limit=limit,
                basis="what this worker remembers",
                watermark=min(watermarks, default=None),
                limits=limits,
            )
        except NothingFailed as error:
            raise _refusal(web.HTTPNotFound, str(error)) from None
        if form == "text":
            zone = self._book.versions(contract)[0].time_zone
            return _text(similar_text(found, zone))
        return _json(json_bytes(found))

    async def _marks(
        self, contract: str, conversation: str
    ) -> tuple[dict[Named, Marks], list[str]]:
        """Of the interactions held here, some at a time, so that the stream goes on meanwhile."""
        names: list[Named] = []
        for number in sorted(self._memory.watermarks()):
            names += self._memory.names(number, _MOST_EXAMINED - len(names))
        scope = _scope(self._memory.watermarks(), self._memory.remembered(), len(names))
        chosen = [(contract, conversation), *(name for name in names if name[0] == contract)]
        limits = [*_SIMILAR_LIMITS, scope]
        marks: dict[Named, Marks] = {}
        for at in range(0, len(chosen), _AT_ONCE):
            self._mark(chosen[at : at + _AT_ONCE], marks)
            await asyncio.sleep(0)
        return marks, limits

    def _mark(self, names: Iterable[Named], marks: dict[Named, Marks]) -> None:
        # Anew each time: a rebalance may come while others are examined.
        watermarks = self._memory.watermarks()
        for contract, conversation in names:
            number = self._memory.partition_of(conversation)
            if number not in watermarks:
                continue
            state = self._memory.interaction(contract, conversation)
            if state is None or len(state.milestones) + len(state.notes) > _MOST_MOMENTS:
                continue
            found = marks[contract, conversation] = Marks()
            watermark = watermarks[number]
            for fact in standing_from(state, contract, conversation, self._book, watermark):
                found.fact(fact)

    async def _tell(
        self, request: web.Request, what: AccessKind, contract: str, conversation: str
    ) -> None:
        actor = user_of(request.headers.get("Authorization"))
        purpose = request.query.get("purpose", "")[:_LONGEST_NAME] or None
        try:
            await self._told(actor, purpose, what, contract, conversation)
        except NotTold as error:
            why = f"not shown, for it cannot be told who looks: {error}"
            raise _refusal(web.HTTPServiceUnavailable, why, retry=5) from None

    def _asked(self, request: web.Request) -> tuple[str, str, str]:
        contract = request.query.get("contract", "")
        conversation = request.query.get("interaction", "")
        form = request.query.get("format", "json")
        if not contract or not conversation:
            raise _refusal(web.HTTPBadRequest, "say ?contract=NAME&interaction=CONVERSATION")
        if max(len(contract), len(conversation)) > _LONGEST_NAME:
            raise _refusal(web.HTTPBadRequest, f"names have at most {_LONGEST_NAME} characters")
        if form not in _FORMATS:
            raise _refusal(web.HTTPBadRequest, f"format is one of {', '.join(_FORMATS)}")
        if contract not in self._book:
            raise _refusal(web.HTTPNotFound, "this worker serves no contract of that name")
        return contract, conversation, form

    def _found(self, contract: str, conversation: str) -> tuple[int, Interaction]:
        """The partition and what it remembers. Raises the answer to give where there is nothing."""
        number, held = self._memory.partition_of(conversation), sorted(self._memory.watermarks())
        if number not in held:
            raise _refusal(
                web.HTTPMisdirectedRequest,
                "another worker holds the partition of this conversation",
                partition=number,
                held_here=held,
            )
        state = self._memory.interaction(contract, conversation)
        if state is None:
            raise _refusal(
                web.HTTPNotFound,
                "nothing is remembered of this conversation: unknown, or forgotten since;"
                " `baton trace` reads the topics",
                partition=number,
            )
        return number, state


def _scope(watermarks: Mapping[int, int | None], known: int, examined: int) -> str:
    held = ", ".join(map(str, sorted(watermarks)))
    said = f"only the partitions of this worker were searched ({held})"
    if known > examined:
        said += f"; of {known:,} interactions {examined:,} were examined"
    return said


def _same(request: web.Request) -> tuple[Part, ...]:
    """The parts asked for; by default all that a worker remembers."""
    asked = request.query.get("same")
    remembered = tuple(part for part in PARTS if part not in _NOT_REMEMBERED)
    if asked is None:
        return tuple(part for part in DEFAULT_SAME if part in remembered)
    named = {name.strip() for name in asked.split(",")}
    if not named <= set(remembered):
        raise _refusal(web.HTTPBadRequest, f"same: any of {', '.join(remembered)}, by commas")
    return tuple(part for part in remembered if part in named)


def _limit(request: web.Request) -> int:
    asked = request.query.get("limit", "20")
    if not (asked.isascii() and asked.isdigit()) or len(asked) > 6 or int(asked) > _MOST_NAMED:
        raise _refusal(web.HTTPBadRequest, f"limit is a whole number up to {_MOST_NAMED}")
    return int(asked)


def _refusal(
    kind: type[web.HTTPException], why: str, retry: int | None = None, **more: Any
) -> web.HTTPException:
    headers = {} if retry is None else {"Retry-After": str(retry)}
    body = orjson.dumps({"error": why, **more}).decode()
    return kind(text=body, content_type="application/json", headers={**headers, **_PRIVATE})


# What is said of a conversation is for who asked, and for nobody's cache.
_PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", headers=_PRIVATE)


def _text(body: str) -> web.Response:
    return web.Response(text=body, content_type="text/plain", charset="utf-8", headers=_PRIVATE)
