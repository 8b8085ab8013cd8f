"""Topics on the broker: created where missing, checked where they exist."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from streams.kafka.topics import TopicSpec

_LEADERS_WITHIN_S = 20.0


class TopicsError(RuntimeError):
    """A topic is missing, differs or cannot be created; the message says which and what to do."""


async def ensure_topics(broker: str, specs: Iterable[TopicSpec], replication: int) -> list[str]:
    """Create the topics that do not exist, until the broker names their leaders; returns their names.

    Raises TopicsError where one exists with another number of partitions or the broker refuses.
    """
    wanted = {spec.name: spec for spec in specs}
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
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


async def _create(admin: AIOKafkaAdminClient, specs: list[TopicSpec], replication: int) -> None:
    answer = await admin.create_topics(
        [
            NewTopic(spec.name, spec.partitions, replication, topic_configs=dict(spec.config))
            for spec in specs
        ]
    )
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise TopicsError(f"topic {name} could not be created: {error.__name__}")
    await _await_leaders(admin, {spec.name: spec.partitions for spec in specs})


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
