"""Agents' runs: what messages, tools, transfers and rewards become; that no text gets through."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.domain.events import (
    AiFailureSignalled,
    AiToolCall,
    AiTurn,
    ContactEnded,
    Event,
    HandoffRequested,
    MessageSent,
    ResolutionClaimed,
    ResolutionEvidence,
    epoch_ms,
)
from tests.unit.sources.source_files import OPTIONS, Reading, read

START = datetime(2001, 2, 3, 10, tzinfo=UTC)
HELLO = {"role": "user", "content": "It is Wilhelmina, order 40404"}
REPLY = {"role": "assistant", "content": "Hello Wilhelmina"}
STOP = {"role": "user", "content": "###STOP###"}


def call(tool: str, **arguments: str) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "function": {"name": tool, "arguments": json.dumps(arguments)}}],
    }


def result(content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "c", "content": content}


TRANSFER = [
    call("transfer_to_human_agents", summary="Wilhelmina is cross"),
    result("Transfer successful"),
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "runs.json"


def read_runs(log: Path, *messages: list[dict[str, Any]], reward: float | None = 1) -> Reading:
    """tau-bench runs of these messages."""
    log.write_text(
        json.dumps(
            [
                {"task_id": task, "trial": 0, "reward": reward, "traj": traj}
                for task, traj in enumerate(messages)
            ]
        )
    )
    return read("tau-bench", log, replace(OPTIONS, start=START, step_ms=1000))


def read_simulation(log: Path, messages: list[dict[str, Any]], **fields: Any) -> Reading:
    """A tau2 simulation of these messages, a second apart from 10:00:00 local."""
    timed = [
        {**message, "timestamp": f"2001-02-03T10:00:{second:02}.500999"}
        for second, message in enumerate(messages)
    ]
    simulation = {
        "id": "sim-1",
        "start_time": "2001-02-03T10:00:00.100",
        "end_time": "2001-02-03T10:01:00.200",
        "timestamp": "2001-02-03T10:01:00.200",
        "termination_reason": "user_stop",
        "reward_info": {"reward": 1.0, "reward_basis": ["DB"]},
        "messages": timed,
        **fields,
    }
    log.write_text(json.dumps({"simulations": [simulation]}))
    return read("tau2", log)


def kinds(reading: Reading) -> list[str]:
    return [kind for kind, _ in reading.told()]


def only(events: list[Event], kind: type[Event]) -> Any:
    (found,) = [e for e in events if isinstance(e, kind)]
    return found


def test_a_contained_run_is_claimed_ended_and_then_judged(log: Path) -> None:
    reading = read_runs(log, [{"role": "system", "content": "policy"}, HELLO, REPLY, STOP])
    assert sorted(kinds(reading)) == [
        "ai.turn",
        "contact.ended",
        "contact.started",
        "message.sent",
        "message.sent",
        "resolution.claimed",
        "resolution.evidence",
    ]
    assert only(reading.events, ContactEnded).data.ended_by == "customer"
    assert only(reading.events, ResolutionClaimed).data.claimed_by == "ai"
    evidence = only(reading.events, ResolutionEvidence)
    assert (evidence.data.result, evidence.data.owner) == (True, "third_party")
    assert evidence.time > only(reading.events, ContactEnded).time


def test_a_partial_reward_is_no_success(log: Path) -> None:
    reading = read_runs(log, [HELLO, STOP], reward=0.5)
    assert only(reading.events, ResolutionEvidence).data.result is False


def test_an_unjudged_run_has_no_evidence(log: Path) -> None:
    reading = read_runs(log, [HELLO, STOP], reward=None)
    assert "resolution.evidence" not in kinds(reading)
    assert reading.problems == ["no_reward"]


def test_a_run_without_the_customers_stop_is_ended_by_nobody_known(log: Path) -> None:
    reading = read_runs(log, [HELLO, REPLY])
    assert only(reading.events, ContactEnded).data.ended_by == "unknown"


def test_a_transfer_asks_for_a_human_and_leaves_the_contact_open(log: Path) -> None:
    reading = read_runs(log, [HELLO, *TRANSFER])
    request = only(reading.events, HandoffRequested)
    assert (request.data.requested_by, request.data.failure_reason) == ("ai", "out_of_scope")
    assert request.data.context.fields_present == ("summary",)
    assert only(reading.events, AiFailureSignalled).data.signal == "out_of_scope"
    assert not {"contact.ended", "resolution.claimed", "handoff.connected"} & set(kinds(reading))


def test_each_transfer_is_a_handoff_of_its_own(log: Path) -> None:
    reading = read_runs(log, [HELLO, *TRANSFER, HELLO, *TRANSFER])
    requests = [e for e in reading.events if isinstance(e, HandoffRequested)]
    assert len({e.data.handoff_id for e in requests}) == 2


def test_a_customer_who_stops_after_a_transfer_ends_the_contact(log: Path) -> None:
    reading = read_runs(log, [HELLO, *TRANSFER, REPLY, STOP])
    assert only(reading.events, ContactEnded).data.ended_by == "customer"
    assert "resolution.claimed" not in kinds(reading)


def test_a_tool_error_is_a_failure_signal(log: Path) -> None:
    reading = read_runs(log, [HELLO, call("get_order"), result("Error: no such order"), STOP])
    tool = only(reading.events, AiToolCall)
    assert (tool.data.tool, tool.data.outcome, tool.data.duration_ms) == (
        "get_order",
        "error",
        1000,
    )
    assert only(reading.events, AiFailureSignalled).data.signal == "tool_error"


def test_repeated_call_ids_answer_the_latest_call(log: Path) -> None:
    reading = read_runs(log, [call("one"), result("a"), call("two"), result("b")])
    tools = [e.data.tool for e in reading.events if isinstance(e, AiToolCall)]
    assert tools == ["one", "two"]
    assert reading.problems == []


def test_a_result_answers_the_latest_call_where_an_earlier_one_has_none(log: Path) -> None:
    reading = read_runs(log, [call("one"), call("two"), result("b")])
    assert only(reading.events, AiToolCall).data.tool == "two"
    assert reading.problems == ["tool_call_without_result"]


@pytest.mark.parametrize("count", [True, -1, 1.5, "3", None, 2**60])
def test_token_counts_that_are_none_are_left_out(log: Path, count: object) -> None:
    usage = {"prompt_tokens": count, "completion_tokens": 7}
    turn = only(read_runs(log, [{**REPLY, "usage": usage}]).events, AiTurn)
    assert (turn.data.input_tokens, turn.data.output_tokens) == (None, 7)


def test_calls_and_results_that_do_not_meet_are_counted(log: Path) -> None:
    reading = read_runs(log, [result("a"), call("one")])
    assert reading.problems == ["orphan_tool_result", "tool_call_without_result"]


def test_control_tokens_are_no_messages(log: Path) -> None:
    reading = read_runs(log, [{"role": "user", "content": " ###TRANSFER### "}, STOP])
    assert not [e for e in reading.events if isinstance(e, MessageSent)]


def test_runs_without_times_follow_one_another_by_the_step(log: Path) -> None:
    reading = read_runs(log, [HELLO, REPLY], [HELLO])
    said = [epoch_ms(e.time) for e in reading.events if isinstance(e, MessageSent)]
    assert [ms - epoch_ms(START) for ms in said] == [0, 1000, 2000]


def test_gzip_is_read_like_its_json(log: Path) -> None:
    expected = read_runs(log, [HELLO, REPLY, STOP]).raws
    packed = log.with_name("runs.json.gz")
    packed.write_bytes(gzip.compress(log.read_bytes()))
    assert read("tau-bench", packed, replace(OPTIONS, start=START, step_ms=1000)).raws == expected


def test_tau2_times_are_cut_to_the_millisecond_in_the_zone_of_the_options(log: Path) -> None:
    read_simulation(log, [HELLO])
    reading = read("tau2", log, replace(OPTIONS, time_zone="Asia/Singapore"))
    assert only(reading.events, MessageSent).time == datetime(
        2001, 2, 3, 2, 0, 0, 500_000, tzinfo=UTC
    )


def test_tau2_says_who_ended_the_run(log: Path) -> None:
    for reason, ended_by in (
        ("user_stop", "customer"),
        ("agent_stop", "ai"),
        ("max_steps", "system"),
    ):
        reading = read_simulation(log, [HELLO], termination_reason=reason)
        assert only(reading.events, ContactEnded).data.ended_by == ended_by


def test_tau2_evidence_by_a_language_model_is_named_as_such(log: Path) -> None:
    judged = {"reward": 1.0, "reward_basis": ["DB", "NL_ASSERTION"]}
    assert only(read_simulation(log, [HELLO]).events, ResolutionEvidence).data.kind == (
        "system_of_record"
    )
    reading = read_simulation(log, [HELLO], reward_info=judged)
    assert only(reading.events, ResolutionEvidence).data.kind == "llm_judge"


def test_tau2_tools_that_the_customer_uses_are_not_the_ais(log: Path) -> None:
    theirs = {"role": "tool", "id": "c", "content": "Error", "requestor": "user"}
    reading = read_simulation(log, [HELLO, {**theirs, "error": True}, STOP])
    assert not [e for e in reading.events if isinstance(e, AiToolCall | AiFailureSignalled)]
    assert reading.problems == []


def test_a_run_read_twice_is_counted_once(log: Path) -> None:
    read_simulation(log, [HELLO])
    document = json.loads(log.read_text())
    log.write_text(json.dumps({"simulations": document["simulations"] * 2}))
    reading = read("tau2", log)
    assert kinds(reading).count("contact.started") == 1
    assert reading.problems == ["duplicate_run"]


@pytest.mark.parametrize("source", ["tau2", "tau-bench"])
@pytest.mark.parametrize(
    ("text", "code"), [("{", "not_json"), ("[[[" * 5000, "not_json"), ("7", "wrong_format")]
)
def test_a_file_of_another_format_is_a_problem(
    log: Path, source: str, text: str, code: str
) -> None:
    log.write_text(text)
    assert read(source, log).problems == [code]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
TEXT = st.one_of(
    st.none(),
    st.sampled_from(["###STOP###", "Error: PRIVATE", "PRIVATE", "###TRANSFER###"]),
    st.text(max_size=5),
)
CALL = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b"])},
    optional={
        "name": st.sampled_from(["transfer_to_human_agents", "get_order", "", "é"]),
        "function": st.fixed_dictionaries(
            {"name": st.sampled_from(["get_order", "transfer_to_human_agents", "\n"])},
            optional={"arguments": st.one_of(JSON, st.just('{"summary": "PRIVATE"}'))},
        ),
    },
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "system", "other"])},
    optional={
        "content": st.one_of(TEXT, JSON),
        "tool_calls": st.lists(CALL, max_size=3),
        "id": st.sampled_from(["a", "b"]),
        "tool_call_id": st.sampled_from(["a", "b", ""]),
        "error": st.booleans(),
        "timestamp": st.one_of(
            st.datetimes().map(datetime.isoformat), st.text(max_size=5), st.none()
        ),
        "usage": st.dictionaries(
            st.sampled_from(["prompt_tokens", "completion_tokens"]), JSON, max_size=2
        ),
    },
)
RUN = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["r-1", "r-2", "é"]),
        "task_id": st.one_of(st.integers(), st.sampled_from(["t", "\n"])),
        "messages": st.lists(MESSAGE, max_size=6),
        "traj": st.lists(MESSAGE, max_size=6),
    },
    optional={
        "trial": JSON,
        "reward": JSON,
        "reward_info": JSON,
        "start_time": st.datetimes().map(datetime.isoformat),
        "end_time": st.one_of(st.datetimes().map(datetime.isoformat), JSON),
        "timestamp": st.datetimes().map(datetime.isoformat),
        "termination_reason": JSON,
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    runs=st.lists(st.one_of(RUN, JSON), max_size=3), source=st.sampled_from(["tau2", "tau-bench"])
)
def test_every_run_gives_events_or_a_problem_and_no_text(
    log: Path, runs: list[Any], source: str
) -> None:
    document: Any = runs if source == "tau-bench" else {"simulations": runs}
    log.write_text(json.dumps(document))
    first, again = read(source, log), read(source, log)
    assert first == again
    assert kinds(first).count("contact.started") + len(first.problems) >= len(runs)
    assert b"PRIVATE" not in b"\n".join(first.raws)
    assert "not_canonical" not in first.problems
