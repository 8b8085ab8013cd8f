"""The topics of schemas/asyncapi.yaml are those that streams/kafka/topics.py declares."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from streams.kafka.topics import TopicSpec, declared_topics
from tests.unit.schemas.schema_store import SCHEMAS

API: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
DOCUMENTED = {
    channel["address"]: channel["bindings"]["kafka"] for channel in API["channels"].values()
}


def as_broker_config(configuration: dict[str, Any]) -> dict[str, str]:
    """AsyncAPI's lists and numbers as Kafka writes them: `delete`, `2592000000`."""
    return {
        name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in configuration.items()
    }


def test_the_same_topics_are_declared_and_documented() -> None:
    assert sorted(DOCUMENTED) == sorted(spec.name for spec in declared_topics())


@pytest.mark.parametrize("spec", declared_topics(), ids=lambda spec: spec.name)
def test_a_topic_is_documented_as_it_is_declared(spec: TopicSpec) -> None:
    binding = DOCUMENTED[spec.name]
    assert binding["partitions"] == spec.partitions
    assert as_broker_config(binding["topicConfiguration"]) == dict(spec.config)


def test_a_prefix_changes_nothing_but_the_names() -> None:
    plain, prefixed = declared_topics(), declared_topics(prefix="acme.")
    assert [spec.name for spec in prefixed] == [f"acme.{spec.name}" for spec in plain]
    assert [(s.partitions, s.config) for s in prefixed] == [(s.partitions, s.config) for s in plain]
