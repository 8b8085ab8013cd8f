"""How much the ways in take: `baton source serve` and `run` beside the bare client and server.

    python -m tests.bench.intake [--events 100000] [--broker auto|apache|embedded] [--rounds 2]

Each is a process of its own on one broker; the floors run in the same round, in turns. CPU-seconds
are the process's alone, from when it was ready until all was written. Nothing asserts a time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.outbox import MAX_REQUEST_BYTES, Outbox
from streams.kafka.processes import spawn_tied, stop_process
from streams.kafka.topics import TopicSpec
from tests.bench.brokers import Broker, broker, chosen
from tests.bench.intake_floor import SERVING
from tests.bench.machine import processor
from tests.intake_process import canonical_events
from tests.worker_process import await_that, environment

PARTITIONS = 4
AT_ONCE = 16
_TICKS = os.sysconf("SC_CLK_TCK")
_ENV = {
    "BATON_SOURCE_SALT": "a-salt-of-the-bench",
    **{f"BATON_HOOK_{name}_SECRET": "a-secret-of-the-bench" for name in ("CANONICAL", "CHATWOOT")},
}
_BEARER = {"Authorization": "Bearer a-secret-of-the-bench"}
_numbers = count()


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run took for `events`: seconds by the clock, and CPU-seconds of the process."""

    what: str
    events: int
    seconds: float
    cpu_s: float

    @property
    def cpu_per_million(self) -> float:
        return self.cpu_s / self.events * 1e6


def chatwoot_messages(number: int) -> list[dict[str, Any]]:
    """Messages of Chatwoot, as its webhook sends them."""
    return [
        {
            "event": "message_created",
            "id": each + 1,
            "content": "as it was said " * 4,
            "message_type": ("incoming", "outgoing")[each % 2],
            "content_type": "text",
            "created_at": 1_780_300_800 + each // 50,
            "sender": {"id": each % 40, "type": "user", "name": "Jane"},
            "conversation": {
                "id": each % 5000 + 1,
                "channel": "Channel::WebWidget",
                "status": "open",
                "meta": {"sender": {"id": each % 5000 + 1, "name": "Jane", "email": "j@acme.inc"}},
            },
        }
        for each in range(number)
    ]


PAYLOADS: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "canonical": lambda number: list(canonical_events(number, 5000)),
    "chatwoot": chatwoot_messages,
}


class Running:
    """A process under measurement."""

    def __init__(self, argv: Sequence[str], says: str, folder: Path) -> None:
        self._log = folder / f"intake-{next(_numbers)}.log"
        self.process: subprocess.Popen[bytes] = spawn_tied(
            [sys.executable, "-m", *argv], log=self._log, env=environment() | _ENV
        )
        await_that(lambda: self._found(says), f"{argv[0]} that serves")
        self.said = self._found(says)

    def _found(self, says: str) -> str:
        assert self.process.poll() is None, self._log.read_text()[-2000:]
        found = re.search(says, self._log.read_text())
        return found[1] if found else ""

    def cpu_s(self) -> float:
        """User and system time so far, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def stop(self) -> None:
        stop_process(self.process, 10.0)


async def posted(url: str, bodies: Sequence[bytes]) -> None:
    """Post all bodies, AT_ONCE at a time; each must be answered 200."""
    waiting = iter(bodies)

    async def some(session: aiohttp.ClientSession) -> None:
        for body in waiting:
            headers = {"Content-Type": "application/json", **_BEARER}
            async with session.post(url, data=body, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(some(session) for _ in range(AT_ONCE)))


async def filled(target: Broker, topic: str, payloads: Sequence[dict[str, Any]]) -> None:
    """Write the payloads to `topic`."""
    producer = AIOKafkaProducer(
        bootstrap_servers=target.bootstrap, max_batch_size=MAX_REQUEST_BYTES // 2,
        max_request_size=MAX_REQUEST_BYTES,
    )  # fmt: skip
    await producer.start()
    outbox = Outbox(producer)
    for number, payload in enumerate(payloads):
        outbox.put(topic, number % PARTITIONS, b"%d" % (number % 5000), orjson.dumps(payload))
        if number % 5000 == 4999:
            await outbox.flush()
    await outbox.flush()
    await producer.stop()


async def arrived(target: Broker, topic: str, wanted: int) -> None:
    """Return once `topic` has so many committed records."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=target.bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_REQUEST_BYTES,
    )
    await consumer.start()
    consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
    seen = 0
    try:
        async with asyncio.timeout(600):
            while seen < wanted:
                batches = await consumer.getmany(timeout_ms=500)
                seen += sum(map(len, batches.values()))
    finally:
        await consumer.stop()


def made(target: Broker) -> str:
    """A prefix, with topics under it."""
    prefix = f"intake{next(_numbers)}-"
    names = (topics.EVENTS, topics.DEAD_LETTERS, "foreign")
    specs = [TopicSpec(prefix + name, PARTITIONS, {}) for name in names]
    asyncio.run(ensure_topics(target.bootstrap, specs, 1))
    return prefix


def webhook(
    target: Broker, feed: str, size: int, number: int, folder: Path, floor: bool
) -> Measured:
    """Posts of `size` payloads each, to the hook or to a server that only parses them."""
    payloads = PAYLOADS[feed](number)
    bodies = [orjson.dumps(payloads[at : at + size]) for at in range(0, number, size)]
    if floor:
        running = Running(("tests.bench.intake_floor", "echo"), rf"{SERVING}(\S+)", folder)
    else:
        open_or_not = ("--open", feed) if feed != "canonical" else ()
        _ENV.pop("BATON_HOOK_CHATWOOT_SECRET", None)
        argv = (
            *("streams", "source", "serve", "--platform", feed, *open_or_not, "--hooks-port", "0"),
            *_flags(target, made(target), feed),
        )
        running = Running(argv, r"hooks on (http://[^/]+/hooks/)", folder)
    try:
        asyncio.run(posted(running.said + feed, bodies[: len(bodies) // 20 + 1]))
        cpu_s, began = running.cpu_s(), time.monotonic()
        rest = bodies[len(bodies) // 20 + 1 :]
        asyncio.run(posted(running.said + feed, rest))
        seconds, cpu_s = time.monotonic() - began, running.cpu_s() - cpu_s
    finally:
        running.stop()
    what = f"webhook {feed}, {size} a post" + (", echo" if floor else "")
    return Measured(what, sum(len(orjson.loads(body)) for body in rest), seconds, cpu_s)


def from_topic(target: Broker, feed: str, number: int, folder: Path, floor: bool) -> Measured:
    """A topic's payloads, by `source run` or by a client that copies them."""
    prefix = made(target)
    foreign, events = f"{prefix}foreign", prefix + topics.EVENTS
    if floor:
        argv: tuple[str, ...] = (
            *("tests.bench.intake_floor", "copy", target.bootstrap),
            *(foreign, events, str(PARTITIONS)),
        )
        running = Running(argv, rf"{SERVING}(\S+)", folder)
    else:
        argv = ("streams", "source", "run", feed, "--from", foreign, *_flags(target, prefix, feed))
        running = Running(argv, r"metrics on (http://[^/]+)/metrics", folder)
    try:
        payloads = PAYLOADS[feed](number)
        # The group is joined and a batch is through before the clock runs.
        asyncio.run(filled(target, foreign, payloads[:PARTITIONS]))
        asyncio.run(arrived(target, events, PARTITIONS))
        cpu_s, began = running.cpu_s(), time.monotonic()
        asyncio.run(filled(target, foreign, payloads[PARTITIONS:]))
        asyncio.run(arrived(target, events, number))
        seconds, cpu_s = time.monotonic() - began, running.cpu_s() - cpu_s
    finally:
        running.stop()
    return Measured(f"topic {feed}" + (", copy" if floor else ""), number, seconds, cpu_s)


def _flags(target: Broker, prefix: str, feed: str) -> tuple[str, ...]:
    once = () if target.transactions else ("--no-idempotence",)
    contract = () if feed == "canonical" else ("--option", "contract=telco-2026")
    return ("--broker", target.bootstrap, "--prefix", prefix, "--port", "0", *once, *contract)


def main() -> None:
    """Measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--broker", choices=("auto", "apache", "embedded"), default="auto")
    asked = parser.parse_args()
    jobs: list[tuple[str, Callable[[Broker, Path, bool], Measured]]] = [
        (
            f"webhook {feed} {size}",
            lambda at, folder, floor, feed=feed, size=size, many=many: webhook(  # type: ignore[misc]
                at, feed, size, many, folder, floor
            ),
        )
        for feed, size, many in (
            *(("canonical", 100, asked.events), ("chatwoot", 100, asked.events)),
            ("chatwoot", 1, asked.events // 10),
        )
    ]
    jobs += [
        (
            f"topic {feed}",
            lambda at, folder, floor, feed=feed: from_topic(  # type: ignore[misc]
                at, feed, asked.events, folder, floor
            ),
        )
        for feed in PAYLOADS
    ]
    with tempfile.TemporaryDirectory() as work, broker(chosen(asked.broker), Path(work)) as at:
        print(f"{at.name}, {processor()}, {asked.events:,} events, best of {asked.rounds} rounds")
        print(f"{'':34} {'events/s':>10} {'CPU-s/million':>14} {'of the floor':>13}")
        for _, job in jobs:
            runs = [
                (job(at, Path(work), True), job(at, Path(work), False)) for _ in range(asked.rounds)
            ]
            floor, ours = (min(each, key=lambda run: run.cpu_s) for each in zip(*runs, strict=True))
            for run in (floor, ours):
                ratio = run.cpu_per_million / floor.cpu_per_million
                print(
                    f"{run.what:34} {run.events / run.seconds:>10,.0f} {run.cpu_per_million:>14.1f}"
                    f" {ratio:>12.1f}x",
                    flush=True,
                )


if __name__ == "__main__":
    main()
