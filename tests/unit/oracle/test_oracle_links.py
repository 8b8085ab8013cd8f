"""DEFINITIONS.md section 7a: customers' visits and resolved closes, and what came back of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.contract import Clause, ContractBook, Exclusion, Indicator
from streams.oracle.indicators import ratio_of
from streams.oracle.judge import Verdict, judge_partitions
from streams.oracle.links import HORIZONS_MS
from tests.log_builder import (
    T,
    ai_turn,
    claimed,
    customer_message,
    data_updated,
    ended,
    failure,
    human_message,
    message,
    reopened,
    requested,
    started,
)
from tests.unit.oracle.verdicts import (
    TERMS,
    at,
    book_with,
    facts,
    judged,
    late,
    told,
    told_of,
    window,
)

DAY = 86_400
HOURS = 3_600


def solved(
    conversation: str, close: float, *, customer: str | None = "k1", begin: float = 50, **data: Any
) -> list[bytes]:
    """A conversation that AI contained, from `begin` seconds before its close, all in seconds."""
    said = {"customer_key": customer, **data}
    return [
        customer_message(conversation, T(close - begin), **said),
        ai_turn(conversation, T(close - begin), **said),
        ended(conversation, T(close), **said),
    ]


def visited(conversation: str, time: float, customer: str = "k1", **data: Any) -> bytes:
    """A customer's message; no AI sees it, so that the episode's close is no resolution."""
    return customer_message(conversation, T(time), customer_key=customer, **data)


def linked(verdict: Verdict, length: str = "5m", **key: str) -> dict[str, int]:
    """The window's counters of links."""
    families = ("links", "returned", "returned_same")
    counts = window(verdict, length, **key).counts
    return {n: v for n, v in counts.items() if "." in n and n.split(".")[0] in families}


def after(hours: int, *log: bytes) -> dict[str, int]:
    """What is counted so many hours after a close at 60 s, in that minute and the four before."""
    return linked(judged(*log, until=T(60 + hours * HOURS)))


def whose(verdict: Verdict) -> list[tuple[str, float]]:
    return [(f.conversation, at(f.time)) for f in facts(verdict, "customer_visited")]


# Visits.


def test_a_customer_visits_when_known_and_has_spoken_in_an_open_episode() -> None:
    log = (
        started("c1", T(0)),
        data_updated("c1", T(10), customer_key="k1"),
        customer_message("c1", T(20)),
        customer_message("c1", T(30)),
        started("c2", T(0)),
        customer_message("c2", T(5)),
        data_updated("c2", T(15), customer_key="k1"),
        started("c3", T(40), customer_key="k1", channel="voice"),
    )
    assert whose(judged(*log, until=T(60))) == [("c2", 15), ("c1", 20), ("c3", 40)]


def test_a_visit_has_the_episodes_channel_the_attributes_of_its_time_and_no_detail() -> None:
    (visit,) = facts(
        judged(
            started("c1", T(0), channel="chat", journey=None),
            customer_message("c1", T(10), channel="email", customer_key="k1", journey="outage"),
            customer_message("c1", T(9), journey=None, market="MY"),
            until=T(60),
        ),
        "customer_visited",
    )
    assert (visit.channel, visit.market, visit.journey) == ("chat", "SG", "outage")
    assert (visit.episode, visit.ordinal, visit.version, visit.detail) == (1, 1, 1, {})


def test_a_visit_comes_after_the_failures_of_its_millisecond() -> None:
    log = failure("c1", T(0), "human_requested", customer_key="k1")
    kinds = [f.kind for f in judged(log, until=T(0)).facts]
    assert sorted(kinds) == ["ai_failure", "customer_visited", "escalation_opened"]
    verdict = judged(log, ended("c1", T(0)), until=T(0))
    assert whose(verdict) == [("c1", 0)]


def test_a_campaign_that_nobody_answers_is_no_visit() -> None:
    log = (
        *solved("c1", 60),
        message("c2", T(100), "campaign", customer_key="k1"),
        message("c2", T(101), "ai", customer_key="k1"),
        started("c3", T(200), channel="voice", direction="outbound", customer_key="k1"),
    )
    assert whose(judged(*log, until=T(DAY))) == [("c1", 10)]
    assert after(24, *log) == {"links.24h": 1}


def test_who_is_known_only_after_the_close_has_not_visited() -> None:
    log = (
        *solved("c1", 60, customer=None),
        data_updated("c1", T(60.001), customer_key="k1"),
    )
    assert whose(judged(*log, until=T(DAY))) == []


def test_an_episode_has_one_visit_and_the_next_one_its_own() -> None:
    log = (*solved("c1", 60), reopened("c1", T(300)), customer_message("c1", T(310)))
    assert whose(judged(*log, until=T(DAY))) == [("c1", 10), ("c1", 300)]


def test_a_visit_alone_makes_no_window() -> None:
    verdict = judged(visited("c1", 10), until=T(60))
    assert (whose(verdict), verdict.windows) == ([("c1", 10)], ())


# Resolved closes.


def test_resolved_is_contained_or_claimed_by_anyone_before_the_close() -> None:
    def escalated(conversation: str, *more: bytes) -> tuple[bytes, ...]:
        return (
            customer_message(conversation, T(0)),
            requested(conversation, T(10)),
            ai_turn(conversation, T(0)),
            human_message(conversation, T(20)),
            *more,
            ended(conversation, T(100)),
        )

    log = (
        *solved("contained", 100),
        *escalated("claimed", claimed("claimed", T(50), by="human")),
        *escalated("at-the-close", claimed("at-the-close", T(100), by="customer")),
        *escalated("too-late", claimed("too-late", T(100.001))),
        *escalated("unclaimed"),
        customer_message("no-ai", T(0)),
        claimed("no-ai", T(50), by="human"),
        ended("no-ai", T(100)),
    )
    verdict = judged(*log, until=T(100))
    resolved = {f.conversation: f.detail["resolved"] for f in facts(verdict, "episode_ended")}
    assert resolved == {
        "contained": True,
        "claimed": True,
        "at-the-close": True,
        "too-late": False,
        "unclaimed": False,
        "no-ai": None,
    }
    counts = window(judged(*log, until=T(120))).counts
    assert (counts["resolved_closes"], counts["unlinked"]) == (3, 2)


def test_an_excluded_close_is_no_resolution() -> None:
    book = book_with(exclusions=(Exclusion(T(0), T(1_000), "outage"),))
    verdict = judged(*solved("c1", 60), until=T(60), book=book)
    assert told_of(verdict, "episode_ended", "excluded", "resolved") == [(60, True, None)]


def test_a_resolution_of_nobody_known_is_unlinked_and_has_no_links() -> None:
    log = (
        *solved("c1", 60, customer=None),
        *solved("c2", 61),
        data_updated("c1", T(60.001), customer_key="k1"),
    )
    counts = window(judged(*log, until=T(120))).counts
    assert ratio_of(counts, "unlinked") == (1, 2)
    assert linked(judged(*log, until=T(120 + DAY))) == {"links.24h": 1}


# Returns.


@pytest.mark.parametrize("channel", ["chat", "voice", "email"])
def test_a_customer_comes_back_by_any_channel_for_the_same_or_for_something_else(
    channel: str,
) -> None:
    back = started("c2", T(500), channel=channel, customer_key="k1")
    if channel != "voice":
        back = visited("c2", 500, channel=channel)
    expected = {"links.24h": 1, "returned.24h": 1, "returned_same.24h": 1}
    assert after(24, *solved("c1", 60), back) == expected
    other = visited("c2", 500, journey="outage")
    assert after(24, *solved("c1", 60), other) == {"links.24h": 1, "returned.24h": 1}


def test_it_is_not_the_same_where_no_journey_was_stated() -> None:
    log = (*solved("c1", 60, journey=None), visited("c2", 500, journey=None))
    assert after(24, *log) == {"links.24h": 1, "returned.24h": 1}


def test_journeys_outside_the_scope_are_compared_as_they_are() -> None:
    log = (*solved("c1", 60, journey="sauna"), visited("c2", 500, journey="spa"))
    assert after(24, *log) == {"links.24h": 1, "returned.24h": 1}


@pytest.mark.parametrize(("name", "hours"), [("24h", 24), ("72h", 72), ("7d", 168)])
def test_each_horizon_holds_its_last_millisecond_and_not_the_next(name: str, hours: int) -> None:
    end = 60 + hours * HOURS
    assert HORIZONS_MS[name] == hours * HOURS * 1_000
    in_time = after(hours, *solved("c1", 60), visited("c2", end))
    assert in_time == {f"links.{name}": 1, f"returned.{name}": 1, f"returned_same.{name}": 1}
    assert after(hours, *solved("c1", 60), visited("c2", end + 0.001)) == {f"links.{name}": 1}


@pytest.mark.parametrize(("name", "hours"), [("24h", 24), ("72h", 72), ("7d", 168)])
def test_a_horizon_counts_once_the_watermark_has_reached_its_end(name: str, hours: int) -> None:
    log, end = solved("c1", 60), T(60 + hours * HOURS)
    assert linked(judged(*log, until=end - 1)) == {}
    assert linked(judged(*log, until=end)) == {f"links.{name}": 1}
    just_after = solved("c1", 60.001)
    assert linked(judged(*just_after, until=end + 1)) == {}
    assert linked(judged(*just_after, until=end + 60_000)) == {f"links.{name}": 1}


def test_a_conversation_that_is_taken_up_again_is_a_return() -> None:
    log = (*solved("c1", 60), reopened("c1", T(500)))
    expected = {"links.24h": 1, "returned.24h": 1, "returned_same.24h": 1}
    assert after(24, *log) == expected


def test_a_return_is_to_the_last_close_only() -> None:
    # c2 had begun before c1 was closed, so that its visit is no return.
    log = (
        *solved("c1", 60, market="SG"),
        *solved("c2", 70, market="MY", begin=55),
        visited("c3", 500),
    )
    verdict = judged(*log, until=T(120 + DAY))
    assert linked(verdict, market="SG") == {"links.24h": 1}
    assert linked(verdict, market="MY") == {
        "links.24h": 1,
        "returned.24h": 1,
        "returned_same.24h": 1,
    }


def test_a_visit_after_the_return_is_a_return_to_nothing() -> None:
    log = (*solved("c1", 60), visited("c2", 500, journey="outage"), visited("c3", 600))
    assert after(24, *log) == {"links.24h": 1, "returned.24h": 1}


def test_a_return_within_one_horizon_is_one_within_the_longer_ones() -> None:
    log = (*solved("c1", 60), visited("c2", 60 + 24 * HOURS + 1))
    assert after(24, *log) == {"links.24h": 1}
    assert after(72, *log) == {"links.72h": 1, "returned.72h": 1, "returned_same.72h": 1}
    assert after(168, *log) == {"links.7d": 1, "returned.7d": 1, "returned_same.7d": 1}


def test_each_of_a_chain_of_resolutions_has_the_next_one_as_its_return() -> None:
    log = (*solved("c1", 60), *solved("c2", 260), *solved("c3", 460))
    verdict = judged(*log, until=T(600 + DAY))
    assert linked(verdict, "1h") == {"links.24h": 3, "returned.24h": 2, "returned_same.24h": 2}


def test_a_customer_is_not_taken_for_another() -> None:
    assert after(24, *solved("c1", 60), visited("c2", 500, customer="k2")) == {"links.24h": 1}


def test_customers_of_two_contracts_are_two_though_their_keys_are_equal() -> None:
    book = ContractBook([TERMS, replace(TERMS, contract="bank-2026")])
    log = (*solved("c1", 60), visited("c2", 500, contract="bank-2026"))
    verdict = judged(*log, until=T(60 + DAY), book=book)
    (found,) = [
        w for w in verdict.windows if w.contract == "telco-2026" and not w.key and w.window == "5m"
    ]
    assert found.counts == {"links.24h": 1}


# Ties.


def test_a_visit_in_the_millisecond_of_the_close_is_not_a_return_the_next_one_is() -> None:
    same_moment = (*solved("c1", 60), visited("c2", 60))
    assert after(24, *same_moment) == {"links.24h": 1}
    expected = {"links.24h": 1, "returned.24h": 1, "returned_same.24h": 1}
    assert after(24, *same_moment, visited("c3", 60.001)) == expected


def test_of_two_visits_at_once_the_conversation_that_comes_first_is_the_return() -> None:
    one, other = {"journey": "billing"}, {"journey": "outage"}
    same = (*solved("c1", 60), visited("c2", 500, **one), visited("c3", 500, **other))
    assert after(24, *same)["returned_same.24h"] == 1
    not_same = (*solved("c1", 60), visited("c2", 500, **other), visited("c3", 500, **one))
    assert after(24, *not_same) == {"links.24h": 1, "returned.24h": 1}


def test_of_two_closes_at_once_the_conversation_that_comes_last_has_the_return() -> None:
    log = (*solved("c1", 60, market="SG"), *solved("c2", 60, market="MY"), visited("c0", 500))
    verdict = judged(*log, until=T(60 + DAY))
    assert linked(verdict, market="SG") == {"links.24h": 1}
    assert linked(verdict, market="MY")["returned.24h"] == 1


# Keys and versions.


def test_links_count_under_the_keys_and_the_version_of_the_close() -> None:
    change = T(600)
    book = ContractBook(
        [
            replace(TERMS, effective_to_ms=change),
            replace(TERMS, version=2, effective_from_ms=change, groupings=((), ("supplier",))),
        ]
    )
    log = (*solved("c1", 60, market="SG"), visited("c2", 500, market="MY", channel="email"))
    verdict = judged(*log, until=T(60 + DAY), book=book)
    expected = {"links.24h": 1, "returned.24h": 1, "returned_same.24h": 1}
    found = {w.key for w in verdict.windows if w.window == "5m" and w.counts == expected}
    assert found == {
        (),
        (("channel", "chat"),),
        (("market", "SG"),),
        (("journey", "billing"),),
    }


# What is late.


def test_a_visit_told_late_is_no_return() -> None:
    log = (*solved("c1", 60), T(1_000), visited("c2", 500))
    verdict = judged(*log, until=T(60 + DAY))
    assert late(verdict) == [("+", 500, "customer_visited", 0)]
    assert linked(verdict) == {"links.24h": 1}


def test_a_resolution_told_late_has_no_links() -> None:
    first, *others = solved("c1", 60)
    verdict = judged(first, T(1_000), *others, visited("c2", 2_000), until=T(60 + DAY))
    assert ("+", 60, "episode_ended", 0) in late(verdict)
    assert linked(verdict) == {}


def test_a_resolution_that_a_late_event_takes_back_stays_counted() -> None:
    log = (*solved("c1", 60), visited("c2", 500))
    verdict = judged(*log, T(1_000), human_message("c1", T(30)), until=T(60 + DAY))
    closes = [f for f in facts(verdict, "episode_ended") if f.conversation == "c1"]
    assert [(f.retracts, f.detail["resolved"]) for f in closes] == [
        (False, True),
        (True, True),
        (False, False),
    ]
    assert linked(verdict)["returned.24h"] == 1


def test_a_customer_who_becomes_known_late_does_not_link_what_was_published() -> None:
    log = (*solved("c1", 60, customer=None), visited("c2", 500))
    told_late = data_updated("c1", T(20), customer_key="k1")
    verdict = judged(*log, T(1_000), told_late, until=T(60 + DAY))
    assert late(verdict) == [("+", 20, "customer_visited", 0)]
    assert linked(verdict) == {}


def test_whom_a_late_event_says_it_was_changes_nothing_that_was_published() -> None:
    told_late = data_updated("c1", T(5), customer_key="k0")
    verdict = judged(*solved("c1", 60), visited("c2", 500), T(1_000), told_late, until=T(60 + DAY))
    assert linked(verdict)["returned.24h"] == 1


# Partitions.


def test_customers_are_followed_from_one_partition_to_another() -> None:
    end = T(60 + DAY)
    verdict = judge_partitions(
        [[*solved("c1", 60), end], [visited("c2", 500), end]], book_with(), lateness_ms=0
    )
    assert linked(verdict) == {"links.24h": 1, "returned.24h": 1, "returned_same.24h": 1}


def test_nothing_counts_beyond_the_least_watermark_of_the_partitions() -> None:
    end = T(60 + DAY)
    log = [*solved("c1", 60), end + 600_000]
    behind = judge_partitions([log, [end - 1]], book_with(), lateness_ms=0)
    assert linked(behind, "24h") == {}
    reached = judge_partitions([log, [end]], book_with(), lateness_ms=0)
    assert linked(reached, "24h") == {"links.24h": 1}


# Clauses.


def _promise(indicator: Indicator, **fields: Any) -> Clause:
    window = {} if "period" in fields else {"window_ms": 86_400_000}
    given = {"grouping": (), "target_ppm": 400_000, **window, **fields}
    return Clause(id=indicator, indicator=indicator, **given)


def test_a_promise_about_returns_breaches_when_the_horizon_has_passed() -> None:
    book = book_with(
        _promise("recontact_24h"), _promise("recontact_same_24h"), _promise("recontact_72h")
    )
    log = (*solved("c1", 60), visited("c2", 500, journey="outage"))
    verdict = judged(*log, until=T(60 + 5 * DAY), book=book)
    assert told(verdict.breaches) == [
        (60 + DAY, "recontact_24h", "opened", 1, 1),
        (60 + 2 * DAY, "recontact_24h", "closed", 0, 0),
        (60 + 3 * DAY, "recontact_72h", "opened", 1, 1),
        (60 + 4 * DAY, "recontact_72h", "closed", 0, 0),
    ]


def test_returns_count_in_the_calendar_period_in_which_their_horizon_ends() -> None:
    # Closed in Singapore's March, 7 days before the end of the minute that ends it.
    month_end = 30 * DAY - 8 * HOURS
    book = book_with(_promise("recontact_7d", period="1M"))
    log = (*solved("c1", month_end - 7 * DAY), visited("c2", month_end - 6 * DAY))
    verdict = judged(*log, until=T(month_end + 60), book=book)
    assert told(verdict.breaches) == [
        (month_end, "recontact_7d", "opened", 1, 1),
        (month_end + 60, "recontact_7d", "closed", 0, 0),
    ]


def test_too_many_resolutions_of_nobody_known_breach() -> None:
    book = book_with(_promise("unlinked", minimum_volume=2))
    log = (*solved("c1", 60, customer=None), *solved("c2", 120))
    verdict = judged(*log, until=T(200), book=book)
    assert told(verdict.breaches) == [(120, "unlinked", "opened", 1, 2)]
