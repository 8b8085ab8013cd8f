"""Agents' runs, both formats: streams/sources/trajectories.py and runs.py."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.fuzz.files import check_source

FORM = "json"
_TRANSFER: dict[str, Any] = {
    "id": "c1",
    "name": "transfer_to_human_agents",
    "arguments": {"summary": "wants a refund"},
}


def _messages(stamped: bool) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi", "usage": {"prompt_tokens": 3}},
        {"role": "assistant", "content": None, "tool_calls": [_TRANSFER]},
        {"role": "tool", "content": "Error: no", "tool_call_id": "c1", "id": "c1"},
        {"role": "user", "content": "###STOP###"},
    ]
    if stamped:
        for second, message in enumerate(said):
            message["timestamp"] = f"2026-06-01T10:00:{second:02d}"
    return said


@cache
def samples() -> tuple[bytes, ...]:
    """A tau2 results file and a tau-bench list."""
    tau2 = {
        "info": {"agent_info": {"llm": "gpt-4.1"}},
        "simulations": [
            {
                "id": "run-1",
                "messages": _messages(stamped=True),
                "start_time": "2026-06-01T10:00:00",
                "end_time": "2026-06-01T10:01:00",
                "termination_reason": "user_stop",
                "reward_info": {"reward": 1.0, "reward_basis": ["DB"]},
            }
        ],
    }
    tau = [{"task_id": 7, "trial": 0, "reward": 0.0, "traj": _messages(stamped=False)}]
    return (json.dumps(tau2).encode(), json.dumps(tau).encode())


def check(data: bytes) -> None:
    """Records and problems; never an exception."""
    check_source("tau2", data)
    check_source("tau-bench", data)
