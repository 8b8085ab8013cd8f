"""Three real brokers, what stands in front of them, and who leads what."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Iterable
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from streams.kafka.processes import LOOPBACK
from tests.chaos.proxy import Proxy
from tests.kafka.apache import ApacheKafka
from tests.worker_process import NotInTime

BROKERS = 3
REPLICATION = 3
_PROPERTIES = {
    # A round waits for the cleaner: it looks again soon, and needs little to begin.
    "log.cleaner.backoff.ms": "300",
    "log.initial.task.delay.ms": "1000",
    # Of topics that are gone nothing is kept for a minute.
    "file.delete.delay.ms": "1000",
}
_DESCRIBE_QUORUM = 55


class Cluster:
    """The brokers of a whole run; each round has topics and a group of its own on them."""

    def __init__(self, workdir: Path, lib: Path | None = None) -> None:
        self.kafka = ApacheKafka(
            brokers=BROKERS, workdir=workdir, lib=lib, properties=_PROPERTIES, fronted=True
        )
        self._proxy: Proxy | None = None

    def start(self) -> None:
        """Raises KafkaSetupError where the brokers cannot be run."""
        self.kafka.start()
        self._proxy = Proxy(self.kafka.fronts)
        self._proxy.start()

    def stop(self) -> None:
        """End everything."""
        if self._proxy is not None:
            self._proxy.stop()
        self.kafka.stop(timeout_s=3)

    @property
    def network(self) -> Proxy:
        """What stands between the brokers and the workers that were given `fronted_bootstrap`."""
        assert self._proxy is not None
        return self._proxy

    def leader(self, topic: str, partition: int) -> int:
        """The broker that leads a partition. Raises NotInTime where there is none."""

        async def ask() -> int:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
            await admin.start()
            try:
                (described,) = await admin.describe_topics([topic])
            finally:
                await admin.close()
            return next(
                int(each["leader"])
                for each in described["partitions"]
                if each["partition"] == partition
            )

        return _await_broker(lambda: asyncio.run(ask()), f"a leader of {topic}/{partition}")

    def controller(self) -> int:
        """The broker whose controller is the active one. Raises NotInTime where none is."""

        def ask() -> int:
            for i in range(BROKERS):
                found = _quorum_leader(self.kafka.port(i))
                if found >= 0:
                    return found
            return -1

        return _await_broker(ask, "an active controller")

    def create(self, topic: str, partitions: int, config: dict[str, str]) -> None:
        """Create a topic. Raises KafkaError."""

        async def run() -> None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
            await admin.start()
            try:
                spec = NewTopic(topic, partitions, REPLICATION, topic_configs=config)
                await admin.create_topics([spec])
            finally:
                await admin.close()

        asyncio.run(run())

    def configure(self, topic: str, config: dict[str, str]) -> None:
        """Give a topic exactly this configuration. Raises KafkaError."""

        async def run() -> None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
            await admin.start()
            try:
                wanted = ConfigResource(ConfigResourceType.TOPIC, topic, config)
                for answer in await admin.alter_configs([wanted]):
                    for code, message, *_ in answer.resources:
                        if code:
                            raise KafkaError(f"{topic}: {message}")
            finally:
                await admin.close()

        asyncio.run(run())

    def delete_topics(self, prefix: str) -> None:
        """Delete every topic whose name begins so; what cannot be deleted now stays."""

        async def run() -> None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
            await admin.start()
            try:
                names = [name for name in await admin.list_topics() if name.startswith(prefix)]
                if names:
                    await admin.delete_topics(names)
            finally:
                await admin.close()

        # A round is judged by what it published, not by how it was swept away.
        with contextlib.suppress(KafkaError, TimeoutError):
            asyncio.run(run())

    def logs(self) -> Iterable[Path]:
        """The brokers' logs."""
        return [self.kafka.log_path(i) for i in range(BROKERS)]


def _await_broker(ask: object, what: str, within_s: float = 20) -> int:
    deadline = time.monotonic() + within_s
    while True:
        try:
            found = int(ask())  # type: ignore[operator]
        except (KafkaError, TimeoutError, ValueError):
            found = -1
        if found >= 0:
            return found
        if time.monotonic() > deadline:
            raise NotInTime(f"not within {within_s:.0f} s: {what}")
        time.sleep(0.05)


def _quorum_leader(port: int) -> int:
    """The leader of the metadata quorum as one broker knows it; -1 where it does not say."""
    # DescribeQuorum v0, header v2: api key, version, correlation id, client id, no tags; then one
    # topic (compact array of 1, compact string), one partition, no tags three times.
    name = b"__cluster_metadata"
    body = struct.pack(">hhih5s", _DESCRIBE_QUORUM, 0, 1, 5, b"baton") + b"\0"
    body += b"\x02" + bytes([len(name) + 1]) + name + b"\x02" + struct.pack(">i", 0) + b"\0\0\0"
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as client:
            client.sendall(struct.pack(">i", len(body)) + body)
            (size,) = struct.unpack(">i", client.recv(4, socket.MSG_WAITALL))
            answer = client.recv(size, socket.MSG_WAITALL)
            # Correlation id, tags, error; then as above, and index, error, leader.
            if struct.unpack_from(">h", answer, 5)[0] != 0:
                return -1
            at = 7 + 1 + 1 + len(name) + 1
            _, error, leader = struct.unpack_from(">ihi", answer, at)
            return int(leader) if error == 0 else -1
    except (OSError, struct.error):
        return -1
