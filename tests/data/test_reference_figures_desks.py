"""What real help desks' tables and a bot's tracker say, as canonical events."""

from __future__ import annotations

from collections import Counter

from streams.domain.events import (
    ContactEnded,
    ContactStarted,
    HandoffRequested,
    MessageSent,
    ResolutionClaimed,
    ResolutionReopened,
)
from tests.data.real_logs import ReadLog


def test_a_ticket_of_four_identical_rows_is_solved_once(read_log: ReadLog) -> None:
    desk = read_log("zendesk-tables", "zendesk")
    claims = Counter(
        e.data.conversation_id for e in desk.events if isinstance(e, ResolutionClaimed)
    )
    assert claims["102"] == 1
    # Rows of a `priority` called "solved" are no status.
    assert "980" not in claims


def test_a_ticket_of_thirteen_states_is_solved_once_and_never_reopened(read_log: ReadLog) -> None:
    desk = read_log("zendesk-tables", "zendesk")
    ticket = [e for e in desk.events if e.subject == "11071"]
    assert sum(isinstance(e, ResolutionClaimed) for e in ticket) == 1
    assert sum(isinstance(e, ContactEnded) for e in ticket) == 1
    assert not [e for e in ticket if isinstance(e, ResolutionReopened)]


def test_the_bot_of_the_chats_is_an_ai_whoever_it_is_logged_as(read_log: ReadLog) -> None:
    desk = read_log("zendesk-tables", "zendesk")
    said = [e for e in desk.events if isinstance(e, MessageSent)]
    # Its messages bear agents' numbers, __system, __trigger and none.
    assert {e.data.author for e in said} == {"ai"}
    (handoff,) = [e for e in desk.events if isinstance(e, HandoffRequested)]
    assert handoff.data.requested_by == "ai"


def test_who_commented_is_left_open_where_no_table_says_it(read_log: ReadLog) -> None:
    problems = read_log("zendesk-tables", "zendesk").problem_counts()
    # None of the 20 comments is of a ticket in the export, and there are no users in it.
    assert problems == {"unknown_author": 20, "unknown_table": 8}


def test_closings_of_conversations_are_of_admins_or_of_nobody_known(read_log: ReadLog) -> None:
    desk = read_log("intercom-tables", "intercom")
    ended = Counter(e.data.ended_by for e in desk.events if isinstance(e, ContactEnded))
    assert ended == {"human": 8, "unknown": 2}
    assert desk.problem_counts() == {"unknown_table": 1}


def test_a_tracker_that_only_listens_is_a_contact_that_started(read_log: ReadLog) -> None:
    tracker = read_log("rasa", "rasa/initial_tracker.json")
    assert [type(e) for e in tracker.events] == [ContactStarted]
    # The sender's id is a person's name for all that Baton knows.
    assert b"unit_test_user" not in b"".join(tracker.raws)
