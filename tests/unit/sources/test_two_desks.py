"""Two desks that both count from 1, under one contract: `--option prefix`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from streams.intake.mapping import PlatformFeed
from streams.oracle.judge import judge
from streams.sources.adapter import Platform
from streams.sources.base import SourceOptions, SourceProblem, SourceRecord
from streams.sources.platforms import PLATFORMS
from tests.unit.sources.platforms.judged import BOOK, LATENESS_MS, OPTIONS, log_of
from tests.unit.sources.platforms.platform_samples import samples

EMEA, APAC = replace(OPTIONS, prefix="emea"), replace(OPTIONS, prefix="apac")
EVERY_PLATFORM = pytest.mark.parametrize("platform", PLATFORMS.values(), ids=lambda p: p.name)


def records(platform: Platform, options: SourceOptions) -> list[SourceRecord]:
    made = [
        item
        for sample in samples(platform)
        for item in platform.records(sample.payload, options, sample.label)
    ]
    return [item for item in made if isinstance(item, SourceRecord)]


def conversations(several: list[SourceRecord]) -> set[str]:
    return {orjson.loads(each.raw)["data"]["conversation_id"] for each in several}


@EVERY_PLATFORM
def test_the_same_payloads_of_two_desks_share_neither_conversations_nor_events(
    platform: Platform,
) -> None:
    plain, emea, apac = (records(platform, options) for options in (OPTIONS, EMEA, APAC))
    assert conversations(emea) == {f"emea:{each}" for each in conversations(plain)}
    assert conversations(emea).isdisjoint(conversations(apac))
    assert {each.id for each in emea}.isdisjoint(each.id for each in apac)
    assert len(emea) == len(plain)


def test_ticket_1_of_two_desks_is_two_conversations_and_counted_as_two() -> None:
    platform = PLATFORMS["zendesk"]

    def episodes(*options: SourceOptions) -> int:
        log = log_of([record for each in options for record in records(platform, each)])
        verdict = judge(log, BOOK, lateness_ms=LATENESS_MS)
        assert verdict.dead_letters == {}
        return sum(fact.kind == "episode_ended" for fact in verdict.facts)

    assert episodes(EMEA, APAC) == 2 * episodes(EMEA) == 2 * episodes(OPTIONS)
    # Without it the second desk's ticket is taken for the first one's told again.
    assert episodes(OPTIONS, OPTIONS) == episodes(OPTIONS)


def keys(payload: dict[str, Any], options: SourceOptions) -> set[str | None]:
    made = PLATFORMS["chatwoot"].records(payload, options, "here")
    events = [orjson.loads(each.raw) for each in made if isinstance(each, SourceRecord)]
    return {event["data"].get("customer_key") for event in events}


def test_a_desk_s_number_of_a_person_is_its_own_and_an_address_is_everybody_s() -> None:
    numbered = {
        "event": "message_created",
        "id": 7,
        "message_type": "incoming",
        "created_at": 1_780_300_800,
        "conversation": {"id": 1, "meta": {"sender": {"id": 12}}},
    }
    assert keys(numbered, EMEA).isdisjoint(keys(numbered, APAC))
    session = {
        "attributes": {"type": "MessagingSession"},
        "Id": "0MwgL0000000001",
        "StartTime": "2026-06-01T08:00:00Z",
        "EndUserContactId": "jane@example.com",
    }
    for text, shared in (("jane@example.com", True), ("+65 8123 4567", True), ("4711", False)):
        said = {**session, "EndUserContactId": text}
        found = [
            orjson.loads(each.raw)["data"]["customer_key"]
            for options in (EMEA, APAC)
            for each in PLATFORMS["salesforce"].records(said, options, "here")
            if isinstance(each, SourceRecord)
        ]
        assert found
        assert (len(set(found)) == 1) == shared, text


def test_a_desk_and_the_trace_of_its_bot_meet_under_one_prefix() -> None:
    (ticket, *_) = [s.payload for s in samples(PLATFORMS["zendesk"]) if "webhooks" in s.path.stem]
    spans = next(s.payload for s in samples(PLATFORMS["otel"]) if s.path.stem == "spans")
    seen = [
        conversations([r for r in made if isinstance(r, SourceRecord)])
        for made in (
            PLATFORMS["zendesk"].records(ticket, EMEA, "here"),
            PLATFORMS["otel"].records(spans, EMEA, "here"),
        )
    ]
    assert "emea:35436" in seen[0] | seen[1]


@pytest.mark.parametrize("prefix", ["", "a b", "a:b", "a/b", "x" * 33, ".a", "é"])
def test_a_prefix_has_a_form(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix must be"):
        replace(OPTIONS, prefix=prefix)


def test_consumers_of_two_desks_are_two_groups() -> None:
    groups = [PlatformFeed(PLATFORMS["zendesk"], each).group for each in (OPTIONS, EMEA, APAC)]
    assert groups == ["zendesk", "emea-zendesk", "apac-zendesk"]


def test_problems_name_no_number_of_the_desk() -> None:
    for item in PLATFORMS["zendesk"].read({"type": "nonsense", "ticket_id": 1}, EMEA, "here"):
        assert isinstance(item, SourceProblem)
        assert "emea" not in item.message
