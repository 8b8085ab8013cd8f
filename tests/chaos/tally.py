"""What a round published beside what it had to publish, counted record by record."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec
import orjson
from aiokafka import ConsumerRecord

from streams.domain.window_value import encode_window
from streams.kafka import topics
from streams.oracle.judge import Verdict
from tests.stream_verdict import encoded_breaches, encoded_facts

Record: TypeAlias = ConsumerRecord[bytes, bytes]
Origin = tuple[str, int, int]
_SHOWN = 20


@dataclass
class Tally:
    """Counts over a round's topics. `findings` describes the first few of what is not right."""

    records_in: int = 0
    records_out: int = 0
    lost: int = 0
    duplicated: int = 0
    wrong: int = 0
    findings: list[str] = field(default_factory=list)

    def note(self, kind: str, number: int, what: str) -> None:
        """Add to one of the counts."""
        setattr(self, kind, getattr(self, kind) + number)
        if len(self.findings) < _SHOWN:
            self.findings.append(f"{kind}: {what}")


@dataclass(frozen=True)
class Letter:
    """A dead letter as it must be: its code, and the record as it came."""

    code: str
    key: bytes | None
    value: bytes | None


def count_events(tally: Tally, topic: str, wanted: list[bytes], found: Iterable[Record]) -> None:
    """CloudEvents by source and id: each wanted one once, with its bytes, and no other."""
    by_id = {_name(raw): raw for raw in wanted}
    assert len(by_id) == len(wanted), f"the oracle gives two records of {topic} one id"
    seen: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in found:
        tally.records_out += 1
        try:
            seen[_name(record.value)].append(record)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            tally.note("wrong", 1, f"{_place(record)} is no CloudEvent")
    for name, raw in by_id.items():
        if name not in seen:
            tally.note("lost", 1, f"{topic}: {raw.decode()}")
    for name, records in seen.items():
        due = by_id.get(name)
        false = [record for record in records if record.value != due]
        for record in false:
            told = "invented" if due is None else f"should be {due.decode()}"
            tally.note("wrong", 1, f"{_place(record)} {record.value.decode()} ({told})")
        if len(records) > 1:
            places = ", ".join(map(_place, records))
            tally.note("duplicated", len(records) - 1, f"{name[1]} at {places}")


def count_windows(tally: Tally, verdict: Verdict, found: Iterable[Record]) -> None:
    """The last value of each key; it stands until another follows, so its end may lie before."""
    held: dict[bytes | None, Record] = {}
    for record in found:
        tally.records_out += 1
        held[record.key] = record
    wanted = {
        orjson.dumps([value.contract, value.window, dict(value.key)]): value
        for value in verdict.windows
    }
    for key in wanted.keys() - held.keys():
        tally.note("lost", 1, f"{topics.WINDOWS}: {key.decode()}")
    for name, record in held.items():
        value = wanted.get(name or b"")
        if value is None:
            tally.note("wrong", 1, f"{_place(record)} {record.key!r} (invented)")
            continue
        due = orjson.loads(encode_window(value))
        try:
            end = msgspec.json.decode(record.value)["end"]
        except (msgspec.DecodeError, KeyError, TypeError):
            end = None
        if end is None or end > due["end"] or record.value != orjson.dumps({**due, "end": end}):
            tally.note(
                "wrong",
                1,
                f"{_place(record)} {record.value!r} (should be {encode_window(value)!r})",
            )


def count_dead_letters(
    tally: Tally, wanted: Mapping[Origin, Letter], found: Iterable[Record]
) -> None:
    """Dead letters by origin: each wanted one once, as it came, and under its code."""
    seen: Counter[Origin] = Counter()
    for letter in found:
        tally.records_out += 1
        told = _error_headers(letter)
        prefix = "baton.error.origin."
        try:
            place = (told[f"{prefix}partition"], told[f"{prefix}offset"])
            origin = (told[f"{prefix}topic"], int(place[0]), int(place[1]))
        except (KeyError, ValueError):
            tally.note("wrong", 1, f"{_place(letter)} does not say where it is from")
            continue
        seen[origin] += 1
        due = wanted.get(origin)
        if due is None:
            tally.note("wrong", 1, f"{_place(letter)} diverts {origin}, which is well")
            continue
        code = told.get("baton.error.code")
        if code != due.code:
            tally.note("wrong", 1, f"{_place(letter)} says {code} of {origin}, not {due.code}")
        elif (letter.key, letter.value) != (due.key, due.value):
            tally.note("wrong", 1, f"{_place(letter)} is not as it came from {origin}")
    for origin, due in wanted.items():
        if origin not in seen:
            tally.note("lost", 1, f"{topics.DEAD_LETTERS}: {due.code} of {origin}")
    for origin, number in seen.items():
        if number > 1:
            tally.note("duplicated", number - 1, f"dead letter of {origin}")


def count_published(tally: Tally, verdict: Verdict, read: Mapping[str, list[Record]]) -> None:
    """Facts, breaches and windows. `read` is what the topics hold."""
    for topic, wanted in (
        (topics.FACTS, encoded_facts(verdict)),
        (topics.BREACHES, encoded_breaches(verdict)),
    ):
        count_events(tally, topic, wanted, read[topic])
    count_windows(tally, verdict, read[topics.WINDOWS])


def _name(raw: bytes) -> tuple[str, str]:
    event = orjson.loads(raw)
    return str(event["source"]), str(event["id"])


def _error_headers(letter: Record) -> dict[str, str]:
    # The others are the record's own, which may be anything.
    told = [(name, value) for name, value in letter.headers if name.startswith("baton.error.")]
    return {name: value.decode(errors="replace") for name, value in told}


def _place(record: Record) -> str:
    return f"{record.topic}/{record.partition}@{record.offset}"
