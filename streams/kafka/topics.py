"""The topics Baton reads and writes. schemas/asyncapi.yaml is held to this by a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_DAY_MS = 86_400_000
DEFAULT_PARTITIONS = 4
# Twice what a table on local disk may be behind (state_directory.KEPT_MS).
TOMBSTONES_KEPT_MS = 2 * _DAY_MS

EVENTS = "interaction-events"
FACTS = "interaction-facts"
LINKS = "customer-links"
DELTAS = "window-deltas"
BILLING_RECORDS = "billing-records"
WINDOWS = "sla-windows"
BREACHES = "sla-breaches"
BILLING_ITEMS = "billing-items"
BILLING_ADJUSTMENTS = "billing-adjustments"
BILLING_PREVIEWS = "billing-previews"
AUDIT_SAMPLES = "audit-samples"
GOVERNANCE = "governance-log"
DEAD_LETTERS = "dead-letters"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it must exist: its partitions and the broker configuration that matters."""

    name: str
    partitions: int
    config: Mapping[str, str]


def _deleted_after(days: int) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(days * _DAY_MS)}


def _erasable(days: int) -> dict[str, str]:
    """Kept so long unless a tombstone comes first, which takes effect within a day."""
    return {
        "cleanup.policy": "compact,delete",
        "retention.ms": str(days * _DAY_MS),
        "max.compaction.lag.ms": str(_DAY_MS),
    }


# What was billed is kept until somebody who may decides otherwise.
_KEPT = {"cleanup.policy": "delete", "retention.ms": "-1"}


def declared_topics(
    prefix: str = "", partitions: int = DEFAULT_PARTITIONS
) -> tuple[TopicSpec, ...]:
    """Every topic, its name behind `prefix`. Changelogs: changelog_topics."""
    # An event larger than wire.MAX_EVENT_BYTES must still reach us to be dead-lettered (the broker
    # would refuse it to its producer, and nobody would count it), and a dead letter is as large as
    # what was refused.
    large = {"max.message.bytes": str(4 * 1024 * 1024)}
    return (
        TopicSpec(prefix + EVENTS, partitions, {**_deleted_after(30), **large}),
        TopicSpec(prefix + FACTS, partitions, _deleted_after(7)),
        TopicSpec(prefix + LINKS, partitions, _deleted_after(1)),
        TopicSpec(prefix + DELTAS, partitions, _deleted_after(1)),
        TopicSpec(prefix + BILLING_RECORDS, partitions, _deleted_after(7)),
        TopicSpec(prefix + WINDOWS, partitions, {"cleanup.policy": "compact"}),
        TopicSpec(prefix + BREACHES, partitions, _deleted_after(400)),
        TopicSpec(prefix + BILLING_ITEMS, partitions, dict(_KEPT)),
        TopicSpec(prefix + BILLING_ADJUSTMENTS, partitions, dict(_KEPT)),
        TopicSpec(prefix + BILLING_PREVIEWS, partitions, {"cleanup.policy": "compact"}),
        TopicSpec(prefix + AUDIT_SAMPLES, partitions, {**_erasable(400), **large}),
        TopicSpec(prefix + GOVERNANCE, partitions, _deleted_after(400)),
        TopicSpec(prefix + DEAD_LETTERS, partitions, {**_deleted_after(30), **large}),
    )


def worker_topics(prefix: str = "", partitions: int = DEFAULT_PARTITIONS) -> tuple[TopicSpec, ...]:
    """The topics that a worker reads or writes: all but those of audits, which it must not see."""
    declared = declared_topics(prefix, partitions)
    return tuple(spec for spec in declared if spec.name != prefix + AUDIT_SAMPLES)


def changelog_topics(names: Iterable[str], partitions: int) -> tuple[TopicSpec, ...]:
    """The changelogs of tables, as Faust names them; a whole flush fits in as one record batch."""
    config = {
        "cleanup.policy": "compact",
        "delete.retention.ms": str(TOMBSTONES_KEPT_MS),
        # What was erased is gone from here within a day, however little was written since.
        "max.compaction.lag.ms": str(_DAY_MS),
        "max.message.bytes": str(4 * 1024 * 1024),
    }
    return tuple(TopicSpec(name, partitions, config) for name in names)
