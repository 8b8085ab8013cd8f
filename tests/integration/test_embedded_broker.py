"""The embedded broker: life and death of the process, and records through it with aiokafka."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.kafka import embedded
from streams.kafka.embedded import BrokerStartError, EmbeddedBroker
from streams.kafka.processes import owns_port

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


def wait_for(condition: Callable[[], bool], what: str, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


async def create_topic(bootstrap: str, topic: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
        described = await admin.describe_topics([topic])
        assert len(described[0]["partitions"]) == partitions
    finally:
        await admin.close()


def test_records_come_back_with_keys_headers_and_order(broker: EmbeddedBroker) -> None:
    async def round_trip() -> None:
        topic, count = "round-trip", 2_000
        await create_topic(broker.bootstrap, topic, 3)
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
        await producer.start()
        try:
            acks = [
                await producer.send(
                    topic,
                    b"value-%d" % i,
                    key=b"key-%d" % i,
                    partition=i % 3,
                    headers=[("trace", b"%d" % i), ("empty", b"")],
                )
                for i in range(count)
            ]
            await asyncio.gather(*acks)
        finally:
            await producer.stop()

        # Not the default "latest": aiokafka 0.14 may finish that reset after seek_to_beginning().
        consumer = AIOKafkaConsumer(
            bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(topic, p) for p in range(3)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            for _ in range(count):
                got = await asyncio.wait_for(consumer.getone(), 10)
                i = got.offset * 3 + got.partition
                assert got.key == b"key-%d" % i
                assert got.value == b"value-%d" % i
                assert list(got.headers) == [("trace", b"%d" % i), ("empty", b"")]
        finally:
            await consumer.stop()

    asyncio.run(round_trip())


def test_committed_offset_is_kept_for_the_group(broker: EmbeddedBroker) -> None:
    async def commit_and_fetch() -> None:
        await create_topic(broker.bootstrap, "commits", 1)
        partition = TopicPartition("commits", 0)
        for expected in (None, 7):
            consumer = AIOKafkaConsumer(
                bootstrap_servers=broker.bootstrap, group_id="g", enable_auto_commit=False
            )
            await consumer.start()
            try:
                consumer.assign([partition])
                assert await consumer.committed(partition) == expected
                await consumer.commit({partition: 7})
            finally:
                await consumer.stop()

    asyncio.run(commit_and_fetch())


def test_a_value_of_one_megabyte_passes(broker: EmbeddedBroker) -> None:
    async def big() -> None:
        await create_topic(broker.bootstrap, "big", 1)
        value = os.urandom(1024 * 1024)
        producer = AIOKafkaProducer(
            bootstrap_servers=broker.bootstrap, max_request_size=2 * 1024 * 1024
        )
        await producer.start()
        try:
            await producer.send_and_wait("big", value)
        finally:
            await producer.stop()
        consumer = AIOKafkaConsumer(
            "big", bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            assert (await asyncio.wait_for(consumer.getone(), 10)).value == value
        finally:
            await consumer.stop()

    asyncio.run(big())


def test_taken_port_is_refused_by_number() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BrokerStartError, match=rf"port {port} .*choose another port"):
            EmbeddedBroker(port=port).start()


def test_second_broker_does_not_pass_for_the_first(broker: EmbeddedBroker) -> None:
    port = int(broker.bootstrap.rpartition(":")[2])
    assert owns_port(broker.pid, port)
    assert not owns_port(os.getpid(), port)
    with pytest.raises(BrokerStartError, match=str(port)):
        EmbeddedBroker(port=port).start()
    assert broker.poll() is None


def test_free_port_lost_to_another_process_is_picked_again(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = int(broker.bootstrap.rpartition(":")[2])
    picks = iter([[lost], embedded.free_loopback_ports(1)])
    monkeypatch.setattr(embedded, "free_loopback_ports", lambda _: next(picks))
    with EmbeddedBroker() as second:
        assert second.bootstrap != broker.bootstrap
        assert owns_port(second.pid, int(second.bootstrap.rpartition(":")[2]))


def test_missing_binary_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALF_TANSU_BIN", "/nonexistent/tansu")
    with pytest.raises(BrokerStartError, match="/nonexistent/tansu"):
        EmbeddedBroker().start()


def test_broker_that_dies_at_start_shows_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "tansu"
    program.write_text("#!/bin/sh\necho out of luck >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("CALF_TANSU_BIN", str(program))
    with pytest.raises(BrokerStartError, match=r"(?s)code 3.*out of luck"):
        EmbeddedBroker(log_path=tmp_path / "broker.log").start()


def test_users_environment_and_dotenv_do_not_reach_the_broker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("SCHEMA_REGISTRY=nonsense://registry\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCHEMA_REGISTRY", "nonsense://registry")
    with EmbeddedBroker() as broker:
        assert broker.poll() is None


def test_killed_broker_is_seen(broker: EmbeddedBroker) -> None:
    assert broker.poll() is None
    os.kill(broker.pid, signal.SIGKILL)
    wait_for(lambda: broker.poll() is not None, "poll() sees the dead broker")
    assert broker.poll() == -signal.SIGKILL


def test_stop_leaves_no_process_and_may_be_repeated() -> None:
    broker = EmbeddedBroker()
    broker.stop()
    broker.start()
    pid, log = broker.pid, broker.log_path
    assert os.getsid(pid) != os.getsid(0), "Ctrl-C must not reach the broker"
    broker.stop()
    broker.stop()
    assert not is_running(pid)
    assert broker.poll() is not None
    assert not log.exists()
    broker.start()
    assert broker.pid != pid
    broker.stop()


def test_broker_dies_with_a_parent_that_is_killed() -> None:
    program = textwrap.dedent(
        """
        import os, signal
        from streams.kafka.embedded import EmbeddedBroker
        broker = EmbeddedBroker()
        broker.start()
        print(broker.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPO, stdout=subprocess.PIPE, timeout=30, check=False
    )
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    wait_for(lambda: not is_running(pid), "the orphan is gone")
