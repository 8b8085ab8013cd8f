"""Two members under one `group.instance.id`: the one that was replaced ends, and does not fight.

A member with an instance id that joins anew replaces the one that the group knows by it (KIP-345).
The brokers tell the replaced one by FENCED_INSTANCE_ID, but only where it says both its ids.
aiokafka's heartbeats say the member id alone, so that it hears UNKNOWN_MEMBER_ID, forgets that id
and joins as a new member: each then throws the other out without end.
"""

from __future__ import annotations

from typing import Any

from aiokafka.consumer import consumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError, UnknownMemberIdError
from aiokafka.protocol.group import JoinGroupRequest

_FENCED_INSTANCE_ID = 82  # KIP-345; aiokafka 0.14 has no class for it
_NO_GENERATION = -1


class InstanceTaken(KafkaError):  # type: ignore[misc]
    """Another member of the group has this one's instance id: arguments group, instance id."""

    def __str__(self) -> str:
        group, instance = self.args
        return (
            f"another worker of the group {group} was started with --instance-id {instance} and has"
            " this one's partitions: give each worker an --instance-id of its own (or none), then"
            " start this one again"
        )


class _Replaced(Exception):
    """FENCED_INSTANCE_ID: no KafkaError, which a join takes for a lost connection."""


class _Coordinator(GroupCoordinator):  # type: ignore[misc]
    member_id: str

    def reset_generation(self) -> None:
        # A static member asks to join as who it was, until a join says that nobody is known so, as
        # after a session that ran out.
        known = self.member_id
        super().reset_generation()
        if self._group_instance_id is not None:
            self.member_id = known

    async def _send_req(self, request: Any) -> Any:
        answer = await super()._send_req(request)
        code = getattr(answer, "error_code", 0)
        if code == _FENCED_INSTANCE_ID:
            raise _Replaced
        if code == UnknownMemberIdError.errno and isinstance(request, JoinGroupRequest):
            self.member_id = JoinGroupRequest.UNKNOWN_MEMBER_ID
        return answer

    async def _do_heartbeat(self) -> bool:
        # aiokafka stops at an id that is forgotten; without a generation there is as little to say.
        if self.generation == _NO_GENERATION:
            return True
        return bool(await super()._do_heartbeat())

    async def ensure_active_group(self, *args: Any) -> Any:
        try:
            return await super().ensure_active_group(*args)
        except _Replaced:
            raise InstanceTaken(self.group_id, self._group_instance_id) from None


def end_where_replaced() -> None:
    """Let every aiokafka consumer of this process raise InstanceTaken when it is replaced."""
    consumer.GroupCoordinator = _Coordinator
