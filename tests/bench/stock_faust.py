"""Stock Faust doing the job, as its documentation teaches: an agent an event, a table of
conversations, a hopping table (five minutes by the minute) that the same agent adds to.

Hopping tables of an hour and of a day would write 60 and 1,440 entries a fact; they are sums of
those of five minutes that do not overlap. There is no second agent behind a topic of its own: with
one, two runs stood still before that topic's end. Everything is Faust's default but the session
timeout, which only shortens the join of the group, and the linger: without it every record is a
request, and the producer's buffer is full all the time.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import faust

from streams.contract_files import load_contracts
from streams.domain.contract import ContractBook
from streams.domain.facts import encode_fact
from streams.domain.wire import Rejection
from tests.bench import job
from tests.bench.contestant import PeerTopics, Stopwatch, Task, task_from_arguments

_WINDOW_S, _STEP_S = 300, 60
_KEPT_S = 2 * 86_400.0


class _Sums(dict[str, int]):
    """Counters that a windowed table can add to."""

    def __add__(self, other: dict[str, int]) -> _Sums:
        total = _Sums(self)
        for name, count in other.items():
            total[name] = total.get(name, 0) + count
        return total


async def count(task: Task, book: ContractBook, datadir: str) -> None:
    """Run until all records are through both agents, then show the table."""
    app = faust.App(
        f"{task.prefix}bench",
        broker=f"kafka://{task.broker}",
        broker_session_timeout=6,
        broker_rebalance_timeout=6,
        broker_heartbeat_interval=1.2,
        # The planted record of 1 MB is longer than what is sent by default.
        producer_max_request_size=2**21,
        producer_linger=0.05,
        topic_partitions=task.partitions,
        web_enabled=False,
        datadir=datadir,
    )
    names = PeerTopics.of(task)
    raw: dict[str, Any] = {"key_serializer": "raw", "value_serializer": "raw"}
    events = app.topic(task.topic, partitions=task.partitions, **raw)
    facts, slices, dead_letters = (app.topic(name, **raw) for name in names)
    conversations = app.Table(
        f"{task.prefix}conversations",
        key_type=bytes,
        value_type=bytes,
        partitions=task.partitions,
    )
    stamp = 0.0  # of the fact in hand; windows here are [start, end), Baton's slices (start, end]
    table = app.Table(f"{task.prefix}windows", default=_Sums, partitions=task.partitions)
    windows = table.hopping(_WINDOW_S, _STEP_S, expires=_KEPT_S).relative_to(lambda _: stamp)

    reader = job.Reader(book, task.lateness_ms)
    lifecycle, counting = job.Lifecycle(book), job.Counting(book)
    watch = Stopwatch(running=False)
    done = asyncio.Event()
    read = published = 0

    @app.agent(events)
    async def fold(stream: Any) -> None:
        nonlocal read, published, stamp
        async for event in stream.events():
            watch.start()
            message = event.message
            try:
                heard = reader.read(message.partition, message.key, message.value)
            except Rejection:
                await dead_letters.send(key=message.key, value=message.value)
                heard = None
            if heard is not None:
                known = conversations.get(message.key)
                state, found = lifecycle.take(
                    None if known is None else job.decode_conversation(known), heard
                )
                if state is not None:
                    conversations[message.key] = state.encoded()
                for fact in found:
                    await facts.send(key=message.key, value=encode_fact(fact))
                    published += 1
                    told = counting.told(fact)
                    if told is not None:
                        stamp = (fact.time - 1) / 1000
                        windows[told.key] += dict(told.counts)
            read += 1
            if read == task.records:
                done.set()

    app.finalize()
    await app.maybe_start()
    await done.wait()
    watch.lap()
    shown = 0
    last = task.final_tick_ms - task.lateness_ms
    boundary = last - last % (_STEP_S * 1000)
    for (key, (start, _)), sums in list(table.items()):
        end = (int(start) + _WINDOW_S) * 1000
        if (boundary - end) % (_WINDOW_S * 1000) == 0:  # of those that overlap, one
            await slices.send(value=job.slice_value(key, end, job.SliceSums(sums)))
            shown += 1
    await app.producer.flush()
    watch.stop(task, {names.facts: published, names.slices: shown})
    await app.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        asked = task_from_arguments()
        asyncio.run(count(asked, load_contracts([Path(asked.contract)]), folder))
