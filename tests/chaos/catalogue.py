"""All faults, in the order of the table."""

from __future__ import annotations

from tests.chaos.fault import Fault
from tests.chaos.faults import brokers, disk, network, records, ticks, workers

FAULTS: tuple[Fault, ...] = (
    *workers.FAULTS,
    *brokers.FAULTS,
    *network.FAULTS,
    *disk.FAULTS,
    *records.FAULTS,
    *ticks.FAULTS,
)
