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
