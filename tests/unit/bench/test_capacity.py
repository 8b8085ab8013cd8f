"""deploy/CAPACITY.md is made of measured figures, and the model behind it adds up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.bench.capacity import (
    DOCUMENT,
    LOAD,
    MOST_PARTITIONS,
    PARTITIONS_A_WORKER,
    WORKER_BYTES,
    document,
    plan,
    read_figures,
)

FIGURES = read_figures()
RATES = st.integers(min_value=1, max_value=10**8)


def test_the_document_s_tables_are_what_the_program_writes() -> None:
    text = DOCUMENT.read_text()
    assert document(text, FIGURES) == text, "run python -m tests.bench.capacity"


@given(rate=RATES)
def test_workers_have_room_for_the_cpu_and_memory_that_are_asked_of_them(rate: int) -> None:
    made = plan(rate, FIGURES)
    assert rate * FIGURES.worker_us / 1e6 <= made.workers * LOAD * (1 + 1e-9)
    assert made.remembered * FIGURES.rss_disk_bytes <= made.workers * WORKER_BYTES * (1 + 1e-9)


@given(rate=RATES)
def test_every_worker_has_partitions_and_no_cell_more_than_a_flush_round_bears(rate: int) -> None:
    made = plan(rate, FIGURES)
    assert made.partitions >= made.workers * PARTITIONS_A_WORKER
    assert made.partitions / made.cells <= MOST_PARTITIONS


@given(rate=RATES, more=RATES)
def test_more_events_never_need_less(rate: int, more: int) -> None:
    one, other = plan(rate, FIGURES), plan(rate + more, FIGURES)
    assert other.workers >= one.workers
    assert other.partitions >= one.partitions
    assert other.brokers >= one.brokers
    assert other.out_bytes_s > one.out_bytes_s
