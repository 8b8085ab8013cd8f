"""What moved: failure reasons against the 23 hours before, a version of the AI against the last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from streams.domain.contract import ContractBook
from streams.domain.delta import Entry
from streams.domain.window_value import SLICE_MS
from streams.domain.windows import WindowPartition
from streams.export.live.comparisons import MOST_MOVERS
from streams.export.live.snapshot import Snapshot
from streams.export.telemetry import Telemetry
from tests.deltas import one_step
from tests.log_builder import CONTRACT, EPOCH_MS
from tests.unit.export.live.looked_at import snapshot_of
from tests.unit.oracle.verdicts import TERMS

BOOK = ContractBook([replace(TERMS, clauses=(), groupings=((), ("prompt_version",)))])


def seen(
    *said: tuple[str, int, Mapping[str, int]],
    until: int = 24 * 60 - 1,
    announced: Mapping[str, int] | None = None,
) -> Snapshot:
    """A snapshot after counts of (prompt version or "" for the whole contract, minute, counts);
    `announced`: the minute in which a version was put in force.
    """
    partition = WindowPartition(BOOK, 1)
    for version, minute, counts in sorted(said, key=lambda each: each[1]):
        at = EPOCH_MS + minute * SLICE_MS
        key = (("prompt_version", version),) if version else ()
        partition.apply(0, one_step(at, [Entry(CONTRACT, key, at, dict(counts))]))  # type: ignore[arg-type]
    partition.apply(0, one_step(EPOCH_MS + until * SLICE_MS))
    partition.advance()
    telemetry = Telemetry(BOOK)
    telemetry.windows_owned(0, partition)
    telemetry.config_changes.latest[CONTRACT] = {
        ("prompt", version): EPOCH_MS + minute * SLICE_MS
        for version, minute in (announced or {}).items()
    }
    return snapshot_of(telemetry)


NOW, BEFORE = 24 * 60 - 10, 12 * 60


def failures(**counts: int) -> dict[str, int]:
    return {f"failure.{reason}": count for reason, count in counts.items()}


def outcomes(contained: int, eligible: int) -> dict[str, int]:
    return {"outcome.contained": contained, "eligible": eligible}


def test_a_reason_is_compared_with_its_share_in_the_hours_before() -> None:
    found = seen(
        ("", BEFORE, failures(no_match=900, tool_error=100)),
        ("", NOW, failures(no_match=50, tool_error=50)),
    ).movers
    tools = next(one for one in found if one.reason == "tool_error")
    assert (tools.recent, tools.recent_of, tools.before, tools.before_of) == (50, 100, 100, 1000)
    assert tools.comparison is not None
    assert tools.comparison.verdict == "higher"


def test_those_that_moved_most_come_first_and_the_list_is_bounded() -> None:
    reasons = [f"r{number}" for number in range(MOST_MOVERS + 4)]
    before = failures(**dict.fromkeys(reasons, 100))
    now = failures(**{reason: 10 * number for number, reason in enumerate(reasons, start=1)})
    found = seen(("", BEFORE, before), ("", NOW, now)).movers
    assert len(found) == MOST_MOVERS
    moved = [abs(one.comparison.difference) for one in found if one.comparison]
    assert moved == sorted(moved, reverse=True)


def test_few_failures_are_too_few_and_none_at_all_is_unknown() -> None:
    few = seen(("", BEFORE, failures(no_match=3)), ("", NOW, failures(tool_error=2))).movers
    assert {one.comparison.verdict for one in few if one.comparison} == {"too_few"}
    (none,) = seen(("", BEFORE, failures(no_match=900))).movers
    assert none.comparison is None


def test_the_newest_version_is_compared_with_the_one_before_it() -> None:
    found = seen(
        ("p-117", 10, outcomes(10, 20)),
        ("p-118", 20, outcomes(900, 1000)),
        ("p-119", 600, outcomes(700, 1000)),
        ("p-118", 700, outcomes(1, 1)),
        ("p-119", 800, {"escalations": 1}),
        ("p-118", 800, {"escalations": 1}),
    ).versions
    assert {(one.old, one.new) for one in found} == {("p-118", "p-119")}
    raw = next(one for one in found if one.indicator == "containment_raw")
    assert (raw.old_share, raw.new_share) == ((901, 1001), (700, 1000))
    assert (raw.since, raw.announced) == (EPOCH_MS + 600 * SLICE_MS, False)
    assert raw.comparison is not None
    assert raw.comparison.verdict == "lower"


def test_versions_that_nobody_named_are_not_compared() -> None:
    said = [
        (name, at, outcomes(9, 10)) for at, name in enumerate(["other", "p-1", "unknown"], start=9)
    ]
    assert seen(*said).versions == ()


def test_a_version_without_samples_in_the_day_is_unknown_not_worse() -> None:
    found = seen(
        ("p-1", 10, outcomes(9, 10)), ("p-2", 26 * 60, {"escalations": 1}), until=26 * 60
    ).versions
    assert {one.comparison for one in found} == {None}


def test_a_version_that_was_announced_counts_from_then_on() -> None:
    said = [("p-1", 10, outcomes(9, 10)), ("p-2", 20, outcomes(8, 10))]
    rolled_back = seen(*said, announced={"p-1": 900, "p-2": 15}).versions
    assert {(one.old, one.new) for one in rolled_back} == {("p-2", "p-1")}
    assert {(one.since, one.announced) for one in rolled_back} == {
        (EPOCH_MS + 900 * SLICE_MS, True)
    }
