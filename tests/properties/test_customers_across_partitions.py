"""The batch judge finds a customer's conversations wherever their records lie.

DEFINITIONS.md section 7a: of all conversations and partitions.
"""

from __future__ import annotations

import orjson
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from streams.oracle.judge import judge, judge_partitions
from tests.properties.strategies import Case, Log, cases


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases(links=True), st.lists(st.integers(0, 2), min_size=7, max_size=7))
def test_links_are_the_same_however_conversations_are_spread(
    case: Case, partition_of: list[int]
) -> None:
    for item in case.log:
        note(repr(item))
    logs: tuple[Log, Log, Log] = ([], [], [])
    for item in case.log:
        if isinstance(item, int):
            for log in logs:
                log.append(item)
        else:
            conversation = orjson.loads(item)["data"]["conversation_id"]
            logs[partition_of[int(conversation.removeprefix("c"))]].append(item)
    spread = judge_partitions(logs, case.book, lateness_ms=case.lateness_ms)
    whole = judge(case.log, case.book, lateness_ms=case.lateness_ms)
    assert spread == whole
