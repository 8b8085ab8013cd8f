"""What a contestant published, held to the oracle's verdict on the same log."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import orjson

from streams.cli.demo_check import Difference, compare, difference, read_topic
from streams.domain.facts import encode_fact
from streams.domain.window_value import SLICE_MS, WINDOW_LENGTHS_MS
from streams.oracle.judge import Verdict
from streams.oracle.report import verdict_json
from tests.bench.contestant import Cost, PeerTopics, Task
from tests.bench.log import Log

# What no minute slice of facts holds: who waits at a boundary, and what is known of customers.
_NOT_OF_FACTS = ("waiting", "unlinked", "links.", "returned.", "returned_same.")
_Counts = Counter[str]


async def baton_held(task: Task, cost: Cost, log: Log) -> list[Difference]:
    """Facts and breaches byte for byte, windows by their last value."""
    verdict = orjson.loads(verdict_json(log.verdict))
    return await compare(task.broker, task.partitions, cost.written, verdict, task.prefix)


async def peer_held(task: Task, cost: Cost, log: Log) -> list[Difference]:
    """Facts byte for byte; of windows the counters, summed from the slices of finest keys."""
    topics = PeerTopics.of(task)
    read = {
        topic: await read_topic(task.broker, topic, task.partitions, cost.written[topic])
        for topic in (topics.facts, topics.slices)
    }
    return [
        difference(
            "facts",
            (value for _, value in read[topics.facts]),
            map(encode_fact, log.verdict.facts),
        ),
        difference(
            "windows' counters",
            _summed(log, [value for _, value in read[topics.slices]]),
            _wanted(log.verdict),
        ),
    ]


def _wanted(verdict: Verdict) -> Iterator[bytes]:
    for window in verdict.windows:
        counts = {
            name: count
            for name, count in window.counts.items()
            if not name.startswith(_NOT_OF_FACTS)
        }
        if window.window in WINDOW_LENGTHS_MS and counts:
            yield _line(window.contract, dict(window.key), window.window, counts)


def _summed(log: Log, slices: Iterable[bytes]) -> Iterator[bytes]:
    watermark = log.verdict.watermark
    assert watermark is not None
    boundary = watermark - watermark % SLICE_MS
    sums: dict[tuple[str, tuple[tuple[str, str], ...], str], _Counts] = defaultdict(Counter)
    latest = {(key, end): counts for key, end, counts, _ in map(orjson.loads, slices)}
    for (key, end), counts in latest.items():
        contract, values = orjson.loads(key)
        for grouping in log.book.versions(contract)[-1].groupings:
            place = tuple((name, values[name]) for name in grouping)
            for window, length in WINDOW_LENGTHS_MS.items():
                if boundary - length < end <= boundary:
                    sums[(contract, place, window)].update(counts)
    for (contract, place, window), total in sums.items():
        yield _line(contract, dict(place), window, total)


def _line(contract: str, key: dict[str, str], window: str, counts: dict[str, int]) -> bytes:
    held = {name: count for name, count in counts.items() if count}
    return orjson.dumps([contract, key, window, held], option=orjson.OPT_SORT_KEYS)
