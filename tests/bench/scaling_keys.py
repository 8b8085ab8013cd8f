"""Whether an event costs the same however many keys its contract publishes.

`python -m tests.bench.scaling_keys [--keys N ...]`: CPU of all stages in process, decoding and
encoding included, over a log whose conversations are spread over N combinations of market, journey
and supplier. A key costs as its minutes close, however few events they hold, so there are two:

- sparse: a synthetic hour as it is, to its end: a key hears of an event now and then.
- dense: some minutes of it, every conversation many times under other names; then a day in which
  all that was counted leaves the windows.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import msgspec
import yaml

from streams.contract_files import load_contracts
from streams.domain.contract import ContractBook, Dimension
from streams.event_log import address
from streams.export.collector import BatonCollector
from tests.bench.scaling_cost import collector_as_in_a_worker
from tests.bench.scaling_memory import resident
from tests.bench.stages_in_process import StagesInProcess
from tests.stream_run import CONTRACT, LATENESS_MS, synthetic_log

# Markets, journeys and suppliers of a contract with so many combinations of them.
SPREADS = {
    10: (1, 10, 1),
    30: (3, 10, 1),
    100: (5, 10, 2),
    300: (5, 15, 4),
    1_000: (10, 20, 5),
    10_000: (20, 50, 10),
}
KEYS = (10, 1_000, 10_000)
LOADS = ("sparse", "dense")
_CONTACTS = 8_000
_DENSE_CONTACTS = 20_000
_MINUTES = 3
_TIMES = 40
_MINUTE_MS = 60_000
_BATCH = 2_000
_FIELDS: tuple[Dimension, ...] = ("market", "journey", "supplier")


class Keyed(msgspec.Struct):
    """One load and number of combinations. `cpu_us` an event, of each stage and in all.

    `entries` that the windows took and `values` that they published, an event; `key_bytes` of
    resident memory.
    """

    load: str
    combinations: int
    keys: int
    events: int
    events_a_second: float
    cpu_us: float
    stages_us: dict[str, float]
    entries: float
    values: float
    key_bytes: float
    series: int


def spread_contract(combinations: int, folder: Path) -> ContractBook:
    """The bundled contract with a wider scope, which publishes each combination."""
    markets, journeys, suppliers = SPREADS[combinations]
    documents = list(yaml.safe_load_all(CONTRACT.read_text()))
    spec = documents[0]["spec"]
    scope = spec["scope"]
    codes = ["SG"] + [f"{a}{b}" for a in "ABC" for b in "ABCDEFGHJK"]
    scope["markets"] = codes[:markets]
    scope["journeys"] = ["outage"] + [f"journey_{n}" for n in range(journeys - 1)]
    scope["suppliers"] = ["northcall"] + [f"supplier_{n}" for n in range(suppliers - 1)]
    spec["rollUps"] = [[], ["channel"], ["market"], ["market", "journey", "supplier"]]
    path = folder / f"spread-{combinations}.yaml"
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return load_contracts([path])


def spread_log(book: ContractBook, items: Sequence[bytes | int]) -> list[bytes | int]:
    """A log whose conversations each have a market, journey and supplier of the scope."""
    (name,) = book.names
    scope = book.versions(name)[0].scope
    values = {field: sorted(scope[field]) for field in _FIELDS}
    patterns = {field: re.compile(rb'"%s":"[^"]*"' % field.encode()) for field in values}

    def respread(record: bytes) -> bytes:
        conversation = address(record).conversation
        number = crc32((conversation or "").encode())
        for field, pattern in patterns.items():
            number, at = divmod(number, len(values[field]))
            said = f'"{field}":"{values[field][at]}"'.encode()
            record = pattern.sub(said, record)
        return record

    return [item if isinstance(item, int) else respread(item) for item in items]


def sparse() -> tuple[list[bytes | int], float]:
    """The hour, and how long its events take, in s of their own time."""
    return list(synthetic_log(_CONTACTS, hours=1).items), 3600.0


def dense() -> tuple[list[bytes | int], float]:
    """Minutes from the hour's middle, and the day after them; how long they take, in s."""
    items = synthetic_log(_DENSE_CONTACTS, hours=1).items
    ticks = [item for item in items if isinstance(item, int)]
    begin = ticks[0] + 30 * _MINUTE_MS
    end = begin + _MINUTES * _MINUTE_MS
    log: list[bytes | int] = []
    clock = 0
    for item in items:
        if isinstance(item, int):
            clock = item
        if begin <= clock < end:
            if isinstance(item, int):
                log.append(item)
            else:
                log += (_again(item, number) for number in range(_TIMES))
    after = [*range(1, 70), *range(120, 26 * 60, 60)]
    return log + [end + minutes * _MINUTE_MS for minutes in after], _MINUTES * 60.0


def _again(record: bytes, number: int) -> bytes:
    """The same of another conversation and customer."""
    named = record.replace(b'"c-', b'"c%d-' % number)
    return named.replace(b'"customer_key":"', b'"customer_key":"k%d' % number)


def measure(load: str, combinations: int, folder: Path) -> Keyed:
    """One point, in this process."""
    book = spread_contract(combinations, folder)
    items, seconds = {"sparse": sparse, "dense": dense}[load]()
    items = spread_log(book, items)
    stages = StagesInProcess(book, LATENESS_MS)
    collector_as_in_a_worker()
    before = resident()
    stages.read(items, _BATCH)
    held = resident() - before
    keys = len(stages.windows.keys)
    collector = BatonCollector(stages.telemetry, now=float, lags=dict, ready=lambda: True)
    events = stages.events
    return Keyed(
        load=load,
        combinations=combinations,
        keys=keys,
        events=events,
        events_a_second=events / seconds,
        cpu_us=stages.cpu_us,
        stages_us={stage: cpu / events * 1e6 for stage, cpu in stages.cpu_s.items()},
        entries=stages.entries / events,
        values=stages.values / events,
        key_bytes=held / keys,
        series=sum(len(family.samples) for family in collector.collect()),
    )


def point(load: str, combinations: int) -> Keyed:
    """One point, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.scaling_keys", "--one", load, str(combinations)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Keyed)


def main() -> None:
    """Print a line a point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, nargs="+", default=KEYS, choices=SPREADS)
    parser.add_argument("--load", nargs="+", default=LOADS, choices=LOADS)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        load, combinations = given.one
        with tempfile.TemporaryDirectory(prefix="baton-scaling-") as folder:
            one = measure(load, int(combinations), Path(folder))
        sys.stdout.buffer.write(msgspec.json.encode(one))
        return
    for load in given.load:
        for combinations in given.keys:
            print(point(load, combinations), flush=True)


if __name__ == "__main__":
    main()
