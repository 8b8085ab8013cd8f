"""A record of window-deltas, decoded and applied: delta_codec.py and agents/windows.py."""

from __future__ import annotations

from functools import cache

from streams.domain.delta import Deltas
from streams.kafka import topics
from streams.kafka.delta_codec import encode_deltas
from streams.replay import ticked, timed
from streams.sources.synthetic import SyntheticDay, generate
from tests.bare_worker import PARTITIONS, BareWorker
from tests.fuzz.messages import assert_silent
from tests.fuzz.targets import book

FORM = "msgpack"


@cache
def samples() -> tuple[bytes, ...]:
    """The largest records that a synthetic hour makes."""
    worker = BareWorker(book())
    worker.read(ticked(timed(generate(SyntheticDay(interactions=40, hours=1)))))
    values = {record.value for record in worker.outbox.records[topics.DELTAS]}
    return tuple(sorted((value for value in values if value), key=len)[-6:])


def check(data: bytes) -> None:
    """Applied or a dead letter; what other sources say after it still closes windows."""
    worker = BareWorker(book())
    worker.take_deltas(data, *(_later(source) for source in range(PARTITIONS)))
    worker.exposition()
    for header in worker.error_headers():
        assert_silent(header)


def _later(source: int) -> bytes:
    return encode_deltas(source, Deltas(1_800_000_000_000, []))
