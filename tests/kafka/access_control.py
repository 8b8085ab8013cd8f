"""What `baton topics acls` prints, carried out: as kafka-acls.sh would, by Kafka's own protocol."""

from __future__ import annotations

import argparse
import asyncio
import shlex
from collections.abc import Iterable, Iterator

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest

from tests.worker_process import POLL_S

# Kafka's codes: org.apache.kafka.common.resource.ResourceType and PatternType, acl.AclOperation.
_RESOURCES = {"topic": 2, "group": 3, "transactional_id": 5}
_PATTERNS = {"literal": 3, "prefixed": 4}
_OPERATIONS = {
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Delete": 6,
    "Describe": 8,
    "DescribeConfigs": 10,
    "AlterConfigs": 11,
}
_ALLOW = 3
_ANY = 1


def _parser() -> argparse.ArgumentParser:
    # The flags of kafka-acls.sh (AclCommand.AclCommandOptions), those that Baton has a use for.
    parser = argparse.ArgumentParser("kafka-acls.sh", exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("--command-config", required=True)
    parser.add_argument("--add", action="store_true", required=True)
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", action="append", required=True, choices=_OPERATIONS)
    parser.add_argument("--resource-pattern-type", required=True, choices=_PATTERNS)
    for resource in _RESOURCES:
        parser.add_argument(f"--{resource.replace('_', '-')}", action="append", default=[])
    return parser


def _requests(line: str) -> Iterator[CreateAclsRequest]:
    tool, *words = shlex.split(line)
    assert tool == "kafka-acls.sh"
    said = _parser().parse_args(words)
    for resource, code in _RESOURCES.items():
        for name in getattr(said, resource):
            for operation in said.operation:
                yield CreateAclsRequest(
                    code,
                    name,
                    _PATTERNS[said.resource_pattern_type],
                    said.allow_principal,
                    "*",
                    _OPERATIONS[operation],
                    _ALLOW,
                )


async def carry_out(printed: Iterable[str], bootstrap: str) -> None:
    """Grant what the printed commands say, as the user of this listener, until it is in force."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    wanted = await _in_force(admin)
    try:
        for line in printed:
            if line.startswith("#"):
                continue
            for request in _requests(line):
                answer = await admin._send_to_controller(request)
                assert [code for code, _ in answer.creation_responses] == [0], answer
                wanted.add(_grant(request))
        # A broker applies what the controller has accepted a moment later.
        async with asyncio.timeout(20):
            while not wanted <= await _in_force(admin):
                await asyncio.sleep(POLL_S)
    finally:
        await admin.close()


async def withdraw(resource: str, name: str, bootstrap: str) -> None:
    """Take from everybody what is granted on the resource of this name, until it is in force."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    kind = _RESOURCES[resource]
    try:
        answer = await admin._send_to_controller(
            DeleteAclsRequest(kind, name, _PATTERNS["literal"], None, None, _ANY, _ANY)
        )
        assert all(code == 0 for code, *_ in answer.filter_responses), answer
        async with asyncio.timeout(20):
            while any(held[:2] == (kind, name) for held in await _in_force(admin)):
                await asyncio.sleep(POLL_S)
    finally:
        await admin.close()


Grant = tuple[int, str, int, str, int]


def _grant(request: CreateAclsRequest) -> Grant:
    return (
        request._resource_type,
        request._resource_name,
        request._resource_pattern_type_filter,
        request._principal,
        request._operation,
    )


async def _in_force(admin: AIOKafkaAdminClient) -> set[Grant]:
    answer = await admin._send_request(
        DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY)
    )
    assert answer.error_code == 0, answer
    return {
        (kind, name, pattern, principal, operation)
        for kind, name, pattern, held in answer.resources
        for principal, _, operation, _ in held
    }
