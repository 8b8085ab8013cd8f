"""What Strimzi's KafkaTopic and KafkaUser (kafka.strimzi.io/v1) allow of what Baton uses.

Written after its CustomResourceDefinitions (Strimzi 0.49); they are in no registry as they stand.
"""

from __future__ import annotations

from typing import Any

_OPERATIONS = [
    *("Read", "Write", "Create", "Delete", "Alter", "Describe", "ClusterAction"),
    *("AlterConfigs", "DescribeConfigs", "IdempotentWrite", "All"),
]


def _only(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


_RULE = _only(
    ["resource", "operations"],
    type={"enum": ["allow", "deny"]},
    host={"type": "string"},
    operations={"type": "array", "items": {"enum": _OPERATIONS}},
    resource=_only(
        ["type"],
        type={"enum": ["topic", "group", "cluster", "transactionalId"]},
        name={"type": "string"},
        patternType={"enum": ["literal", "prefix"]},
    ),
)
SPECS: dict[tuple[str, str], dict[str, Any]] = {
    ("kafka.strimzi.io/v1", "KafkaTopic"): _only(
        ["partitions", "replicas"],
        topicName={"type": "string"},
        partitions={"type": "integer", "minimum": 1},
        replicas={"type": "integer", "minimum": 1, "maximum": 32767},
        config={"type": "object"},
    ),
    ("kafka.strimzi.io/v1", "KafkaUser"): _only(
        ["authentication", "authorization"],
        authentication=_only(["type"], type={"enum": ["tls", "tls-external", "scram-sha-512"]}),
        authorization=_only(
            ["type", "acls"], type={"enum": ["simple"]}, acls={"type": "array", "items": _RULE}
        ),
    ),
}
