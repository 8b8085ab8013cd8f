"""What holds of any adapter, by one of a few lines: streams/sources/adapter.py and coverage.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.domain.contract import INDICATORS
from streams.domain.events import ContactEnded, ContactStarted, Event, MessageSent
from streams.sources.adapter import Contact, Ignored, Item, Platform, Talk, Tally
from streams.sources.base import SourceOptions, SourceProblem, SourceRecord
from streams.sources.coverage import FAMILIES, missing, no_feeds, signs_of
from streams.sources.json_files import PlatformFile, payloads
from streams.sources.payload import Payload

OPTIONS = SourceOptions(contract="c-1", salt="pepper")
NOON_MS = 1_780_315_200_000


def started(payload: Payload, talk: Talk) -> Iterator[Item]:
    yield talk.tell(ContactStarted, payload.moment("at"))


def broken(payload: Payload, talk: Talk) -> Iterator[Item]:
    yield talk.tell(ContactStarted, payload.moment("at"))
    raise KeyError("Jane Doe")


def unheard_of(payload: Payload, talk: Talk) -> Iterator[Item]:
    # A field of the kind that the stream's decoder refuses.
    yield talk.tell(MessageSent, payload.moment("at"), author="parrot")


PARLOUR = Platform(
    name="parlour",
    title="Parlour",
    reads="nothing",
    kind=lambda payload: payload.text("event"),
    contact=lambda payload: Contact(
        conversation=payload.key("chat"),
        channel="chat" if payload.flag("chatting") else None,
        journey=payload.label("journey"),
        market=payload.label("market"),
    ),
    kinds={
        "started": started,
        "broken": broken,
        "unheard of": unheard_of,
        "typing": Ignored("nobody said anything yet"),
    },
    feeds=no_feeds("it does not exist", "wait"),
)
STARTED = {"event": "started", "chat": "7", "chatting": True, "at": NOON_MS}


def items(payload: Any, options: SourceOptions = OPTIONS) -> list[Item]:
    return list(PARLOUR.read(payload, options, "here"))


def codes(payload: Any) -> list[str]:
    return [item.code for item in items(payload) if isinstance(item, SourceProblem)]


def data(payload: Any, options: SourceOptions) -> Any:
    (event,) = items(payload, options)
    assert isinstance(event, ContactStarted)
    return event.data


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (5, "not_an_object"),
        ({}, "not_a_payload"),
        ({"event": "exploded"}, "unknown_kind"),
        ({**STARTED, "chat": None}, "no_conversation"),
        ({**STARTED, "chatting": None}, "no_channel"),
        ({**STARTED, "at": "soon"}, "bad_time"),
        ({**STARTED, "event": "broken"}, "adapter_fault"),
    ],
)
def test_what_cannot_be_mapped_is_a_problem_that_says_which(payload: Any, code: str) -> None:
    assert codes(payload) == [code]


def test_what_is_ignored_on_purpose_gives_nothing() -> None:
    assert items({"event": "typing"}) == []


def test_of_an_adapter_that_fails_half_way_no_half_is_passed_on() -> None:
    (problem,) = items({**STARTED, "event": "broken"})
    assert isinstance(problem, SourceProblem)
    assert "Jane" not in problem.message


def test_a_list_is_read_payload_by_payload_each_named() -> None:
    found = items([STARTED, {}, STARTED])
    assert [type(item) for item in found] == [ContactStarted, SourceProblem, ContactStarted]
    assert isinstance(found[1], SourceProblem)
    assert found[1].where == "here[1]"


def test_records_have_passed_the_stream_s_own_decoder() -> None:
    found = list(PARLOUR.records([STARTED, {**STARTED, "event": "unheard of"}], OPTIONS, "here"))
    assert isinstance(found[0], SourceRecord)
    assert found[0].time_ms == NOON_MS
    assert found[1] == SourceProblem("not_canonical", "schema_violation; left out", "here")


def test_options_win_over_what_a_payload_says() -> None:
    options = SourceOptions(
        contract="c-1", salt="pepper", channel="voice", market="IL", journey="billing", supplier="s"
    )
    said = data({**STARTED, "journey": "sales", "market": "SG"}, options)
    assert (said.channel, said.market, said.journey, said.supplier) == (
        *("voice", "IL", "billing", "s"),
    )


def test_an_option_gives_the_channel_that_a_payload_does_not_say() -> None:
    options = SourceOptions(contract="c-1", salt="pepper", channel="email")
    assert data({**STARTED, "chatting": None}, options).channel == "email"


def test_a_tally_counts_payloads_by_kind_and_fields_by_what_became_of_them() -> None:
    tally = Tally()
    told = [STARTED, {"event": "typing"}, {"event": "exploded"}, {**STARTED, "name": "Jane"}]
    list(PARLOUR.inspect(told, OPTIONS, "here", tally))
    assert tally.payloads == 4
    assert dict(tally.mapped) == {"started": 2}
    assert dict(tally.ignored) == {"typing": 1}
    assert dict(tally.unknown) == {"exploded": 1}
    assert dict(tally.journal.dropped()) == {"name": 1}


# Families of indicators


def test_every_indicator_is_in_one_family() -> None:
    found = [name for family in FAMILIES.values() for name in family.indicators]
    assert sorted(found) == sorted(INDICATORS)


def event_of(kind: type[Event], **fields: Any) -> Event:
    talk = PARLOUR._talk(Contact("c", "chat"), OPTIONS, "here")
    assert isinstance(talk, Talk)
    event = talk.tell(kind, NOON_MS, **fields)
    assert isinstance(event, Event)
    return event


def test_private_messages_show_no_answer() -> None:
    public = signs_of(event_of(MessageSent, author="human"))
    private = signs_of(event_of(MessageSent, author="human", visibility="private"))
    assert "message.sent human" in public - private


def test_what_a_family_lacks_is_named_until_something_shows_it() -> None:
    signs = {*signs_of(event_of(MessageSent, author="customer"))}
    assert [need.meaning for need in missing("first response", signs)] == ["when somebody answered"]
    signs |= signs_of(event_of(MessageSent, author="ai"))
    assert missing("first response", signs) == []


def test_who_ended_a_contact_is_told_apart() -> None:
    lacking = missing("abandonment", signs_of(event_of(ContactEnded, ended_by="human")))
    assert "that a customer gave up waiting" in {need.meaning for need in lacking}


# Files


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'{"a":1}\n{"a":2}\n', ["f:1", "f:2"]),
        (b'\n\n{"a":1}\n\n{"a":2}', ["f:3", "f:5"]),
        (b'\xef\xbb\xbf{"a":1}\r\n{"a":2}\r\n', ["f:1", "f:2"]),
        (b'[{"a":1},{"a":2}]', ["f:[0]", "f:[1]"]),
        (b'[\n {"a":1},\n {"a":2}\n]\n', ["f:[0]", "f:[1]"]),
        (b'{\n "a": 1\n}\n', ["f"]),
        (b'[{"a":1}]\n[{"a":2}]\n', ["f:1", "f:2"]),
        (b'{"a":1\n{"a":2}\n', ["f:2"]),
        (b'{"a":1}\n{"a":\n{"a":3}\n', ["f:1", "f:3"]),
    ],
)
def test_payloads_are_found_in_lines_lists_and_documents(
    tmp_path: Path, raw: bytes, found: list[str]
) -> None:
    path = tmp_path / "f"
    path.write_bytes(raw)
    assert [x.where for x in payloads(path) if not isinstance(x, SourceProblem)] == found


@pytest.mark.parametrize("raw", [b"", b"\n \n", b"no", b"{", b"[1", b"\xff\xfe"])
def test_a_file_without_json_is_a_problem(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(raw)
    assert [type(x) for x in PlatformFile(PARLOUR).read(path, OPTIONS)] == [SourceProblem]
