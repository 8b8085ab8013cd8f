"""What stands in a request's body, and what is refused of it."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.intake.bodies import MAX_FIELDS, BodyError, form_fields, payloads, unpacked

MOST = 10_000
JSON = {"content-type": "application/json"}


def refused(body: bytes, headers: dict[str, str]) -> int:
    with pytest.raises(BodyError) as told:
        payloads(body, headers)
    return told.value.status


def test_one_document_is_one_payload_and_of_a_list_each_is_one() -> None:
    assert payloads(b'{"a": [1]}', JSON) == [{"a": [1]}]
    assert payloads(b'[{"a": 1}, 2]', JSON) == [{"a": 1}, 2]
    batch = {"content-type": "application/cloudevents-batch+json; charset=UTF-8"}
    assert payloads(b'[{"id": "1"}]', batch) == [{"id": "1"}]
    assert payloads(b"[]", JSON) == []


def test_lines_are_a_payload_each() -> None:
    assert payloads(b'{"a":1}\n\n{"a":2}\n', {"content-type": "application/x-ndjson"}) == [
        {"a": 1},
        {"a": 2},
    ]


def test_a_form_is_one_payload_of_texts() -> None:
    form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert payloads(b"EventType=task.created&Name=J%C3%BCrgen+A&Empty=", form) == [
        {"EventType": "task.created", "Name": "Jürgen A", "Empty": ""}
    ]
    assert refused(b"a=%FF", form) == 400
    assert refused(b"&".join(b"a=1" for _ in range(MAX_FIELDS + 1)), form) == 400
    assert form_fields(b"{}", "application/json") is None


def test_cloudevents_binary_mode_is_put_together() -> None:
    headers = {**JSON, "ce-id": "1", "ce-type": "baton.ai.turn", "ce-source": "/a%20b"}
    assert payloads(b'{"x": 1}', headers) == [
        {"id": "1", "type": "baton.ai.turn", "source": "/a b", "data": {"x": 1}}
    ]


@pytest.mark.parametrize(
    "body", [b"", b"  ", b"{", b"nonsense", b'{"a": NaN}', b'"\xff"', b"[" * 5000]
)
def test_what_is_no_json_is_a_bad_request(body: bytes) -> None:
    assert refused(body, JSON) == 400


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_packed_bodies_are_unpacked_as_far_as_allowed(pack: object) -> None:
    encoding = "gzip" if pack is gzip.compress else "deflate"
    packed = pack(b"a" * MOST)  # type: ignore[operator]
    assert unpacked(packed, encoding, MOST) == b"a" * MOST
    with pytest.raises(BodyError) as told:
        unpacked(packed, encoding, MOST - 1)
    assert told.value.status == 413


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(40_000_000))
    assert len(bomb) < 50_000
    with pytest.raises(BodyError) as told:
        unpacked(bomb, "gzip", MOST)
    assert told.value.status == 413


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"not packed", "gzip", 400),
        (gzip.compress(b"{}", mtime=0)[:-3], "gzip", 400),
        (gzip.compress(b"{}", mtime=0) + b"more", "gzip", 400),
        (b"{}", "br", 415),
        (b"x" * (MOST + 1), "", 413),
    ],
)
def test_packing_that_is_broken_unknown_or_too_much_is_told(
    body: bytes, encoding: str, status: int
) -> None:
    with pytest.raises(BodyError) as told:
        unpacked(body, encoding, MOST)
    assert told.value.status == status


@given(st.binary(max_size=200), st.text(max_size=60), st.text(max_size=10))
def test_any_body_is_read_or_refused(body: bytes, content_type: str, encoding: str) -> None:
    with suppress(BodyError):
        assert isinstance(
            payloads(unpacked(body, encoding, MOST), {"content-type": content_type}), list
        )
