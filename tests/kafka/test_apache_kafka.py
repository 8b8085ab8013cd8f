"""The real Kafka that other tests stand on: records, transactions, failover, no orphans."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streams.kafka.admin import ensure_topics
from streams.kafka.topics import TopicSpec
from tests.kafka.apache import ApacheKafka, KafkaSetupError, resolve_kafka_lib

REPO = Path(__file__).resolve().parents[2]


async def create_topic(bootstrap: str, partitions: int = 1, replicas: int = 1) -> str:
    topic = f"test-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, replicas)])
    finally:
        await admin.close()
    return topic


async def leader_of(bootstrap: str, topic: str) -> int:
    """Return the leader of partition 0, which any broker may be asked for before it has heard."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        async with asyncio.timeout(10):
            while True:
                for partition in (await admin.describe_topics([topic]))[0]["partitions"]:
                    if partition["leader"] >= 0:
                        return int(partition["leader"])
                await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def read_all(bootstrap: str, topic: str, isolation: str = "read_uncommitted") -> list[bytes]:
    """Read partition 0 from its start to the end offset that the broker names."""
    partition = TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level=isolation)
    await consumer.start()
    values: list[bytes] = []
    try:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        # Not seek_to_beginning(): aiokafka 0.14 may finish the reset to the end that assign() began
        # and take that for the answer.
        consumer.seek(partition, 0)
        async with asyncio.timeout(20):
            while await consumer.position(partition) < end:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    values += [record.value for record in records]
        return values
    finally:
        await consumer.stop()


def test_records_and_end_offsets(kafka: ApacheKafka) -> None:
    async def run() -> None:
        topic = await create_topic(kafka.bootstrap)
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, linger_ms=20)
        await producer.start()
        try:
            sent = [b"value-%d" % i for i in range(5_000)]
            acks = [await producer.send(topic, value) for value in sent]
            await asyncio.gather(*acks)
        finally:
            await producer.stop()
        assert await read_all(kafka.bootstrap, topic) == sent

    asyncio.run(run())


def test_only_committed_transactions_are_read(kafka: ApacheKafka) -> None:
    async def run() -> None:
        topic = await create_topic(kafka.bootstrap)
        producer = AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap, transactional_id=f"tx-{topic}"
        )
        await producer.start()
        try:
            async with producer.transaction():
                await producer.send_and_wait(topic, b"kept")
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b"aborted")
            await producer.abort_transaction()
            async with producer.transaction():
                await producer.send_and_wait(topic, b"kept too")
        finally:
            await producer.stop()
        committed = await read_all(kafka.bootstrap, topic, "read_committed")
        assert committed == [b"kept", b"kept too"]
        assert await read_all(kafka.bootstrap, topic) == [b"kept", b"aborted", b"kept too"]

    asyncio.run(run())


def test_offsets_move_with_the_transaction(kafka: ApacheKafka) -> None:
    async def run() -> None:
        topic = await create_topic(kafka.bootstrap)
        partition, group = TopicPartition(topic, 0), f"group-{topic}"
        producer = AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap, transactional_id=f"tx-{topic}"
        )
        await producer.start()
        try:
            async with producer.transaction():
                await producer.send_and_wait(topic, b"output")
                await producer.send_offsets_to_transaction({partition: 42}, group)
        finally:
            await producer.stop()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka.bootstrap, group_id=group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            assert await consumer.committed(partition) == 42
        finally:
            await consumer.stop()

    asyncio.run(run())


def test_unknown_topic_is_not_created(kafka: ApacheKafka) -> None:
    async def run() -> set[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        try:
            await admin.describe_topics(["never-declared"])
            return set(await admin.list_topics())
        finally:
            await admin.close()

    assert "never-declared" not in asyncio.run(run())


def test_data_survives_kill_and_restart(kafka_lib: Path, tmp_path: Path) -> None:
    async def produce(cluster: ApacheKafka) -> str:
        topic = await create_topic(cluster.bootstrap)
        producer = AIOKafkaProducer(bootstrap_servers=cluster.bootstrap, acks="all")
        await producer.start()
        try:
            await producer.send_and_wait(topic, b"before")
        finally:
            await producer.stop()
        return topic

    with ApacheKafka(workdir=tmp_path, lib=kafka_lib) as cluster:
        topic = asyncio.run(produce(cluster))
        first = cluster.pid(0)
        cluster.kill(0)
        cluster.restart(0)
        assert cluster.pid(0) != first
        assert asyncio.run(read_all(cluster.bootstrap, topic)) == [b"before"]


def test_acks_all_goes_on_when_the_leader_is_killed(kafka_lib: Path, tmp_path: Path) -> None:
    count = 200

    async def run(cluster: ApacheKafka) -> list[bytes]:
        topic = await create_topic(cluster.bootstrap, replicas=3)
        leader = await leader_of(cluster.bootstrap, topic)
        producer = AIOKafkaProducer(
            bootstrap_servers=cluster.bootstrap, acks="all", enable_idempotence=True
        )
        await producer.start()
        try:
            for i in range(count):
                if i == count // 2:
                    cluster.kill(leader)
                await asyncio.wait_for(producer.send_and_wait(topic, b"%d" % i), 60)
        finally:
            await producer.stop()
        values = await read_all(cluster.bootstrap, topic)
        cluster.restart(leader)
        return values

    async def acknowledged_by(cluster: ApacheKafka) -> str:
        await ensure_topics(cluster.bootstrap, [TopicSpec("replicated", 1, {})], 3)
        admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
        await admin.start()
        try:
            wanted = ConfigResource(ConfigResourceType.TOPIC, "replicated")
            (answer,) = await admin.describe_configs([wanted])
            entries = answer.resources[0][4]
            return next(str(value) for name, value, *_ in entries if "min.insync" in name)
        finally:
            await admin.close()

    # One would do for these brokers: that two are asked for is the topic's own.
    properties = {"min.insync.replicas": "1"}
    with ApacheKafka(brokers=3, workdir=tmp_path, lib=kafka_lib, properties=properties) as cluster:
        assert asyncio.run(run(cluster)) == [b"%d" % i for i in range(count)]
        assert asyncio.run(acknowledged_by(cluster)) == "2"


def test_broker_that_ends_at_start_shows_its_log(kafka_lib: Path, tmp_path: Path) -> None:
    cluster = ApacheKafka(
        workdir=tmp_path, lib=kafka_lib, properties={"num.io.threads": "not a number"}
    )
    with pytest.raises(KafkaSetupError, match=r"num\.io\.threads"):
        cluster.start()


def test_missing_java_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(KafkaSetupError, match="`java` is not on PATH"):
        resolve_kafka_lib(REPO)


def test_brokers_die_with_a_parent_that_is_killed(kafka_lib: Path, tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from tests.kafka.apache import ApacheKafka
        cluster = ApacheKafka(workdir=Path(sys.argv[1]), lib=Path(sys.argv[2]))
        cluster.start()
        print(cluster.pid(0), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(kafka_lib)],
        cwd=REPO,
        stdout=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}/stat"):
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
            break
        assert time.monotonic() < deadline, "the broker outlived its parent"
        time.sleep(0.02)
