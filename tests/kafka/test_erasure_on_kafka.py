"""Erasure on real Kafka: afterwards nothing has the customer, by any name, anywhere.

Every topic, every changelog after compaction, and every file of two workers' state directories (one
of them a standby of the other) are searched for the customer's key and for its digests, and the
tables but billing's for the conversations' ids. What is published is the oracle's, requests
included.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import orjson
from aiokafka import ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streams.agents.stages import STAGES
from streams.domain.billing.erased_customers import remembered_as
from streams.domain.erasure import subject_digest
from streams.domain.events import epoch_ms
from streams.domain.facts import rfc3339
from streams.domain.links import customer_digest
from streams.kafka import topics
from streams.kafka.whole_topic import read_whole
from streams.settings import Settings
from tests.kafka.apache import ApacheKafka
from tests.stream_run import CONTRACT as CONTRACTS
from tests.stream_run import Log, Pipeline, synthetic_log
from tests.stream_verdict import assert_published_as_judged
from tests.worker_process import await_that, environment

CONTRACT = "telco-2026"
# What is billed names conversations, and so do billing's accounts until it is settled for good.
ACCOUNTS = "accounts"
CHANGELOGS = tuple(f"{kind.table}-changelog" for kind in STAGES)
# Compaction as soon as there is anything to compact, in segments of a moment.
AT_ONCE = {
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "100",
    "min.compaction.lag.ms": "0",
    "delete.retention.ms": "100",
}


def customer_of(log: Log) -> tuple[str, set[str]]:
    """Who has most conversations in a log, and their ids."""
    found: dict[str, set[str]] = {}
    for item in log.items:
        if isinstance(item, int):
            continue
        try:
            data = orjson.loads(item).get("data") or {}
        except orjson.JSONDecodeError:
            continue
        if data.get("customer_key") and data.get("conversation_id"):
            found.setdefault(data["customer_key"], set()).add(data["conversation_id"])
    return max(found.items(), key=lambda one: (len(one[1]), one[0]))


def request(subject: str, time: int) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": "erase-1",
            "source": "/tests",
            "type": "baton.governance.erasure_requested",
            "time": rfc3339(time),
            "data": {"contract": CONTRACT, "subject_key": subject},
        }
    )


def with_request(log: Log, subject: str) -> Log:
    """The log with a request three quarters in, what was said of the subject said again after it,
    and ticks past the time by which all accounts are settled, but not that of forgetting.
    """
    at = len(log.items) * 3 // 4
    ticks = [item for item in log.items if isinstance(item, int)]
    before = [item for item in log.items[:at] if isinstance(item, int)]
    again = [
        item for item in log.items[:at] if isinstance(item, bytes) and subject.encode() in item
    ]
    asked = request(subject, before[-1])
    half = (at + len(log.items)) // 2
    items = (*log.items[:at], asked, *log.items[at:half], *again, *log.items[half:])
    settled = [ticks[-1] + hours * 3_600_000 for hours in (1, 9, 20, 30)]
    return Log((*items, *settled), log.book)


def nobody_after_the_request(log: Log, subject: str) -> Log:
    """Without what is said of the subject for the first time after three quarters: it would be a
    new matter.
    """
    at = len(log.items) * 3 // 4
    later = [
        item for item in log.items[at:] if isinstance(item, int) or subject.encode() not in item
    ]
    return Log((*log.items[:at], *later), log.book)


def configure(broker: str, names: Iterable[str], config: dict[str, str]) -> None:
    async def alter() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker)
        await admin.start()
        try:
            await admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, name, config) for name in names]
            )
        finally:
            await admin.close()

    asyncio.run(alter())


def baton(*argv: str, stdin: str = "") -> tuple[int, str]:
    """A command of the command line: exit code and what it printed."""
    ran = subprocess.run(
        [sys.executable, "-m", "streams", *argv],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=120,
    )
    return ran.returncode, ran.stdout + ran.stderr


def holding(run: Pipeline, name: str, needles: Iterable[bytes]) -> list[bytes]:
    """Which of these a topic's records hold, in key, value or headers."""
    texts = [
        part
        for record in asyncio.run(_all_of(run, name))
        for part in (record.key, record.value, *(value for _, value in record.headers))
        if part
    ]
    return [needle for needle in needles if any(needle in text for text in texts)]


async def _all_of(run: Pipeline, name: str) -> list[ConsumerRecord[bytes, bytes]]:
    settings = Settings(broker=run.broker)
    found = await read_whole(settings, name)
    return [record for records in found.values() for record in records]


def in_files(
    root: Path, needles: Iterable[bytes], but: str | None = None
) -> list[tuple[str, bytes]]:
    """Which files hold which of these, in all tables `but` one."""
    found = []
    for file in root.rglob("*"):
        if file.is_file() and but not in file.relative_to(root).parts:
            raw = file.read_bytes()
            found += [(str(file.relative_to(root)), one) for one in needles if one in raw]
    return found


def test_nothing_has_an_erased_customer_after_compaction(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    plain = synthetic_log(600, hours=12)
    subject, _ = customer_of(plain)
    plain = nobody_after_the_request(plain, subject)
    conversations = {
        orjson.loads(item)["data"]["conversation_id"]
        for item in plain.items
        if isinstance(item, bytes) and f'"{subject}"'.encode() in item
    }
    log = with_request(plain, subject)
    key, digest = subject.encode(), customer_digest(CONTRACT, subject)
    # What a request is remembered by for 8 days, so that nothing comes back.
    remembered = [subject_digest("customer", CONTRACT, subject), remembered_as(digest)]
    needles = [key, digest, *(one.hex().encode() for one in (digest, *remembered))]
    names = [name.encode() for name in conversations]
    state = tmp_path / "state"
    flags = ("--batch-records", "300", "--standbys", "1")
    with Pipeline(kafka.bootstrap, tmp_path, log, flags=flags) as run:
        workers = [run.start_worker("--state-dir", str(state / name)) for name in ("a", "b")]
        for worker in workers:
            worker.await_ready()
        changelogs = [f"{run.group}-{name}" for name in CHANGELOGS]
        configure(kafka.bootstrap, changelogs, {"cleanup.policy": "compact", **AT_ONCE})
        at = log.items.index(request(subject, _time_of_request(log)))
        run.replay(log.items[:at])
        run.await_processed()
        # It was everywhere: what is looked for below can be found.
        assert key in holding(run, changelogs[0], needles)
        assert digest in holding(run, changelogs[1], needles)
        accounts = f"{run.group}-{ACCOUNTS}-changelog"
        assert digest in holding(run, accounts, needles)
        assert digest in {one for name, one in in_files(state, needles) if ACCOUNTS in name}
        assert {key, digest} == {needle for _, needle in in_files(state, needles)}

        run.replay(log.items[at:])
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=False)
        told = [orjson.loads(record.value) for record in run.records(topics.GOVERNANCE)]
        applied = [one["data"] for one in told if one["type"] == "baton.governance.applied"]
        erased = [one["data"] for one in told if one["type"] == "baton.governance.erased"]
        assert {one["partition"] for one in applied} == set(range(run.partitions))
        assert sum(one["count"] for one in applied) > 0
        assert sum(one["count"] for one in erased) >= sum(one["count"] for one in applied)

        renamed = [one["data"] for one in told if one["type"] == "baton.governance.renamed"]
        assert {one["source_partition"] for one in renamed} == set(range(run.partitions))
        assert sum(one["count"] for one in renamed) > 0
        assert {one["request"] for one in renamed} == {one["request"] for one in applied}

        # The compacted ones forget as soon as something else is written and the cleaner has run.
        end = max(item for item in log.items if isinstance(item, int))

        def compacted(sought: Iterable[bytes]) -> bool:
            nonlocal end
            end += 60_000
            run.replay([end])
            run.await_processed()
            return not any(holding(run, name, sought) for name in changelogs)

        await_that(lambda: compacted(needles), "changelogs without the customer", within_s=90)
        await_that(lambda: not in_files(state, needles), f"none of {needles} in {state}", 20)
        assert sum(worker.metrics().total("baton_interactions") for worker in workers) > 0
        end += 9 * 86_400_000
        await_that(lambda: compacted(remembered), "changelogs without the request", within_s=90)
        await_that(lambda: not in_files(state, remembered), f"none of {remembered} in {state}", 20)
        assert not in_files(state, names, but=ACCOUNTS)

        # What goes by time alone: the topics that say so, and no other, still have it ...
        declared = [spec.name for spec in topics.declared_topics(run.prefix, run.partitions)]
        left = {name.removeprefix(run.prefix) for name in declared if holding(run, name, needles)}
        assert left <= {topics.EVENTS, topics.LINKS, topics.BILLING_RECORDS, topics.DEAD_LETTERS}
        assert topics.EVENTS in left
        # ... until they are shortened.
        code, said = baton(
            *("governance", "retention", "--broker", kafka.bootstrap, "--prefix", run.prefix),
            *("--contract", str(CONTRACTS), "--before", rfc3339(int(time.time() * 1000) + 1000)),
            *("--apply", "--purpose", "erasure"),
        )
        assert code == 0, said
        for name in (*declared, *changelogs):
            assert holding(run, name, needles) == [], name
        assert [worker.stop() for worker in workers] == [0, 0]
    assert in_files(state, [*needles, *remembered]) == []


def _time_of_request(log: Log) -> int:
    for item in log.items:
        if isinstance(item, bytes) and b"governance.erasure_requested" in item:
            return epoch_ms(datetime.fromisoformat(orjson.loads(item)["time"]))
    raise AssertionError("no request")
