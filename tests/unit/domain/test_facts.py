"""How facts, breaches and windows are written: deterministic ids, times and bytes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from streams.domain.breach_record import BreachRecord, Waiting, encode_breach
from streams.domain.facts import Fact, encode_fact, rfc3339
from streams.domain.window_value import WindowValue, encode_window
from tests.log_builder import CONTRACT, LIFE, T

FACT = Fact(
    kind="escalation_opened",
    contract=CONTRACT,
    version=3,
    conversation="c1",
    life=LIFE,
    episode=2,
    ordinal=1,
    time=T(9.5),
    channel="chat",
    market="SG",
    journey="billing",
    supplier="unknown",
    prompt_version="p-7",
    model="m-2",
    knowledge_version="unknown",
    detail={"t0": T(5), "eligible": True, "excluded": False},
)
BREACH = BreachRecord(
    status="opened",
    contract=CONTRACT,
    version=3,
    clause="chat-wait",
    indicator="escalation_wait",
    severity="page",
    key=(("channel", "chat"),),
    opened_at=T(120.001),
    time=T(120.001),
    numerator=1,
    denominator=0,
    target_ppm=0,
    waiting=(Waiting(T(0), "c1", LIFE, 1, 1),),
)
WINDOW = WindowValue(
    contract=CONTRACT,
    key=(("channel", "chat"),),
    window="5m",
    end=T(300),
    counts={"within": 1, "missed": 2},
    open=1,
    oldest_t0=T(9),
    samples=4,
    latency_ms={"p50": 9_000, "p95": None, "p99": None},
    escalated_before=True,
)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (T(0.007), "2026-03-02T00:00:00.007Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_rfc3339_with_milliseconds(time: int, text: str) -> None:
    assert rfc3339(time) == text


def test_a_fact_is_a_cloudevent_about_its_conversation() -> None:
    assert orjson.loads(encode_fact(FACT)) == {
        "specversion": "1.0",
        "id": "telco-2026:c1:2026-03-02:escalation_opened:2:1:0",
        "source": "/baton",
        "type": "baton.fact.escalation_opened",
        "time": "2026-03-02T00:00:09.500Z",
        "subject": "c1",
        "datacontenttype": "application/json",
        "data": {
            "contract": CONTRACT,
            "contract_version": 3,
            "life": "2026-03-02",
            "episode": 2,
            "ordinal": 1,
            "revision": 0,
            "late": False,
            "retracts": False,
            "channel": "chat",
            "market": "SG",
            "journey": "billing",
            "supplier": "unknown",
            "prompt_version": "p-7",
            "model": "m-2",
            "knowledge_version": "unknown",
            "t0": "2026-03-02T00:00:05.000Z",
            "eligible": True,
            "excluded": False,
        },
    }


@pytest.mark.parametrize(
    "other",
    [
        {"life": LIFE + 1},
        {"episode": 1},
        {"ordinal": 2},
        {"revision": 1},
        {"kind": "ai_failure"},
        {"retracts": True},
    ],
)
def test_another_place_revision_or_retraction_is_another_id(other: dict[str, Any]) -> None:
    assert replace(FACT, **other).id != FACT.id


@pytest.mark.parametrize("same", [{"time": T(1)}, {"late": True}, {"market": "MY"}, {"detail": {}}])
def test_the_id_depends_on_nothing_else(same: dict[str, Any]) -> None:
    assert replace(FACT, **same).id == FACT.id


def test_writing_a_fact_does_not_change_it() -> None:
    encode_fact(FACT)
    assert FACT.detail["t0"] == T(5)


def test_a_breach_is_a_cloudevent_about_its_clause_with_its_evidence() -> None:
    document = orjson.loads(encode_breach(BREACH))
    assert document["id"] == f"{BREACH.id}:opened:{T(120.001)}"
    assert (document["type"], document["subject"]) == ("baton.breach.opened", "chat-wait")
    assert document["data"] == {
        "breach_id": BREACH.id,
        "contract": CONTRACT,
        "contract_version": 3,
        "clause": "chat-wait",
        "indicator": "escalation_wait",
        "severity": "page",
        "key": {"channel": "chat"},
        "opened_at": "2026-03-02T00:02:00.001Z",
        "numerator": 1,
        "denominator": 0,
        "target_ppm": 0,
        "waiting": [
            {
                "conversation_id": "c1",
                "life": "2026-03-02",
                "episode": 1,
                "ordinal": 1,
                "t0": "2026-03-02T00:00:00.000Z",
            }
        ],
    }


@pytest.mark.parametrize(
    "same", [{"status": "closed"}, {"time": T(999)}, {"numerator": 5}, {"version": 4}]
)
def test_a_breach_keeps_its_id_from_opening_to_close(same: dict[str, Any]) -> None:
    assert replace(BREACH, **same).id == BREACH.id


@pytest.mark.parametrize(
    "other",
    [
        {"contract": "other"},
        {"clause": "other"},
        {"key": ()},
        {"key": (("channel", "voice"),)},
        {"opened_at": T(0)},
    ],
)
def test_another_contract_clause_key_or_opening_is_another_breach(other: dict[str, Any]) -> None:
    assert replace(BREACH, **other).id != BREACH.id


def test_a_window_is_json_with_its_counters_in_order() -> None:
    raw = encode_window(WINDOW)
    assert raw.index(b'"missed"') < raw.index(b'"within"')
    assert orjson.loads(raw) == {
        "contract": CONTRACT,
        "key": {"channel": "chat"},
        "window": "5m",
        "end": "2026-03-02T00:05:00.000Z",
        "counts": {"within": 1, "missed": 2},
        "open": 1,
        "oldest_t0": "2026-03-02T00:00:09.000Z",
        "samples": 4,
        "latency_ms": {"p50": 9_000, "p95": None, "p99": None},
        "escalated_before": True,
    }


def test_equal_windows_give_equal_bytes_whatever_the_order_of_their_counters() -> None:
    assert encode_window(replace(WINDOW, counts={"missed": 2, "within": 1})) == encode_window(
        WINDOW
    )
