"""Payloads of every platform: streams/sources/platforms, adapter.py, payload.py, json_files.py."""

from __future__ import annotations

from functools import cache

import orjson

from streams.sources.base import SourceProblem
from streams.sources.platforms import PLATFORMS
from streams.sources.registry import read_records
from tests.fuzz.files import OPTIONS, scratch
from tests.fuzz.messages import assert_silent
from tests.unit.sources.platforms.platform_samples import all_samples

FORM = "json"
_DEFECTS = {"adapter_fault", "not_canonical"}


@cache
def samples() -> tuple[bytes, ...]:
    """A payload of each kind of every platform's samples, and one file of lines."""
    found: dict[bytes, None] = {}
    for sample in all_samples():
        payload = sample.payload
        for each in payload[:3] if isinstance(payload, list) else [payload]:
            found[orjson.dumps(each)] = None
    return (*found, b"\n".join(list(found)[:3]))


def check(data: bytes) -> None:
    """Every platform gives records and problems of any bytes, and fails at none."""
    path = scratch("platforms.log", data)
    for name in PLATFORMS:
        for item in read_records(name, path, OPTIONS):
            if isinstance(item, SourceProblem):
                assert item.code not in _DEFECTS, item
                assert_silent(f"{item.where}: {item.message}")
