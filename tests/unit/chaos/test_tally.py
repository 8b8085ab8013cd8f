"""The judge of the fault matrix counts what is lost, twice or wrong, and nothing else."""

from __future__ import annotations

import orjson
import pytest
from aiokafka import ConsumerRecord

from streams.domain.breach_record import encode_breach
from streams.domain.facts import encode_fact
from streams.domain.window_value import encode_window
from streams.kafka import topics
from streams.oracle.judge import Verdict
from tests.chaos.tally import (
    Letter,
    Origin,
    Record,
    Tally,
    count_dead_letters,
    count_published,
)
from tests.stream_run import synthetic_log

VERDICT = synthetic_log(600, hours=16).verdict
LETTER: Origin = ("events", 1, 7)


def record(
    topic: str, offset: int, value: bytes, key: bytes | None = None, *headers: tuple[str, bytes]
) -> Record:
    return ConsumerRecord(topic, 0, offset, 0, 0, key, value, None, 0, 0, headers)


def published(verdict: Verdict) -> dict[str, list[Record]]:
    """The topics as a worker without fault leaves them."""
    facts = [encode_fact(fact) for fact in verdict.facts]
    breaches = [encode_breach(breach) for breach in verdict.breaches]
    values = [
        (orjson.dumps([v.contract, v.window, dict(v.key)]), encode_window(v))
        for v in verdict.windows
    ]
    return {
        topics.FACTS: [record(topics.FACTS, at, raw) for at, raw in enumerate(facts)],
        topics.BREACHES: [record(topics.BREACHES, at, raw) for at, raw in enumerate(breaches)],
        topics.WINDOWS: [
            record(topics.WINDOWS, at, raw, key) for at, (key, raw) in enumerate(values)
        ],
    }


def counted(read: dict[str, list[Record]]) -> tuple[int, int, int]:
    tally = Tally()
    count_published(tally, VERDICT, read)
    return tally.lost, tally.duplicated, tally.wrong


def test_what_the_oracle_says_is_right_and_counted_as_out() -> None:
    assert VERDICT.facts
    assert VERDICT.breaches
    assert VERDICT.windows
    read, tally = published(VERDICT), Tally()
    count_published(tally, VERDICT, read)
    assert tally == Tally(records_out=sum(map(len, read.values())))


@pytest.mark.parametrize("topic", [topics.FACTS, topics.BREACHES, topics.WINDOWS])
def test_a_record_that_is_missing_is_lost(topic: str) -> None:
    read = published(VERDICT)
    del read[topic][3]
    assert counted(read) == (1, 0, 0)


@pytest.mark.parametrize("topic", [topics.FACTS, topics.BREACHES])
def test_a_record_that_stands_there_again_is_duplicated(topic: str) -> None:
    read = published(VERDICT)
    read[topic] += [read[topic][3], read[topic][3], read[topic][5]]
    assert counted(read) == (0, 3, 0)


@pytest.mark.parametrize("topic", [topics.FACTS, topics.BREACHES, topics.WINDOWS])
def test_other_content_is_wrong(topic: str) -> None:
    read = published(VERDICT)
    right = read[topic][3]
    raw = right.value.replace(b'"telco-2026"', b'"telco-2027"')
    assert raw != right.value
    read[topic][3] = record(topic, 3, raw, right.key)
    assert counted(read) == (0, 0, 1)


def test_a_repetition_with_other_content_is_both() -> None:
    read = published(VERDICT)
    raw = read[topics.FACTS][0].value.replace(b'"telco-2026"', b'"telco-2027"')
    read[topics.FACTS].append(record(topics.FACTS, 900, raw))
    assert counted(read) == (0, 1, 1)


def test_what_the_oracle_does_not_know_is_wrong() -> None:
    read = published(VERDICT)
    invented = orjson.dumps({**orjson.loads(read[topics.FACTS][0].value), "id": "invented"})
    read[topics.FACTS].append(record(topics.FACTS, 900, invented))
    read[topics.FACTS].append(record(topics.FACTS, 901, b"\xff"))
    read[topics.WINDOWS].append(record(topics.WINDOWS, 900, b"{}", b"another"))
    assert counted(read) == (0, 0, 3)


def test_of_a_window_the_last_value_counts() -> None:
    read = published(VERDICT)
    first = read[topics.WINDOWS][0]
    stale = record(topics.WINDOWS, 0, b"{}", first.key)
    assert counted({**read, topics.WINDOWS: [stale, *read[topics.WINDOWS]]}) == (0, 0, 0)
    assert counted({**read, topics.WINDOWS: [*read[topics.WINDOWS], stale]}) == (0, 0, 1)


def letter(offset: int, code: str, origin: Origin, value: bytes = b"bad") -> Record:
    told = {"topic": origin[0], "partition": str(origin[1]), "offset": str(origin[2])}
    headers = [(f"baton.error.origin.{name}", text.encode()) for name, text in told.items()]
    headers += [("baton.error.code", code.encode()), ("ce_id", b"\xff")]
    return record(topics.DEAD_LETTERS, offset, value, b"k", *headers)


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        ([letter(0, "malformed_json", LETTER)], (0, 0, 0)),
        ([], (1, 0, 0)),
        ([letter(0, "malformed_json", LETTER), letter(1, "malformed_json", LETTER)], (0, 1, 0)),
        ([letter(0, "unknown_type", LETTER)], (0, 0, 1)),
        ([letter(0, "malformed_json", LETTER, b"else")], (0, 0, 1)),
        ([letter(0, "malformed_json", ("events", 1, 8))], (1, 0, 1)),
        ([record(topics.DEAD_LETTERS, 0, b"bad")], (1, 0, 1)),
    ],
)
def test_dead_letters_are_counted_by_origin(
    found: list[Record], counts: tuple[int, int, int]
) -> None:
    tally = Tally()
    count_dead_letters(tally, {LETTER: Letter("malformed_json", b"k", b"bad")}, found)
    assert (tally.lost, tally.duplicated, tally.wrong) == counts
    assert bool(tally.findings) == (counts != (0, 0, 0))
