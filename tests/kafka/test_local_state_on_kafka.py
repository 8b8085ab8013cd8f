"""Tables on local disk: workers that die, find their state changed, or a full disk, and what the
outputs are then.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
import uuid
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from streams.agents.stages import STAGES
from streams.kafka.admin import ensure_topics
from streams.kafka.disk_table import DiskTable
from streams.kafka.topic_ids import Identities, identities
from streams.kafka.topics import TopicSpec
from tests.kafka.apache import ApacheKafka
from tests.stream_run import Pipeline, synthetic_log
from tests.stream_verdict import assert_published_as_judged
from tests.worker_process import await_that

BATCHES = ("--batch-records", "400")
both_guarantees = pytest.mark.parametrize(
    "exactly_once", [True, False], ids=["exactly-once", "at-least-once"]
)
DISCARDED = "baton_local_state_discarded_total"


def reached(state: Path) -> dict[str, int]:
    """Offset in its changelog of each table, by table/partition; each is whole."""
    found = {}
    for place in state.glob("*/*/[0-9]*"):
        table = DiskTable(place, lambda: int(time.time() * 1000))
        table.verify()
        found["/".join(place.parts[-2:])] = table.offset
        table.close()
    return found


@both_guarantees
def test_a_killed_worker_goes_on_from_its_disk(
    kafka: ApacheKafka, tmp_path: Path, exactly_once: bool
) -> None:
    log, state = synthetic_log(2000), tmp_path / "state"
    flags = (*BATCHES, "--state-dir", str(state))
    with Pipeline(kafka.bootstrap, tmp_path, log, flags=flags, exactly_once=exactly_once) as run:
        worker = run.start_worker()
        worker.await_ready()
        before: dict[str, int] = {}
        # What is written ends between two kills: each worker has something of its own to fold.
        for written in pairwise((0.0, 0.35, 0.6, 1.0)):
            run.start_replay(lasting_s=4, share=written)
            run.await_share(written[0] + 0.2)
            worker.kill()
            run.end_replay()
            now = reached(state)
            assert len(now) == len(STAGES) * run.partitions
            assert {place: min(now[place], offset) for place, offset in before.items()} == before
            assert sum(now.values()) > sum(before.values())
            before = now
            worker = run.start_worker()
        run.await_processed()
        assert worker.metrics().total(DISCARDED) == 0
        assert_published_as_judged(log.verdict, run.records, repeated=not exactly_once)


def test_a_partition_that_comes_back_to_a_worker_catches_up_from_its_disk(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = synthetic_log(2000)
    states = [("--state-dir", str(tmp_path / name)) for name in ("first", "second")]
    with Pipeline(kafka.bootstrap, tmp_path, log, flags=BATCHES) as run:
        first = run.start_worker(*states[0])
        first.await_ready()
        run.start_replay(lasting_s=15)
        run.await_share(0.2)
        second = run.start_worker(*states[1])
        second.await_ready()
        run.await_share(0.5)
        assert second.stop() == 0
        run.await_share(0.7)
        second = run.start_worker(*states[1])
        run.await_processed()
        assert first.metrics().total(DISCARDED) == second.metrics().total(DISCARDED) == 0
        assert_published_as_judged(log.verdict, run.records, repeated=False)


def test_state_changed_while_a_worker_was_down_is_rebuilt(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log, state = synthetic_log(2000), tmp_path / "state"
    with Pipeline(
        kafka.bootstrap, tmp_path, log, flags=(*BATCHES, "--state-dir", str(state))
    ) as run:
        worker = run.start_worker()
        worker.await_ready()
        run.start_replay(lasting_s=8)
        run.await_share(0.5)
        assert worker.stop() == 0
        places = list(state.glob("*/*/[0-9]*"))
        for place in places:
            for file in place.rglob("*.sst"):
                raw = bytearray(file.read_bytes())
                raw[len(raw) // 3] ^= 0x10
                file.write_bytes(raw)
        worker = run.start_worker()
        run.await_processed()
        assert len(places) == len(STAGES) * run.partitions
        assert worker.metrics().total(DISCARDED, reason="corrupt") == len(places)
        assert worker.output.count("local state thrown away (corrupt)") == len(places)
        assert_published_as_judged(log.verdict, run.records, repeated=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """32 MiB in memory; skipped where mounting is not permitted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"no disk of its own to fill: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(file: Path) -> None:
    """Write until the disk takes no more. Raises OSError."""
    with file.open("wb", buffering=0) as raw:
        while True:
            raw.write(bytes(65_536))


@both_guarantees
def test_a_worker_whose_disk_is_full_says_so_ends_and_loses_nothing(
    kafka: ApacheKafka, tmp_path: Path, small_disk: Path, exactly_once: bool
) -> None:
    log, ballast = synthetic_log(2000), small_disk / "ballast"
    flags = (*BATCHES, "--state-dir", str(small_disk))
    with Pipeline(kafka.bootstrap, tmp_path, log, flags=flags, exactly_once=exactly_once) as run:
        worker = run.start_worker()
        worker.await_ready()
        run.start_replay(lasting_s=8)
        run.await_share(0.3)
        with pytest.raises(OSError, match="No space"):
            fill(ballast)
        await_that(lambda: worker.process.poll() is not None, "the end of the worker")
        assert worker.stop() == 1
        assert "No space left" in worker.output
        assert "Nothing is lost" in worker.output
        assert "Traceback" not in worker.output
        ballast.unlink()
        worker = run.start_worker()
        run.await_processed()
        assert worker.metrics().total(DISCARDED) == 0
        assert_published_as_judged(log.verdict, run.records, repeated=not exactly_once)
        assert worker.stop() == 0


def test_two_workers_in_one_state_directory_are_told_apart(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    flags = ("--state-dir", str(tmp_path / "state"))
    with Pipeline(kafka.bootstrap, tmp_path, synthetic_log(10), flags=flags) as run:
        first = run.start_worker()
        first.await_ready()
        second = run.start_worker()
        await_that(lambda: second.process.poll() is not None, "the end of the second")
        assert second.stop() == 1
        assert "each worker needs a --state-dir of its own" in second.output
        assert "Traceback" not in second.output
        first.must_run()


def test_a_topic_made_anew_under_the_same_name_is_another(kafka: ApacheKafka) -> None:
    name = f"again-{uuid.uuid4().hex[:8]}"
    connecting = {"bootstrap_servers": kafka.bootstrap}

    async def twice() -> list[Identities]:
        found = []
        for _ in range(2):
            await ensure_topics(kafka.bootstrap, [TopicSpec(name, 1, {})], 1)
            found += [await identities([name], connecting) for _ in range(2)]
            admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
            await admin.start()
            try:
                await admin.delete_topics([name])
                while name in await admin.list_topics():
                    await asyncio.sleep(0.05)
            finally:
                await admin.close()
        return [*found, await identities([name], connecting)]

    first, same, second, also, none = asyncio.run(asyncio.wait_for(twice(), 60))
    assert first == same != second == also
    assert first.cluster == second.cluster != ""
    assert none.topics == {}
