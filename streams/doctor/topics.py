"""Topics and changelogs beside what kafka/topics.py declares: partitions, replicas, how kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from streams.agents.stages import STAGES
from streams.doctor.access import ABSENT
from streams.doctor.finding import Finding, named, ok, warn, wrong
from streams.kafka import topics
from streams.kafka.connection import client_options
from streams.kafka.metadata import ClusterSeen, TopicSeen
from streams.kafka.topics import TopicSpec, changelog_topics, declared_topics
from streams.settings import Settings

_DURABLE = "min.insync.replicas"
_FROM_A_LOSS = 3  # replicas of which one may be lost while two still have each record
_LARGE_EVENTS_ONLY = "max.message.bytes"


def specs(settings: Settings) -> tuple[tuple[TopicSpec, ...], tuple[TopicSpec, ...]]:
    """Topics and changelogs as these settings have them."""
    names = [f"{settings.app_id}-{stage.table}-changelog" for stage in STAGES]
    declared = declared_topics(settings.prefix, settings.partitions)
    return declared, changelog_topics(names, settings.partitions)


async def look(settings: Settings, cluster: ClusterSeen) -> list[Finding]:
    """Findings `topics`, `topics.partitions`, `topics.config`, `topics.replicas`, `changelogs`."""
    declared, changelogs = specs(settings)
    there = {name: topic for name, topic in cluster.topics.items() if not topic.error}
    found = [_existence(settings, declared, cluster.topics)]
    found.append(_partitions(settings, (*declared, *changelogs), there))
    found.append(_replicas(settings, cluster, there))
    made = [spec for spec in changelogs if spec.name in there]
    if not made:
        found.append(ok("changelogs", "not there yet; the first worker makes them"))
    configured = await _configs(settings, [spec.name for spec in (*declared, *made)], there)
    if configured is None:
        found.append(
            warn(
                "topics.config",
                "we may not see how topics are configured",
                "retention, compaction and min.insync.replicas were not looked at",
                "run baton doctor as the operator (role `operator` of `baton topics acls`)",
            )
        )
        return found
    found += _retention(settings, declared, configured)
    found += _compaction(settings, made, configured)
    found += _durability(settings, cluster, there, configured)
    return found


def _existence(
    settings: Settings, wanted: Iterable[TopicSpec], seen: Mapping[str, TopicSeen]
) -> Finding:
    missing = [s.name for s in wanted if s.name not in seen or seen[s.name].error == ABSENT]
    if not missing:
        return ok("topics", f"all {len(list(wanted))} are there")
    return wrong(
        "topics",
        f"not there: {named(missing)}",
        "producers have nowhere to write to, or readers nothing to read",
        f"baton topics --create {_where(settings)} --partitions {settings.partitions}"
        f" --replication {settings.replication}",
    )


def _partitions(
    settings: Settings, wanted: Iterable[TopicSpec], there: Mapping[str, TopicSeen]
) -> Finding:
    check = "topics.partitions"
    counts = {s.name: len(there[s.name].replicas) for s in wanted if s.name in there}
    other = {name: count for name, count in counts.items() if count != settings.partitions}
    if not other:
        return ok(check, f"{settings.partitions} each, as --partitions says")
    told = named([f"{name} has {count}" for name, count in other.items()])
    if len(set(counts.values())) == 1:
        count = next(iter(counts.values()))
        return wrong(
            check,
            f"topics have {count} partitions, --partitions says {settings.partitions}",
            "a worker refuses to start: another number would look for a conversation elsewhere",
            f"--partitions {count}   # or BATON_PARTITIONS={count}, the same for every worker",
        )
    return wrong(
        check,
        f"--partitions says {settings.partitions}, but {told}",
        "a conversation's events, its table and its windows must lie on partitions of one number",
        "deploy/runbooks/adding-partitions.md   # re-key into topics of a new prefix; a number"
        " that was raised cannot be lowered",
    )


def _replicas(settings: Settings, cluster: ClusterSeen, there: Mapping[str, TopicSeen]) -> Finding:
    check = "topics.replicas"
    leaderless = [name for name, topic in there.items() if not all(topic.led)]
    if leaderless:
        return wrong(
            check,
            f"partitions without a leader: {named(leaderless)}",
            "nothing can be read from them or written to them",
            "deploy/runbooks/broker-lost.md",
        )
    behind = [name for name, topic in there.items() if topic.in_sync != topic.replicas]
    if behind:
        return warn(
            check,
            f"replicas that are out of step: {named(behind)}",
            "one broker more, and records are refused or lost",
            "deploy/runbooks/broker-lost.md",
        )
    single = [name for name, topic in there.items() if 1 in topic.replicas]
    if single and cluster.brokers > 1:
        return warn(
            check,
            f"one copy only, of {cluster.brokers} brokers: {named(single)}",
            "with that broker its records are lost, money among them",
            f"kafka-reassign-partitions.sh --bootstrap-server {settings.broker} ...   # to three;"
            " new topics: baton topics --create --replication 3",
        )
    most = max((max(topic.replicas) for topic in there.values()), default=0)
    return ok(check, f"all in step, {most} each, {cluster.brokers} brokers")


async def _configs(
    settings: Settings, names: Iterable[str], there: Mapping[str, TopicSeen]
) -> dict[str, dict[str, str]] | None:
    asked = [ConfigResource(ConfigResourceType.TOPIC, n, None) for n in names if n in there]
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        answers = await admin.describe_configs(asked) if asked else []
    except (KafkaError, NotImplementedError):
        return None
    finally:
        await admin.close()
    listed = [resource for answer in answers for resource in answer.resources]
    if any(error for error, *_ in listed):
        return None
    return {name: {entry[0]: entry[1] for entry in entries} for _, _, _, name, entries in listed}


def _retention(
    settings: Settings, wanted: Iterable[TopicSpec], configured: Mapping[str, Mapping[str, str]]
) -> list[Finding]:
    short, uncompacted, small = {}, {}, {}
    for spec in wanted:
        said = configured.get(spec.name)
        if said is None:
            continue
        if _policies(said) != _policies(spec.config):
            uncompacted[spec.name] = f"cleanup.policy={spec.config['cleanup.policy']}"
        elif _kept_ms(said) < _kept_ms(spec.config):
            short[spec.name] = f"retention.ms={spec.config.get('retention.ms', -1)}"
        large = spec.config.get(_LARGE_EVENTS_ONLY)
        if large is not None and int(said.get(_LARGE_EVENTS_ONLY, large)) < int(large):
            small[spec.name] = f"{_LARGE_EVENTS_ONLY}={large}"
    found = []
    if uncompacted:
        money = {settings.topic(topics.BILLING_ITEMS), settings.topic(topics.BILLING_ADJUSTMENTS)}
        loses = "what was billed is thrown away" if money & uncompacted.keys() else ""
        found.append(
            wrong(
                "topics.config",
                f"another cleanup.policy than declared: {named(uncompacted)}",
                loses or "records that readers count on are thrown away, or kept for ever",
                _alter(settings, uncompacted),
            )
        )
    if short:
        found.append(
            wrong(
                "topics.config",
                f"kept for less than declared: {named(short)}",
                "figures cannot be recomputed and disputes not settled from what is gone",
                _alter(settings, short),
            )
        )
    if small:
        found.append(
            warn(
                "topics.config",
                f"{_LARGE_EVENTS_ONLY} is less than declared: {named(small)}",
                "a large event is refused to its producer instead of being counted as a dead"
                " letter",
                _alter(settings, small),
            )
        )
    return found or [ok("topics.config", "retention, compaction and sizes are as declared")]


def _policies(config: Mapping[str, str]) -> frozenset[str]:
    return frozenset(each.strip() for each in config.get("cleanup.policy", "").split(","))


def _kept_ms(config: Mapping[str, str]) -> float:
    kept = int(config.get("retention.ms", -1))
    compacted = "delete" not in config.get("cleanup.policy", "delete")
    return float("inf") if kept < 0 or compacted else kept


def _compaction(
    settings: Settings, made: Iterable[TopicSpec], configured: Mapping[str, Mapping[str, str]]
) -> list[Finding]:
    deleted = {
        spec.name: "cleanup.policy=compact"
        for spec in made
        if "delete" in configured.get(spec.name, {}).get("cleanup.policy", "")
    }
    forgetful = {
        spec.name: f"delete.retention.ms={spec.config['delete.retention.ms']}"
        for spec in made
        if int(configured.get(spec.name, {}).get("delete.retention.ms", topics.TOMBSTONES_KEPT_MS))
        < topics.TOMBSTONES_KEPT_MS
    }
    if deleted:
        return [
            wrong(
                "changelogs",
                f"thrown away by age: {named(deleted)}",
                "tables are rebuilt from them; after a restart interactions and windows are gone",
                _alter(settings, deleted),
            )
        ]
    if forgetful:
        return [
            warn(
                "changelogs",
                f"deletions are forgotten early: {named(forgetful)}",
                "a table on local disk that was away for a day may keep what was deleted",
                _alter(settings, forgetful),
            )
        ]
    return [ok("changelogs", "compacted; tables can be rebuilt")] if list(made) else []


def _durability(
    settings: Settings,
    cluster: ClusterSeen,
    there: Mapping[str, TopicSeen],
    configured: Mapping[str, Mapping[str, str]],
) -> list[Finding]:
    check = "topics.acknowledged"
    weak, stuck = {}, {}
    for name, said in configured.items():
        replicas, least = min(there[name].replicas), int(said.get(_DURABLE, 1))
        if replicas >= _FROM_A_LOSS and least < 2:
            weak[name] = f"{_DURABLE}=2"
        elif least >= replicas and replicas > 1:
            stuck[name] = f"{_DURABLE}={replicas - 1}"
        elif least > replicas:
            stuck[name] = f"{_DURABLE}={replicas}"
    if stuck:
        return [
            wrong(
                check,
                f"{_DURABLE} leaves no broker to lose: {named(stuck)}",
                "when one is away, be it for an upgrade, every write is refused",
                _alter(settings, stuck),
            )
        ]
    if weak:
        return [
            warn(
                check,
                f"acknowledged by one replica alone: {named(weak)}",
                "a record is lost with the broker that acknowledged it",
                _alter(settings, weak),
            )
        ]
    if cluster.brokers == 1:
        return [ok(check, "one broker, one copy: for a first look")]
    return [ok(check, "two replicas have a record before it is acknowledged")]


def _where(settings: Settings) -> str:
    return f"--broker {settings.broker}" + (
        f" --prefix {settings.prefix}" if settings.prefix else ""
    )


def _alter(settings: Settings, wanted: Mapping[str, str]) -> str:
    """The command for the first of them; the others want the same."""
    name, config = sorted(wanted.items())[0]
    others = "   # likewise the others" if len(wanted) > 1 else ""
    return (
        f"kafka-configs.sh --bootstrap-server {settings.broker} --command-config admin.properties"
        f" --alter --entity-type topics --entity-name {name} --add-config {config}{others}"
    )
