"""Spans of generative AI as canonical events, from within the bot's process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

sdk = pytest.importorskip(
    "opentelemetry.sdk.trace", reason="opentelemetry-sdk, the extra `otel`, is not installed"
)

from opentelemetry.trace import Status, StatusCode, Tracer  # noqa: E402

from streams.emit import Baton, Problem  # noqa: E402
from streams.emit.otel import BatonSpanProcessor, _otlp  # noqa: E402
from streams.sources.base import SourceOptions  # noqa: E402
from streams.sources.platforms.otel import PLATFORM  # noqa: E402
from tests.unit.emit.recorded import Recorded  # noqa: E402


class Bot:
    def __init__(self) -> None:
        self.recorded = Recorded()
        self.problems: list[Problem] = []
        self.baton = Baton(
            lambda: self.recorded, source="/acme/bot", on_problem=self.problems.append
        )
        self.provider = sdk.TracerProvider()
        processor = BatonSpanProcessor(
            self.baton, contract="telco-2026", channel="chat", salt="pepper"
        )
        self.provider.add_span_processor(processor)
        self.tracer: Tracer = self.provider.get_tracer("bot")

    def events(self) -> list[dict[str, Any]]:
        assert self.provider.force_flush()
        return self.recorded.events()


@pytest.fixture
def bot() -> Iterator[Bot]:
    found = Bot()
    with found.baton:
        yield found


CONVERSATION = "0f8fad5b-d9cb-469f-a165-70867728950e"
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m-7",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.prompt.name": "greeting",
    "gen_ai.response.finish_reasons": ["stop"],
}


def test_a_span_that_names_its_conversation_is_a_turn(bot: Bot) -> None:
    with bot.tracer.start_as_current_span("chat m-7", attributes=CHAT) as span:
        span.set_attribute("gen_ai.conversation.id", CONVERSATION)
    (event,) = bot.events()
    assert event["type"] == "baton.ai.turn"
    assert event["data"] == {
        "contract": "telco-2026",
        "conversation_id": CONVERSATION,
        "channel": "chat",
        "model": "m-7",
        "prompt_version": "greeting",
        "input_tokens": 12,
        "duration_ms": event["data"]["duration_ms"],
        "test": False,
    }
    assert bot.problems == []


def test_within_an_interaction_spans_are_about_it_and_say_what_it_says(bot: Bot) -> None:
    with (
        bot.baton.interaction(
            contract="bank-2026", conversation_id="c-7", channel="voice", market="SG"
        ),
        bot.tracer.start_as_current_span("invoke_agent"),
        bot.tracer.start_as_current_span("chat", attributes=CHAT),
    ):
        pass
    (event,) = bot.events()
    data = event["data"]
    assert (data["contract"], data["conversation_id"]) == ("bank-2026", "c-7")
    assert (data["channel"], data["market"]) == ("voice", "SG")
    (batch,) = bot.recorded.batches
    assert batch[0].key == b"c-7"


def test_a_tool_that_fails_is_a_call_and_a_failure(bot: Bot) -> None:
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "refund",
        "gen_ai.conversation.id": CONVERSATION,
    }
    with bot.tracer.start_as_current_span("execute_tool refund", attributes=attributes) as span:
        span.set_status(Status(StatusCode.ERROR, "Jane Doe has no refund"))
    call, failure = bot.events()
    assert (call["type"], call["data"]["outcome"]) == ("baton.ai.tool_call", "error")
    assert failure["type"] == "baton.ai.failure_signalled"
    assert failure["data"]["signal"] == "tool_error"
    assert b"Jane" not in orjson.dumps([call, failure])


def test_spans_that_are_not_of_generative_ai_are_passed_over(bot: Bot) -> None:
    with bot.tracer.start_as_current_span("GET /", attributes={"http.route": "/"}):
        pass
    assert bot.events() == []
    assert bot.problems == []


def test_a_span_that_names_no_conversation_is_told(bot: Bot) -> None:
    with bot.tracer.start_as_current_span("chat", attributes=CHAT):
        pass
    assert bot.events() == []
    assert [problem.message.split(":")[0] for problem in bot.problems] == ["no_conversation"]


def test_ids_are_those_of_the_same_span_that_comes_by_otlp(bot: Bot) -> None:
    with bot.tracer.start_as_current_span("chat", attributes=CHAT) as span:
        span.set_attribute("gen_ai.conversation.id", CONVERSATION)
    exported = {"resourceSpans": [{"scopeSpans": [{"spans": [_otlp(span)]}]}]}  # type: ignore[arg-type]
    options = SourceOptions("telco-2026", "otel", channel="chat")
    (by_otlp,) = PLATFORM.read(exported, options, "export")
    (event,) = bot.events()
    assert (event["source"], event["id"]) == (by_otlp.source, by_otlp.id)  # type: ignore[union-attr]
