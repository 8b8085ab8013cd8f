"""Where a worker's results leave it other than by its topics: webhook, OTLP, the trace pages."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaProducer

from streams.agents.access_log import AccessLog
from streams.agents.lifecycle import LifecycleStage
from streams.agents.memory import WorkerMemory
from streams.agents.pager import Pager
from streams.domain.contract import ContractBook
from streams.export.collector import VERSION, BatonCollector
from streams.export.otlp import OtlpPush, OtlpReceiver
from streams.export.trace_api import TraceApi
from streams.export.webhook import Webhook
from streams.kafka import topics
from streams.kafka.connection import client_options
from streams.kafka.outbox import MAX_REQUEST_BYTES, MAX_WHOLE_BYTES, Outbox
from streams.settings import Settings


def wall_ms() -> int:
    """The wall clock, in ms since 1970 UTC."""
    return int(time.time() * 1000)


def producing(settings: Settings) -> dict[str, Any]:
    """The arguments of every producer of a worker. Raises ConnectionFailed."""
    return {
        **client_options(settings),
        "client_id": f"{settings.app_id}-outbox",
        "acks": "all",
        "enable_idempotence": settings.idempotence,
        "max_batch_size": MAX_WHOLE_BYTES,
        "max_request_size": MAX_REQUEST_BYTES,
    }


def pager_of(
    settings: Settings, token: str, isolation_level: str, counted: Callable[[str], None]
) -> Pager:
    """Posts each breach to --webhook; `counted` is told the outcome of each attempt."""
    return Pager(
        settings.topic(topics.BREACHES),
        settings.app_id,
        lambda: Webhook(settings.webhook, token),
        {**client_options(settings), "isolation_level": isolation_level},
        counted=counted,
        now_ms=wall_ms,
    )


def push_of(
    settings: Settings,
    collector: BatonCollector,
    receiver: OtlpReceiver,
    counted: Callable[[str], None],
) -> OtlpPush:
    """Pushes what /metrics shows to --otlp; `counted` is told the outcome of each push."""
    return OtlpPush(
        collector.parts,
        receiver,
        {
            "service.name": "baton",
            "service.namespace": settings.app_id,
            "service.version": VERSION,
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        },
        interval_s=settings.otlp_interval_s,
        now_ns=time.time_ns,
        counted=counted,
    )


def trace_api_of(
    settings: Settings, book: ContractBook, stage: LifecycleStage, looks: AIOKafkaProducer
) -> TraceApi:
    """Tells single conversations out of what `stage` remembers; `looks` writes down who looked."""
    memory = WorkerMemory(stage, settings.partitions)
    access = AccessLog(
        Outbox(looks), settings.topic(topics.GOVERNANCE), settings.partitions, wall_ms
    )
    return TraceApi(memory, book, now=time.monotonic, told=access.told)
