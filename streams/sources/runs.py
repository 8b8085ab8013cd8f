"""Runs of LLM agents as two benchmarks record them: tau2-bench results, tau-bench trajectories.

Only the fields that events are made from are declared; the rest of a document is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from streams.domain.events import EndedBy, EvidenceKind, epoch_ms
from streams.sources.base import SourceOptions, SourceProblem, moment_ms, term
from streams.sources.tables import UNREADABLE, open_binary

# A document is read whole; a packed one may hold far more than memory does.
MAX_DOCUMENT_BYTES = 512 * 1024 * 1024

_STOP = "###STOP###"
_T = TypeVar("_T")

_ENDED_BY: dict[str, EndedBy] = {"user_stop": "customer", "agent_stop": "ai"}
# tau2's parts of a reward that are compared by machine.
_CHECKED = frozenset({"DB", "ENV_ASSERTION", "ACTION", "COMMUNICATE"})


class Function(msgspec.Struct):
    name: str
    arguments: Any = None


class ToolCall(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    arguments: Any = None
    function: Function | None = None

    @property
    def tool(self) -> str | None:
        return self.function.name if self.function else self.name

    @property
    def summarised(self) -> bool:
        """Whether the call's argument `summary` says anything."""
        arguments = self.function.arguments if self.function else self.arguments
        if isinstance(arguments, str):
            try:
                arguments = msgspec.json.decode(arguments)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                return False
        return isinstance(arguments, dict) and bool(str(arguments.get("summary") or "").strip())


class Message(msgspec.Struct):
    role: str
    content: Any = None
    tool_calls: list[ToolCall] | None = None
    id: str | None = None
    tool_call_id: str | None = None
    requestor: str | None = None
    error: bool | None = None
    timestamp: str | None = None
    usage: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else ""

    @property
    def stopped(self) -> bool:
        """Whether a customer says that the goal is reached (the simulators' token for it)."""
        return self.role == "user" and _STOP in self.text


class _Reward(msgspec.Struct):
    reward: float | None = None
    reward_basis: list[str] | None = None


class _Simulation(msgspec.Struct):
    id: str
    messages: list[Message] | None = None
    start_time: str | None = None
    end_time: str | None = None
    timestamp: str | None = None
    termination_reason: str | None = None
    reward_info: _Reward | None = None


class _Trajectory(msgspec.Struct):
    task_id: int | str
    traj: list[Message]
    trial: int | str = 0
    reward: float | None = None


class Run(NamedTuple):
    """One run of either format; messages with their times in epoch ms, in order."""

    id: str
    where: str
    started_ms: int
    ended_ms: int
    messages: list[tuple[int, Message]]
    ended_by: EndedBy
    reward: float | None
    judged_ms: int
    judged: EvidenceKind
    model: str | None = None


def read_document(path: Path) -> Any:
    """The JSON in `path` (gzip accepted), or a SourceProblem."""
    try:
        with open_binary(path) as file:
            raw = file.read(MAX_DOCUMENT_BYTES + 1)
        if len(raw) > MAX_DOCUMENT_BYTES:
            return SourceProblem(
                "too_large",
                f"more than {MAX_DOCUMENT_BYTES} bytes unpacked; split the file",
                path.name,
            )
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return SourceProblem("not_json", "the file is no JSON document", path.name)
    except UNREADABLE as error:
        return SourceProblem(
            "unreadable_file", f"cannot be read ({type(error).__name__})", path.name
        )


def agent_model(document: dict[str, Any]) -> str | None:
    """The model that a tau2 results file says its agent ran on."""
    info = document.get("info")
    agent = info.get("agent_info") if isinstance(info, dict) else None
    return term(agent.get("llm")) if isinstance(agent, dict) else None


def simulation_run(
    item: Any, where: str, zone: ZoneInfo, model: str | None
) -> Iterator[Run | SourceProblem]:
    """One tau2 simulation, after problems with its messages; naive times are read in `zone`."""
    simulation = _typed(item, _Simulation, where)
    if isinstance(simulation, SourceProblem):
        yield simulation
        return
    messages = []
    for at, message in enumerate(simulation.messages or []):
        time_ms = _time(message.timestamp, zone)
        if time_ms is None:
            yield SourceProblem(
                "bad_time", "the message has no time; left out", f"{where}.messages[{at}]"
            )
        else:
            messages.append((time_ms, message))
    messages.sort(key=lambda timed: timed[0])
    if not messages:
        yield SourceProblem("no_messages", "the run has no messages with times; left out", where)
        return
    ended_ms = max(_time(simulation.end_time, zone) or 0, messages[-1][0])
    reward = simulation.reward_info or _Reward()
    reason = simulation.termination_reason
    yield Run(
        id=simulation.id,
        where=where,
        started_ms=min(_time(simulation.start_time, zone) or messages[0][0], messages[0][0]),
        ended_ms=ended_ms,
        messages=messages,
        ended_by=_ENDED_BY.get(reason, "system") if reason else "unknown",
        reward=reward.reward,
        judged_ms=_time(simulation.timestamp, zone) or ended_ms,
        judged="system_of_record"
        if _CHECKED.issuperset(reward.reward_basis or ())
        else "llm_judge",
        model=model,
    )


def trajectory_runs(
    document: list[Any], path: Path, options: SourceOptions
) -> Iterator[Run | SourceProblem]:
    """The runs of a tau-bench list, stamped one after another."""
    next_ms = epoch_ms(options.start)
    stem = re.sub(r"[^A-Za-z0-9_.-]", "-", path.name.split(".json")[0])
    for at, item in enumerate(document):
        where = f"{path.name}:[{at}]"
        run = _typed(item, _Trajectory, where)
        if isinstance(run, SourceProblem):
            yield run
            continue
        spoken = [m for m in run.traj if m.role != "system"]
        if not spoken:
            yield SourceProblem("no_messages", "the run is empty; left out", where)
            continue
        messages = [(next_ms + k * options.step_ms, m) for k, m in enumerate(spoken)]
        last_ms, last = messages[-1]
        yield Run(
            id=f"{stem}-{run.task_id}-{run.trial}",
            where=where,
            started_ms=next_ms,
            ended_ms=last_ms,
            messages=messages,
            # Runs that stop without the token were cut off by the harness, or transferred.
            ended_by="customer" if last.stopped else "unknown",
            reward=run.reward,
            judged_ms=last_ms,
            judged="system_of_record",
        )
        next_ms = last_ms + options.step_ms


def _typed(item: Any, to: type[_T], where: str) -> _T | SourceProblem:
    try:
        return msgspec.convert(item, to)
    except (msgspec.ValidationError, OverflowError):
        return SourceProblem("bad_run", "the run has not the format's fields; left out", where)


def _time(text: str | None, zone: ZoneInfo) -> int | None:
    if text is None:
        return None
    try:
        return moment_ms(datetime.fromisoformat(text), zone)
    except ValueError:
        return None
