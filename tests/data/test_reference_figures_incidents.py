"""Figures of a real help desk's audit log, from the canonical events made of it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from streams.domain.events import (
    ContactEnded,
    ContactStarted,
    ResolutionClaimed,
    ResolutionReopened,
)
from tests.data.real_logs import Log, ReadLog


@pytest.fixture
def desk(read_log: ReadLog) -> Log:
    return read_log("incidents", "servicenow_incidents/incident_event_log.zip")


def test_reopened_incidents_match_the_reference(desk: Log) -> None:
    reopenings = Counter(
        e.data.conversation_id for e in desk.events if isinstance(e, ResolutionReopened)
    )
    often = Counter(reopenings.values())
    assert len(reopenings) == 275
    assert (often[1], often[2], max(often)) == (245, 19, 8)


def test_a_grouped_file_steps_back_in_time_as_the_reference_says(desk: Log) -> None:
    recorded = [e.recordedtime for e in desk.events]
    assert None not in recorded
    steps = sum(
        after < before
        for before, after in pairwise(recorded)
        if before is not None and after is not None
    )
    assert steps == 24_897


def test_every_incident_starts_once_and_ends(desk: Log) -> None:
    started = [e.data.conversation_id for e in desk.events if isinstance(e, ContactStarted)]
    ended = {e.data.conversation_id for e in desk.events if isinstance(e, ContactEnded)}
    assert len(started) == len(set(started)) == 24_918
    assert ended == set(started)


def test_each_reopening_of_a_resolution_lets_it_be_claimed_again(desk: Log) -> None:
    claims = Counter(
        e.data.conversation_id for e in desk.events if isinstance(e, ResolutionClaimed)
    )
    # 13 incidents went to Closed without ever standing at Resolved.
    assert len(claims) == 24_918 - 13
    assert Counter(claims.values())[1] == 24_630


def test_states_that_are_codes_are_problems(desk: Log) -> None:
    assert desk.problem_counts() == {"unknown_state": 5, "updated_before_opened": 5}


def test_no_ai_and_no_handoff_is_made_up(desk: Log) -> None:
    assert not [raw for raw in desk.raws if b'"baton.ai.' in raw or b'"baton.handoff.' in raw]
