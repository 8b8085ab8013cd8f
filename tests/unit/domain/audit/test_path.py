"""A path is whole, in order and each event once, and names nobody."""

from __future__ import annotations

import random
from collections.abc import Iterable

import orjson
import pytest

from streams.domain.audit.path import path_of
from streams.domain.audit.record import encode_sample
from streams.domain.audit.strata import Member
from streams.domain.events import Event
from streams.domain.wire import decode_event
from tests.log_builder import (
    CONTRACT,
    T,
    ai_turn,
    customer_message,
    failure,
    human_message,
    started,
)
from tests.log_builder import (
    ended as contact_ended,
)
from tests.unit.domain.audit.frames import AT, ended, frame, matured, samples

NAMES = ("Jane-Doe", "agent-77")


def member(conversation: str = "a") -> Member:
    (only,) = frame([ended(conversation), matured(conversation)]).members
    return only


def events(*raw: bytes) -> list[Event]:
    return [decode_event(one, (CONTRACT,)) for one in raw]


def told(raw: Iterable[bytes]) -> list[str]:
    return [str(entry["type"]) for entry in path_of(member(), events(*raw))]


LOG = [
    started("a", T(0)),
    customer_message("a", T(1)),
    ai_turn("a", T(2), prompt_version="p-1", model="m-1"),
    failure("a", T(5), "tool_error", raw_reason="Jane-Doe called about it"),
    human_message("a", T(40), "agent-77"),
    contact_ended("a", T(60)),
]


@pytest.mark.parametrize("seed", range(5))
def test_neither_order_nor_repetition_changes_a_path(seed: int) -> None:
    mixed = [*LOG, *LOG[2:4]]
    random.Random(seed).shuffle(mixed)
    assert path_of(member(), events(*mixed)) == path_of(member(), events(*LOG))
    assert told(LOG) == [
        *("baton.contact.started", "baton.message.sent", "baton.ai.turn"),
        *("baton.ai.failure_signalled", "baton.message.sent", "baton.contact.ended"),
    ]


def test_a_path_says_what_the_ai_decided_by_which_versions() -> None:
    turn = path_of(member(), events(*LOG))[2]
    assert turn["said"]["prompt_version"] == "p-1"
    assert turn["said"]["model"] == "m-1"


def test_neither_customer_nor_agent_nor_anybodys_text_is_in_a_path() -> None:
    raw = [*LOG, customer_message("a", T(3), customer_key="Jane-Doe")]
    assert all(name.encode() in b"".join(raw) for name in NAMES)
    text = orjson.dumps(path_of(member(), events(*raw))).decode()
    assert not any(name in text for name in NAMES)


def test_only_events_of_the_conversation_in_its_contract_and_life_until_it_matured_are_told() -> (
    None
):
    other = [
        started("b", T(0)),
        started("a", T(-86_400)),
        customer_message("a", AT + 21_600_001),
        customer_message("a", T(1), test=True),
    ]
    assert told([*LOG, *other]) == told(LOG)
    elsewhere = decode_event(started("a", T(0), contract="care"), ("care",))
    assert path_of(member(), [elsewhere]) == []


def test_equal_samples_are_equal_bytes() -> None:
    facts = [ended("a"), matured("a")]
    assert [*map(encode_sample, samples(facts))] == [*map(encode_sample, samples(facts[::-1]))]
