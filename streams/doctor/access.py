"""What the brokers allow us, beside what deploy/kafka/acls.yaml says a worker needs."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TransactionalIdAuthorizationFailed,
)

from streams.doctor.finding import Finding, named, ok, warn, wrong
from streams.kafka.acls import Permission, permissions
from streams.kafka.connection import client_options, let_go
from streams.kafka.groups import GroupSeen, group_seen
from streams.kafka.metadata import ClusterSeen, TopicSeen
from streams.settings import Settings

DENIED, ABSENT = 29, 3
_PATIENCE_S = 12.0
_AGAIN_S = 0.25
# Kafka's ACLs: who may read or write may describe.
_BRINGS_DESCRIBE = ("Read", "Write", "Delete", "Alter")


def roles(settings: Settings) -> tuple[str, ...]:
    """The roles that a worker with these settings takes on."""
    said = ["worker"]
    if settings.ticks:
        said.append("ticks")
    if settings.webhook:
        said.append("webhook")
    return tuple(said)


def needed(settings: Settings) -> tuple[Permission, ...]:
    """Every permission of those roles."""
    return tuple(
        each
        for role in roles(settings)
        for each in permissions(role, prefix=settings.prefix, app_id=settings.app_id)
    )


async def look(settings: Settings, cluster: ClusterSeen) -> list[Finding]:
    """Findings `acl.topics`, `acl.group` and `acl.transactions`."""
    wanted = needed(settings)
    found = [_topics(settings, wanted, cluster.topics)]
    groups = sorted({each.name for each in wanted if each.resource == "group"})
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        found += [await _group(settings, admin, group) for group in groups]
        if settings.guarantee == "exactly-once":
            found.append(await _transactions(settings))
    finally:
        await admin.close()
    return found


def _topics(
    settings: Settings, wanted: Iterable[Permission], topics: Mapping[str, TopicSeen]
) -> Finding:
    lacking: defaultdict[str, list[str]] = defaultdict(list)
    for permission in wanted:
        if permission.resource != "topic":
            continue
        topic = topics.get(permission.name)
        # Of a topic that is not there brokers say only whether we may know it.
        if topic is None or topic.error == ABSENT:
            continue
        if topic.error == DENIED or permission.operation not in topic.may:
            lacking[permission.name].append(permission.operation)
    # A changelog that is there need not be made.
    lacking = defaultdict(list, _without_needless(lacking))
    if not lacking:
        return ok("acl.topics", "every topic can be used as a worker uses it")
    told = [f"{' and '.join(what)} on {name}" for name, what in lacking.items()]
    return wrong(
        "acl.topics",
        f"the brokers deny us {named(told)}",
        "a worker ends at the first record that it may not read or write",
        _grant(settings),
    )


def _without_needless(lacking: Mapping[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    for name, what in lacking.items():
        left = [each for each in what if each != "Create"]
        if left:
            yield name, left


async def _group(settings: Settings, admin: AIOKafkaAdminClient, group: str) -> Finding:
    check = "acl.group"
    denied = wrong(
        check,
        f"the brokers deny us the consumer group {group}",
        "a worker cannot join the others, and commits nothing",
        _grant(settings),
    )
    try:
        seen = await _asked(admin, group)
    except GroupAuthorizationFailedError:
        return denied
    except (KafkaError, NotImplementedError, ValueError) as error:
        return warn(
            check,
            f"the brokers do not say what we may do with group {group}: {error}",
            "a missing permission shows when a worker starts",
            _grant(settings),
        )
    if seen.error or "Read" not in seen.may:
        return denied
    who = f"{seen.members} in it" if seen.members else "nobody is in it now"
    return ok(check, f"group {group} may be joined; {who}")


async def _asked(admin: AIOKafkaAdminClient, group: str) -> GroupSeen:
    # Of brokers that are new, the first to ask for a group's coordinator has it made.
    deadline = asyncio.get_running_loop().time() + _PATIENCE_S
    while True:
        try:
            return await group_seen(admin, group)
        except KafkaError as error:
            if not error.retriable or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(_AGAIN_S)


async def _transactions(settings: Settings) -> Finding:
    # A producer's id, asked for and not used: brokers that only seem to have transactions (the
    # embedded one) refuse here.
    check, beginning = "acl.transactions", f"{settings.app_id}-"
    producer = AIOKafkaProducer(
        **client_options(settings), transactional_id=f"{beginning}doctor", request_timeout_ms=5_000
    )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await producer.start()
    except TransactionalIdAuthorizationFailed:
        return wrong(
            check,
            f"the brokers deny us transactional ids that begin with {beginning}",
            "--guarantee exactly-once, which is the default, needs them",
            _grant(settings),
        )
    except (KafkaError, TimeoutError) as error:
        return wrong(
            check,
            f"the brokers begin no transaction: {type(error).__name__}",
            "--guarantee exactly-once, which is the default, cannot be kept",
            "--guarantee at-least-once   # or see the brokers' logs:"
            " transaction.state.log.replication.factor must not be more than there are brokers",
        )
    finally:
        await let_go(producer.stop())
    return ok(check, f"transactional ids that begin with {beginning} may be used")


def _grant(settings: Settings) -> str:
    prefix = f" --prefix {settings.prefix}" if settings.prefix else ""
    who = f" --principal worker=User:{settings.sasl_username}" if settings.sasl_username else ""
    webhook = f" --webhook {settings.webhook}" if settings.webhook else ""
    return (
        f"baton topics acls --broker {settings.broker} --app-id {settings.app_id}{prefix}{who}"
        f"{webhook}   # run what it prints"
    )
