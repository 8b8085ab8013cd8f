"""Topics on the broker: created where missing, checked where they exist."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from streams.kafka.topics import TopicSpec


class TopicsError(RuntimeError):
    """A topic is missing, differs or cannot be created; the message says which and what to do."""


async def ensure_topics(broker: str, specs: Iterable[TopicSpec], replication: int) -> list[str]:
    """Create the topics that do not exist; returns their names.

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
