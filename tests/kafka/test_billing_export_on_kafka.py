"""`baton billing export` on real Kafka: what was committed, once, with the least permissions.

The metering servers are stand-ins (tests/metering_server.py): real ones were not run.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import orjson

from streams.domain.billing.records import encode_booked
from streams.kafka import topics
from tests.billing_lines import item
from tests.exported import Export, crash_after_a_batch_was_taken
from tests.kafka.apache import ApacheKafka
from tests.kafka.secured import Secured
from tests.metering_server import MeteringServer


def amount_of(records: list[bytes]) -> Decimal:
    """What they come to, in the currency's unit."""
    return Decimal(sum(one["data"].get("amount_micros", 0) for one in map(orjson.loads, records)))


def test_through_crashes_and_aborted_transactions_all_that_was_billed_counts_once(
    kafka: ApacheKafka,
) -> None:
    async def run() -> None:
        async with MeteringServer("lago") as server:
            export = Export(kafka.bootstrap, server)
            await export.publish()
            never = encode_booked(item(9_999))
            await export.write(topics.BILLING_ITEMS, [never], abort=True)
            code, said = await crash_after_a_batch_was_taken(export, batches=2)
            assert code == 0, said
            code, said = await export.run()
            assert code == 0, said
            assert "nothing new" in said
            assert server.repeated > 0
            assert orjson.loads(never)["id"] not in server.events
            assert server.total("amount") * 10**6 == amount_of([*export.items, *export.adjustments])

    asyncio.run(run())


def test_the_exporter_needs_no_more_than_the_list(secured: Secured) -> None:
    async def run() -> None:
        async with MeteringServer("openmeter") as server:
            export = Export(secured.kafka.bootstrap, server)
            await export.publish()
            group = export.prefix[:-1]
            lines = await asyncio.to_thread(secured.permissions, group)
            await asyncio.to_thread(secured.grant, lines)
            export.broker = secured.scram("baton-exporter")["BATON_BROKER"]
            code, said = await export.run(env=dict(secured.scram("baton-exporter")))
            assert code == 0, said
            total = amount_of([*export.items, *export.adjustments])
            assert server.total("amount") * 10**6 == total
            denied, said = await export.run(env=dict(secured.scram("baton-producer")))
            assert denied == 1
            assert "none that we may see" in said

    asyncio.run(run())
