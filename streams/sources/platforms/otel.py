"""OpenTelemetry: spans of generative AI (OTLP/JSON), for what a trace knows of the AI's side.

Names are those of the semantic conventions for generative AI up to 1.41 (status: Development; moved
out to open-telemetry/semantic-conventions-genai since), and what older instrumentations and
OpenInference write in their place. A conversation is `gen_ai.conversation.id` (or `session.id`):
set it to the help desk's id of the conversation, and both sides of a handoff meet in one.

- A span of inference (`chat`, `generate_content`, `text_completion`) is an `ai.turn` at its end,
  with versions and usage. It is no message: whether the customer saw anything is not in it.
- `execute_tool` is an `ai.tool_call`; one that fails is `tool_error` too. A tool that the options
  mark as handoff, or one of HANDOFFS, asks for a human: `handoff.requested`.
- A turn that a filter stopped is `guardrail`. A call to a model that fails is noted in the turn's
  `error_type` only, for it may have been tried again; when the whole agent fails (`invoke_agent`
  with status ERROR) the customer is without answer: `timeout` or `unknown`.
- Contents of prompts, answers, arguments and results are not read.

A trace names no channel: beside a help desk's events give that desk's as an option.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from streams.domain.events import (
    AiFailureSignalled,
    AiToolCall,
    AiTurn,
    FailureReason,
    HandoffRequested,
)
from streams.sources.adapter import Contact, Ignored, Item, Platform, Talk
from streams.sources.coverage import Feed
from streams.sources.payload import CONVERSATION, HEX, Payload

HANDOFFS: Final = frozenset(
    ("transfer_to_human", "transfer_to_human_agents", "escalate_to_human", "handoff_to_human")
)
_FILTERED: Final = dict.fromkeys(
    ("content_filter", "safety", "SAFETY", "guardrail_intervened"), True
)
_TIMEOUTS: Final = dict.fromkeys(
    ("timeout", "TimeoutError", "asyncio.TimeoutError", "APITimeoutError", "ReadTimeout"), True
)
# A span has no operation name where it was made by OpenInference or before 1.27.
_KINDS: Final = {
    "LLM": "chat",
    "TOOL": "execute_tool",
    "AGENT": "invoke_agent",
    "CHAIN": "chain",
    "RETRIEVER": "retrieval",
    "EMBEDDING": "embeddings",
    "RERANKER": "retrieval",
    "GUARDRAIL": "chain",
    "EVALUATOR": "chain",
}
_ERROR = 2
# Of one call; more than any model takes, fewer digits than a number to call.
_MOST_TOKENS = 50_000_000


def _parts(payload: Payload) -> Iterator[Payload]:
    resources = ("resourceSpans", "resource_spans", "batches")
    if not isinstance(payload.at(*resources).value, list):
        yield payload
    for resource in payload.items(*resources):
        scopes = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans")
        for scope in resource.items(*scopes):
            yield from scope.items("spans")


def _kind(span: Payload) -> str | None:
    if not span.present("spanId", "span_id"):
        return None
    named = span.attributes("attributes")
    operation = named.text(("gen_ai.operation.name",))
    return operation or named.word(_KINDS, ("openinference.span.kind",)) or "other"


def _contact(span: Payload) -> Contact:
    named = span.attributes("attributes")
    names = (
        *(("gen_ai.conversation.id",), ("session.id",), ("gcp.vertex.agent.session_id",)),
        *(("langfuse.session.id",), ("thread.id",)),
    )
    return Contact(
        conversation=named.id(CONVERSATION, *names),
        channel="chat",
    )


def _key(span: Payload) -> str:
    # Both are hex of a fixed length; of anything else the pseudonym.
    return f"{span.id(HEX, 'traceId', 'trace_id')}.{span.id(HEX, 'spanId', 'span_id')}"


def _ended(span: Payload) -> int | None:
    return span.moment("endTimeUnixNano", "end_time_unix_nano", "startTimeUnixNano")


def _duration(span: Payload) -> int | None:
    began, ended = span.moment("startTimeUnixNano", "start_time_unix_nano"), _ended(span)
    return None if began is None or ended is None or ended < began else ended - began


def _failed(span: Payload) -> bool:
    return span.at("status.code").value in (_ERROR, "STATUS_CODE_ERROR", "ERROR")


def _versions(named: Payload) -> dict[str, str | None]:
    return {
        "prompt_version": named.label(
            ("gen_ai.prompt.version",), ("langfuse.observation.prompt.version",)
        )
        or named.label(("gen_ai.prompt.name",)),
        "model": named.label(
            *(("gen_ai.response.model",), ("gen_ai.request.model",), ("llm.model_name",))
        ),
        "knowledge_version": named.label(("gen_ai.data_source.id",)),
    }


def _turn(span: Payload, talk: Talk) -> Iterator[Item]:
    named = span.attributes("attributes")
    at_ms, key, versions = _ended(span), _key(span), _versions(named)
    yield talk.tell(
        AiTurn,
        at_ms,
        key,
        agent_name=named.label(("gen_ai.agent.name",), ("gen_ai.agent.id",)),
        agent_version=named.label(("gen_ai.agent.version",)),
        input_tokens=_count(
            named,
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.prompt_tokens",
            "llm.token_count.prompt",
        ),
        output_tokens=_count(
            named,
            *("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
            "llm.token_count.completion",
        ),
        duration_ms=_duration(span),
        error_type=named.label(("error.type",)),
        **versions,
    )
    reasons = [named.at(("gen_ai.response.finish_reasons",))]
    reasons += named.items(("gen_ai.response.finish_reasons",))
    if any(isinstance(each.value, str) and each.value in _FILTERED for each in reasons):
        yield talk.tell(
            AiFailureSignalled,
            at_ms,
            key,
            signal="guardrail",
            agent_version=named.label(("gen_ai.agent.version",)),
            **versions,
        )


def _tool(span: Payload, talk: Talk) -> Iterator[Item]:
    named = span.attributes("attributes")
    at_ms, key = _ended(span), _key(span)
    names = (("gen_ai.tool.name",), ("tool.name",))
    tool = named.label(*names) or "unnamed"
    yield talk.tell(
        AiToolCall,
        at_ms,
        key,
        tool=tool,
        outcome="error" if _failed(span) else "ok",
        call_id=named.label(("gen_ai.tool.call.id",)),
        duration_ms=_duration(span),
    )
    if _failed(span):
        error = named.label(("error.type",)) or tool
        yield talk.tell(AiFailureSignalled, at_ms, key, signal="tool_error", raw_reason=error)
    elif tool in HANDOFFS or named.marked("handoff", *names):
        yield talk.tell(
            HandoffRequested, at_ms, key, handoff_id=f"{talk.id}/{key}", requested_by="ai"
        )


def _agent(span: Payload, talk: Talk) -> Iterable[Item]:
    if not _failed(span):
        return ()
    named = span.attributes("attributes")
    timed_out = named.word(_TIMEOUTS, ("error.type",))
    signal: FailureReason = "timeout" if timed_out else "unknown"
    return (
        talk.tell(
            AiFailureSignalled,
            _ended(span),
            _key(span),
            signal=signal,
            raw_reason=named.label(("error.type",)),
            agent_version=named.label(("gen_ai.agent.version",)),
            **_versions(named),
        ),
    )


def _count(named: Payload, *names: str) -> int | None:
    count = named.whole(*((name,) for name in names), most=_MOST_TOKENS)
    return count if count is None or count >= 0 else None


_ELSEWHERE: Final = Feed(
    "no",
    "happens outside the AI's process",
    "add the help desk's adapter, and set gen_ai.conversation.id to its conversation's id",
)
_PARTLY: Final = Feed(
    "partly",
    "the AI's side only: no customer's message, no human, no end",
    "add the help desk's adapter, and set gen_ai.conversation.id to its conversation's id",
)

PLATFORM = Platform(
    name="otel",
    title="OpenTelemetry (generative AI)",
    reads=(
        "OTLP/JSON trace exports (resourceSpans), as the collector's file and Kafka exporters write"
        " them; https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans"
    ),
    parts=_parts,
    kind=_kind,
    contact=_contact,
    kinds={
        **dict.fromkeys(("chat", "generate_content", "text_completion"), _turn),
        "execute_tool": _tool,
        **dict.fromkeys(("invoke_agent", "invoke_workflow"), _agent),
        **dict.fromkeys(
            ("create_agent", "embeddings", "retrieval", "chain", "other"),
            Ignored("no turn, no tool and no outcome of the conversation"),
        ),
    },
    feeds={
        "escalation latency": Feed(
            "partly",
            "T0 (tool errors, filters, handoff tools); no human's answer",
            "add the help desk's adapter, and set gen_ai.conversation.id to its conversation's id",
        ),
        "answer service level": _ELSEWHERE,
        "abandonment": _ELSEWHERE,
        "first response": _ELSEWHERE,
        "containment": _PARTLY,
        "recontact": _ELSEWHERE,
        "verified resolution": _ELSEWHERE,
        "failure reasons": Feed(
            "partly",
            "errors and filters; not what the customer or a policy of the bot says",
            "emit ai.failure_signalled through streams.emit where the bot decides",
        ),
        "handoff context": _ELSEWHERE,
        "customer repeated": _ELSEWHERE,
        "quality assurance": Feed(
            "no", "evaluations of a model are not QA of a contact", "send qa.evaluated"
        ),
        "satisfaction": _ELSEWHERE,
        "compliance": Feed("no", "no convention says it", "send compliance events"),
        "cost": Feed(
            "partly",
            "tokens stand in ai.turn; no convention carries an amount",
            "send cost.recorded with the price of your model",
        ),
    },
)
