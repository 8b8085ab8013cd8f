"""Failure signatures: what they hold, who has the same, and in which versions it is more."""

from __future__ import annotations

import pytest

from streams.trace.signature import DEFAULT_SAME, PARTS, Marks, Part
from streams.trace.similar import Named, NothingFailed, SignatureReader, Similar, similar_to
from streams.trace.similar_text import similar_text
from tests.log_builder import (
    CONTRACT,
    T,
    abandoned,
    ai_message,
    ai_turn,
    customer_message,
    ended,
    event,
    failure,
    human_message,
    requested,
)
from tests.unit.oracle.verdicts import BOOK


def failing(
    name: str, reason: str = "tool_error", prompt: str = "p-1", at: int = T(0)
) -> list[bytes]:
    """A chat in which a tool failed and a human took over in time."""
    return [
        customer_message(name, at, intent="bill.dispute"),
        ai_turn(name, at + 1, prompt_version=prompt, model="m-1", knowledge_version="k-1"),
        event("ai.tool_call", name, at + 2, tool="refund", outcome="error"),
        failure(name, at + 3, reason),
        requested(name, at + 4),
        human_message(name, at + 5),
        ended(name, at + 6),
    ]


def served(name: str, prompt: str = "p-1") -> list[bytes]:
    """A chat in which nothing failed."""
    return [
        customer_message(name, T(0)),
        ai_turn(name, T(1), prompt_version=prompt, model="m-1", knowledge_version="k-1"),
        ai_message(name, T(2)),
        ended(name, T(60)),
    ]


def marks_of(*log: bytes | int) -> dict[Named, Marks]:
    marks: dict[Named, Marks] = {}
    reader = SignatureReader(BOOK, 0, lambda named: marks.setdefault(named, Marks()))
    for one in [*log, T(10_000)]:
        if isinstance(one, int):
            reader.tick(one)
        else:
            reader.record(one)
    reader.flush()
    return marks


def found(
    *log: bytes | int, same: tuple[Part, ...] = DEFAULT_SAME, limit: int = 20, name: str = "a"
) -> Similar:
    marks = marks_of(*log)
    return similar_to(CONTRACT, name, marks, same, limit=limit, basis="memory", watermark=T(10_000))


def test_a_signature_has_reason_intent_versions_tool_and_how_the_handoff_ended() -> None:
    assert found(*failing("a")).signature == {
        "reason": "tool_error",
        "channel": "chat",
        "journey": "billing",
        "intent": "bill.dispute",
        "prompt_version": "p-1",
        "model": "m-1",
        "knowledge_version": "k-1",
        "tool": "refund",
        "handoff": "taken_over_in_time",
    }


@pytest.mark.parametrize(
    ("log", "handoff"),
    [
        ((), "none"),
        ((requested("a", T(2)),), "waiting"),
        ((requested("a", T(2)), abandoned("a", T(9))), "abandoned"),
        ((requested("a", T(2)), ended("a", T(9), by="ai")), "trapped"),
        ((requested("a", T(2)), human_message("a", T(500))), "taken_over_late"),
    ],
)
def test_how_the_handoff_ended_is_part_of_it(log: tuple[bytes, ...], handoff: str) -> None:
    told = found(customer_message("a", T(0)), failure("a", T(1)), *log)
    assert told.signature["handoff"] == handoff


def test_those_alike_are_counted_and_the_latest_named_first() -> None:
    log = [*failing("a"), *failing("b", at=T(50)), *failing("c", "no_match"), *served("d")]
    told = found(*log)
    assert (told.count, told.population) == (2, 4)
    assert [one.conversation for one in told.interactions] == ["b", "a"]
    assert [variant.count for variant in told.variants] == [2]


def test_same_chooses_the_parts_and_limit_how_many_are_named() -> None:
    log = [*failing("a"), *failing("b", "no_match"), *failing("c", "no_match", "p-2")]
    told = found(*log, same=("tool",), limit=1)
    assert (told.count, len(told.interactions), len(told.variants)) == (3, 1, 1)
    assert told.different == 3


def test_a_version_in_which_it_is_more_frequent_is_said_to_be() -> None:
    log = [one for n in range(60) for one in (*failing(f"a{n}"), *served(f"b{n}", "p-2"))]
    prompt = [share for share in found(*log, name="a0").shares if share.part == "prompt_version"]
    own, other = prompt
    assert (own.version, own.own, own.failed, own.served) == ("p-1", True, 60, 60)
    assert (other.version, other.failed, other.served) == ("p-2", 0, 60)
    assert other.verdict == "higher"
    assert "MORE frequent" in similar_text(found(*log, name="a0"), "Asia/Singapore")


def test_a_small_sample_is_said_to_be_small() -> None:
    told = found(*failing("a"), *served("b", "p-2"))
    verdicts = [share.verdict for share in told.shares if not share.own]
    assert verdicts == ["too_few"]
    assert "the sample is too small" in similar_text(told, "Asia/Singapore")


def test_what_a_late_event_took_back_is_no_failure_any_more() -> None:
    # The human was there before the failure: with a human, the AI's signals are no failures.
    log = [customer_message("a", T(0)), failure("a", T(10)), T(60), human_message("a", T(5))]
    with pytest.raises(NothingFailed):
        found(*log)


def test_who_did_not_fail_and_who_is_unknown_have_no_signature() -> None:
    for name in ("d", "nobody"):
        with pytest.raises(NothingFailed, match=f"nothing failed in conversation {name}"):
            found(*served("d"), name=name)


def test_every_part_stands_in_the_text_once_a_line() -> None:
    text = similar_text(found(*failing("a")), "Asia/Singapore")
    (signature,) = (line for line in text.splitlines() if line.startswith("  signature"))
    assert all(f"{part} " in signature for part in PARTS)
    assert "2026-03-02 08:00:00.003 +08:00 (2026-03-02T00:00:00.003Z) a" in text
