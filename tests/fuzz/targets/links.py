"""A record of customer-links, decoded and taken: link_codec.py and agents/links.py."""

from __future__ import annotations

from functools import cache

from streams.domain.links import LinkStep
from streams.kafka import topics
from streams.kafka.link_codec import encode_links
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
    values = {record.value for record in worker.outbox.records[topics.LINKS]}
    return tuple(sorted((value for value in values if value), key=len)[-6:])


def check(data: bytes) -> None:
    """Taken or a dead letter; what other sources say after it is still passed on."""
    worker = BareWorker(book())
    worker.take_links(data, *(_later(source) for source in range(PARTITIONS)))
    for header in worker.error_headers():
        assert_silent(header)


def _later(source: int) -> bytes:
    return encode_links(source, [LinkStep(1_800_000_000_000, [])])
