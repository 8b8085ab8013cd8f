"""Billing records on topics and `baton billing export` as a process, for whichever broker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from streams.contract_files import bundled_contract
from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from tests.billing_lines import CONTRACT, june
from tests.metering_server import MeteringServer
from tests.worker_process import environment

PARTITIONS = 3
TOKEN = "planted-metering-token"


class Export:
    """Topics of its own on a broker, and runs of the export that read them."""

    def __init__(self, broker: str, server: MeteringServer) -> None:
        self.broker = broker
        self.server = server
        self.prefix = f"{uuid4().hex}."
        self.items, self.adjustments = june(300)
        self._running: asyncio.subprocess.Process | None = None

    async def publish(self) -> None:
        """Make the topics and write June, in several partitions."""
        wanted = (topics.BILLING_ITEMS, topics.BILLING_ADJUSTMENTS)
        declared = topics.declared_topics(self.prefix, PARTITIONS)
        specs = [spec for spec in declared if spec.name.removeprefix(self.prefix) in wanted]
        await ensure_topics(self.broker, specs, 1)
        await self.write(topics.BILLING_ITEMS, self.items)
        await self.write(topics.BILLING_ADJUSTMENTS, self.adjustments)

    async def write(self, topic: str, records: Iterable[bytes], *, abort: bool = False) -> None:
        """Write records, some to each partition; with `abort` in a transaction that is aborted."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.broker, transactional_id=uuid4().hex if abort else None
        )
        await producer.start()
        try:
            if abort:
                await producer.begin_transaction()
            for number, raw in enumerate(records):
                await producer.send(self.prefix + topic, raw, partition=number // 7 % PARTITIONS)
            await producer.flush()
            if abort:
                await producer.abort_transaction()
        finally:
            await producer.stop()

    async def run(self, *more: str, env: dict[str, str] | None = None) -> tuple[int, str]:
        """A run to its end: exit code and all that it said."""
        self._running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "streams", "billing", "export", self.server.system),
            *("--contract", str(bundled_contract(CONTRACT)), "--to", self.server.url),
            *("--broker", self.broker, "--prefix", self.prefix, "--app-id", self.prefix[:-1]),
            *more,
            env=environment() | {"BATON_METERING_TOKEN": TOKEN} | (env or {}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=Path(__file__).parents[1],
        )
        async with asyncio.timeout(90):
            said, _ = await self._running.communicate()
        assert self._running.returncode is not None
        return self._running.returncode, said.decode()

    def kill(self) -> None:
        """End the run at once, as a crash would."""
        assert self._running is not None
        self._running.kill()


async def crash_after_a_batch_was_taken(export: Export, batches: int) -> tuple[int, str]:
    """A run that is killed when the server has stored its n-th batch and not answered; then one
    that is left alone: its exit code and what it said.
    """
    left = [batches]

    def crash() -> None:
        left[0] -= 1
        if left[0] == 0:
            export.kill()

    export.server.after_taking = crash
    killed, said = await export.run()
    assert killed == -9, said
    export.server.after_taking = lambda: None
    return await export.run()
