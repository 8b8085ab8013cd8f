"""DEFINITIONS.md section 8 in the stream: slices slide, expire, and take each step once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.agents import window_table
from streams.domain.breach_record import BreachRecord
from streams.domain.delta import Deltas, Entry, Key, Timed, deltas_of, slice_end_of
from streams.domain.histogram import bucket_of, bucket_value_ms
from streams.domain.window_value import WindowValue
from streams.domain.windows import WindowPartition
from tests.deltas import one_step
from tests.log_builder import CONTRACT, LIFE, T
from tests.unit.oracle.verdicts import BOOK, book_with

WHOLE: Key = (CONTRACT, ())
CHAT: Key = (CONTRACT, (("channel", "chat"),))
DAY = 86_400


def counted(
    second: float, key: Key = WHOLE, latencies_ms: Iterable[int] = (), **counts: int
) -> Entry:
    """So many of each counter in the slice that holds the second."""
    buckets: dict[int, int] = {}
    for latency in latencies_ms:
        buckets[bucket_of(latency)] = buckets.get(bucket_of(latency), 0) + 1
    return Entry(*key, slice_end_of(T(second)), counts, buckets)


def escalation(name: str, second: float, t0: float, *, eligible: bool = False) -> Timed:
    return Timed(T(second), (name, LIFE, 1, 1), T(t0), eligible)


def opening(name: str, second: float, *, t0: float | None = None, eligible: bool = False) -> Entry:
    timed = escalation(name, second, second if t0 is None else t0, eligible=eligible)
    return Entry(*WHOLE, slice_end_of(T(second)), {"escalations": 1}, opened=[timed])


def ending(name: str, second: float, t0: float) -> Entry:
    timed, latency = escalation(name, second, t0), T(second) - T(t0)
    return Entry(
        *WHOLE,
        slice_end_of(T(second)),
        {"ended.taken_over": 1},
        {bucket_of(latency): 1},
        ended=[timed],
    )


def step(*entries: Entry) -> list[Entry]:
    """The entries as one step has them: one a key and slice."""
    places: dict[tuple[str, object, int], Entry] = {}
    for entry in entries:
        place = (entry.contract, entry.dimensions, entry.slice_end)
        known = places.setdefault(place, Entry(*place))  # type: ignore[arg-type]
        for name, count in entry.counts.items():
            known.counts[name] = known.counts.get(name, 0) + count
        for bucket, count in entry.latencies.items():
            known.latencies[bucket] = known.latencies.get(bucket, 0) + count
        known.opened += entry.opened
        known.ended += entry.ended
    return list(places.values())


def after(*entries: Entry, until: float) -> WindowPartition:
    """One source's entries in one step."""
    windows = WindowPartition(BOOK, 1)
    windows.apply(0, one_step(T(until), step(*entries)))
    windows.advance()
    return windows


def shown(windows: WindowPartition) -> Mapping[tuple[Key, str], WindowValue]:
    return {((v.contract, v.key), v.window): v for v in windows.values()}  # type: ignore[misc]


def value(windows: WindowPartition, length: str = "5m", key: Key = WHOLE) -> WindowValue:
    return shown(windows)[key, length]


def test_a_slice_counts_from_its_end_until_the_length_has_passed() -> None:
    windows = WindowPartition(BOOK, 1)
    found = []
    for second, entries in ((60, [counted(60, matured=2)]), (300, []), (359, []), (360, [])):
        windows.apply(0, one_step(T(second), entries))
        windows.advance()
        found.append((value(windows).counts, value(windows, "1h").counts))
    two, none = {"matured": 2}, dict[str, int]()
    assert found == [(two, two), (two, two), (two, two), (none, two)]


def test_windows_of_every_length_slide_over_the_same_slices() -> None:
    windows = after(counted(10, matured=1), counted(3_500, matured=2), until=3_660)
    assert {name: value(windows, name).counts for name in ("5m", "1h", "24h")} == {
        "5m": {"matured": 2},
        "1h": {"matured": 2},
        "24h": {"matured": 3},
    }


def test_a_slice_is_forgotten_after_24_hours_and_its_key_is_not() -> None:
    windows = after(counted(60, matured=1), until=DAY + 59)
    assert value(windows, "24h").counts == {"matured": 1}
    windows.apply(0, one_step(T(DAY + 60)))
    windows.advance()
    assert (value(windows, "24h").counts, windows.keys[WHOLE].slices) == ({}, {})
    assert windows.expired_slices == {windows.keys[WHOLE]: {T(60)}}


def test_a_step_given_twice_changes_nothing() -> None:
    windows = after(counted(10, matured=1), until=30)
    windows.apply(0, one_step(T(30), [counted(10, matured=1)]))
    windows.apply(0, one_step(T(60)))
    windows.advance()
    assert value(windows).counts == {"matured": 1}


def test_steps_replayed_to_a_restored_table_change_nothing() -> None:
    table: dict[bytes, bytes] = {}
    windows = WindowPartition(BOOK, 2)
    steps = [
        (0, T(50), step(counted(10, matured=1), opening("c1", 20))),
        (1, T(40), [counted(10, matured=1)]),
    ]
    for source, watermark, entries in steps:
        windows.apply(source, one_step(watermark, entries))
    windows.advance()
    for _ in window_table.changes(windows, table):
        pass
    restored = WindowPartition(BOOK, 2)
    window_table.restore(restored, table, 2)
    for source, watermark, entries in steps:
        restored.apply(source, one_step(watermark, entries))
    for either in (windows, restored):
        for source in (0, 1):
            either.apply(source, one_step(T(60)))
        either.advance()
    assert shown(restored) == shown(windows)
    assert value(restored).counts == {"matured": 2, "escalations": 1}


def test_a_step_replayed_after_its_slices_expired_does_not_bring_them_back() -> None:
    table: dict[bytes, bytes] = {}
    # One source was silent for two days and is ahead; the other has come to 25 hours.
    ahead = step(counted(60, matured=1), counted(DAY + 7_200, matured=1))
    first = WindowPartition(BOOK, 2)
    first.apply(0, one_step(T(2 * DAY), ahead))
    first.apply(1, one_step(T(DAY + 3_600)))
    first.advance()
    list(window_table.changes(first, table))
    again = WindowPartition(BOOK, 2)
    window_table.restore(again, table, 2)
    again.apply(0, one_step(T(2 * DAY), ahead))
    list(window_table.changes(again, table))
    assert again.keys[WHOLE].slices.keys() == {T(DAY + 7_200)}
    assert sum(name.startswith(b"s") for name in table) == 1


def test_an_expired_slice_that_comes_back_with_an_old_table_goes_again() -> None:
    table: dict[bytes, bytes] = {}
    windows = after(counted(60, matured=1), until=120)
    old = dict(window_table.changes(windows, table))
    windows.apply(0, one_step(T(DAY + 300)))
    windows.advance()
    expired = [name for name, raw in window_table.changes(windows, table) if raw is None]
    table |= {name: raw for name, raw in old.items() if name in expired and raw is not None}
    restored = WindowPartition(BOOK, 1)
    window_table.restore(restored, table, 1)
    assert restored.keys[WHOLE].slices == {}
    assert [name for name, raw in window_table.changes(restored, table) if raw is None] == expired
    assert expired[0] not in table


def test_a_restart_at_a_boundary_remembers_who_left_before_it() -> None:
    table: dict[bytes, bytes] = {}
    windows = after(opening("c1", 10), ending("c1", 70, 10), until=80)
    for until in (80, 120):
        windows.apply(0, one_step(T(until)))
        windows.advance()
        for _ in window_table.changes(windows, table):
            pass
    restored = WindowPartition(BOOK, 1)
    window_table.restore(restored, table, 1)
    assert (value(windows).open, shown(restored)) == (0, shown(windows))


def test_no_boundary_closes_before_every_source_has_passed_it() -> None:
    windows = WindowPartition(BOOK, 2)
    windows.apply(0, one_step(T(120), [counted(10, matured=1)]))
    windows.advance()
    assert (windows.watermark, list(windows.values())) == (None, [])
    windows.apply(1, one_step(T(59), [counted(20, matured=1)]))
    windows.advance()
    assert (windows.watermark, list(windows.values())) == (T(59), [])
    windows.apply(1, one_step(T(60)))
    windows.advance()
    assert (value(windows).end, value(windows).counts) == (T(60), {"matured": 2})


def test_the_order_of_sources_does_not_matter() -> None:
    steps = [
        (0, T(90), [opening("c1", 10), counted(70, matured=1)]),
        (1, T(90), [ending("c1", 80, 10), counted(10, matured=1)]),
    ]
    found = []
    for order in (steps, steps[::-1]):
        windows = WindowPartition(BOOK, 2)
        for source, watermark, entries in order:
            windows.apply(source, one_step(watermark, entries))
            windows.advance()
        found.append(shown(windows))
    assert found[0] == found[1]


def test_a_key_is_shown_from_the_boundary_of_its_first_slice_on() -> None:
    windows = after(counted(10, matured=1), counted(70, CHAT, matured=1), until=100)
    assert {key for key, _ in shown(windows)} == {WHOLE}
    windows.apply(0, one_step(T(120)))
    windows.advance()
    assert {key for key, _ in shown(windows)} == {WHOLE, CHAT}


def test_open_escalations_stand_at_their_age_beside_those_that_ended() -> None:
    windows = after(opening("c1", 10), ending("c1", 14, 10), opening("c2", 20, t0=15), until=60)
    found = value(windows)
    assert (found.samples, found.open, found.oldest_t0) == (2, 1, T(15))
    assert found.latency_ms == {
        "p50": round(bucket_value_ms(bucket_of(4_000))),
        "p95": round(bucket_value_ms(bucket_of(45_000))),
        "p99": round(bucket_value_ms(bucket_of(45_000))),
    }


def test_an_escalation_that_ends_after_the_boundary_is_open_at_it() -> None:
    windows = after(opening("c1", 10), ending("c1", 60.001, 10), until=100)
    assert (value(windows).open, len(windows.keys[WHOLE].waiting)) == (1, 0)


def test_an_escalation_that_ends_at_the_boundary_is_not_open_at_it() -> None:
    assert value(after(opening("c1", 10), ending("c1", 60, 10), until=60)).open == 0


def test_those_waiting_who_were_eligible_are_counted_in_every_window() -> None:
    windows = after(opening("c1", 10, eligible=True), opening("c2", 20), until=86_400 + 120)
    assert [value(windows, length).counts for length in ("5m", "24h")] == [{"waiting": 1}] * 2


def test_a_wait_withdrawn_by_a_late_event_is_open_until_then_and_not_after() -> None:
    windows = after(opening("c1", 10), until=60)
    before = value(windows).open
    taken_back = Entry(*WHOLE, T(120), withdrawn=[escalation("c1", 60.001, 10)])
    windows.apply(0, one_step(T(120), [taken_back]))
    windows.advance()
    assert (before, value(windows).open, value(windows).counts) == (1, 0, {"escalations": 1})


def test_a_correction_takes_effect_before_all_else_at_its_millisecond() -> None:
    windows = after(opening("c1", 10), until=60)
    ended = escalation("c1", 60.001, 5)
    entry = Entry(
        *WHOLE,
        T(120),
        {"ended.taken_over": 1},
        ended=[ended],
        withdrawn=[escalation("c1", 60.001, 10)],
        reopened=[ended],
    )
    windows.apply(0, one_step(T(120), [entry]))
    windows.advance()
    assert value(windows).open == 0


def test_containment_is_known_once_the_key_has_opened_an_escalation() -> None:
    windows = after(counted(10, eligible=1), opening("c1", 61), until=100)
    first = value(windows).escalated_before
    windows.apply(0, one_step(T(120)))
    windows.advance()
    assert (first, value(windows).escalated_before) == (False, True)


def test_only_values_that_moved_are_told_again_and_ages_move_with_time() -> None:
    windows = after(counted(10, CHAT, matured=1), opening("c1", 10), until=60)
    told = [[v.key for v in windows.changed_values()]]
    for second in (60, 119, 120):
        windows.apply(0, one_step(T(second)))
        windows.advance()
        told.append([v.key for v in windows.changed_values()])
    assert told == [[WHOLE[1]] * 3 + [CHAT[1]] * 3, [], [], [WHOLE[1]] * 3]


def test_breaches_come_in_order_of_event_time_whatever_the_key() -> None:
    windows = WindowPartition(book_with(), 1)
    entries = []
    for name, second in (("chat", 30), ("voice", 10)):
        key: Key = (CONTRACT, (("channel", name),))
        overdue = escalation(name, second, 0)
        entries.append(Entry(*key, T(60), {"overdue": 1}, opened=[overdue], overdue=[overdue]))
    windows.apply(0, one_step(T(60), entries))
    records: list[BreachRecord] = windows.advance()
    assert [record.clause for record in records if record.status == "opened"] == [
        "voice-wait",
        "chat-wait",
    ]


_MINUTES = st.integers(0, 1_500)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(_MINUTES, st.integers(1, 3), max_size=30),
    st.lists(_MINUTES, min_size=1, max_size=12),
)
def test_windows_hold_their_slices_however_seldom_they_are_asked(
    slices: dict[int, int], asked: list[int]
) -> None:
    windows = WindowPartition(BOOK, 1)
    entries = [counted(60 * minute, matured=n) for minute, n in slices.items()]
    windows.apply(0, one_step(T(0), entries or [counted(0, matured=1)]))
    for minute in sorted(set(asked)):
        windows.apply(0, one_step(T(60 * minute + 59)))
        windows.advance()
        for name, minutes in (("5m", 5), ("1h", 60), ("24h", 1_440)):
            held = [n for end, n in slices.items() if minute - minutes < end <= minute]
            if slices and min(slices) <= minute:
                assert value(windows, name).counts.get("matured", 0) == sum(held)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_batch_cut_elsewhere_after_a_crash_is_taken_in_once(data: st.DataObject) -> None:
    steps = [
        (T(20 * n), step(counted(20 * n - 5, matured=1), counted(20 * n - 5, CHAT, safe=n)))
        for n in range(1, 12)
    ]

    def cut(upto: int) -> list[Deltas]:
        """The first steps, in batches cut anywhere."""
        ends = sorted({*data.draw(st.lists(st.integers(1, upto), max_size=4)), upto})
        starts = [0, *ends[:-1]]
        return [
            deltas_of(steps[end - 1][0], steps[start:end])
            for start, end in zip(starts, ends, strict=True)
        ]

    table: dict[bytes, bytes] = {}
    windows = WindowPartition(BOOK, 2)
    # The other source holds boundaries back: much of what was taken in is not judged yet.
    windows.apply(1, one_step(T(data.draw(st.integers(0, 240)))))
    for deltas in cut(data.draw(st.integers(1, len(steps)))):
        windows.apply(0, deltas)
        windows.advance()
        for _ in window_table.changes(windows, table):
            pass
    again = WindowPartition(BOOK, 2)
    window_table.restore(again, table, 2)
    for deltas in cut(len(steps)):
        again.apply(0, deltas)
        again.advance()
    again.apply(0, one_step(T(300)))
    again.apply(1, one_step(T(300)))
    again.advance()
    assert value(again, "1h").counts == {"matured": len(steps)}
    assert value(again, "1h", CHAT).counts == {"safe": sum(range(1, 12))}
