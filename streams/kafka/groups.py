"""What the brokers say of a consumer group: its state, how many are in it, what we may do with it.

aiokafka 0.14 asks for version 3 and reads the answer as version 2, without what is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct

from streams.kafka.metadata import operations


@dataclass(frozen=True, slots=True)
class GroupSeen:
    """A group as the brokers show it to us.

    `error` is Kafka's code, 0 for none. `state` is Kafka's word: Stable, Empty, Dead (there is no
    such group) and those between. `may` is what we are allowed, of Kafka's operations.
    """

    error: int
    state: str
    members: int
    may: frozenset[str]


class _DescribeV3(RequestStruct):  # type: ignore[misc]
    API_KEY = DescribeGroupsRequest_v3.API_KEY
    API_VERSION = DescribeGroupsRequest_v3.API_VERSION
    RESPONSE_TYPE = DescribeGroupsResponse_v3
    SCHEMA = DescribeGroupsRequest_v3.SCHEMA


class _Describe(Request[_DescribeV3]):  # type: ignore[misc]
    API_KEY = _DescribeV3.API_KEY

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: type[_DescribeV3]) -> _DescribeV3:
        return request_struct_class([self._group], True)


async def group_seen(admin: AIOKafkaAdminClient, group: str) -> GroupSeen:
    """Ask the group's coordinator.

    Raises KafkaError (GroupAuthorizationFailedError where it may not be known to us), and
    NotImplementedError where the brokers do not know this request (before Kafka 2.3).
    """
    coordinator = await admin.find_coordinator(group)
    answer = await admin._send_request(_Describe(group), coordinator)
    ((error, _, state, _, _, members, allowed),) = answer.groups
    return GroupSeen(error, state, len(members), operations(allowed))
