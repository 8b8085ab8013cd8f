"""What the judge makes of a platform's sample: facts by conversation, as their readers see them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import orjson

from streams.contract_files import bundled_contract, load_contracts
from streams.domain.facts import Fact, encode_fact
from streams.oracle.judge import Verdict, judge
from streams.replay import ticked, timed
from streams.sources.base import SourceOptions, SourceRecord
from streams.sources.platforms import PLATFORMS
from tests.unit.sources.platforms.platform_samples import MARKS, folder

BOOK = load_contracts([bundled_contract("real-data")])
OPTIONS = SourceOptions(contract="real-data", salt="pepper", marks=MARKS)
LATENESS_MS = 30_000
# Past the contract's verification window and its longest wait.
SETTLE_MS = 9 * 86_400_000


def log_of(records: Iterable[SourceRecord]) -> list[bytes | int]:
    """The records in the order of time, with ticks between them and long after the last."""
    ordered = sorted(records, key=lambda record: (record.time_ms, record.id, record.raw))
    # As if each had arrived the moment it happened.
    raws = [_on_time(record.raw) for record in ordered]
    return list(ticked(timed(raws), settle_ms=SETTLE_MS))


def records_of(platform: str, case: str) -> list[SourceRecord]:
    """The records of one sample."""
    path = folder(PLATFORMS[platform]) / f"{case}.json"
    payload = orjson.loads(path.read_bytes())
    items = PLATFORMS[platform].records(payload, OPTIONS, case)
    return [item for item in items if isinstance(item, SourceRecord)]


def verdict_of(platform: str, case: str) -> Verdict:
    """The verdict on one sample by itself."""
    return judge(log_of(records_of(platform, case)), BOOK, lateness_ms=LATENESS_MS)


def told(facts: Iterable[Fact], kind: str, conversation: str) -> list[dict[str, Any]]:
    """The data of a conversation's facts of one kind, in their order."""
    found = [msgspec.json.decode(encode_fact(fact)) for fact in facts]
    return [
        each["data"]
        for each in found
        if each["type"] == f"baton.fact.{kind}" and each["subject"] == conversation
    ]


def _on_time(raw: bytes) -> bytes:
    event = orjson.loads(raw)
    event.pop("recordedtime", None)
    return orjson.dumps(event)
