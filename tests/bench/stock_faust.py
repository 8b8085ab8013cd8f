"""Stock Faust, written as its documentation teaches: an agent, a table and a tumbling window.

Two increments an event stand for what Baton does with it, which is far more. Everything is Faust's
default but the session timeout, which only shortens the join of the group.
"""

from __future__ import annotations

import asyncio
import tempfile
from typing import Any

import faust

from tests.bench.contestant import Stopwatch, Task, task_from_arguments


async def count(task: Task) -> None:
    """Count the task's events by conversation, and by channel and minute."""
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as datadir:
        app = faust.App(
            "bench-stock-faust",
            broker=f"kafka://{task.broker}",
            broker_session_timeout=6,
            broker_rebalance_timeout=6,
            broker_heartbeat_interval=1.2,
            topic_partitions=task.partitions,
            value_serializer="json",
            web_enabled=False,
            datadir=datadir,
        )
        topic = app.topic(task.topic, partitions=task.partitions)
        by_conversation = app.Table("by-conversation", default=int)
        by_channel = app.Table("by-channel", default=int).tumbling(60.0, expires=3600.0)
        done = asyncio.Event()

        async def agent(events: Any) -> None:
            watch, seen = None, 0
            async for event in events:
                watch = watch or Stopwatch()
                data = event["data"]
                by_conversation[data["conversation_id"]] += 1
                by_channel[data["channel"]] += 1
                seen += 1
                if seen == task.events:
                    watch.stop(task)
                    done.set()

        app.agent(topic)(agent)
        app.finalize()
        await app.maybe_start()
        await done.wait()
        await app.stop()


if __name__ == "__main__":
    asyncio.run(count(task_from_arguments()))
