"""What samples of help desks, bots and traces mean, as the batch judge reads their events.

The goldens hold each event; here are the waits and outcomes that come of them together.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import orjson
import pytest

from streams.contract_files import bundled_contract, load_contracts
from streams.oracle.judge import judge
from streams.replay import ticked, timed
from streams.sources.adapter import NOT_TO_THE_CUSTOMER, Tally
from streams.sources.base import SourceOptions, SourceRecord
from streams.sources.platforms import PLATFORMS
from tests.unit.sources.platforms.platform_samples import HERE
from tests.unit.sources.platforms.platform_samples import OPTIONS as SAMPLE_OPTIONS

OPTIONS = replace(SAMPLE_OPTIONS, contract="real-data")
CONTRACT = bundled_contract("real-data")
DAYS_MS = 3 * 86_400_000


def payloads(platform: str, case: str) -> list[Any]:
    document = orjson.loads((HERE / platform / f"{case}.json").read_bytes())
    return document if isinstance(document, list) else [document]


def records(
    platform: str, several: list[Any], options: SourceOptions = OPTIONS
) -> list[SourceRecord]:
    made = PLATFORMS[platform].records(several, options, "here")
    return [record for record in made if isinstance(record, SourceRecord)]


def facts(several: list[SourceRecord], kind: str) -> list[dict[str, Any]]:
    """The details of the facts of one kind that follow, in the order of time."""
    ordered = sorted(several, key=lambda record: (record.time_ms, record.id))
    log = ticked(timed([record.raw for record in ordered]), settle_ms=DAYS_MS)
    verdict = judge(log, load_contracts([CONTRACT]), lateness_ms=30_000)
    return [fact.detail for fact in verdict.facts if fact.kind == kind and not fact.retracts]


@cache
def waits(platform: str, case: str) -> list[tuple[str, int]]:
    ended = facts(records(platform, payloads(platform, case)), "escalation_ended")
    return [(each["outcome"], each["latency_ms"]) for each in ended]


def outcomes(platform: str, case: str) -> list[str | None]:
    ended = facts(records(platform, payloads(platform, case)), "episode_ended")
    return [each["outcome"] for each in ended]


# Each wait runs from the first sign of the AI's failure to a human's first public answer: an
# assignment, an acceptance, a note, an automation's or campaign's message does not stop it.


def test_chatwoot_waits_from_the_bot_s_label_to_the_agent_s_reply() -> None:
    assert waits("chatwoot", "bot_handoff") == [("taken_over", 48_500)]


def test_intercom_waits_from_fin_s_assignment_and_again_after_the_agent_s_to_another_team() -> None:
    assert waits("intercom", "handoff") == [("taken_over", 87_000), ("taken_over", 300_000)]


def test_zendesk_waits_from_the_bot_s_tag_by_webhook_and_is_trapped_if_a_timer_solves() -> None:
    assert waits("zendesk", "ticket_webhooks") == [
        ("taken_over", 239_000),
        ("trapped", 89_900_000),
    ]


def test_zendesk_audits_say_the_same_of_a_ticket_by_its_changes() -> None:
    assert waits("zendesk", "audits") == [("taken_over", 139_000)]


def test_a_zendesk_chat_waits_from_the_transfer_to_the_agent_s_message_not_the_join() -> None:
    assert waits("zendesk", "audit_chat") == [("taken_over", 20_002)]


def test_rasa_waits_from_the_first_fallback_to_the_agent_s_message() -> None:
    assert waits("rasa", "broker_handoff") == [("taken_over", 86_250)]


def test_what_a_bot_resolves_after_a_human_is_an_episode_of_its_own() -> None:
    # Chatwoot: handed over; resolved out of pending; opened again and given back to the bot.
    assert outcomes("chatwoot", "bot_handoff") == ["escalated", "contained", "contained"]
    assert outcomes("zendesk", "audits") == ["escalated", "contained"]


def test_a_confirmed_resolution_of_fin_is_void_once_the_customer_is_back() -> None:
    case = payloads("intercom", "fin")
    matured = facts(records("intercom", case[:1]), "episode_matured")
    assert [each["outcome"] for each in matured] == ["verified"]
    matured = facts(records("intercom", case[:2]), "episode_matured")
    assert matured[0]["outcome"] == "void"


def test_a_timer_that_closes_days_later_makes_no_second_episode() -> None:
    (case, *_) = payloads("intercom", "fin")
    case["conversation_parts"]["conversation_parts"][-1]["created_at"] += 2 * 86_400
    ended = facts(records("intercom", [case]), "episode_ended")
    assert [each["cause"] for each in ended] == ["inactivity"]


# A note among staff, as each platform sends it, days after its sample's last word.


def _noted(platform: str, case: str, note: dict[str, Any]) -> list[Any]:
    several = payloads(platform, case)
    if platform == "intercom":
        (whole,) = [each for each in several if each["type"] == "conversation"]
        return [{**note, "conversation_id": whole["id"]}]
    if platform == "zendesk" and "audits" in several[0]:
        (document,) = several
        audit = {**document["audits"][-1], "id": 999, "created_at": "2026-06-05T08:00:00Z"}
        return [{**document, "audits": [{**audit, "author_id": 235324, "events": [note]}]}]
    kind = next(each for each in note if each in ("event", "type"))
    sent = next(each for each in several if each[kind] == note[kind])
    return [{**sent, **note}]


NOTES = [
    (
        *("chatwoot", "bot_handoff"),
        {
            "event": "message_created",
            "id": 990,
            "private": True,
            "created_at": "2026-06-05T08:00:00.000Z",
            "message_type": "outgoing",
            "sender": {"id": 1, "type": "user", "name": "John"},
        },
    ),
    (
        *("zendesk", "ticket_webhooks"),
        {
            "type": "zen:event-type:ticket.comment_added",
            "time": "2026-06-05T08:00:00.465719851Z",
            "event": {
                "comment": {
                    "author": {"id": "235324", "is_staff": True, "name": "Jane Doe"},
                    "body": "she called again",
                    "id": "990",
                    "is_public": False,
                }
            },
        },
    ),
    (
        *("zendesk", "audits"),
        {"id": 991, "type": "Comment", "author_id": 235324, "public": False, "body": "see 12"},
    ),
    (
        *("intercom", "handoff"),
        {
            "type": "conversation_part",
            "id": "992",
            "part_type": "note",
            "body": "<p>see 12</p>",
            "created_at": 1_780_300_800 + 4 * 86_400,
            "author": {"type": "admin", "id": "3330620", "name": "Andy"},
        },
    ),
]


@pytest.mark.parametrize(("platform", "case", "note"), NOTES, ids=lambda each: str(each)[:8])
def test_a_note_among_staff_says_nothing_and_is_counted_with_its_reason(
    platform: str, case: str, note: dict[str, Any]
) -> None:
    noted = _noted(platform, case, note)
    tally = Tally()
    assert not list(PLATFORMS[platform].inspect(noted, OPTIONS, "here", tally))
    ignored = {PLATFORMS[platform].kinds[kind] for kind in tally.ignored}
    assert NOT_TO_THE_CUSTOMER in ignored


@pytest.mark.parametrize(("platform", "case", "note"), NOTES, ids=lambda each: str(each)[:8])
def test_a_note_days_after_the_last_word_makes_no_second_episode_and_answers_nobody(
    platform: str, case: str, note: dict[str, Any]
) -> None:
    several = payloads(platform, case)
    noted = [*several, *_noted(platform, case, note)]
    for kind in ("episode_ended", "response_given", "escalation_ended"):
        plain = facts(records(platform, several), kind)
        assert plain
        assert facts(records(platform, noted), kind) == plain


def test_a_public_comment_in_the_note_s_place_would_be_one() -> None:
    platform, case, note = NOTES[0]
    spoken = _noted(platform, case, {**note, "private": False})
    assert [orjson.loads(r.raw)["type"] for r in records(platform, spoken)] == [
        "baton.message.sent"
    ]


def test_whispers_of_a_supervisor_reach_no_customer() -> None:
    (sent,) = payloads("amazon_connect", "chat_message_published")
    said = PLATFORMS["amazon-connect"]
    assert list(said.read(sent, OPTIONS, "here"))
    for seen_by in ("AGENT", "SUPERVISOR"):
        whisper = orjson.loads(orjson.dumps(sent))
        whisper["MessageAttributes"]["MessageVisibility"]["Value"] = seen_by
        assert not list(said.read(whisper, OPTIONS, "here"))


def test_a_bot_in_genesys_messages_is_an_ai_where_a_mark_says_so() -> None:
    listing, _ = payloads("genesys_cloud", "messages_rest")
    said = PLATFORMS["genesys-cloud"]
    for marks, author in ((frozenset(), "automation"), (frozenset({("bot", "Bot")}), "ai")):
        made = said.records(listing, replace(OPTIONS, marks=marks), "here")
        events = [orjson.loads(each.raw) for each in made if isinstance(each, SourceRecord)]
        assert [each["data"]["author"] for each in events] == ["customer", author, "human", "human"]


def test_a_note_that_reopens_says_that_the_matter_is_open_again_and_no_more() -> None:
    platform, case, note = NOTES[3]
    (part,) = _noted(platform, case, {**note, "part_type": "note_and_reopen"})
    made = records(platform, [part])
    assert [orjson.loads(record.raw)["type"] for record in made] == ["baton.resolution.reopened"]


def test_a_state_of_fin_without_an_answer_in_the_payload_claims_nothing() -> None:
    made = records("intercom", payloads("intercom", "fin")[3:4])
    assert made
    assert not [record for record in made if b"resolution.claimed" in record.raw]


@pytest.mark.parametrize(
    ("platform", "case"),
    [("intercom", "handoff"), ("chatwoot", "bot_handoff"), ("zendesk", "audits")],
)
def test_a_conversation_told_again_as_a_whole_says_nothing_new(platform: str, case: str) -> None:
    several = payloads(platform, case)
    once = {record.id: record.raw for record in records(platform, several)}
    for record in records(platform, [*several, *reversed(several)]):
        assert once[record.id] == record.raw


def test_a_whole_conversation_says_all_that_its_webhooks_said() -> None:
    *webhooks, whole = payloads("intercom", "handoff")
    said = {record.id for record in records("intercom", [whole])}
    assert {record.id for record in records("intercom", webhooks)} <= said


def test_tidying_up_what_is_closed_says_nothing() -> None:
    part = payloads("intercom", "handoff")[1]["data"]["item"]["conversation_parts"]
    part = part["conversation_parts"][0] | {"conversation_id": "9", "state": "closed"}
    assert not records("intercom", [part])
    assert records("intercom", [part | {"state": "open"}])
    update = next(
        p for p in payloads("chatwoot", "bot_handoff") if p["event"] == "conversation_updated"
    )
    assert not records("chatwoot", [update | {"status": "resolved"}])
    (ticket,) = [
        p for p in payloads("zendesk", "ticket_webhooks") if p["type"].endswith("tags_changed")
    ]
    assert records("zendesk", [ticket])
    ticket["detail"]["status"] = "CLOSED"
    assert not records("zendesk", [ticket])


def test_the_same_conversation_meets_in_desk_bot_and_trace() -> None:
    desk = records("zendesk", payloads("zendesk", "ticket_webhooks")[:1])
    span = records("otel", payloads("otel", "spans"))
    assert {orjson.loads(r.raw)["data"]["conversation_id"] for r in (*desk, *span)} == {"35436"}


def test_without_marks_a_bot_among_the_agents_is_taken_for_staff_and_nothing_is_handed_over() -> (
    None
):
    unmarked = replace(OPTIONS, marks=frozenset())
    made = records("zendesk", payloads("zendesk", "ticket_webhooks"), unmarked)
    assert not [r for r in made if b"handoff.requested" in r.raw or b'"ai"' in r.raw]


def test_a_mark_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="mark 'robot' must be one of bot, automation, staff"):
        SourceOptions(contract="c", salt="s", marks=frozenset({("robot", "1")}))
