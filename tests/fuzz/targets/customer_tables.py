"""Records of the customers table, as changelog or disk gives them back."""

from __future__ import annotations

from functools import cache

import msgspec

from streams.kafka.store import StateError
from streams.replay import ticked, timed
from streams.sources.synthetic import SyntheticDay, generate
from tests.bare_worker import BareWorker
from tests.fuzz.messages import assert_plain
from tests.fuzz.targets import book

FORM = "msgpack"


@cache
def samples() -> tuple[bytes, ...]:
    """The tables that a synthetic hour leaves behind, a few records of each."""
    worker = BareWorker(book())
    worker.read(ticked(timed(generate(SyntheticDay(interactions=40, hours=1)))))
    return tuple(
        msgspec.msgpack.encode([[n, msgspec.msgpack.decode(r)] for n, r in [*table.items()][-4:]])
        for table in worker.customer_tables()
    )


def check(data: bytes) -> None:
    """A worker that adopts the partition has it, or a StateError that names the changelog."""
    try:
        pairs = msgspec.msgpack.decode(data)
        table = {memoryview(n).tobytes(): msgspec.msgpack.encode(v) for n, v in pairs}
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError, OverflowError):
        table = {b"p": data, b"c" + bytes(16): data}
    worker = BareWorker(book(), customers=table)
    try:
        worker.adopt()
    except StateError as error:
        assert_plain(str(error))
