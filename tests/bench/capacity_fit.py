"""What one event sends and costs, measured in process on a dense log."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from streams.contract_files import bundled_contract, load_contracts
from streams.event_log import address
from streams.replay import ticked, timed
from streams.sources.synthetic import SyntheticDay, generate
from tests.bench.stages_in_process import StagesInProcess

# recovery.py: 3,000,000 interactions on an empty disk in 14.8 s (README.md).
RECOVERED_A_SECOND = 3_000_000 / 14.8
EVENTS = 100_000
# What a fetch brings of live traffic: a fifth of a second of this log. A replay's large batches
# merge the states of one conversation, so that its changelog is several times smaller.
BATCH = 20
_TICK_MS = 1_000


@dataclass(frozen=True, slots=True)
class Sent:
    """Of one event: CPU of all stages, and what goes onto each topic."""

    cpu_us: float
    event_bytes: float
    events_a_contact: float
    bytes_an_event: dict[str, float]
    records_an_event: dict[str, float]


def sent(seed: int) -> Sent:
    """An hour and more of one synthetic afternoon through all stages of one partition."""
    day = SyntheticDay(
        interactions=EVENTS // 10, seed=seed, hours=2, start_ms=SyntheticDay().start_ms + 46_800_000
    )
    records = list(islice(generate(day), EVENTS))
    stages = StagesInProcess(load_contracts([bundled_contract("telco-2026")]), 30_000)
    stages.read(list(ticked(timed(records), interval_ms=_TICK_MS)), BATCH)
    contacts = {address(raw).conversation for raw in records}
    return Sent(
        cpu_us=stages.cpu_us,
        event_bytes=sum(map(len, records)) / len(records),
        events_a_contact=len(records) / len(contacts),
        bytes_an_event={topic: size / stages.events for topic, size in stages.sent.items()},
        records_an_event={topic: n / stages.events for topic, n in stages.records.items()},
    )
