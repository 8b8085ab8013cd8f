"""The client: interactions whose events are checked at the call and sent behind the bot's back."""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import logging
import os
import weakref
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self
from uuid import uuid4

import msgspec
import orjson

from streams.domain.events import Channel, HandoffContext
from streams.domain.wire import EVERY_CONTRACT, Rejection, decode_event
from streams.emit.account import Account, EmitError, Problem, Stats
from streams.emit.buffer import Buffer, Outgoing
from streams.emit.calls import ClientCalls
from streams.emit.interaction import Interaction
from streams.emit.sender import Sender
from streams.emit.transport import Refusal, Transport

log = logging.getLogger("baton.emit")


class Baton(ClientCalls):
    """Sends canonical events of one `source`, a URI reference that is stable over restarts.

    It never waits and never raises in the bot's way: what goes wrong is counted in `stats` and
    handed to `on_problem`, on whichever thread noticed. `strict` raises EmitError for an event that
    is not canonical: for tests. It holds at most `most_events` and `most_bytes`; what does not fit
    is dropped, newest first. Use it as a context manager, or `close` it; else what is left is sent
    as the interpreter ends, for at most 5 s.
    """

    def __init__(
        self,
        new_transport: Callable[[], Transport],
        *,
        source: str,
        on_problem: Callable[[Problem], None] | None = None,
        strict: bool = False,
        most_events: int = 10_000,
        most_bytes: int = 32 * 1024 * 1024,
        batch: int = 500,
        linger_s: float = 0.05,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(self._emit_apart)
        self._source = source
        self._account = Account(on_problem)
        self._strict = strict
        self._batch = batch
        self._clock = clock
        self._closed = False
        self._buffer = Buffer(most_events, most_bytes)
        self._sender = Sender(
            self._buffer,
            new_transport,
            batch=batch,
            linger_s=linger_s,
            arrived=self._arrived,
            refused=self._refused,
            repeated=self._repeated,
        )
        _ALIVE.add(self)

    @classmethod
    def kafka(
        cls,
        broker: str,
        *,
        source: str,
        topic: str = "interaction-events",
        security: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """A client that writes to Kafka at `broker`, host:port[,host:port].

        `security` are aiokafka's keyword arguments; `options` those of Baton.
        """

        def new() -> Transport:
            from streams.emit.kafka import KafkaTransport

            return KafkaTransport(broker, topic, security or {})

        return cls(new, source=source, **options)

    @classmethod
    def http(
        cls, url: str, *, source: str, token: str = "", secret: str = "", **options: Any
    ) -> Self:
        """A client that posts to `/hooks/canonical` of `baton source serve`.

        With `token` as bearer token, or signed with `secret`; `options` are those of Baton.
        """

        def new() -> Transport:
            from streams.emit.http import HttpTransport

            return HttpTransport(url, token=token, secret=secret)

        return cls(new, source=source, **options)

    def interaction(
        self,
        *,
        contract: str,
        conversation_id: str,
        channel: Channel,
        supplier: str | None = None,
        episode_id: str | None = None,
        customer_key: str | None = None,
        channel_subtype: str | None = None,
        market: str | None = None,
        language: str | None = None,
        journey: str | None = None,
        intent: str | None = None,
        direction: Literal["inbound", "outbound"] | None = None,
        test: bool | None = None,
    ) -> Interaction:
        """The conversation that events are about; nothing is sent by this.

        Names and telephone numbers have no place in it: `customer_key` is a `pseudonym`.
        """
        shared = {
            "contract": contract,
            "conversation_id": conversation_id,
            "channel": channel,
            "supplier": supplier,
            "episode_id": episode_id,
            "customer_key": customer_key,
            "channel_subtype": channel_subtype,
            "market": market,
            "language": language,
            "journey": journey,
            "intent": intent,
            "direction": direction,
            "test": test,
        }
        told = {name: value for name, value in shared.items() if value is not None}
        return Interaction(self._emit, self.hurry, told)

    @property
    def stats(self) -> Stats:
        """What has become of all events so far."""
        return self._account.stats(self._buffer.held)

    def flush(self, timeout_s: float | None = 10.0) -> bool:
        """Wait until all that was emitted before is sent or given up; whether that came in time.

        Blocks: not for the way of a request.
        """
        self.hurry()
        return self._buffer.await_settled(timeout_s)

    async def aflush(self, timeout_s: float | None = 10.0) -> bool:
        """As flush, without blocking the event loop."""
        return await asyncio.to_thread(self.flush, timeout_s)

    def hurry(self) -> None:
        """Send what waits now. Returns at once."""
        if self._buffer.held and not self._closed:
            self._wake(hurry=True)

    def close(self, timeout_s: float = 5.0) -> bool:
        """Send what is left, for at most so long, and end; whether all was sent."""
        if self._closed:
            return True
        sent = self.flush(timeout_s)
        self._closed = True
        self._sender.stop(1.0)
        _ALIVE.discard(self)
        if left := self._buffer.held:
            self._account.count("lost", left)
            self._account.tell(
                Problem("lost", "", f"{left} events could not be sent before the end")
            )
        self._buffer.clear()
        return sent

    async def aclose(self, timeout_s: float = 5.0) -> bool:
        """As close, without blocking the event loop."""
        return await asyncio.to_thread(self.close, timeout_s)

    def __enter__(self) -> Self:
        """The client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    async def __aenter__(self) -> Self:
        """The client."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.aclose()

    def put(self, document: dict[str, Any]) -> str | None:
        """Queue an event that was made elsewhere, a structured CloudEvent of its own source.

        Its id, or None where it was not accepted. Raises only if strict.
        """
        try:
            raw = orjson.dumps(document, option=_OPTIONS)
            event = decode_event(raw, EVERY_CONTRACT)
        except Exception as error:
            message = error.message if isinstance(error, Rejection) else "not to be written as JSON"
            self.tell_invalid("", message)
            return None
        conversation = document["data"].get("conversation_id")
        key = None if conversation is None else conversation.encode()
        return self._queued(Outgoing(document["type"], event.id, key, raw))

    def tell_invalid(self, kind: str, message: str) -> None:
        """Count and tell something that cannot be sent. Raises EmitError if strict."""
        self._account.count("invalid")
        self._account.tell(Problem("invalid", kind, message))
        if self._strict:
            raise EmitError(f"{kind}: {message}")

    def _emit_apart(
        self, kind: str, id: str | None, time: datetime | None, said: dict[str, Any]
    ) -> str | None:
        return self._emit(kind, id, time, said, None)

    def _emit(
        self,
        kind: str,
        id: str | None,
        time: datetime | None,
        said: dict[str, Any],
        conversation: str | None,
    ) -> str | None:
        """Queue one event; its id, or None where it was not accepted. Raises only if strict."""
        try:
            event = self._event(kind, id, time, said, conversation)
        except Exception as error:  # whatever the bot says, it is not to be told by a traceback
            message = error.message if isinstance(error, Rejection) else "not to be written as JSON"
            self.tell_invalid(kind, message)
            return None
        return self._queued(event)

    def _queued(self, event: Outgoing) -> str | None:
        kind = event.type
        if self._closed:
            self._account.tell(Problem("closed", kind, "the client was closed before"))
            return None
        waiting = self._buffer.put(event)
        if not waiting:
            self._account.count("full")
            self._account.tell(Problem("full", kind, f"{self._buffer.held} events wait to be sent"))
            return None
        self._account.count("accepted")
        if waiting == 1 or waiting >= self._batch:
            self._wake(hurry=waiting >= self._batch)
        return event.id

    def _event(
        self,
        kind: str,
        id: str | None,
        time: datetime | None,
        said: dict[str, Any],
        conversation: str | None,
    ) -> Outgoing:
        data = {name: _plain(value) for name, value in said.items() if value is not None}
        when = self._clock() if time is None else time
        document: dict[str, Any] = {
            "specversion": "1.0",
            "id": id or (uuid4().hex if time is None else ""),
            "source": self._source,
            "type": kind,
            "time": when,
            "datacontenttype": "application/json",
            "data": data,
        }
        if conversation is not None:
            document["subject"] = document["partitionkey"] = conversation
        if not document["id"]:
            # The same call says the same of the same moment: it is the same event.
            named = orjson.dumps([kind, when, data], option=_OPTIONS)
            document["id"] = hashlib.sha256(named).hexdigest()[:32]
        raw = orjson.dumps(document, option=_OPTIONS)
        decode_event(raw, EVERY_CONTRACT)
        key = None if conversation is None else conversation.encode()
        return Outgoing(kind, document["id"], key, raw)

    def _wake(self, *, hurry: bool) -> None:
        try:
            self._sender.start()
        except RuntimeError as error:  # the interpreter is ending
            log.debug("no thread to send with: %s", error)
            return
        self._sender.wake(hurry=hurry)

    def _arrived(self, count: int) -> None:
        self._account.count("arrived", count)

    def _refused(self, refusal: Refusal) -> None:
        self._account.count("refused")
        self._account.tell(Problem("refused", refusal.event.type, refusal.why))

    def _repeated(self, why: str) -> None:
        self._account.count("retries")
        self._account.tell(Problem("unreachable", "", f"{why}; trying again"))

    def _forget(self) -> None:
        self._account.forget()
        self._buffer.forget()
        self._sender.forget()


_OPTIONS = orjson.OPT_UTC_Z
_ALIVE: weakref.WeakSet[Baton] = weakref.WeakSet()


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value) if isinstance(value, HandoffContext) else value


def _close_all() -> None:
    for baton in list(_ALIVE):
        baton.close()


def _forget_all() -> None:
    for baton in list(_ALIVE):
        baton._forget()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
