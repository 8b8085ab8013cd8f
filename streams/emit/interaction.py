"""One conversation, as the bot speaks of it; and which one a piece of code is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar, Token
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from streams.emit.calls import InteractionCalls

Emit = Callable[[str, str | None, datetime | None, dict[str, Any], str | None], str | None]


class Interaction(InteractionCalls):
    """One conversation: `i.ai.turn(...)`, `i.handoff.requested(...)`; no call waits for anything.

    Each returns the event's id, or None where it was not accepted. An event is the same however
    often it is sent; called again with the same `id`, or the same `time` and content, it is the
    same too. Within `with` it is the current one, which spans of OpenTelemetry are about.
    """

    def __init__(self, emit: Emit, hurry: Callable[[], None], shared: dict[str, Any]) -> None:
        super().__init__(self._emit_about)
        self._emit_any = emit
        self._hurry = hurry
        self._shared = shared
        self._tokens: list[Token[Interaction | None]] = []

    @property
    def shared(self) -> Mapping[str, Any]:
        """What all its events say."""
        return self._shared

    def __enter__(self) -> Self:
        """The interaction, current from now on."""
        self._tokens.append(_CURRENT.set(self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send what waits now, without waiting for it."""
        # A generator may be left by another task than it was entered by.
        with suppress(ValueError, IndexError):
            _CURRENT.reset(self._tokens.pop())
        self._hurry()

    async def __aenter__(self) -> Self:
        """The interaction, current from now on."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send what waits now, without waiting for it."""
        self.__exit__(kind, error, trace)

    def _emit_about(
        self, kind: str, id: str | None, time: datetime | None, said: dict[str, Any]
    ) -> str | None:
        conversation = self._shared.get("conversation_id")
        named = conversation if isinstance(conversation, str) else None
        return self._emit_any(kind, id, time, {**self._shared, **said}, named)


def current_interaction() -> Interaction | None:
    """The interaction whose `with` this code runs in, in the same task or thread."""
    return _CURRENT.get()


_CURRENT: ContextVar[Interaction | None] = ContextVar("baton_interaction", default=None)
