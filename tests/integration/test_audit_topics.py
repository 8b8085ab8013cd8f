"""An audit over topics: whatever partitions, disorder and repetitions did, the file's sample."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from click.testing import CliRunner, Result

from streams.cli.main import cli
from streams.contract_files import bundled_contract
from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.embedded import EmbeddedBroker
from streams.sources.synthetic import SyntheticDay, write_log
from tests.log_builder import CONTRACT

SUBJECT = ("--contract", str(bundled_contract(CONTRACT)), "--period", "2026-06-01")
SECRET = "5e" * 32
PREFIX = "audited."


@pytest.fixture(scope="module")
def broker() -> object:
    with EmbeddedBroker() as running:
        yield running


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)], env={"BATON_AUDIT_SECRET": SECRET})


def test_a_draw_from_the_topic_is_that_from_the_file_and_is_read_back(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    log = tmp_path / "day.jsonl"
    write_log(SyntheticDay(seed=7, interactions=300), log)
    asyncio.run(ensure_topics(broker.bootstrap, topics.declared_topics(PREFIX, 3), 1))
    there = ("--broker", broker.bootstrap, "--prefix", PREFIX)
    published = run("audit", "commit", *SUBJECT).stdout.split('"commitment":"')[1].split('"')[0]
    disclosed = (*SUBJECT, "--commitment", published)

    empty = run("audit", "sample", *disclosed, *there)
    assert empty.exit_code == 1
    assert "2026-06-01 is not closed" in empty.output

    replayed = run("replay", log, *there, "--partitions", "3", "--settle", "12h",
                   "--shuffle-seconds", "40", "--duplicate", "0.1", "--no-idempotence")  # fmt: skip
    assert replayed.exit_code == 0, replayed.output
    by_file = run("audit", "sample", log, *disclosed)
    by_topic = run("audit", "sample", *disclosed, *there)
    assert by_topic.stdout_bytes == by_file.stdout_bytes != b""

    for _ in range(2):  # written twice, as after a crash
        done = run("audit", "sample", *disclosed, *there, "--publish", "--no-idempotence")
        assert done.exit_code == 0, done.output
    # Of the client's events or one's own, with the sample as it was published.
    for mine in ((), (log,)):
        checked = run("audit", "verify", *mine, *disclosed, *there)
        assert checked.exit_code == 0, checked.output

    keys = asyncio.run(read_keys(broker.bootstrap))
    assert len(keys) > 1
    assert all(key.startswith(b'["telco-2026",{"outcome":"') for key in keys)
    assert not any(b"c-0" in key for key in keys)


async def read_keys(bootstrap: str) -> set[bytes]:
    consumer = AIOKafkaConsumer(
        PREFIX + topics.AUDIT_SAMPLES, bootstrap_servers=bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        keys: set[bytes] = set()
        while found := await consumer.getmany(timeout_ms=2000):
            keys |= {record.key for records in found.values() for record in records}
        return keys
    finally:
        await consumer.stop()


def test_a_topic_that_is_not_there_is_named(broker: EmbeddedBroker) -> None:
    done = run("audit", "plan", *SUBJECT, "--broker", broker.bootstrap, "--prefix", "nowhere.")
    assert done.exit_code == 1
    assert "has no topic nowhere.interaction-events" in done.output
