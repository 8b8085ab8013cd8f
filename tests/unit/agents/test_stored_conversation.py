"""A conversation is the same after it lay in its table."""

from __future__ import annotations

import msgspec
import pytest

from streams.agents.stored_conversation import (
    DETAILS,
    decode_conversation,
    decode_head,
    encode_conversation,
)
from streams.domain.billing.accounts import KEPT
from streams.domain.billing.conversation import OF_WAITS, Conversation
from streams.domain.billing.records import Told
from streams.domain.facts import Fact
from streams.domain.lifecycle import LifecyclePartition
from streams.domain.wire import Rejection, decode_event
from streams.oracle.billing_records import billing_records
from tests.stream_run import Log, synthetic_log

NAME = "telco-2026"


def told_of(log: Log) -> dict[str, list[Told]]:
    """What billing keeps of the log, by conversation."""
    found: dict[str, list[Told]] = {}
    for one in billing_records(log.verdict, NAME):
        if one.fact.kind in KEPT | OF_WAITS:
            found.setdefault(one.fact.conversation, []).append(one)
    return found


def conversation_of(name: str, records: list[Told]) -> Conversation:
    conversation = Conversation(name, look=7, freezes=8)
    for one in records:
        conversation.take(one)
    return conversation


def test_all_that_a_lifecycle_tells_comes_back_from_the_table_as_it_was() -> None:
    by_name = told_of(synthetic_log(200))
    assert len(by_name) > 100
    for name, records in by_name.items():
        before = conversation_of(name, records)
        raw = encode_conversation(before)
        after = decode_conversation(raw, NAME, name)
        assert after.standing == before.standing
        assert after.claims == before.claims
        head = decode_head(raw)
        assert (head.look, head.freezes) == (7, 8)
        assert set(head.customers) == before.customers
        assert head.waits == any(before.waits)


def test_the_details_that_a_lifecycle_tells_are_stored_without_their_names() -> None:
    log = synthetic_log(200)
    lifecycle = LifecyclePartition(log.book, 30_000, {})
    kinds = set()
    for item in log.items:
        if isinstance(item, int):
            lifecycle.tick(item)
            continue
        try:
            lifecycle.event(decode_event(item, log.book))
        except Rejection:
            continue
    for fact in lifecycle.flush().facts:
        if fact.kind in DETAILS:
            kinds.add(fact.kind)
            assert tuple(fact.detail) == DETAILS[fact.kind], fact.kind
    assert {"episode_ended", "episode_matured", "escalation_ended"} <= kinds


def test_a_detail_of_an_older_version_is_stored_as_it_is() -> None:
    fact = Fact(
        kind="episode_matured", contract=NAME, version=1, conversation="c1", life=20_000, episode=1,
        ordinal=1, time=1, channel="chat", market="SG", journey="billing", supplier="northcall",
        prompt_version="unknown", model="unknown", knowledge_version="unknown",
        detail={"outcome": "verified", "human": False},
    )  # fmt: skip
    before = conversation_of("c1", [Told(fact, 5)])
    assert decode_conversation(encode_conversation(before), NAME, "c1").standing == before.standing


@pytest.mark.parametrize("raw", [b"", b"\xc1", msgspec.msgpack.encode([1, 2]), b"\x93\x90\x90\x90"])
def test_another_s_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_head(raw)
