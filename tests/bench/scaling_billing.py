"""What a billed conversation costs: resident memory and bytes of the table while its ledger holds
it, CPU a record, a preview and a restart.

`python -m tests.bench.scaling_billing [--conversations N ...]`, each kind of table and number in a
process of its own. The records are those that the lifecycle sends of a synthetic afternoon and the
night after it; they are told of as many conversations and customers as one likes, all at the same
times, so that all are held. What a worker has beside its ledger (topics, other stages) is not in
it.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import msgspec

from streams.agents import account_table
from streams.contract_files import load_contracts
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.records import Told
from streams.domain.contract import ContractBook
from streams.domain.events import Tick, epoch_ms
from streams.domain.lifecycle import LifecyclePartition
from streams.domain.wire import Rejection, decode_event
from tests.bench.log import LATENESS_MS, seeded_log
from tests.bench.open_interactions import conversation_name
from tests.bench.scaling_memory import new_table, resident

SIZES = (10_000, 100_000)
KINDS = ("memory", "disk")
CONTRACT = "telco-2026"
# Conversations of the log that all others are like, and records to a batch.
_EVENTS, _A_BATCH = 20_000, 2_000
_Step = tuple[int, Sequence[Told]]


class Billed(msgspec.Struct):
    """One kind of table and one number of conversations. Bytes, each of one conversation; CPU a
    record.
    """

    tables: str
    conversations: int
    records: int
    rss_bytes: float
    table_bytes: float
    cpu_us: float
    preview_ms: float
    restore_s: float
    longest_ms: float


def _steps(book: ContractBook, items: Sequence[bytes | int], batch: int) -> Iterator[_Step]:
    """What the lifecycle tells billing of each batch, up to its watermark (ms)."""
    lifecycle = LifecyclePartition(book, LATENESS_MS, {})
    for begin in range(0, len(items), batch):
        for item in items[begin : begin + batch]:
            if isinstance(item, int):
                lifecycle.tick(item)
                continue
            try:
                event = decode_event(item, book)
                if isinstance(event, Tick):
                    lifecycle.tick(epoch_ms(event.time))
                else:
                    lifecycle.event(event)
            except Rejection:
                continue
        told = [one for fed in lifecycle.flush().billing.values() for one in fed.records]
        if lifecycle.watermark is not None:
            yield lifecycle.watermark, told


def _told_of(told: Told, name: str, copy: int) -> Told:
    customer = None
    if told.customer is not None:
        customer = blake2b(told.customer, digest_size=16, salt=copy.to_bytes(8, "big")).digest()
    fact = msgspec.structs.replace(told.fact, conversation=name)
    return Told(fact, told.known, customer)


def measure(kind: str, conversations: int, folder: Path) -> Billed:
    """One point, in this process."""
    log = seeded_log(_EVENTS, "dense", 0, folder)
    book = load_contracts([log.priced])
    copies = -(-conversations // len(log.conversations()))
    steps = list(_steps(book, log.items, max(1, _A_BATCH // (20 * copies))))
    numbers: dict[str, int] = {}
    for _, told in steps:
        for one in told:
            numbers.setdefault(one.fact.conversation, len(numbers))
    gc.collect()
    before = resident()
    table = new_table(kind, folder / "accounts")
    ledger = Ledger(book, CONTRACT, forgets=True)
    account_table.restore(ledger, table)
    cpu, longest, records = 0.0, 0.0, 0
    for number, (watermark, told) in enumerate(steps):
        cloned = (
            _told_of(one, conversation_name(numbers[one.fact.conversation] * copies + copy), copy)
            for copy in range(copies)
            for one in told
        )
        while batch := list(islice(cloned, _A_BATCH)):
            records += len(batch)
            began = time.process_time()
            ledger.apply(0, None, batch)
            cpu += time.process_time() - began
        began = time.process_time()
        ledger.apply(0, watermark, ())
        ledger.advance()
        for _ in account_table.changes(ledger, table):
            pass
        table.commit(number, number)
        took = time.process_time() - began
        cpu, longest = cpu + took, max(longest, took)
    gc.collect()
    after = resident()
    held = [(key, raw) for key, raw in table.items() if key.startswith(f"{CONTRACT}\0c".encode())]
    count, size = len(held), sum(len(key) + len(raw) for key, raw in held)
    del held
    previews = []
    for _ in range(3):
        began = time.process_time()
        ledger.preview()
        previews.append(time.process_time() - began)
    again = Ledger(book, CONTRACT, forgets=True)
    began = time.process_time()
    account_table.restore(again, table)
    restore_s = time.process_time() - began
    table.close()
    return Billed(
        tables=kind,
        conversations=count,
        records=records,
        rss_bytes=(after - before) / count,
        table_bytes=size / count,
        cpu_us=cpu / records * 1e6,
        preview_ms=min(previews) * 1e3,
        restore_s=restore_s,
        longest_ms=longest * 1e3,
    )


def billed(kind: str, conversations: int) -> Billed:
    """One point, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.scaling_billing", "--one", kind]
    done = subprocess.run([*command, str(conversations)], stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Billed)


def main() -> None:
    """Print a line a point as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, nargs="+", default=SIZES)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        with tempfile.TemporaryDirectory(prefix="baton-scaling-") as folder:
            kind, count = given.one
            sys.stdout.buffer.write(msgspec.json.encode(measure(kind, int(count), Path(folder))))
        return
    for count in given.conversations:
        for kind in KINDS:
            print(billed(kind, count), flush=True)


if __name__ == "__main__":
    main()
