"""Bytewax doing the job, as its documentation teaches: Kafka in, `stateful_batch` by conversation,
`stateful_batch` by slice, Kafka out; state in its recovery store (SQLite), a snapshot an epoch.

One worker, one process, epochs of 10 s as by default. Tuned: snapshots are MessagePack instead of
pickled objects, batches of 5,000. What it cannot: see README.md.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import bytewax.operators as op
from bytewax._bytewax import cli_main
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir

from streams.contract_files import load_contracts
from streams.domain.contract import ContractBook
from streams.domain.facts import Fact, encode_fact
from streams.domain.wire import Rejection
from tests.bench import job
from tests.bench.contestant import PeerTopics, Stopwatch, Task, task_from_arguments

_BATCH = 5_000


class _ConversationLogic(StatefulBatchLogic[job.Heard, Fact, bytes]):
    """The first stage's state of one conversation."""

    def __init__(self, lifecycle: job.Lifecycle, snapshot: bytes | None) -> None:
        self._lifecycle = lifecycle
        self._state = None if snapshot is None else job.decode_conversation(snapshot)

    def on_batch(self, values: list[job.Heard]) -> tuple[Iterable[Fact], bool]:
        facts: list[Fact] = []
        for heard in values:
            self._state, found = self._lifecycle.take(self._state, heard)
            facts += found
        return facts, self._state is None

    def snapshot(self) -> bytes:
        assert self._state is not None
        return self._state.encoded()


class _SliceLogic(StatefulBatchLogic[job.Told, bytes, bytes]):
    """The second stage's state of one slice."""

    def __init__(self, snapshot: bytes | None) -> None:
        self._sums = job.SliceSums() if snapshot is None else job.decode_slice(snapshot)

    def on_batch(self, values: list[job.Told]) -> tuple[Iterable[bytes], bool]:
        for told in values:
            job.add(self._sums, told.counts, told.bucket)
        return [job.slice_value(told.key, told.slice_end, self._sums)], StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        return job.encode(self._sums)


def flow_of(task: Task, book: ContractBook, watch: Stopwatch, written: Counter[str]) -> Dataflow:
    """The dataflow. `watch` is started with the first record; `written` counts by topic."""
    reader = job.Reader(book, task.lateness_ms)
    lifecycle, counting = job.Lifecycle(book), job.Counting(book)
    topics = PeerTopics.of(task)
    brokers = task.broker.split(",")

    def read(message: KafkaSourceMessage) -> tuple[str, job.Heard] | KafkaSinkMessage | None:
        watch.start()
        assert message.partition is not None
        try:
            heard = reader.read(message.partition, message.key, message.value)
        except Rejection as error:
            return KafkaSinkMessage(
                message.key, message.value, headers=[("error", error.code.encode())]
            )
        return None if heard is None else (heard.conversation, heard)

    def slice_of(keyed: tuple[str, Fact]) -> tuple[str, job.Told] | None:
        told = counting.told(keyed[1])
        return None if told is None else (f"{told.slice_end}{told.key}", told)

    def fact_record(keyed: tuple[str, Fact]) -> KafkaSinkMessage:
        written[topics.facts] += 1
        return KafkaSinkMessage(keyed[0].encode(), encode_fact(keyed[1]))

    def slice_record(keyed: tuple[str, bytes]) -> KafkaSinkMessage:
        written[topics.slices] += 1
        return KafkaSinkMessage(keyed[0].encode(), keyed[1])

    flow = Dataflow("bench")
    records = kop.input(
        "events",
        flow,
        brokers=brokers,
        topics=[task.topic],
        tail=False,
        batch_size=_BATCH,
        # The planted record of 1 MB is longer than librdkafka's 1,000,000 bytes.
        add_config={"message.max.bytes": str(2**21)},
    ).oks
    read_ones = op.filter_map("read", records, read)
    split = op.branch("usable", read_ones, lambda one: type(one) is tuple)
    kafka = {"brokers": brokers, "add_config": {"message.max.bytes": str(2**21), "linger.ms": "50"}}
    kop.output("dead_letters", split.falses, topic=topics.dead_letters, **kafka)
    facts = op.stateful_batch(
        "lifecycle", split.trues, lambda snapshot: _ConversationLogic(lifecycle, snapshot)
    )
    fact_records = op.map("encode", facts, fact_record)
    kop.output("facts", fact_records, topic=topics.facts, **kafka)
    told = op.filter_map("count", facts, slice_of)
    values = op.stateful_batch("slices", told, _SliceLogic)
    slice_records = op.map("show", values, slice_record)
    kop.output("windows", slice_records, topic=topics.slices, **kafka)
    return flow


def main() -> None:
    """Run to the end of the topic and leave the cost."""
    task = task_from_arguments()
    watch = Stopwatch(running=False)
    book = load_contracts([Path(task.contract)])
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        init_db_dir(Path(folder), 1)
        written: Counter[str] = Counter()
        flow = flow_of(task, book, watch, written)
        cli_main(flow, recovery_config=RecoveryConfig(folder))
        watch.stop(task, written)


if __name__ == "__main__":
    main()
