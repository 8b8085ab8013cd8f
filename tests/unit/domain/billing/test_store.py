"""What a ledger puts away, and what it keeps at hand."""

from __future__ import annotations

import random

import pytest

from streams.domain.billing.appointments import Appointments
from streams.domain.billing.customers import Customers
from streams.domain.billing.periods import Span
from streams.domain.billing.records import EpisodeId
from streams.domain.billing.store import InMemoryStore
from streams.domain.billing.units import Units
from streams.domain.delta import slice_end_of

MINUTE_MS = 60_000
SPAN = Span(100 * MINUTE_MS, 0, "1M", "a month")


def test_appointments_come_in_order_of_time_also_those_that_are_made_meanwhile() -> None:
    chance = random.Random(1)
    made = [(chance.randrange(50 * 3_600_000), f"c{number}") for number in range(500)]
    appointments = Appointments()
    for due, name in made:
        appointments.add(due, name)
    found = []
    for reached in range(0, 51 * 3_600_000, 1_700_000):
        for due, name in appointments.due(reached):
            assert due <= reached
            found.append((due, name))
            if name == "c7":
                appointments.add(due + 1_000, "again")
                made.append((due + 1_000, "again"))
    assert found == sorted(made)


def test_what_is_due_before_all_that_was_looked_at_comes_at_once() -> None:
    appointments = Appointments()
    appointments.add(10_000_000, "later")
    assert list(appointments.due(20_000_000)) == [(10_000_000, "later")]
    appointments.add(5, "long ago")
    assert list(appointments.due(20_000_000)) == [(5, "long ago")]


def test_a_customer_s_conversations_are_each_one_of_it_until_they_are_none() -> None:
    customers = Customers()
    for name in ("a", "b", "a", "c"):
        customers.add(b"k", name)
    assert customers.of(b"k") == ("a", "b", "c")
    customers.discard(b"k", "b")
    customers.discard(b"k", "never")
    assert customers.of(b"k") == ("a", "c")
    for name in ("a", "c"):
        customers.discard(b"k", name)
    assert customers.of(b"k") == ()


@pytest.mark.parametrize("seed", range(5))
def test_units_sum_as_a_sorted_list_of_them_does(seed: int) -> None:
    chance = random.Random(seed)
    store = InMemoryStore()
    units = Units(SPAN, store)
    expected: dict[EpisodeId, tuple[int, int]] = {}
    for number in range(300):
        time = chance.randrange(1, 20 * MINUTE_MS)
        episode = (f"c{chance.randrange(150)}", 20_000, 1)
        if episode in expected:
            units.drop(expected.pop(episode)[0], episode)
        else:
            expected[episode] = (time, chance.randrange(1_000))
            units.put(time, episode, expected[episode][1])
        if number % 50 == 0:
            units.put_away()
            kept, units = units, Units(SPAN, store)
            for minute in {slice_end_of(time) for time, _ in expected.values()}:
                members = store.members(SPAN, minute)
                units.restore(minute, len(members), sum(micros for _, micros in members.values()))
            assert (units.count, units.listed_micros) == (kept.count, kept.listed_micros)
    ordered = sorted((time, episode, micros) for episode, (time, micros) in expected.items())
    sums = [sum(micros for _, _, micros in ordered[:n]) for n in range(len(ordered) + 2)]
    assert units.first(range(len(ordered) + 2)) == sums
    for start, end in ((0, 3), (3, 11), (5, 5), (0, 40)):
        within = [m for t, _, m in ordered if start < slice_end_of(t) // MINUTE_MS <= end]
        assert units.within(start * MINUTE_MS, end * MINUTE_MS) == sum(within)
    units.forget()
    assert not any(store.members(SPAN, slice_end_of(time)) for time, _, _ in ordered)
