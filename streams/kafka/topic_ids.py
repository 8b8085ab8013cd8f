"""Which cluster and which topics these are, beyond their names: the ids that brokers give them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from streams.kafka.metadata import seen


class Identities(NamedTuple):
    """The cluster's id and those of topics by name; empty and left out where brokers have none."""

    cluster: str
    topics: Mapping[str, str]


async def identities(names: Collection[str], connecting: Mapping[str, Any]) -> Identities:
    """Ask the brokers; `connecting` says how to reach them, as to an aiokafka client.

    Raises KafkaError where none answers.
    """
    found = await seen(names, connecting)
    if found is None:
        return Identities("", {})
    topics = {
        name: topic.id for name, topic in found.topics.items() if not topic.error and topic.id
    }
    return Identities(found.id, topics)
