"""The floors of the ways in: a server that parses and answers, a client that copies a topic."""

from __future__ import annotations

import asyncio
import sys

import orjson
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams.kafka.outbox import MAX_BATCH_BYTES, MAX_REQUEST_BYTES, Outbox, partition_of

SERVING = "serving on "
_BATCH_RECORDS = 2_000


async def echo() -> None:
    """Read each body, parse it, say how many payloads it had."""

    async def post(request: web.Request) -> web.Response:
        found = orjson.loads(await request.read())
        return web.json_response({"events": len(found)})

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/hooks/{name}", post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    print(f"{SERVING}http://127.0.0.1:{port}/hooks/", flush=True)
    await asyncio.Event().wait()


async def copy(broker: str, source: str, target: str, partitions: int) -> None:
    """Every record of `source` to `target` as it is, acknowledged, then committed, by the batch."""
    options = {"bootstrap_servers": broker}
    consumer = AIOKafkaConsumer(
        source,
        **options,
        group_id=f"{target}-floor",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_REQUEST_BYTES,
    )
    producer = AIOKafkaProducer(
        **options, acks="all", max_batch_size=MAX_BATCH_BYTES, max_request_size=MAX_REQUEST_BYTES
    )
    await consumer.start()
    await producer.start()
    outbox = Outbox(producer)
    print(f"{SERVING}{target}", flush=True)
    while True:
        batches = await consumer.getmany(timeout_ms=500, max_records=_BATCH_RECORDS)
        for records in batches.values():
            for record in records:
                orjson.loads(record.value)
                key = record.key or b""
                outbox.put(target, partition_of(key, partitions), record.key, record.value)
        if batches:
            await outbox.flush()
            await consumer.commit()


if __name__ == "__main__":
    if sys.argv[1] == "echo":
        asyncio.run(echo())
    else:
        asyncio.run(copy(*sys.argv[2:5], int(sys.argv[5])))
