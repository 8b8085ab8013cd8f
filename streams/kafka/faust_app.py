"""The Faust app as Baton drives it: batches for events, stores for tables, our own recovery."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import faust
from faust.types import TP

from streams.kafka.batches import BATCHES_AT_ONCE, Batch, BatchTransport
from streams.kafka.connection import faust_credentials, security_options
from streams.kafka.outbox import MAX_REQUEST_BYTES
from streams.kafka.store import PartitionedStore
from streams.settings import Settings


def new_app(
    settings: Settings,
    *,
    isolation_level: str,
    held: Callable[[TP], int],
    quiesced: Callable[[], Awaitable[None]],
) -> Any:
    """A faust.App without tables or agents. `held` and `quiesced` as BatchTransport's."""
    app = faust.App(
        settings.app_id,
        broker=[f"kafka://{address}" for address in settings.broker.split(",")],
        broker_credentials=faust_credentials(security_options(settings)),
        broker_client_id=settings.app_id,
        broker_session_timeout=settings.session_timeout,
        broker_rebalance_timeout=settings.session_timeout,
        broker_heartbeat_interval=settings.session_timeout / 5,
        broker_request_timeout=max(40.0, settings.session_timeout + 10),
        broker_commit_interval=settings.commit_interval,
        broker_max_poll_records=BATCHES_AT_ONCE * settings.batch_records,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance_id or None,
        consumer_max_fetch_size=MAX_REQUEST_BYTES,
        stream_buffer_maxsize=4,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        topic_disable_leader=True,
        table_standby_replicas=settings.standbys,
        autodiscover=False,
        web_enabled=False,
        datadir=str(Path(tempfile.gettempdir()) / f"baton-{settings.app_id}"),
    )
    app.transport = BatchTransport(
        app.conf.broker_consumer,
        app,
        isolation_level=isolation_level,
        batch_records=settings.batch_records,
        held=held,
        quiesced=quiesced,
    )
    return app


def add_table(app: Any, settings: Settings, name: str) -> tuple[PartitionedStore, str]:
    """A table held in a PartitionedStore, and the name of its changelog topic."""
    table = app.Table(name, partitions=settings.partitions, key_type=bytes, value_type=bytes)
    store = PartitionedStore(
        "memory://",
        app,
        table,
        table_name=name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )
    table._data = store
    return store, table.changelog_topic_name


def add_agent(
    app: Any, settings: Settings, topic: str, process: Callable[[Batch], Awaitable[None]]
) -> None:
    """An agent on one of our topics that hands each batch of it to `process`."""
    channel = app.topic(
        settings.topic(topic),
        partitions=settings.partitions,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )

    async def agent(batches: AsyncIterator[Batch]) -> None:
        async for batch in batches:
            await process(batch)

    app.agent(channel, name=f"baton.{topic}")(agent)
