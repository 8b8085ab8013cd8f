"""A worker process on the embedded broker publishes, byte for byte and once, what the oracle
says.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from aiokafka import AIOKafkaProducer

from streams.domain.delta import Added, Deltas, KeyDelta
from streams.domain.links import Link, LinkStep
from streams.kafka import topics
from streams.kafka.delta_codec import encode_deltas
from streams.kafka.link_codec import encode_links
from streams.replay import Disturbance
from tests.integration.conftest import Runs
from tests.stream_run import Pipeline, synthetic_log
from tests.stream_verdict import (
    assert_published_as_judged,
    assert_same,
    assert_windows_as_judged,
    encoded_breaches,
    encoded_facts,
)

Poison = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]

# What decodes is judged by the stage's own rules, so these go as far as each stage looks.
IN_EVENTS: list[tuple[Poison, str]] = [
    ((b"key-\xff", b"{bad", [("trace", b"\x00\xff"), ("trace", b"again")]), "malformed_json"),
    ((None, b"\xff\xfe\x00", []), "invalid_encoding"),
    ((b"", b"", [("empty", b"")]), "empty_record"),
    ((b"gone", None, []), "empty_record"),
    ((b"k", b'{"type":"baton.contact.teleported"}', []), "unknown_type"),
    ((b"k", b"[" * 100_000, []), "schema_violation"),
]
OF_NOBODY = Deltas(1 << 42, [KeyDelta("nobody", (), [Added(1 << 42, 60_000, {})])])
IN_DELTAS: list[tuple[Poison, str]] = [
    ((b"0", b"not MessagePack", [("trace", b"\xff")]), "schema_violation"),
    ((b"0", None, []), "schema_violation"),
    ((None, b"", []), "schema_violation"),
    ((b"0", b"\x92\x00\x91\x92\xa1x\x90", []), "schema_violation"),
    ((b"99", encode_deltas(99, Deltas(1, [])), []), "schema_violation"),
    ((b"-1", encode_deltas(-1, Deltas(1, [])), []), "schema_violation"),
    ((b"0", encode_deltas(0, OF_NOBODY), []), "unknown_contract"),
]


OF_NOBODY_KNOWN = Link(1 << 41, True, "c-1", 0, 1, bytes(16), "nobody", "billing", 1)
IN_LINKS: list[tuple[Poison, str]] = [
    ((b"0", b"not MessagePack", [("trace", b"\xfe")]), "schema_violation"),
    ((b"links", None, []), "schema_violation"),
    ((b"9", encode_links(9, [LinkStep(1, [])]), []), "schema_violation"),
    ((b"0", encode_links(0, [LinkStep(1 << 42, [OF_NOBODY_KNOWN])]), []), "unknown_contract"),
]
POISONED = {
    "lifecycle": (topics.EVENTS, IN_EVENTS),
    "links": (topics.LINKS, IN_LINKS),
    "windows": (topics.DELTAS, IN_DELTAS),
}


@pytest.mark.parametrize(
    ("partitions", "batch_records", "interactions", "hours"),
    [(1, 5000, 1500, 24), (4, 5000, 1500, 24), (1, 7, 60, 2), (4, 7, 80, 1)],
)
def test_whole_days_and_small_batches(
    runs: Runs, partitions: int, batch_records: int, interactions: int, hours: int
) -> None:
    log = synthetic_log(interactions, hours=hours)
    with runs(log, partitions=partitions) as run:
        run.start_worker("--batch-records", str(batch_records))
        run.replay()
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=False)


def test_another_networks_delays_and_duplicates(runs: Runs) -> None:
    log = synthetic_log(1000, Disturbance(shuffle_ms=90_000, duplicate_ppm=50_000, seed=2))
    assert log.verdict.late_facts > 100
    with runs(log) as run:
        run.start_worker()
        run.replay()
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=False)


def write(run: Pipeline, topic: str, records: list[Poison]) -> None:
    """Put records as they are on partition 0."""

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=run.broker)
        await producer.start()
        try:
            for key, value, headers in records:
                await producer.send_and_wait(
                    run.topic(topic), value, key, partition=0, headers=headers
                )
        finally:
            await producer.stop()

    asyncio.run(send())


def test_poison_in_any_topic_is_diverted_as_it_came_and_work_goes_on(runs: Runs) -> None:
    log = synthetic_log(200, hours=4)
    middle = len(log.items) // 2
    with runs(log) as run:
        run.start_worker()
        run.replay(log.items[:middle])
        for topic, poisons in POISONED.values():
            write(run, topic, [poison for poison, _ in poisons])
        run.replay(log.items[middle:])
        run.await_processed()

        verdict = log.verdict
        facts = sorted(record.value for record in run.records(topics.FACTS))
        assert_same(facts, encoded_facts(verdict), "facts")
        breaches = sorted(record.value for record in run.records(topics.BREACHES))
        assert_same(breaches, encoded_breaches(verdict), "breaches")
        assert_windows_as_judged(verdict, run.records(topics.WINDOWS))

        letters = run.records(topics.DEAD_LETTERS)
        found = []
        for letter in letters:
            original = [h for h in letter.headers if not h[0].startswith("baton.error.")]
            found.append((letter.key, letter.value, original))
        for poison, _ in IN_EVENTS + IN_LINKS + IN_DELTAS:
            assert found.count(poison) == 1, poison
        said = [
            {name: value.decode() for name, value in letter.headers if name.startswith("baton.")}
            for letter in letters
        ]
        codes = Counter((each["baton.error.stage"], each["baton.error.code"]) for each in said)
        wanted = Counter({("lifecycle", code): n for code, n in verdict.dead_letters.items()})
        for stage, (_, poisons) in POISONED.items():
            wanted += Counter((stage, code) for _, code in poisons)
        assert codes == wanted
        for each in said:
            assert each["baton.error.message"]
            origin, _ = POISONED[each["baton.error.stage"]]
            assert each["baton.error.origin.topic"] == run.topic(origin)
            assert int(each["baton.error.origin.partition"]) in range(run.partitions)
            assert int(each["baton.error.origin.offset"]) >= 0
