"""Spans of generative AI out of the bot's own process, by the mapping of the OTLP adapter.

    provider.add_span_processor(BatonSpanProcessor(baton, contract="telco-2026", channel="chat"))

Needs the extra `otel`. The mapping, and what it cannot tell, is sources/platforms/otel.py; events
have the ids that the same spans have by OTLP under the same salt, so both ways are counted once.
Contents of prompts, answers, arguments and results are not read.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from typing import Any

import orjson
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import StatusCode

from streams.domain.events import Channel
from streams.domain.wire import EVERY_CONTRACT
from streams.emit.client import Baton
from streams.emit.interaction import current_interaction
from streams.sources.base import SourceOptions, SourceProblem
from streams.sources.platforms.otel import PLATFORM
from streams.sources.records import record_of

CONVERSATION = "gen_ai.conversation.id"
_KNOWN_SALT = "otel"
_ABOUT_AI = ("gen_ai.", "openinference.", "llm.", "tool.", "langfuse.")
# Nothing of the bot's is at fault: the adapter passes over what it does not know.
_SILENT = frozenset(("unknown_kind", "not_a_payload"))


class BatonSpanProcessor(SpanProcessor):
    """Emits what each span of generative AI says when it ends. Never raises, never waits.

    A span within `with baton.interaction(...)` is about that conversation and says what it says;
    any other names its own (`gen_ai.conversation.id`), under `contract`, `channel` and `options`,
    which are those of SourceOptions. What is no machine's id there becomes a pseudonym by `salt`,
    which is BATON_SOURCE_SALT if it is not given; warns (UserWarning) where that is not set either.
    """

    def __init__(
        self,
        baton: Baton,
        *,
        contract: str,
        channel: Channel,
        salt: str | None = None,
        **options: Any,
    ) -> None:
        self._baton = baton
        salt = salt or os.environ.get("BATON_SOURCE_SALT")
        if salt is None:
            warnings.warn(
                "BatonSpanProcessor without a salt: pseudonyms of people in spans can be guessed,"
                " and meet no other source's; give the one of BATON_SOURCE_SALT",
                stacklevel=2,
            )
            salt = _KNOWN_SALT
        self._options = SourceOptions(contract=contract, channel=channel, salt=salt, **options)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Name the current interaction in a span that names none."""
        interaction = current_interaction()
        if interaction is not None and CONVERSATION not in (span.attributes or {}):
            span.set_attribute(CONVERSATION, str(interaction.shared.get("conversation_id", "")))

    def on_end(self, span: ReadableSpan) -> None:
        """Emit what the span says."""
        try:
            if any(name.startswith(_ABOUT_AI) for name in span.attributes or ()):
                self._emit(span)
        except Exception as error:
            self._baton.tell_invalid("span", type(error).__name__)

    def shutdown(self) -> None:
        """Send what is left."""
        self._baton.flush(5.0)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits; whether that was done in time."""
        return self._baton.flush(timeout_millis / 1000)

    def _emit(self, span: ReadableSpan) -> None:
        interaction = current_interaction()
        shared = {} if interaction is None else dict(interaction.shared)
        if (span.attributes or {}).get(CONVERSATION) != shared.get("conversation_id"):
            shared = {}
        for item in PLATFORM.read(_otlp(span), self._options, "span"):
            found = (
                item if isinstance(item, SourceProblem) else record_of(item, EVERY_CONTRACT, "span")
            )
            if isinstance(found, SourceProblem):
                if found.code not in _SILENT:
                    self._baton.tell_invalid("span", f"{found.code}: {found.message}")
                continue
            event = orjson.loads(found.raw)
            event["data"] |= shared
            self._baton.put(event)


def _otlp(span: ReadableSpan) -> dict[str, Any]:
    """The span as OTLP/JSON has it, as far as the adapter reads it."""
    context = span.get_span_context()
    return {
        "traceId": "" if context is None else f"{context.trace_id:032x}",
        "spanId": "" if context is None else f"{context.span_id:016x}",
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "status": {"code": 2 if span.status.status_code is StatusCode.ERROR else 0},
        "attributes": [
            {"key": name, "value": _any_value(value)}
            for name, value in (span.attributes or {}).items()
        ],
    }


def _any_value(value: object) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case Iterable():
            return {"arrayValue": {"values": [_any_value(each) for each in value]}}
    return {}
