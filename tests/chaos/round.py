"""One round: a group of workers, a log replayed to it, one fault, and what came of it all."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeAlias

import orjson
from aiokafka import ConsumerRecord

from streams.agents.stages import STAGES
from streams.event_log import asks_to_erase
from streams.kafka import topics
from streams.kafka.processes import log_tail, stop_process
from streams.kafka.topics import changelog_topics
from streams.oracle.judge import Verdict, judge_partitions
from streams.oracle.reading import read_records
from tests.chaos.cluster import REPLICATION, Cluster
from tests.chaos.fault import Fault
from tests.chaos.progress import Offsets, Progress
from tests.chaos.tally import Letter, Origin, Tally, count_dead_letters, count_published
from tests.stream_run import LATENESS_MS, SESSION_TIMEOUT_S, Pipeline
from tests.topic_records import read_topic
from tests.worker_process import POLL_S, NotInTime, WorkerProcess

PARTITIONS = 4
TABLES = tuple(kind.table for kind in STAGES)
OUTPUTS = (topics.FACTS, topics.BREACHES, topics.WINDOWS, topics.DEAD_LETTERS)
Record: TypeAlias = ConsumerRecord[bytes, bytes]
# A worker that ends again and again is broken, however often it is started.
_MOST_RESTARTS = 25
_GIVE_UP_S = 90.0


@dataclass
class Outcome:
    """What a round came to. `problem` says why it could not be judged, if so."""

    fault: str
    round: int
    tally: Tally
    recoveries: list[float] = field(default_factory=list)
    restarts: int = 0
    took_s: float = 0.0
    problem: str = ""
    kept: Path | None = None

    def passed(self, guarantee: str) -> bool:
        """Nothing lost or wrong, and nothing twice where that was promised."""
        tally = self.tally
        twice = tally.duplicated if guarantee == "exactly-once" else 0
        return not (self.problem or tally.lost or tally.wrong or twice)


class Round:
    """What a fault strikes at: the cluster, the pipeline and its workers."""

    def __init__(
        self,
        cluster: Cluster,
        fault: Fault,
        chance: Random,
        workdir: Path,
        *,
        guarantee: str,
        long: bool,
    ) -> None:
        self.cluster = cluster
        self.fault = fault
        self.chance = chance
        self.long = long
        self.guarantee = guarantee
        self.workdir = workdir
        self.log = fault.log(chance)
        self.lasting_s = fault.lasting_s
        self.recoveries: list[float] = []
        self.restarts = 0
        # What must become of poison that was planted, by its place.
        self.poisoned: dict[Origin, Letter] = {}
        # What a fault wrote into topics of ours is none of our output.
        self.planted: set[Origin] = set()
        self._started: dict[WorkerProcess, Callable[[], WorkerProcess]] = {}
        flags = ["--batch-records", str(chance.choice((100, 200, 400)))]
        self.run = Pipeline(
            cluster.kafka.bootstrap,
            workdir,
            self.log,
            partitions=PARTITIONS,
            flags=flags,
            exactly_once=guarantee == "exactly-once",
            replication=REPLICATION,
        )
        self.progress = Progress(
            cluster.kafka.bootstrap,
            self.run.group,
            tuple(self.run.topic(kind.topic) for kind in STAGES),
            PARTITIONS,
        )
        self.progress.start()

    # Workers

    def start_worker(
        self,
        *flags: str,
        program: Sequence[str] = ("-m", "streams"),
        fronted: bool = False,
        again: Callable[[], WorkerProcess] | None = None,
    ) -> WorkerProcess:
        """One more worker; returns at once. `again` starts another where it ends by itself."""
        given = [*flags]
        if fronted:
            given += ["--broker", self.cluster.kafka.fronted_bootstrap]
        worker = self.run.start_worker(*given, program=program)
        self._started[worker] = again or partial(
            self.start_worker, *flags, program=program, fronted=fronted
        )
        return worker

    @property
    def alive(self) -> list[WorkerProcess]:
        """The workers that run."""
        return [worker for worker in self.run.workers if worker.process.poll() is None]

    def supervise(self) -> None:
        """Start another where a worker ended by itself, if the fault allows that, and check that
        it said why. Raises NotInTime where it must not have ended.
        """
        for worker in [*self.run.workers]:
            if not self.fault.supervised:
                worker.must_run()
                continue
            code = worker.ended_by_itself()
            if code is None:
                continue
            said = [line for line in worker.output.splitlines() if line.startswith("baton worker:")]
            if code != 1 or not said:
                raise NotInTime(
                    f"a worker ended with {code} and did not say why; its log ends:\n"
                    f"{worker.output[-3000:]}"
                )
            self.restarts += 1
            if self.restarts > _MOST_RESTARTS:
                raise NotInTime(f"workers ended {self.restarts} times; the last said: {said[-1]}")
            self._started[worker]()

    # Waiting

    def await_that(
        self, condition: Callable[[], object], what: str, within_s: float = _GIVE_UP_S
    ) -> None:
        """Return once the condition holds; looks after the workers meanwhile. Raises NotInTime."""
        deadline = time.monotonic() + within_s
        while not condition():
            self.supervise()
            if time.monotonic() > deadline:
                logs = "\n".join(
                    f"{worker.log.name}:\n{log_tail(worker.log, 12)}" for worker in self.run.workers
                )
                raise NotInTime(
                    f"not within {within_s:.0f} s: {what}; committed {self.progress.last.committed}"
                    f"; the workers' logs end:\n{logs}"
                )
            time.sleep(POLL_S)

    def await_ready(self) -> None:
        """Return once every worker has its partitions and their state."""

        def ready() -> bool:
            try:
                return all(worker.page("readyz")[0] == 200 for worker in self.alive)
            except (OSError, NotInTime):
                return False  # one that ended meanwhile is seen by supervise

        self.await_that(ready, "workers that are ready")

    def committed(self, topic: str = topics.EVENTS) -> Offsets:
        """The offsets last seen committed, by partition."""
        return self.progress.last.committed.get(self.run.topic(topic), {})

    def await_share(self, share: float) -> None:
        """Return once this share of the log has been committed."""
        wanted = share * self.log.written(PARTITIONS)
        self.await_that(
            lambda: sum(self.committed().values()) >= wanted, f"{share:.0%} of the log committed"
        )

    def await_moment(self, earliest: float = 0.15, latest: float = 0.5) -> None:
        """Return at a random moment: a share of the log, and then some milliseconds on."""
        self.await_share(self.chance.uniform(earliest, latest))
        self.idle(self.chance.uniform(0, 0.4))

    def idle(self, seconds: float) -> None:
        """Let time pass: for a fault that has a length, or a moment that is random."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.supervise()
            time.sleep(min(POLL_S, left))

    def await_recovery(self, since: float) -> float:
        """Return once every partition has been committed further than it stood after `since`.

        That is how long the group took to process again, in seconds; it is noted.
        """
        self.await_that(lambda: self.progress.last.asked >= since, "a look at the group")
        stood = self.committed()
        ends: Offsets = {}

        def processes() -> bool:
            nonlocal ends
            if not ends and not self.run.replaying:
                ends = self.run.end_offsets(topics.EVENTS)
            return all(
                at > stood.get(p, 0) or (ends and at >= ends[p])
                for p, at in self.committed().items()
            )

        self.await_that(processes, "a group that processes again")
        took = self.progress.last.answered - since
        self.recoveries.append(took)
        return took

    def await_processed(self) -> None:
        """Return once all stages have committed all there is to read."""
        self.await_that(lambda: not self.run.replaying, "the end of the replay")
        self.run.end_replay()
        ends = self.run.end_offsets(topics.EVENTS)
        self.await_that(
            lambda: all(at >= ends[p] for p, at in self.committed().items()),
            f"events committed up to {ends}",
        )
        # All that a stage writes for the next is written once all that it reads is committed.
        for kind in STAGES[1:]:
            self._await_committed(kind.topic)

    def _await_committed(self, topic: str) -> None:
        written = self.run.data_ends(topic)
        self.await_that(
            lambda: all(at >= written[p] for p, at in self.committed(topic).items()),
            f"{topic} committed up to {written}",
        )

    # Topics

    @property
    def changelogs(self) -> tuple[str, ...]:
        """The names of the tables' changelogs."""
        return tuple(f"{self.run.group}-{table}-changelog" for table in TABLES)

    def create_changelogs(self, **config: str) -> None:
        """Create the changelogs before the workers do, with more configuration."""
        for spec in changelog_topics(self.changelogs, PARTITIONS):
            self.cluster.create(spec.name, spec.partitions, {**spec.config, **config})

    def read_named(self, name: str) -> list[Record]:
        """All that a topic of this name holds."""
        return asyncio.run(read_topic(self.cluster.kafka.bootstrap, name, PARTITIONS))

    # The round

    def conduct(self) -> Tally:
        """Replay, strike, and judge. Raises NotInTime and whatever the fault raises."""
        if self.fault.prepare is not None:
            self.fault.prepare(self)
        if self.fault.conduct is not None:
            self.fault.conduct(self)
        else:
            while len(self.run.workers) < self.fault.workers:
                self.start_worker()
            self.await_ready()
            self.run.start_replay(self.lasting_s)
            self.fault.strike(self)
        self.await_processed()
        return self.judged()

    def judged(self) -> Tally:
        """Stop the workers and hold what is published to what the events topic holds."""
        for worker in self.alive:
            if worker.stop() != 0:
                raise NotInTime(f"a worker could not stop; its log ends:\n{worker.output[-3000:]}")
        tally = Tally()
        held = self.read_named(self.run.topic(topics.EVENTS))
        tally.records_in = self._check_written(tally, held)
        verdict, letters = self._verdict(held)
        read = {
            name: [r for r in self.run.records(name) if not self._is_planted(r)] for name in OUTPUTS
        }
        count_published(tally, verdict, read)
        count_dead_letters(tally, letters, read[topics.DEAD_LETTERS])
        return tally

    def _is_planted(self, record: Record) -> bool:
        return (record.topic, record.partition, record.offset) in self.planted

    def _check_written(self, tally: Tally, held: Iterable[Record]) -> int:
        """The topic holds the log, or this would not be a test of the workers."""
        wanted: Counter[bytes] = Counter()
        for item in self.log.items:
            if isinstance(item, bytes):
                wanted[item] += PARTITIONS if asks_to_erase(item) else 1
        found = Counter(
            record.value
            for record in held
            if not self._is_planted(record) and not _is_tick(record.value)
        )
        for raw, number in (wanted - found).items():
            tally.note("lost", number, f"the replay did not write {raw[:200]!r}")
        for raw, number in (found - wanted).items():
            tally.note("wrong", number, f"the replay wrote {raw[:200]!r} too often")
        return found.total()

    def _verdict(self, held: Iterable[Record]) -> tuple[Verdict, dict[Origin, Letter]]:
        """What had to be published, and which dead letters there had to be."""
        logs: list[list[bytes | int]] = [[] for _ in range(PARTITIONS)]
        letters = dict(self.poisoned)
        clocks: dict[int, int] = {}
        book = self.log.book
        for record in held:
            place = (record.topic, record.partition, record.offset)
            if place in letters:
                continue
            raw = record.value or b""
            clock = clocks.get(record.partition)
            read = [raw] if clock is None else [clock, raw]
            reading = read_records(read, book, lateness_ms=LATENESS_MS)
            if reading.watermark is not None:
                clocks[record.partition] = reading.watermark + LATENESS_MS
            for code in reading.dead_letters:
                letters[place] = Letter(code, record.key, record.value)
            logs[record.partition].append(raw)
        return judge_partitions(logs, book, lateness_ms=LATENESS_MS), letters

    def close(self) -> None:
        """End what runs; topics are left for `sweep`."""
        self.cluster.network.become("whole")
        for worker in self.run.workers:
            with contextlib.suppress(ProcessLookupError):
                worker.process.send_signal(18)  # SIGCONT: one that stands still cannot stop
            stop_process(worker.process, 5)
        self.run.__exit__(None, None, None)
        self.progress.end()

    def sweep(self) -> None:
        """Delete the round's topics and logs."""
        self.cluster.delete_topics(self.run.group)
        shutil.rmtree(self.workdir, ignore_errors=True)

    def dump(self, report: str) -> None:
        """Keep what is needed to understand a failure: topics as JSON lines, brokers' logs."""
        (self.workdir / "REPORT.txt").write_text(report)
        for log in self.cluster.logs():
            shutil.copy(log, self.workdir / log.name)
        declared = (*(kind.topic for kind in STAGES), *OUTPUTS)
        for name in (*map(self.run.topic, declared), *self.changelogs):
            with contextlib.suppress(Exception):
                records = self.read_named(name)
                with (self.workdir / f"{name}.jsonl").open("wb") as file:
                    for record in records:
                        file.write(orjson.dumps(_shown(record)) + b"\n")


def _is_tick(raw: bytes | None) -> bool:
    return raw is not None and len(raw) < 400 and b'"baton.tick"' in raw


def _text(raw: bytes | None) -> str | dict[str, str] | None:
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw or b"").decode()}


def _shown(record: Record) -> dict[str, object]:
    return {
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [[name, _text(value)] for name, value in record.headers],
    }


__all__ = ["PARTITIONS", "SESSION_TIMEOUT_S", "Outcome", "Round"]
