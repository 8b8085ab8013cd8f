"""`baton billing export` from topics: everything once, whatever ends it in between.

The servers are stand-ins (tests/metering_server.py): real ones were not run.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal

import orjson
import pytest

from streams.export.metering.systems import SYSTEMS
from streams.kafka import topics
from streams.kafka.embedded import EmbeddedBroker
from tests.billing_lines import june
from tests.exported import TOKEN, Export, crash_after_a_batch_was_taken
from tests.metering_server import MeteringServer
from tests.webhook_receiver import until

both = pytest.mark.parametrize("system", list(SYSTEMS))


def with_june(
    embedded: EmbeddedBroker,
    system: str,
    act: Callable[[Export], Awaitable[None]],
    server: MeteringServer | None = None,
) -> None:
    async def run() -> None:
        async with server or MeteringServer(system) as serving:
            export = Export(embedded.bootstrap, serving)
            await export.publish()
            await act(export)

    asyncio.run(run())


def lines_of(records: list[bytes]) -> dict[str, int]:
    """Id and micro-units of every record that moves something."""
    events = [orjson.loads(raw) for raw in records]
    silent = ("baton.billing.provisional", "baton.billing.void", "baton.billing.period_closed")
    return {one["id"]: one["data"]["amount_micros"] for one in events if one["type"] not in silent}


def assert_all_arrived_once(export: Export) -> None:
    expected = lines_of([*export.items, *export.adjustments])
    assert set(export.server.events) == set(expected)
    assert export.server.total("amount") == Decimal(sum(expected.values())) / 10**6


@both
def test_after_a_crash_the_next_run_goes_on_and_nothing_counts_twice(
    embedded: EmbeddedBroker, system: str
) -> None:
    async def act(export: Export) -> None:
        code, said = await crash_after_a_batch_was_taken(export, batches=2)
        assert code == 0, said
        assert_all_arrived_once(export)
        # What was taken and not committed came again, and was known for what it is.
        assert export.server.repeated > 0
        seen = len(export.server.batches)
        code, said = await export.run()
        assert code == 0, said
        assert len(export.server.batches) == seen  # all of it was committed
        assert "nothing new" in said
        assert TOKEN not in said

    with_june(embedded, system, act)


def test_a_refused_record_is_named_by_its_place_and_the_next_run_begins_with_it(
    embedded: EmbeddedBroker,
) -> None:
    items, _ = june(300)
    refused = list(lines_of(items))[120]

    async def act(export: Export) -> None:
        code, said = await export.run()
        assert code == 1
        (told,) = [line for line in said.splitlines() if line.startswith("Error:")]
        assert f"({refused})" in told
        assert f"{export.prefix}billing-items/" in told
        assert "--leave-out" in told
        assert re.search(r"\bc-\d", told) is None
        before = set(export.server.events)
        code, again = await export.run()
        assert code == 1
        assert f"({refused})" in again
        assert before <= set(export.server.events)
        code, said = await export.run("--leave-out", refused)
        assert code == 0, said
        assert "1 left out" in said
        expected = lines_of([*export.items, *export.adjustments])
        assert set(export.server.events) == set(expected) - {refused}

    with_june(embedded, "openmeter", act, MeteringServer("openmeter", refused={refused}))


def test_what_is_no_record_stops_the_run_where_it_stands(embedded: EmbeddedBroker) -> None:
    async def act(export: Export) -> None:
        await export.write(topics.BILLING_ITEMS, [b"Jane-Doe"])
        code, said = await export.run()
        assert code == 1
        assert "is no record of the billing topics" in said
        assert f"{export.prefix}billing-items/0@" in said
        assert "Jane" not in said

    with_june(embedded, "lago", act)


def test_another_destination_gets_everything_too(embedded: EmbeddedBroker) -> None:
    async def act(export: Export) -> None:
        assert (await export.run())[0] == 0
        export.server.events.clear()
        assert (await export.run("--destination", "second"))[0] == 0
        assert_all_arrived_once(export)

    with_june(embedded, "lago", act)


def test_with_follow_what_is_billed_later_goes_out_too(embedded: EmbeddedBroker) -> None:
    async def act(export: Export) -> None:
        running = asyncio.create_task(export.run("--follow"))
        expected = set(lines_of([*export.items, *export.adjustments]))
        await until(lambda: set(export.server.events) == expected, "all that was billed", 60)
        more, _ = june(310)
        await export.write(topics.BILLING_ITEMS, more[len(export.items) :])
        expected |= set(lines_of(more))
        await until(lambda: set(export.server.events) == expected, "what was billed later", 60)
        assert not running.done()
        export.kill()
        await running

    with_june(embedded, "openmeter", act)
