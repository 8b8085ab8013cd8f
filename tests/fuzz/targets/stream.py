"""A whole log through all stages of a worker and through the judge: nothing in it stops either."""

from __future__ import annotations

import json
from functools import cache

import orjson

from streams.oracle.judge import judge
from streams.oracle.report import verdict_json
from streams.replay import ticked, timed
from streams.sources.synthetic import SyntheticDay, generate
from tests.bare_worker import BareWorker
from tests.fuzz.messages import assert_silent
from tests.fuzz.targets import book

FORM = "json"


@cache
def samples() -> tuple[bytes, ...]:
    """Lists of events; an element that is a text stands for a record that is no JSON object."""
    found = []
    for seed in range(1, 5):
        day = generate(SyntheticDay(interactions=1, seed=seed, hours=1))
        events = []
        for raw in day:
            try:
                events.append(orjson.loads(raw))
            except orjson.JSONDecodeError:
                continue
        found.append(orjson.dumps(events[:40]))
    return tuple(found)


def check(data: bytes) -> None:
    """Every record is folded or a dead letter, by the stream as by the judge."""
    try:
        items = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(items, list) or len(items) > 200:
        return
    records = [_raw(item) for item in items]
    log = list(ticked(timed(records)))
    worker = BareWorker(book())
    worker.read(log)
    worker.exposition()
    for header in worker.error_headers():
        assert_silent(header)
    verdict_json(judge(log, book(), lateness_ms=30_000))


def _raw(item: object) -> bytes:
    if isinstance(item, str):
        return item.encode("utf-8", "surrogateescape") if _escapable(item) else b"\xff"
    try:
        return json.dumps(item, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except RecursionError:
        return b"{"


def _escapable(text: str) -> bool:
    return not any("\ud800" <= c <= "\udbff" or "\udc00" <= c <= "\udc7f" for c in text)
