"""The synthetic day: reproducible, complete, calibrated, and dirty only where it says so."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract_files import load_contracts
from streams.domain.events import EVENT_TYPES, Event, epoch_ms
from streams.domain.wire import FUTURE_TOLERANCE_MS, Rejection, decode_event
from streams.sources.synthetic import (
    DIRT,
    SUFFIXES,
    SyntheticDay,
    generate,
    generate_days,
    write_log,
)
from streams.sources.synthetic.day import ALLOWED_LATENESS_MS, HOUR_MS

ROOT = Path(__file__).parents[3]
DAY = SyntheticDay(interactions=3_000)
SMALL = SyntheticDay(interactions=120, hours=3, bad_hour=1)
CLEAN = replace(SMALL, duplicate_ppm=0, late_ppm=0, dirt_ppm=0)
RECORDED = re.compile(rb',"recordedtime":"[^"]*"\}$')


class Record(NamedTuple):
    line: bytes
    event: Event
    time: int
    arrival: int

    @property
    def name(self) -> str:
        return type(self.event).__name__

    @property
    def data(self) -> Any:
        return getattr(self.event, "data", None)


def decoded(lines: Iterable[bytes], contract: str = DAY.contract) -> Iterator[Record]:
    """The lines that are usable events: they decode, and their time is not in the far future."""
    for line in lines:
        try:
            event = decode_event(line, {contract})
        except Rejection:
            continue
        assert event.recordedtime is not None
        time, arrival = epoch_ms(event.time), epoch_ms(event.recordedtime)
        if time <= arrival + FUTURE_TOLERANCE_MS:
            yield Record(line, event, time, arrival)


def digest(lines: Iterable[bytes]) -> str:
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return list(generate(DAY))


@pytest.fixture(scope="module")
def records(lines: list[bytes]) -> list[Record]:
    return list(decoded(lines))


@pytest.fixture(scope="module")
def firsts(records: list[Record]) -> list[Record]:
    """The records without their duplicates."""
    known: dict[tuple[str, str], Record] = {}
    for record in records:
        known.setdefault((record.event.source, record.event.id), record)
    return list(known.values())


def test_same_parameters_give_the_same_bytes_whatever_the_hash_seed() -> None:
    program = (
        "import hashlib\n"
        "from streams.sources.synthetic import SyntheticDay, generate\n"
        "day = SyntheticDay(interactions=120, hours=3, bad_hour=1)\n"
        "print(hashlib.sha256(b'\\n'.join(generate(day))).hexdigest())\n"
    )
    elsewhere = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed, zone in (("1", "UTC"), ("2", "America/New_York"))
    ]
    assert elsewhere == [digest(generate(SMALL))] * 2


def test_another_seed_gives_other_contacts() -> None:
    assert digest(generate(SMALL)) != digest(generate(replace(SMALL, seed=2)))


def test_every_event_type_but_the_tick_occurs_in_a_day(records: list[Record]) -> None:
    seen = {type(record.event) for record in records}
    missing = [name for name, cls in EVENT_TYPES.items() if cls not in seen]
    assert missing == ["baton.tick"]


def test_records_come_in_the_order_of_their_arrival(records: list[Record]) -> None:
    arrivals = [record.arrival for record in records]
    assert arrivals == sorted(arrivals)


def test_contacts_are_numbered_by_their_start_and_all_begin_within_the_day(
    firsts: list[Record],
) -> None:
    starts: dict[str, int] = {}
    for record in firsts:
        if record.name == "ContactStarted":
            starts.setdefault(record.data.conversation_id, record.time)
    ids = [id_ for id_, _ in sorted(starts.items(), key=lambda item: (item[1], item[0]))]
    assert ids == [f"c-{n:06d}" for n in range(1, DAY.interactions + 1)]
    assert min(starts.values()) >= DAY.start_ms
    assert max(starts.values()) < DAY.end_ms


def test_all_that_is_rejected_is_planted_and_every_kind_is_planted(lines: list[bytes]) -> None:
    codes: Counter[str] = Counter()
    for line in lines:
        try:
            event = decode_event(line, {DAY.contract})
        except Rejection as rejection:
            codes[rejection.code] += 1
            assert b'"id":"dirt-' in line
        else:
            assert event.recordedtime is not None
            future = epoch_ms(event.time) > epoch_ms(event.recordedtime) + FUTURE_TOLERANCE_MS
            codes["future_time"] += future
            assert event.id.startswith("dirt-") == future
    assert set(DIRT.values()) <= set(+codes)
    assert codes["too_large"] == 1
    assert codes == Counter(DIRT.values())


def test_a_day_without_dirt_holds_only_events() -> None:
    made = list(generate(CLEAN))
    assert len(list(decoded(made))) == len(made)


def test_arrival_is_delayed_by_no_more_than_asked_but_for_the_late(firsts: list[Record]) -> None:
    delays = [record.arrival - record.time for record in firsts]
    beyond = [delay for delay in delays if delay > DAY.disorder_seconds * 1000]
    assert min(delays) >= 0
    assert all(delay > ALLOWED_LATENESS_MS for delay in beyond)
    assert 0 < len(beyond) < len(delays) * 4 * DAY.late_ppm / 1_000_000


def test_events_are_out_of_order_only_where_disorder_is_asked_for(firsts: list[Record]) -> None:
    def steps_back(found: list[Record]) -> int:
        return sum(a.time > b.time for a, b in pairwise(found))

    assert steps_back(firsts) > len(firsts) // 100
    assert steps_back(list(decoded(generate(replace(CLEAN, disorder_seconds=0))))) == 0


def test_a_duplicate_differs_from_its_original_only_in_when_it_was_recorded(
    records: list[Record],
) -> None:
    copies: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        copies[record.event.source, record.event.id].append(record)
    twice = [found for found in copies.values() if len(found) > 1]
    assert all(len(found) == 2 for found in twice)
    share_ppm = len(twice) * 1_000_000 // len(copies)
    assert DAY.duplicate_ppm * 0.8 < share_ppm < DAY.duplicate_ppm * 1.2
    for first, second in twice:
        assert RECORDED.sub(b"", first.line) == RECORDED.sub(b"", second.line)
        assert second.arrival > first.arrival
    on_time = sum(second.arrival - second.time <= ALLOWED_LATENESS_MS for _, second in twice)
    assert on_time > len(twice) * 0.8


def waits_by_hour(firsts: list[Record]) -> dict[int, list[int]]:
    """From the request to the acceptance, or to leaving the queue, of each handoff; ms by hour."""
    asked: dict[str, int] = {}
    settled: dict[str, int] = {}
    for record in sorted(firsts, key=lambda r: r.time):
        name = record.name
        if name == "HandoffRequested":
            asked[record.data.handoff_id] = record.time
        elif name in ("HandoffAccepted", "HandoffAbandoned"):
            settled.setdefault(record.data.handoff_id, record.time)
    waits: dict[int, list[int]] = defaultdict(list)
    for handoff, time in asked.items():
        if handoff in settled:
            waits[DAY.local_hour(time)].append(settled[handoff] - time)
    return waits


def test_days_on_end_come_by_arrival_and_each_has_contacts_of_its_own() -> None:
    day = SyntheticDay(interactions=40, hours=3, dirt_ppm=0)
    records = list(decoded(generate_days(day, 3)))
    arrivals = [record.arrival for record in records]
    assert arrivals == sorted(arrivals)
    starts = {
        record.event.data.conversation_id: record.time
        for record in records
        if record.name == "ContactStarted"
    }
    names = sorted(starts, key=lambda name: starts[name])
    assert names == sorted(names)
    begun = Counter((starts[name] - day.start_ms) // (3 * 3_600_000) for name in names)
    assert begun == {0: 40, 1: 40, 2: 40}


def test_one_day_on_end_is_that_day() -> None:
    assert list(generate_days(DAY, 1)) == list(generate(DAY))


def test_in_the_bad_hour_more_contacts_fail_and_humans_are_slower(firsts: list[Record]) -> None:
    waits = waits_by_hour(firsts)
    normal = [w for h, found in waits.items() if 8 <= h <= 20 and h not in (14, 15) for w in found]

    def slow(found: list[int]) -> float:
        return sum(wait > 60_000 for wait in found) / len(found)

    assert slow(waits[14]) > 3 * slow(normal)
    assert slow(normal) < 0.2
    assert len(waits[14]) > 1.8 * len(waits[13])


def test_in_the_bad_hour_the_ai_fails_by_its_tools(firsts: list[Record]) -> None:
    failures: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for record in firsts:
        if record.name == "AiFailureSignalled":
            failures[DAY.local_hour(record.time) == 14][record.data.signal] += 1
    bad, good = failures[True], failures[False]
    assert bad["tool_error"] / bad.total() > 0.5
    assert good["tool_error"] / good.total() < 0.25


def test_a_day_without_a_bad_hour_has_no_bad_release() -> None:
    quiet = list(generate(replace(SMALL, bad_hour=None)))
    assert not any(b'"to_version":"p-18"' in line for line in quiet)
    assert any(b'"to_version":"p-18"' in line for line in generate(SMALL))


def test_three_in_four_contacts_never_reach_for_a_human(firsts: list[Record]) -> None:
    served, asked = set(), set()
    for record in firsts:
        name, data = record.name, record.data
        if name == "AiTurn":
            served.add(data.conversation_id)
        elif name == "HandoffRequested" or (
            name == "AiFailureSignalled" and data.signal == "human_requested"
        ):
            asked.add(data.conversation_id)
    assert 0.72 < 1 - len(asked) / len(served) < 0.80


def test_some_answers_are_stamped_before_their_request_by_at_most_three_seconds() -> None:
    asked: dict[str, int] = {}
    answered: dict[str, int] = {}
    for record in decoded(generate(replace(DAY, interactions=6_000, hours=2, dirt_ppm=0))):
        name, data = record.name, record.data
        if name == "HandoffRequested":
            asked[data.handoff_id] = record.time
        elif name == "HandoffConnected":
            answered.setdefault(data.handoff_id, record.time)
    ahead = [asked[h] - t for h, t in answered.items() if h in asked and t < asked[h]]
    assert ahead
    assert max(ahead) <= 3_000


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def test_no_value_could_be_an_e_mail_address_a_phone_number_or_free_text(
    firsts: list[Record],
) -> None:
    word = re.compile(r"[A-Za-z0-9:._/-]{1,64}")
    digits = re.compile(r"[0-9]{7,}")
    for record in firsts:
        for text in texts(orjson.loads(record.line)):
            assert word.fullmatch(text), text
            assert not digits.fullmatch(text), text


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_written_log_holds_what_is_generated_and_is_the_same_file_each_time(
    tmp_path: Path, suffix: str
) -> None:
    wanted = list(generate(SMALL))
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    assert write_log(SMALL, first) == write_log(SMALL, second) == len(wanted)
    raw = first.read_bytes()
    assert raw == second.read_bytes()
    if suffix.endswith(".gz"):
        raw = gzip.decompress(raw)
    elif suffix.endswith(".zst"):
        raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    assert raw == b"".join(line + b"\n" for line in wanted)
    assert sorted(p.name for p in tmp_path.iterdir()) == [first.name, second.name]


def test_a_log_of_an_unknown_format_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"day\.csv: the name must end in one of \.jsonl, "):
        write_log(SMALL, tmp_path / "day.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("interactions", 0),
        ("seed", -1),
        ("hours", 0),
        ("bad_hour", 24),
        ("late_ppm", 1_000_001),
        ("first_contact", 0),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_name(field: str, value: int) -> None:
    changed: dict[str, Any] = {field: value}
    with pytest.raises(ValueError, match=rf"SyntheticDay\.{field} is {value}; give "):
        replace(DAY, **changed)


def test_the_shipped_contract_serves_the_defaults() -> None:
    book = load_contracts([ROOT / "deploy" / "contracts" / "telco-2026.yaml"])
    terms = book.at(SyntheticDay().contract, SyntheticDay().start_ms)
    assert terms.contract == SyntheticDay().contract
    for record in decoded(generate(CLEAN)):
        data = msgspec.to_builtins(record.event)["data"]
        for dimension in ("channel", "market", "journey", "supplier"):
            value = data.get(dimension) or "unknown"
            assert terms.bounded(dimension, value) == value


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    interactions=st.integers(1, 40),
    hours=st.integers(1, 30),
    disorder_seconds=st.integers(0, 120),
    duplicate_ppm=st.sampled_from([0, 10_000, 500_000, 1_000_000]),
    dirt_ppm=st.sampled_from([0, 1, 20_000]),
    bad_hour=st.none() | st.integers(0, 23),
    offset=st.integers(0, 24 * HOUR_MS),
)
def test_any_day_is_ordered_by_arrival_and_has_unique_ids(
    seed: int,
    interactions: int,
    hours: int,
    disorder_seconds: int,
    duplicate_ppm: int,
    dirt_ppm: int,
    bad_hour: int | None,
    offset: int,
) -> None:
    day = SyntheticDay(
        seed=seed,
        interactions=interactions,
        start_ms=DAY.start_ms + offset,
        hours=hours,
        disorder_seconds=disorder_seconds,
        duplicate_ppm=duplicate_ppm,
        dirt_ppm=dirt_ppm,
        bad_hour=bad_hour,
    )
    made = list(decoded(generate(day)))
    arrivals = [record.arrival for record in made]
    assert arrivals == sorted(arrivals)
    bodies: dict[tuple[str, str], set[bytes]] = defaultdict(set)
    for record in made:
        bodies[record.event.source, record.event.id].add(RECORDED.sub(b"", record.line))
    assert all(len(found) == 1 for found in bodies.values())
    if duplicate_ppm == 1_000_000:
        assert len(made) == 2 * len(bodies)
