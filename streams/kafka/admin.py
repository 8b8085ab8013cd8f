"""Topics on the broker: created where missing, checked where they exist."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InvalidReplicationFactorError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest

from streams.kafka.connection import denied
from streams.kafka.topics import TopicSpec

_LEADERS_WITHIN_S = 20.0


class TopicsError(RuntimeError):
    """A topic is missing, differs or cannot be created; the message says which and what to do."""


async def ensure_topics(
    broker: str,
    specs: Iterable[TopicSpec],
    replication: int,
    security: Mapping[str, Any] | None = None,
) -> list[str]:
    """Create the topics that do not exist, until their leaders are known; returns their names.

    `security` is connection.security_options'; without it the brokers are asked in plain text.
    Raises TopicsError where one exists with another number of partitions or the broker refuses.
    """
    wanted = {spec.name: spec for spec in specs}
    admin = AIOKafkaAdminClient(bootstrap_servers=broker, **(security or {}))
    try:
        await admin.start()
    except KafkaError as error:
        raise TopicsError(f"no Kafka broker answers at {broker}: {error}") from None
    try:
        existing = set(await admin.list_topics()) & set(wanted)
        for described in await admin.describe_topics(sorted(existing)) if existing else ():
            spec = wanted[described["topic"]]
            found = len(described["partitions"])
            if found != spec.partitions:
                raise TopicsError(
                    f"topic {spec.name} has {found} partitions, {spec.partitions} are configured;"
                    " set --partitions to what exists, the same for every worker"
                )
        missing = [spec for name, spec in wanted.items() if name not in existing]
        if missing:
            await _create(admin, missing, replication)
        return [spec.name for spec in missing]
    finally:
        await admin.close()


async def check_access(
    broker: str, names: Iterable[str], group: str, security: Mapping[str, Any]
) -> None:
    """Return where we may see these topics, there or not, and the group.

    aiokafka's consumer waits for ever for what it may not see. Raises TopicsError naming what is
    denied.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=broker, **security)
    try:
        await admin.start()
        request = MetadataRequest(sorted(names), allow_auto_topic_creation=False)
        answer = (await admin._send_request(request)).to_object()
        hidden = [
            topic["topic"]
            for topic in answer["topics"]
            if for_code(topic["error_code"]) is TopicAuthorizationFailedError
        ]
        if hidden:
            raise TopicsError(str(denied(TopicAuthorizationFailedError(hidden))))
        try:
            await admin.find_coordinator(group)
        except GroupAuthorizationFailedError:
            raise TopicsError(str(denied(GroupAuthorizationFailedError(group)))) from None
        except KafkaError as error:
            if not error.retriable:  # else the group's coordinator comes up; nobody waits for it
                raise
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, specs: list[TopicSpec], replication: int) -> None:
    # Acknowledged by one replica alone, a record would be lost with it.
    durable = {"min.insync.replicas": "2"} if replication >= 3 else {}
    answer = await admin.create_topics(
        [
            NewTopic(
                spec.name, spec.partitions, replication, topic_configs={**spec.config, **durable}
            )
            for spec in specs
        ]
    )
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise TopicsError(
                f"topic {name} is not there for us and could not be created:"
                f" {denied(error(name)) or _refused(error, replication)}"
            )
    await _await_leaders(admin, {spec.name: spec.partitions for spec in specs})


def _refused(error: type[KafkaError], replication: int) -> str:
    if error is InvalidReplicationFactorError:
        return f"there are fewer brokers than --replication {replication}"
    return error.__name__


async def _await_leaders(admin: AIOKafkaAdminClient, wanted: dict[str, int]) -> None:
    # Created is not yet known: a group that forms before leaves the topic out of its assignment.
    deadline = asyncio.get_running_loop().time() + _LEADERS_WITHIN_S
    while True:
        led = {
            described["topic"]: sum(part["leader"] >= 0 for part in described["partitions"])
            for described in await admin.describe_topics(sorted(wanted))
        }
        if led == wanted:
            return
        if asyncio.get_running_loop().time() > deadline:
            late = ", ".join(sorted(name for name in wanted if led.get(name) != wanted[name]))
            raise TopicsError(
                f"created, but without leaders after {_LEADERS_WITHIN_S:.0f} s: {late}"
            )
        await asyncio.sleep(0.05)
