"""`baton doctor` asked from a test."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streams.doctor.checkup import Around, findings
from streams.doctor.finding import Finding
from streams.settings import Settings

CONTRACT = Path(__file__).resolve().parents[1] / "deploy/contracts/real-data.yaml"
NOWHERE = "127.0.0.1:1"


def examined(around: Around | None = None, **said: Any) -> list[Finding]:
    """What it finds of a worker with these settings."""

    async def collect() -> list[Finding]:
        settings = Settings(**({"contract": [CONTRACT]} | said))
        return [found async for found in findings(settings, around or Around())]

    return asyncio.run(collect())


def of(found: list[Finding], check: str) -> Finding:
    """The worst finding of one check."""
    grades = ("ok", "warn", "wrong")
    return max((f for f in found if f.check == check), key=lambda f: grades.index(f.verdict))


def faults(found: list[Finding]) -> Mapping[str, Finding]:
    """All that is wrong, by check."""
    return {each.check: each for each in found if each.verdict == "wrong"}


def must_be_wrong(found: list[Finding], check: str, *words: str) -> Finding:
    """The planted fault: found, explained, with what mends it, and nothing else is wrong."""
    there = faults(found)
    assert there.keys() == {check}, [(f.check, f.verdict, f.what) for f in found]
    told = there[check]
    assert told.why
    assert told.fix
    for word in words:
        assert word in f"{told.what} {told.fix}", told
    return told
