"""Crashes at any write: the real stages on a log in memory, ended between one append and the next.

A process dies after some of a flush's record batches were appended and before others were, or
after all were and nothing was committed; or it is paused there, and writes on when another has
taken over. What the next one makes of changelog and offsets must, each id counted once, be what the
oracle says. How Kafka and Faust themselves behave: tests/kafka.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import orjson
import pytest

from streams.agents.lifecycle import StateError
from streams.event_log import address
from streams.kafka import outbox, topics
from tests.mortal_worker import (
    CHANGELOGS,
    PARTITIONS,
    Killed,
    MortalProducer,
    Partitions,
    PausedProducer,
    Process,
    written,
)
from tests.stream_run import Log, synthetic_log
from tests.stream_verdict import assert_published_as_judged


def with_events_from_the_future(log: Log) -> Log:
    """Now and then an event of a conversation of its own, a little too far ahead of the clock."""

    def items() -> Iterator[bytes | int]:
        for index, item in enumerate(log.items):
            yield item
            if isinstance(item, int) and index % 7 == 0:
                ahead = next((i for i in log.items[index:] if _is_start_after(i, item)), None)
                if ahead is not None:
                    assert isinstance(ahead, bytes)
                    yield _renamed(ahead, f"future-{index}")

    return Log(tuple(items()), log.book)


def _is_start_after(item: bytes | int, tick: int) -> bool:
    if isinstance(item, int) or b'"baton.contact.started"' not in item:
        return False
    arrival = address(item).arrival_ms
    return arrival is not None and arrival > tick + 330_000


def _renamed(raw: bytes, name: str) -> bytes:
    event = orjson.loads(raw)
    event["id"] = name
    event["data"]["conversation_id"] = name
    return orjson.dumps(event)


@pytest.fixture(scope="module")
def log() -> Log:
    return with_events_from_the_future(synthetic_log(150, hours=4, late_ppm=20_000))


def lives(log: Log, seed: int, *, rarity: int, most: int) -> tuple[Partitions, int]:
    """Processes one after another until one reads to the end; and how many were killed."""
    kafka, chance, killed = written(log), random.Random(seed), 0
    while True:
        # The longer it takes the longer they live, so that it ends.
        producer = MortalProducer(kafka, chance, rarity + killed if rarity else 0)
        process = Process(kafka, log, chance, producer, most)
        try:
            asyncio.run(process.run())
        except Killed:
            killed += 1
            if chance.randrange(2):
                process.commit()  # it was just sending one
        else:
            return kafka, killed


def test_a_life_without_a_crash_publishes_everything_once(log: Log) -> None:
    kafka, killed = lives(log, 1, rarity=0, most=300)
    assert killed == 0
    assert log.verdict.dead_letters["future_time"] > 10
    assert log.verdict.late_facts > 0
    assert_published_as_judged(log.verdict, kafka.read, repeated=False)


@pytest.mark.parametrize("most", [7, 60, 200])
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_write_nothing_is_lost_or_told_otherwise(
    log: Log, seed: int, most: int
) -> None:
    kafka, killed = lives(log, seed, rarity=10, most=most)
    assert killed > 3
    assert_published_as_judged(log.verdict, kafka.read, repeated=True)


def test_outputs_torn_into_many_record_batches_change_nothing(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_BATCH_BYTES", 400)
    kafka, killed = lives(log, 5, rarity=60, most=60)
    assert killed > 10
    assert_published_as_judged(log.verdict, kafka.read, repeated=True)


def test_what_a_flush_writes_to_a_changelog_is_one_record_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "MAX_BATCH_BYTES", 400)
    producer = MortalProducer(Partitions(), random.Random(1))

    async def run() -> None:
        box = outbox.Outbox(producer)
        for number in range(50):
            box.put(topics.FACTS, 0, b"key-%d" % number, bytes(100))
            box.put_state(CHANGELOGS[0], 0, b"key-%d" % number, bytes(100), [])
        await box.flush()

    asyncio.run(run())
    assert producer.appended[CHANGELOGS[0]] == 1
    assert producer.appended[topics.FACTS] > 10


@pytest.mark.parametrize("seed", range(8))
def test_a_paused_process_that_writes_on_after_it_was_replaced_changes_nothing(
    log: Log, seed: int
) -> None:
    kafka, chance = written(log), random.Random(seed)

    async def run() -> None:
        producers = [PausedProducer(kafka, chance) for _ in range(2)]
        processes: list[Process] = []
        tasks: list[asyncio.Task[None]] = []
        for producer in producers:
            process = Process(kafka, log, chance, producer, 60)
            for replaced in processes:
                replaced.member = False
            processes.append(process)
            tasks.append(asyncio.create_task(process.run()))
            await producer.write(chance.randint(20, 100))
        await producers[0].write(chance.randint(1, 30))
        await producers[1].write(chance.randint(1, 60))
        for task in tasks:
            task.cancel()
        await Process(kafka, log, chance, MortalProducer(kafka, chance), 60).run()

    asyncio.run(run())
    assert_published_as_judged(log.verdict, kafka.read, repeated=True)


def test_a_table_made_from_another_topic_of_the_name_is_refused(log: Log) -> None:
    kafka, _ = lives(log, 1, rarity=0, most=300)
    for partition in range(PARTITIONS):
        del kafka.records[topics.EVENTS, partition][100:]
    kafka.committed.clear()
    chance = random.Random(1)
    process = Process(kafka, log, chance, MortalProducer(kafka, chance), 60)
    with pytest.raises(StateError, match="another --app-id"):
        asyncio.run(process.run())
