"""Quix Streams doing the job, as its documentation teaches: a stateful `apply` by conversation,
`group_by`, a tumbling window of a minute; state in RocksDB with changelog topics.

One process, at least once. Tuned: states of conversations as bytes of MessagePack instead of JSON,
one message a fact across the repartition, commits as seldom as by default (5 s). What it cannot:
see README.md.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from quixstreams import Application, State, message_context

from streams.contract_files import load_contracts
from streams.domain.contract import ContractBook
from streams.domain.facts import Fact, encode_fact
from streams.domain.wire import Rejection
from tests.bench import job
from tests.bench.contestant import PeerTopics, Stopwatch, Task, task_from_arguments

_POLL_S = 0.02
_BYTES: dict[str, Any] = {"key_serializer": "bytes", "value_serializer": "bytes"}
# The planted record of 1 MB is longer than librdkafka's 1,000,000 bytes.
_LARGE = {"message.max.bytes": 2**21}
# Across the repartition, and in the window's state: a list, for JSON knows no tuples of ours.
_KEY, _SLICE_END, _COUNTS, _BUCKET = range(4)
_Told = list[Any]
_Sums = list[dict[str, int]]


class Pipeline:
    """The application and how far it has come."""

    def __init__(self, task: Task, book: ContractBook, watch: Stopwatch, folder: str) -> None:
        self._task = task
        self._watch = watch
        self._reader = job.Reader(book, task.lateness_ms)
        self._lifecycle, self._counting = job.Lifecycle(book), job.Counting(book)
        self._read = self._told = self._sent = self._taken = 0
        self.app = Application(
            broker_address=task.broker,
            consumer_group=f"{task.prefix}bench",
            auto_offset_reset="earliest",
            state_dir=folder,
            loglevel=logging.WARNING,
            consumer_extra_config=_LARGE,
            producer_extra_config={**_LARGE, "linger.ms": 50},
        )
        topics = PeerTopics.of(task)
        events = self.app.topic(task.topic, key_deserializer="bytes", value_deserializer="bytes")
        dead_letters = self.app.topic(topics.dead_letters, **_BYTES)
        facts = self.app.topic(topics.facts, **_BYTES)
        slices = self.app.topic(topics.slices, key_serializer="string", value_serializer="bytes")

        heard = self.app.dataframe(events).apply(self._hear, expand=True, metadata=True)
        heard.filter(_is_refused).to_topic(dead_letters)
        told = heard.filter(_is_heard).apply(self._fold, stateful=True, expand=True)
        told.apply(encode_fact).to_topic(facts)
        counted = told.apply(self._count, expand=True).group_by(
            _key_of, name="slices", key_serializer="string", key_deserializer="string"
        )
        # Windows here are [start, end), Baton's slices (start, end].
        counted = counted.set_timestamp(lambda told, *_: told[_SLICE_END] - 1)
        windows = (
            counted.tumbling_window(timedelta(minutes=1), grace_ms=timedelta(days=1))
            .reduce(reducer=_add, initializer=_begin)
            .current()
        )
        windows.apply(self._show, metadata=True).to_topic(slices)

    def finished(self) -> bool:
        """Whether all that was read has come through both stages."""
        return self._read == self._task.records and self._sent == self._taken

    @property
    def written(self) -> dict[str, int]:
        """Records of facts and slices, by topic."""
        topics = PeerTopics.of(self._task)
        return {topics.facts: self._told, topics.slices: self._taken}

    def _hear(
        self, value: bytes, key: bytes | None, _timestamp: int, _headers: Any
    ) -> list[job.Heard | bytes]:
        self._watch.start()
        try:
            heard = self._reader.read(message_context().partition, key, value)
        except Rejection:
            return [value]
        finally:
            self._read += 1
        return [] if heard is None else [heard]

    def _fold(self, heard: job.Heard, state: State[str, Any]) -> list[Fact]:
        raw = state.get_bytes("conversation")
        known = None if raw is None else job.decode_conversation(raw)
        conversation, facts = self._lifecycle.take(known, heard)
        if conversation is not None:
            state.set_bytes("conversation", conversation.encoded())
        self._told += len(facts)
        return facts

    def _count(self, fact: Fact) -> list[_Told]:
        told = self._counting.told(fact)
        if told is None:
            return []
        self._sent += 1
        return [list(told)]

    def _show(self, window: dict[str, Any], key: str, _timestamp: int, _headers: Any) -> bytes:
        self._taken += 1
        return job.slice_value(key, window["end"], job.SliceSums(*window["value"]))


def _is_refused(heard: job.Heard | bytes) -> bool:
    return type(heard) is bytes


def _is_heard(heard: job.Heard | bytes) -> bool:
    return type(heard) is not bytes


def _key_of(told: _Told) -> str:
    key: str = told[_KEY]
    return key


def _begin(told: _Told) -> _Sums:
    return _add([{}, {}], told)


def _add(sums: _Sums, told: _Told) -> _Sums:
    job.add(job.SliceSums(*sums), told[_COUNTS], told[_BUCKET])
    return sums


def _stop_when_finished(pipeline: Pipeline, watch: Stopwatch) -> None:
    # Twice in a row: between a record's being read and what it sends, nothing seems under way.
    seen = 0
    while seen < 2:
        time.sleep(_POLL_S)
        seen = seen + 1 if pipeline.finished() else 0
    watch.lap()
    pipeline.app.stop()


def main() -> None:
    """Run until everything is through both stages and committed; leave the cost."""
    task = task_from_arguments()
    watch = Stopwatch(running=False)
    book = load_contracts([Path(task.contract)])
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        pipeline = Pipeline(task, book, watch, folder)
        threading.Thread(target=_stop_when_finished, args=(pipeline, watch), daemon=True).start()
        pipeline.app.run()
        watch.stop(task, pipeline.written)


if __name__ == "__main__":
    main()
