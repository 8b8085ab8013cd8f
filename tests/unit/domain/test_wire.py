"""What is refused, by which code, and that a refusal never repeats what it refuses."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.events import AiFailureSignalled, MessageSent, Tick
from streams.domain.wire import MAX_EVENT_BYTES, Rejection, decode_event
from tests.log_builder import (
    CONTRACT,
    T,
    cost,
    event,
    failure,
    message,
    requested,
    survey_answered,
    tick,
)

SERVED = frozenset({CONTRACT})
FAILURE = failure("c1", T(0))
EVENT: dict[str, Any] = orjson.loads(requested("c1", T(0), skills=["billing"]))


def refusal(raw: bytes | None) -> Rejection:
    with pytest.raises(Rejection) as caught:
        decode_event(raw, SERVED)
    return caught.value


def with_field(path: tuple[str, ...], value: object) -> bytes:
    """The event with one field given, or left out where the value is `...`."""
    document = copy.deepcopy(EVENT)
    place = document
    for name in path[:-1]:
        place = place[name]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return orjson.dumps(document)


def test_an_event_is_decoded_to_the_class_of_its_type() -> None:
    assert isinstance(decode_event(failure("c1", T(0)), SERVED), AiFailureSignalled)
    assert isinstance(decode_event(message("c1", T(0), "ai"), SERVED), MessageSent)


def test_a_tick_needs_no_contract() -> None:
    assert isinstance(decode_event(tick(T(0)), frozenset()), Tick)


def test_unknown_fields_are_dropped() -> None:
    known = decode_event(orjson.dumps(EVENT), SERVED)
    assert decode_event(with_field(("data", "mood"), {"good": True}), SERVED) == known


@pytest.mark.parametrize("raw", [None, b""])
def test_no_value_is_an_empty_record(raw: bytes | None) -> None:
    assert refusal(raw).code == "empty_record"


def test_more_than_256_kib_is_too_large_and_256_kib_is_not() -> None:
    raw = failure("c1", T(0))
    padded = raw + b" " * (MAX_EVENT_BYTES - len(raw))
    assert decode_event(padded, SERVED) == decode_event(raw, SERVED)
    assert refusal(padded + b" ").code == "too_large"


@pytest.mark.parametrize(
    "raw",
    [b"\xff", FAILURE.replace(b'"c1"', b'"c\xff"'), FAILURE.replace(b"no_match", b"no_\xc3")],
)
def test_what_is_not_utf8_is_an_invalid_encoding(raw: bytes) -> None:
    assert refusal(raw).code == "invalid_encoding"


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"hello",
        FAILURE[:-1],
        FAILURE.replace(b'"c1"', b"NaN"),
        FAILURE.replace(b'"data":{', b'"data":{"deep":' + b"[" * 50_000 + b"]" * 50_000 + b","),
    ],
    ids=["open", "bare word", "cut off", "NaN", "too deep"],
)
def test_what_is_not_json_is_malformed(raw: bytes) -> None:
    assert refusal(raw).code == "malformed_json"


@pytest.mark.parametrize("kind", ["baton.handoff.teleported", "contact.started", "", 5, ...])
def test_a_type_that_is_not_canonical_is_unknown(kind: object) -> None:
    assert refusal(with_field(("type",), kind)).code == "unknown_type"


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("id",), ..., "$: Object missing required field `id`"),
        (("specversion",), "0.3", "$.specversion: Invalid enum value"),
        (("time",), "noon", "$.time: Invalid RFC3339 encoded datetime"),
        (("time",), "2026-03-02T00:00:00", "$.time: Expected `datetime` with a timezone component"),
        (("data",), ..., "$: Object missing required field `data`"),
        (("data", "conversation_id"), "", "$.data.conversation_id: Expected `str` of length >= 1"),
        (("data", "channel"), "fax", "$.data.channel: Invalid enum value"),
        (("data", "market"), "sg", "$.data.market: Expected `str` matching regex"),
        (("data", "requested_by"), 5, "$.data.requested_by: Expected `str`, got `int`"),
        (("data", "required_skills"), ["a", 5], "$.data.required_skills[1]: Expected `str`"),
        (("data", "context", "fields_present"), "issue", "$.data.context.fields_present: Expected"),
        (("data", "test"), "yes", "$.data.test: Expected `bool`, got `str`"),
    ],
)
def test_a_violation_names_the_path_and_what_is_expected(
    path: tuple[str, ...], value: object, says: str
) -> None:
    rejection = refusal(with_field(path, value))
    assert rejection.code == "schema_violation"
    assert rejection.message.startswith(says)


def test_a_contract_that_is_not_served_is_unknown() -> None:
    assert refusal(with_field(("data", "contract"), "nobody-2026")).code == "unknown_contract"


def _paths(node: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(node, dict):
        return [path]
    return [path, *(p for name, value in node.items() for p in _paths(value, (*path, name)))]


_PLACES = [path for path in _paths(EVENT) if path]
_SECRET = "tan4711"
# Quotes, backticks and the words that messages are made of, to trip whatever parses them.
_AROUND = st.text(alphabet="'\"`\\ -at$.[]é\n", max_size=8)
_SECRETS = st.builds(lambda before, after: before + _SECRET + after, _AROUND, _AROUND)
_VALUES = st.one_of(
    _SECRETS,
    st.lists(_SECRETS, max_size=2),
    st.dictionaries(_SECRETS, _SECRETS, min_size=1, max_size=2),
)


def told(raw: bytes) -> str:
    """What a refusal says; nothing where the event is taken."""
    try:
        decode_event(raw, SERVED)
    except Rejection as rejection:
        return str(rejection)
    return ""


@settings(deadline=None)
@given(st.sampled_from(_PLACES), _VALUES)
def test_a_refusal_never_quotes_the_payload(path: tuple[str, ...], value: object) -> None:
    assert _SECRET not in told(with_field(path, value))


@settings(deadline=None)
@given(st.sampled_from(_PLACES), _SECRETS, st.binary(max_size=3))
def test_a_refusal_of_broken_bytes_never_quotes_them(
    path: tuple[str, ...], value: str, garbage: bytes
) -> None:
    raw = with_field(path, value)
    at = raw.index(_SECRET.encode())
    for broken in (raw[:at] + garbage + raw[at:], raw[: at + len(_SECRET)], raw[at:]):
        assert _SECRET not in told(broken)


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9000-01-01T00:00:00.001Z"]
)
def test_a_time_that_could_not_be_written_down_again_is_refused(time: str) -> None:
    event = orjson.loads(failure("c-1", T(0)))
    with pytest.raises(Rejection, match=r"schema_violation: \$\.time"):
        decode_event(orjson.dumps({**event, "time": time}), {"telco-2026"})


@pytest.mark.parametrize(
    ("score", "scale", "fault"),
    [
        (5, (5, 5), "$.data.scale_max: Expected more than scale_min"),
        (5, (6, 5), "$.data.scale_max: Expected more than scale_min"),
        (0, (1, 5), "$.data.score: Expected a score from scale_min to scale_max"),
        (6, (1, 5), "$.data.score: Expected a score from scale_min to scale_max"),
    ],
)
def test_a_rating_off_its_scale_is_refused(score: int, scale: tuple[int, int], fault: str) -> None:
    refused = refusal(survey_answered("c1", T(0), score, scale=scale))
    assert (refused.code, refused.message) == ("schema_violation", fault)


@pytest.mark.parametrize("score", [-3, 0, 3])
def test_a_rating_on_its_scale_is_taken_whatever_scale_that_is(score: int) -> None:
    decode_event(survey_answered("c1", T(0), score, scale=(-3, 3)), SERVED)


@pytest.mark.parametrize("kind", ["exception", "closed"])
def test_a_due_date_that_cannot_be_written_down_is_refused(kind: str) -> None:
    due = {"due_at": "9999-12-31T23:59:59Z", "exception_id": "x1", "rule_id": "r"}
    refused = refusal(event(f"compliance.{kind}", "c1", T(0), **due))
    assert refused.message == "$.data.due_at: Expected a year from 1 to 9000"


@pytest.mark.parametrize("amount", [10**14 + 1, -(10**14) - 1])
def test_a_cost_beyond_what_can_be_summed_is_refused(amount: int) -> None:
    decode_event(cost("c1", T(0), 10**14), SERVED)
    assert refusal(cost("c1", T(0), amount)).code == "schema_violation"
