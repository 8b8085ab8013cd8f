"""Figures of real LLM agents' runs, from the canonical events made of them (DOMAIN.md 0)."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest

from streams.domain.events import (
    AiFailureSignalled,
    AiToolCall,
    ContactEnded,
    ContactStarted,
    HandoffConnected,
    HandoffRequested,
    MessageSent,
    ResolutionClaimed,
    ResolutionEvidence,
)
from tests.data.real_logs import Log, ReadLog


@pytest.fixture
def tau2(read_log: ReadLog) -> Log:
    return read_log("tau2", "tau2_airline/airline_run1.json")


@pytest.fixture
def tau_bench(read_log: ReadLog) -> Log:
    return read_log("tau-bench", "taubench_airline/gpt-4o-airline.json.gz")


def transfers(log: Log) -> Counter[str]:
    return Counter(e.data.conversation_id for e in log.events if isinstance(e, HandoffRequested))


def transfer_by_reward(log: Log) -> Counter[tuple[bool, bool]]:
    transferred = transfers(log)
    return Counter(
        (e.data.conversation_id in transferred, e.data.result)
        for e in log.events
        if isinstance(e, ResolutionEvidence)
    )


def wilson_percent(hits: int, n: int) -> tuple[float, float]:
    z, p = 1.959964, hits / n
    centre, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return round(100 * low, 1), round(100 * high, 1)


def test_tau2_transfers_match_the_reference(tau2: Log) -> None:
    calls = transfers(tau2)
    assert sum(isinstance(e, ContactStarted) for e in tau2.events) == 50
    assert sorted(calls.values()) == [1] * 23 + [5]
    handoffs = {e.data.handoff_id for e in tau2.events if isinstance(e, HandoffRequested)}
    assert len(handoffs) == 28


def test_tau2_transfer_by_reward_matches_the_reference(tau2: Log) -> None:
    assert transfer_by_reward(tau2) == {
        (True, True): 15,
        (True, False): 9,
        (False, True): 13,
        (False, False): 13,
    }


def test_tau2_tool_errors_match_the_reference(tau2: Log) -> None:
    errors = [e for e in tau2.events if isinstance(e, AiToolCall) and e.data.outcome == "error"]
    signals = Counter(e.data.signal for e in tau2.events if isinstance(e, AiFailureSignalled))
    assert len(errors) == 12
    assert signals == {"tool_error": 12, "out_of_scope": 28}


def test_tau2_handoffs_stay_open(tau2: Log) -> None:
    """Nobody joins; one customer of the 24 goes on with the AI and stops by itself."""
    ended = {e.data.conversation_id for e in tau2.events if isinstance(e, ContactEnded)}
    assert not [e for e in tau2.events if isinstance(e, HandoffConnected)]
    assert len(set(transfers(tau2)) - ended) == 23
    authors = {e.data.author for e in tau2.events if isinstance(e, MessageSent)}
    assert authors == {"customer", "ai"}


def test_tau_bench_containment_and_verification_match_the_reference(tau_bench: Log) -> None:
    table = transfer_by_reward(tau_bench)
    assert table == {
        (True, True): 35,
        (True, False): 13,
        (False, True): 49,
        (False, False): 103,
    }
    contained = table[False, True] + table[False, False]
    assert (contained, round(100 * contained / 200, 1)) == (152, 76.0)
    assert round(100 * table[False, True] / contained, 1) == 32.2
    assert wilson_percent(table[False, True], contained) == (25.3, 40.0)


def test_tau_bench_claims_are_the_runs_that_never_transferred(tau_bench: Log) -> None:
    claimed = {e.data.conversation_id for e in tau_bench.events if isinstance(e, ResolutionClaimed)}
    assert len(claimed) == 152
    assert not claimed & set(transfers(tau_bench))


@pytest.mark.parametrize("name", ["tau2", "tau_bench"])
def test_runs_are_read_without_problems(name: str, request: pytest.FixtureRequest) -> None:
    log: Log = request.getfixturevalue(name)
    assert log.problem_counts() == {}


@pytest.mark.parametrize("name", ["tau2", "tau_bench"])
def test_evidence_comes_after_the_end(name: str, request: pytest.FixtureRequest) -> None:
    log: Log = request.getfixturevalue(name)
    last = {
        e.data.conversation_id: e.time
        for e in log.events
        if isinstance(e, ContactEnded | MessageSent)
    }
    evidence = [e for e in log.events if isinstance(e, ResolutionEvidence)]
    assert evidence
    assert all(e.time > last[e.data.conversation_id] for e in evidence)
