"""The logs that contestants read: seeded, the generator's full mix, with ticks between the records.

`dense` looks like live traffic: an afternoon's contacts within little more than an hour, ticks as
often as a live leader writes them, and then a night in which everything that was begun closes and
matures. `thin` is the same number of events spread over a day: few to a tick and to a slice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import orjson
import yaml

from streams.contract_files import bundled_contract, load_contracts
from streams.domain.contract import ContractBook
from streams.event_log import address, asks_to_erase
from streams.oracle.judge import Verdict, judge
from streams.replay import ticked, timed
from streams.sources.synthetic import SyntheticDay, generate

Density = Literal["dense", "thin"]

LATENESS_MS = 30_000
_HOUR_MS = 3_600_000
_MINUTE_MS = 60_000
# A synthetic contact is told in about 20.8 records; the log is cut where it has enough.
_RECORDS_A_CONTACT = 20
# Two hours of contacts from 13:00 on, of which the cut leaves about 70 minutes: the AI's bad hour
# begins at 14:00, so that both kinds of traffic are in it.
_DENSE_HOURS = 2
_DENSE_FROM_MS = SyntheticDay().start_ms + 13 * _HOUR_MS
_DENSE_RECORDS_AN_INTERACTION = 11
_LIVE_TICK_MS = 1_000
# The night: ticks a minute apart for as long as closing (2 h) and maturing (6 h) take.
_NIGHT_MS = 9 * _HOUR_MS
_SETTLE_MS = 60_000


@dataclass(frozen=True)
class Log:
    """Records and ticks (ms) as the topic will hold them, and the contract to judge them by; the
    same with prices and credits is `priced`, under which Baton bills, too.
    """

    items: tuple[bytes | int, ...]
    contract: Path
    priced: Path

    @cached_property
    def book(self) -> ContractBook:
        """The contracts."""
        return load_contracts([self.contract])

    @cached_property
    def ticks(self) -> tuple[int, ...]:
        """The ticks alone."""
        return tuple(item for item in self.items if isinstance(item, int))

    @property
    def events(self) -> int:
        """How many records are no ticks, unusable ones among them."""
        return len(self.items) - len(self.ticks)

    def written(self, partitions: int) -> int:
        """How many records a topic holds of it: ticks and erasures go to each partition."""
        to_all = sum(isinstance(item, int) or asks_to_erase(item) for item in self.items)
        return len(self.items) - to_all + partitions * to_all

    @cached_property
    def verdict(self) -> Verdict:
        """What the oracle says of it."""
        return judge(self.items, self.book, lateness_ms=LATENESS_MS)

    @property
    def described(self) -> str:
        """How long, how dense, how much of it ticks."""
        hours = (self.ticks[-1] - self.ticks[0]) / _HOUR_MS
        return (
            f"{self.events:,} events of {len(self.conversations()):,} conversations, and"
            f" {len(self.ticks):,} ticks to each partition, over {hours:.1f} h of event time"
        )

    def conversations(self) -> list[str]:
        """The conversations that are told of, in order of their first record."""
        found = {address(item).conversation: None for item in self.items if isinstance(item, bytes)}
        return [name for name in found if name is not None]


def seeded_log(
    events: int, density: Density, keys: int, folder: Path, first: int | None = None
) -> Log:
    """The first `events` records of a seeded day, or only the `first` of them. With `keys` > 0 the
    contract lists so many journeys (each a dimension key), written to `folder`, and the records
    tell of them.
    """
    priced = bundled_contract("telco-2026")
    dense = density == "dense"
    day = _dense_day(events) if dense else _thin_day(events)
    records: Iterable[bytes] = islice(generate(day), events if first is None else first)
    if keys:
        records = (_of_a_line(raw, keys) for raw in records)
        priced = _wide_contract(priced, keys, folder)
    # Peers are not asked to bill, so what is compared does not.
    contract = _without_money(priced, folder)
    if not dense:
        return Log(tuple(ticked(timed(records))), contract, priced)
    items = list(ticked(timed(records), interval_ms=_LIVE_TICK_MS, settle_ms=_SETTLE_MS))
    last = items[-1]
    assert isinstance(last, int)
    dusk = last - last % _MINUTE_MS
    return Log((*items, *range(dusk + _MINUTE_MS, dusk + _NIGHT_MS, _MINUTE_MS)), contract, priced)


def _dense_day(events: int) -> SyntheticDay:
    return SyntheticDay(
        interactions=events // _DENSE_RECORDS_AN_INTERACTION + 100,
        start_ms=_DENSE_FROM_MS,
        hours=_DENSE_HOURS,
    )


def _thin_day(events: int) -> SyntheticDay:
    return SyntheticDay(interactions=events // _RECORDS_A_CONTACT + 100)


def _line(number: int) -> str:
    return f"line-{number:05}"


def _of_a_line(raw: bytes, lines: int) -> bytes:
    """The record with the journey, where it states one, replaced by one of `lines`."""
    conversation = address(raw).conversation
    if conversation is None:
        return raw
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw
    if "journey" not in document["data"]:
        return raw
    digest = blake2b(conversation.encode(), digest_size=8).digest()
    document["data"]["journey"] = _line(int.from_bytes(digest, "big") % lines)
    return orjson.dumps(document)


def _wide_contract(contract: Path, lines: int, folder: Path) -> Path:
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(contract.read_text()))
    journeys = documents[0]["spec"]["scope"]["journeys"]
    journeys += [_line(number) for number in range(lines)]
    path = folder / "wide.yaml"
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return path


def _without_money(priced: Path, folder: Path) -> Path:
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(priced.read_text()))
    terms = documents[0]["spec"]
    for name in ("prices", "atRisk"):
        del terms[name]
    for level in terms["serviceLevels"]:
        for name in ("weight", "credits", "earnBack", "expected"):
            level.pop(name, None)
    path = folder / "unpriced.yaml"
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return path
