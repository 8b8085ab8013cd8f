"""A partition restored from its table looks at nothing later than the one that went on."""

from __future__ import annotations

from hypothesis import HealthCheck, given, note, settings

from streams.domain.events import epoch_ms
from streams.domain.interaction_codec import decode_interaction
from streams.domain.lifecycle import LifecyclePartition, Progress
from streams.domain.walk import walk
from streams.domain.wire import Rejection, decode_event
from tests.log_builder import CONTRACT
from tests.properties.strategies import Case, cases

EARLY_MS = 6 * 3_600_000

thorough = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Reading:
    """One partition reading a case batch by batch."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self.table: dict[bytes, bytes] = {}
        self.progress: Progress | None = None
        self.partition = self.restored()

    def restored(self) -> LifecyclePartition:
        case = self._case
        return LifecyclePartition(case.book, case.lateness_ms, dict(self.table), self.progress)

    def read(self, batch: list[bytes | int]) -> None:
        for item in batch:
            note(repr(item))
            try:
                if isinstance(item, int):
                    self.partition.tick(item)
                else:
                    event = decode_event(item, self._case.book)
                    assert epoch_ms(event.time)
                    self.partition.event(event)
            except Rejection:
                continue
        flush = self.partition.flush()
        self.progress = flush.progress or self.progress
        for key, value in flush.states.items():
            if value is None:
                self.table.pop(key, None)
            else:
                self.table[key] = value

    def batches(self) -> list[list[bytes | int]]:
        log, size = self._case.log, self._case.batch
        return [log[at : at + size] for at in range(0, len(log), size)]


@thorough
@given(cases(weeks=True))
def test_a_restored_partition_is_due_when_the_one_that_went_on_is_or_a_little_before(
    case: Case,
) -> None:
    reading = Reading(case)
    for batch in reading.batches():
        reading.read(batch)
        restored, live = reading.restored().appointments, reading.partition.appointments
        assert restored.keys() == live.keys()
        assert all(live[key] - EARLY_MS < due <= live[key] for key, due in restored.items())
        assert reading.partition.appointments.keys() == reading.table.keys()
        watermark = reading.partition.watermark
        if watermark is not None:
            assert all(due > watermark for due in reading.partition.appointments.values())


@thorough
@given(cases(weeks=True))
def test_no_fact_comes_before_the_appointment_that_is_stored(case: Case) -> None:
    reading = Reading(case)
    for batch in reading.batches():
        reading.read(batch)
        watermark = reading.partition.watermark
        due = reading.partition.appointments
        for key, raw in reading.table.items():
            state, name = decode_interaction(raw), key.decode().partition("\x00")[2]
            coming, _ = walk(state, CONTRACT, name, case.book, watermark, due[key] - 1)
            assert coming == []
