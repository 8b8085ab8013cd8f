"""All checks, in an order in which what is found first explains what follows."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from aiokafka.errors import KafkaError

from streams.contract_files import load_contracts
from streams.doctor import (
    access,
    alertmanager,
    broker,
    clocks,
    endpoints,
    files,
    prometheus,
    topics,
)
from streams.doctor.asking import PATIENCE, Asking
from streams.doctor.finding import Finding, warn
from streams.domain.contract import ContractBook, ContractError
from streams.kafka.connection import client_options
from streams.kafka.metadata import seen
from streams.kafka.topics import EVENTS
from streams.secrets import SecretError, secret
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around the workers: base URLs, empty for what is not to be asked."""

    prometheus: str = ""
    alertmanager: str = ""
    worker: str = ""


async def findings(settings: Settings, around: Around) -> AsyncIterator[Finding]:
    """Each finding as it is made. Nothing is changed anywhere, and no secret is told."""
    for found in files.look(settings, _now_ms()):
        yield found
    for found in await broker.look(settings):
        yield found
    if found.verdict != "wrong" or found.check != "broker":
        async for found in _inside(settings):
            yield found
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        async for found in _around(settings, around, Asking(session)):
            yield found


async def _inside(settings: Settings) -> AsyncIterator[Finding]:
    """Behind the brokers' door."""
    declared, changelogs = topics.specs(settings)
    names = [spec.name for spec in (*declared, *changelogs)]
    try:
        cluster = await seen(names, client_options(settings))
        if cluster is None:
            yield warn(
                "topics",
                "these brokers answer no metadata of version 10 (Kafka 2.8)",
                "topics and permissions were not looked at",
                f"baton topics --create --broker {settings.broker}   # checks what it finds",
            )
            return
        for found in await topics.look(settings, cluster):
            yield found
        for found in await access.look(settings, cluster):
            yield found
        events = cluster.topics.get(settings.topic(EVENTS))
        if events is not None and not events.error:
            for found in await clocks.look(settings, _now_ms):
                yield found
    except (KafkaError, OSError) as error:
        yield warn(
            "topics",
            f"the brokers stopped to answer: {error or type(error).__name__}",
            "what comes after this was not looked at",
            "look again; deploy/runbooks/network-cut.md",
        )


async def _around(settings: Settings, around: Around, asking: Asking) -> AsyncIterator[Finding]:
    book = _book(settings)
    if around.worker:
        try:
            token = secret(settings, "pages_token")
        except SecretError:
            token = ""  # the check of secrets has said it
        for found in await endpoints.worker(asking, around.worker, token):
            yield found
    if around.prometheus:
        for found in await prometheus.look(asking, around.prometheus, book, time.time):
            yield found
    if around.alertmanager:
        for found in await alertmanager.look(asking, around.alertmanager, book):
            yield found
    if settings.webhook:
        yield await endpoints.webhook(asking, settings.webhook)


def _book(settings: Settings) -> ContractBook | None:
    try:
        return load_contracts(settings.contract)
    except ContractError:  # the check of contracts has said it
        return None


def _now_ms() -> int:
    return int(time.time() * 1000)
