"""Logs of events on disk, plain and packed: streams/event_log.py."""

from __future__ import annotations

import gzip
from functools import cache

import zstandard

from streams.event_log import LogError, address, read_log
from tests.fuzz.files import scratch
from tests.fuzz.messages import assert_silent
from tests.fuzz.targets import events

FORM = "bytes"


@cache
def samples() -> tuple[bytes, ...]:
    """The same few lines plain, gzipped and as Zstandard."""
    lines = b"\n".join(events.samples()[:4]) + b"\n"
    return (lines, gzip.compress(lines, mtime=0), zstandard.compress(lines))


def check(data: bytes) -> None:
    """Records, each with an address; or a LogError that names the file."""
    for name in ("log.jsonl", "log.jsonl.gz", "log.jsonl.zst"):
        path = scratch(name, data)
        try:
            for record in read_log(path):
                address(record)
        except LogError as error:
            assert_silent(str(error), names=str(path))
