"""What brokers say of themselves and of topics beyond what aiokafka 0.14 asks: topics' ids and what
we may do with each (KIP-516, KIP-430).

Metadata of version 10, which brokers have answered since 2.8.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

_NOT_GIVEN = UUID(int=0)
# org.apache.kafka.common.acl.AclOperation: the bit of each in authorized_operations.
_OPERATIONS = {
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Delete": 6,
    "Alter": 7,
    "Describe": 8,
    "DescribeConfigs": 10,
    "AlterConfigs": 11,
}


@dataclass(frozen=True, slots=True)
class TopicSeen:
    """A topic as the brokers show it to us.

    `error` is Kafka's code, 0 for none. `id` is empty where brokers give none. `replicas` and
    `in_sync` are how many each partition has. `may` is what we are allowed, of Kafka's operations.
    """

    error: int
    id: str
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    led: tuple[bool, ...]
    may: frozenset[str]


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """The cluster's id (empty where it tells none), how many brokers it has, topics by name."""

    id: str
    brokers: int
    topics: Mapping[str, TopicSeen]


def operations(bits: int) -> frozenset[str]:
    """The names of the operations in an authorized_operations field."""
    return frozenset(name for name, bit in _OPERATIONS.items() if bits >> bit & 1)


async def seen(names: Collection[str], connecting: Mapping[str, Any]) -> ClusterSeen | None:
    """Ask the brokers; `connecting` says how to reach them, as to an aiokafka client.

    None where they do not know this request. Raises KafkaError where none answers.
    """
    client = AIOKafkaClient(**connecting)
    try:
        await client.bootstrap()
        try:
            answer = await client.send(client.get_random_node(), _MetadataRequest(names))
        except NotImplementedError:  # aiokafka's word for a broker without this version
            return None
    finally:
        await client.close()
    topics = {
        name: TopicSeen(
            error,
            "" if topic_id == _NOT_GIVEN else str(topic_id),
            tuple(len(replicas) for *_, replicas, _in_sync, _offline, _tags in partitions),
            tuple(len(in_sync) for *_, in_sync, _offline, _tags in partitions),
            tuple(leader >= 0 for _error, _number, leader, *_ in partitions),
            operations(allowed),
        )
        for error, name, topic_id, _internal, partitions, allowed, _tags in answer.topics
    }
    return ClusterSeen(answer.cluster_id or "", len(answer.brokers), topics)


class _Uuid(AbstractType[UUID]):  # type: ignore[misc]
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataRequestV10(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)
            ),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequestV10]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_MetadataRequestV10]) -> _MetadataRequestV10:
        topics: list[Any] = [(_NOT_GIVEN, name, {}) for name in self._names]
        return request_struct_class(topics, False, False, True, {})
