"""`baton source run` on Apache Kafka: killed, joined and left, it loses nothing, and repeats
nothing where it says so.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from streams.kafka import topics
from streams.kafka.outbox import partition_of
from tests.kafka.apache import ApacheKafka
from tests.kafka.foreign_topic import (
    EVENTS,
    PARTITIONS,
    SPOILED,
    WANTED,
    Scene,
    drained,
    mapped,
    some,
)
from tests.worker_process import await_that


@pytest.fixture
def scene(kafka: ApacheKafka, tmp_path: Path) -> Iterator[Scene]:
    with closing(Scene(kafka.bootstrap, tmp_path)) as found:
        found.prepare()
        yield found


def test_exactly_once_whatever_is_killed_and_whoever_joins(scene: Scene) -> None:
    first = scene.start()
    some(first)
    first.kill()
    second = scene.start()
    some(second)
    third = scene.start()
    await_that(lambda: third.metrics().series("baton_source_lag_records"), "partitions for a third")
    second.kill()
    fourth = scene.start()
    await_that(lambda: drained(third, fourth), "a topic that is read to its end", within_s=90)
    assert third.stop() == 0, third.output
    assert fourth.stop() == 0, fourth.output
    assert scene.ids() == WANTED
    letters = scene.letters()
    assert sorted(code for code, *_ in letters) == [
        *("malformed_json", "malformed_json", "not_canonical", "not_canonical")
    ]
    assert set(letters.values()) == {1}
    for record in scene.read(topics.EVENTS):
        key = orjson.loads(record.value or b"")["data"]["conversation_id"].encode()
        assert record.key == key
        assert record.partition == partition_of(key, PARTITIONS)
    assert [record.value for record in scene.read(topics.DEAD_LETTERS)] == [None] * len(SPOILED)


def test_one_that_stood_still_and_was_replaced_writes_nothing_more(scene: Scene) -> None:
    first = scene.start()
    some(first)
    first.process.send_signal(signal.SIGSTOP)
    second = scene.start()
    await_that(lambda: drained(second), "a second that has taken over all", within_s=90)
    assert mapped(second) > 0
    first.process.send_signal(signal.SIGCONT)
    await_that(lambda: drained(first, second), "a first that shares with it", within_s=90)
    assert first.stop() == 0, first.output
    assert second.stop() == 0, second.output
    assert scene.ids() == WANTED
    assert set(scene.letters().values()) == {1}


def test_sigterm_commits_and_the_next_reads_nothing_again(scene: Scene) -> None:
    first = scene.start("--keep-payloads")
    await_that(lambda: drained(first), "a topic that is read to its end")
    scrape = first.metrics()
    read = scrape.total("baton_source_payloads_read_total", source="canonical")
    assert read == EVENTS + len(SPOILED) + 1
    assert scrape.total("baton_source_payloads_dropped_total", source="canonical") == 1
    assert first.stop() == 0, first.output
    second = scene.start()
    await_that(lambda: drained(second), "a topic that has been read")
    assert mapped(second) == 0
    assert second.stop() == 0
    assert {record.value for record in scene.read(topics.DEAD_LETTERS)} == set(SPOILED)


def test_from_another_cluster_nothing_is_lost_and_only_ids_are_repeated(scene: Scene) -> None:
    # By another name it might be another cluster, into which no transaction reaches.
    elsewhere = ("--from-broker", scene.broker.replace("127.0.0.1", "localhost"))
    first = scene.start(*elsewhere)
    some(first)
    assert "at-least-once" in first.output
    first.kill()
    second = scene.start(*elsewhere)
    await_that(lambda: drained(second), "a topic that is read to its end")
    assert second.stop() == 0, second.output
    assert scene.ids().keys() == WANTED.keys()
