"""Recorded runs of LLM agents with tools (JSON): tau2-bench results and tau-bench trajectories.

A run is a conversation between an AI agent and a (simulated) customer. What it honestly says:

- An agent's message is an `ai.turn` and, if it has text, a public `message.sent` by ai. Customers'
  messages are `message.sent`; one that is only the simulator's control token is none. No text is
  passed on.
- A tool's result is an `ai.tool_call` at the moment of the result. It failed if the log says so or
  its content starts with "Error", and is then also `ai.failure_signalled` tool_error.
- A call of `transfer_to_human_agents` is `handoff.requested` by ai, each with a handoff of its own.
  Its reason is `out_of_scope`: both benchmarks' policies allow a transfer if and only if the
  request cannot be handled with the agent's actions. Whether the customer asked for it stands in
  the text only, which is not read.
- **No human ever joins.** The log stops at the transfer with the customer waiting: the contact is
  not ended and the handoff stays open, unless the customer's last message holds the token for
  "goal reached" (###STOP###).
- A run that never transferred is claimed resolved by the AI at its end. Neither format states a
  claim: this is the containment rule ("left without a human") that vendors bill by, put beside
  the evidence.
- The reward compares the database with what it ought to be: `resolution.evidence` by a third
  party, true if it is 1, after the run's end. Where a language model judged part of it, the kind
  is `llm_judge`.
- No customer key: trials repeat one simulated customer, whose return would be no recontact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from streams.domain.events import (
    AiFailureData,
    AiFailureSignalled,
    AiToolCall,
    AiToolCallData,
    AiTurn,
    AiTurnData,
    Author,
    ContactEnded,
    ContactEndedData,
    ContactStarted,
    Data,
    Event,
    HandoffContext,
    HandoffRequested,
    HandoffRequestedData,
    MessageData,
    MessageSent,
    ResolutionClaimed,
    ResolutionClaimedData,
    ResolutionEvidence,
    ResolutionEvidenceData,
)
from streams.sources.base import Conversation, SourceOptions, SourceProblem, identifier, term
from streams.sources.runs import (
    Message,
    Run,
    ToolCall,
    agent_model,
    read_document,
    simulation_run,
    trajectory_runs,
)

TRANSFER_TOOL = "transfer_to_human_agents"
_TOKEN = re.compile(r"###[A-Z-]+###")


@dataclass(frozen=True, slots=True)
class Tau2Source:
    """`tau2`: a results file of tau2-bench (`simulations`); times ISO 8601, local if naive."""

    name: str = "tau2"

    def read(self, path: Path, options: SourceOptions) -> Iterator[Event | SourceProblem]:
        """Events run by run."""
        document = read_document(path)
        if isinstance(document, SourceProblem):
            yield document
            return
        simulations = document.get("simulations") if isinstance(document, dict) else None
        if not isinstance(simulations, list):
            yield SourceProblem("wrong_format", "not an object with `simulations`", path.name)
            return
        model = agent_model(document)
        zone = ZoneInfo(options.time_zone)
        runs = chain.from_iterable(
            simulation_run(item, f"{path.name}:simulations[{at}]", zone, model)
            for at, item in enumerate(simulations)
        )
        yield from _conversations(self.name, runs, options)


@dataclass(frozen=True, slots=True)
class TauBenchSource:
    """`tau-bench`: a list of trajectories without times.

    Messages are stamped from `options.start`, `options.step_ms` apart, run after run: latencies
    made from them mean nothing, counts and outcomes do.
    """

    name: str = "tau-bench"

    def read(self, path: Path, options: SourceOptions) -> Iterator[Event | SourceProblem]:
        """Events run by run; conversations are named file-task-trial."""
        document = read_document(path)
        if not isinstance(document, list):
            yield (
                document
                if isinstance(document, SourceProblem)
                else SourceProblem("wrong_format", "not a list of runs", path.name)
            )
            return
        yield from _conversations(self.name, trajectory_runs(document, path, options), options)


def _conversations(
    source: str, runs: Iterable[Run | SourceProblem], options: SourceOptions
) -> Iterator[Event | SourceProblem]:
    seen: set[str] = set()
    for run in runs:
        if isinstance(run, SourceProblem):
            yield run
        elif identifier(run.id) is None:
            yield SourceProblem(
                "bad_identifier", "the run's id is no identifier; left out", run.where
            )
        elif run.id in seen:
            yield SourceProblem(
                "duplicate_run", "a run of this id was read before; left out", run.where
            )
        else:
            seen.add(run.id)
            yield from _events(run, Conversation(source, options.own(run.id), options, "chat"))


def _events(run: Run, talk: Conversation) -> Iterator[Event | SourceProblem]:
    shared = talk.shared()
    yield ContactStarted(
        **talk.stamp("started", run.started_ms), data=Data(**shared, direction="inbound")
    )
    transfers = 0
    calls: list[tuple[int, ToolCall]] = []
    for at, (time_ms, message) in enumerate(run.messages):
        where = f"{run.where}, message {at}"
        if message.role == "user":
            if _TOKEN.sub("", message.text).strip():
                yield _said(talk, at, time_ms, "customer")
        elif message.role == "assistant":
            yield from _turn(talk, at, time_ms, message, run.model)
            for call in message.tool_calls or ():
                calls.append((time_ms, call))
                if call.tool == TRANSFER_TOOL:
                    transfers += 1
                    yield from _transfer(talk, transfers, time_ms, call)
        elif message.role == "tool" and message.requestor != "user":
            yield from _result(talk, at, time_ms, message, calls, where)
    if calls:
        yield SourceProblem(
            "tool_call_without_result",
            f"{len(calls)} tool calls have no result; left out",
            run.where,
        )
    yield from _outcome(run, talk, transfers)


def _outcome(run: Run, talk: Conversation, transfers: int) -> Iterator[Event | SourceProblem]:
    shared = talk.shared()
    if not transfers:
        yield ResolutionClaimed(
            **talk.stamp("claimed", run.ended_ms),
            data=ResolutionClaimedData(**shared, claimed_by="ai"),
        )
    if not transfers or run.messages[-1][1].stopped:
        yield ContactEnded(
            **talk.stamp("ended", run.ended_ms),
            data=ContactEndedData(**shared, ended_by=run.ended_by),
        )
    if run.reward is None:
        yield SourceProblem("no_reward", "the run was not judged; no evidence", run.where)
        return
    yield ResolutionEvidence(
        # The finished run is checked: after its end, even where the log gives one time for both.
        **talk.stamp("evidence", max(run.judged_ms, run.ended_ms + 1)),
        data=ResolutionEvidenceData(
            **shared, kind=run.judged, owner="third_party", result=run.reward == 1
        ),
    )


def _said(talk: Conversation, at: int, time_ms: int, author: Author) -> Event:
    return MessageSent(
        **talk.stamp(f"{at:04d}.message", time_ms),
        data=MessageData(**talk.shared(), author=author, message_id=f"{talk.id}/{at}"),
    )


def _turn(
    talk: Conversation, at: int, time_ms: int, message: Message, model: str | None
) -> Iterator[Event]:
    usage = message.usage or {}
    yield AiTurn(
        **talk.stamp(f"{at:04d}.turn", time_ms),
        data=AiTurnData(
            **talk.shared(),
            model=model,
            input_tokens=_tokens(usage.get("prompt_tokens")),
            output_tokens=_tokens(usage.get("completion_tokens")),
        ),
    )
    if message.text.strip():
        yield _said(talk, at, time_ms, "ai")


def _transfer(talk: Conversation, number: int, time_ms: int, call: ToolCall) -> Iterator[Event]:
    shared = talk.shared()
    yield AiFailureSignalled(
        **talk.stamp(f"transfer.{number}.failure", time_ms),
        data=AiFailureData(**shared, signal="out_of_scope", raw_reason=TRANSFER_TOOL),
    )
    yield HandoffRequested(
        **talk.stamp(f"transfer.{number}.requested", time_ms),
        data=HandoffRequestedData(
            **shared,
            handoff_id=f"{talk.id}/{number}",
            requested_by="ai",
            failure_reason="out_of_scope",
            context=HandoffContext(fields_present=("summary",) if call.summarised else ()),
        ),
    )


def _result(
    talk: Conversation,
    at: int,
    time_ms: int,
    message: Message,
    calls: list[tuple[int, ToolCall]],
    where: str,
) -> Iterator[Event | SourceProblem]:
    """The tool call that `message` answers, taken off `calls` (its ids repeat between turns)."""
    call_id = message.tool_call_id or message.id
    answered = next((c for c in reversed(calls) if c[1].id == call_id), None)
    tool = None if answered is None else term(answered[1].tool)
    if answered is None or tool is None:
        yield SourceProblem("orphan_tool_result", "answers no known tool call; left out", where)
        return
    calls.remove(answered)
    failed = message.error is True or message.text.startswith("Error")
    yield AiToolCall(
        **talk.stamp(f"{at:04d}.tool", time_ms),
        data=AiToolCallData(
            **talk.shared(),
            tool=tool,
            outcome="error" if failed else "ok",
            call_id=identifier(call_id),
            duration_ms=time_ms - answered[0],
        ),
    )
    if failed:
        yield AiFailureSignalled(
            **talk.stamp(f"{at:04d}.failure", time_ms),
            data=AiFailureData(**talk.shared(), signal="tool_error", raw_reason=tool),
        )


def _tokens(count: Any) -> int | None:
    # JSON's true is an int to Python.
    whole = isinstance(count, int) and not isinstance(count, bool)
    return count if whole and 0 <= count < 2**53 else None
