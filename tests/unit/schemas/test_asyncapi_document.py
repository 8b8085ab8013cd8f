"""schemas/asyncapi.yaml is whole: it leads from every topic to the schema of what is on it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import yaml

from streams.domain.breach_record import BreachStatus
from tests.unit.schemas.schema_store import SCHEMAS, SchemaStore

JSON_SCHEMA = "application/schema+json;version=draft-2020-12"
STORE = SchemaStore.load(SCHEMAS)
API: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
MESSAGES: dict[str, Any] = API["components"]["messages"]
CHANNELS: dict[str, Any] = API["channels"]
OPERATIONS: dict[str, Any] = API["operations"]


def resolve(reference: dict[str, str]) -> Any:
    """What a {$ref: '#/...'} within the document points to. Raises KeyError."""
    assert list(reference) == ["$ref"]
    found: Any = API
    for part in reference["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def schema_file(part: dict[str, Any]) -> str:
    """The path below schemas/ of a payload or of headers that a file describes."""
    assert part["schemaFormat"] == JSON_SCHEMA
    reference: str = part["schema"]["$ref"]
    assert reference.startswith("./")
    return reference.removeprefix("./")


def payload_files() -> dict[str, str]:
    return {
        name: schema_file(message["payload"])
        for name, message in MESSAGES.items()
        if "schemaFormat" in message["payload"]
    }


def test_it_is_asyncapi_3_with_all_that_version_3_requires() -> None:
    assert API["asyncapi"] == "3.0.0"
    assert API["info"]["title"]
    assert API["info"]["version"]
    assert set(API) <= {
        *("asyncapi", "info", "defaultContentType", "channels", "operations", "components")
    }


def test_every_record_schema_is_on_exactly_one_message() -> None:
    described = [
        *payload_files().values(),
        *(schema_file(m["headers"]) for m in MESSAGES.values() if "headers" in m),
    ]
    assert sorted(described) == sorted([*STORE.names("events"), *STORE.names("outputs")])


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_named_after_the_type_that_its_schema_requires(name: str) -> None:
    file = payload_files().get(name, "")
    allowed = (
        STORE.shape(file)["properties"].get("type", {}).get("enum", [])
        if file in STORE.documents
        else []
    )
    if file == "outputs/breach.json":
        assert allowed == sorted(f'"baton.breach.{status}"' for status in get_args(BreachStatus))
    elif file == "outputs/governance-record.json":
        assert all(one.startswith('"baton.governance.') for one in allowed)
    elif file in ("outputs/billing-item.json", "outputs/billing-adjustment.json"):
        assert all(one.startswith('"baton.billing.') for one in allowed)
    elif allowed:
        assert allowed == [f'"{MESSAGES[name]["name"]}"']
    else:
        assert name in (
            *("customerLink", "windowDelta", "billingRecord", "windowValue", "deadLetter"),
        )


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_a_described_kafka_key_and_payload(name: str) -> None:
    kafka = MESSAGES[name]["bindings"]["kafka"]
    assert kafka["bindingVersion"] == "0.5.0"
    assert kafka["key"]["description"]
    payload = MESSAGES[name]["payload"]
    if "schemaFormat" not in payload:
        assert resolve(payload)["description"]
        assert MESSAGES[name]["contentType"] != API["defaultContentType"]


def test_every_message_is_on_exactly_one_channel() -> None:
    placed = [
        (name, resolve(reference))
        for channel in CHANNELS.values()
        for name, reference in channel["messages"].items()
    ]
    assert sorted(name for name, _ in placed) == sorted(MESSAGES)
    assert all(message is MESSAGES[name] for name, message in placed)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_is_a_described_topic_that_an_operation_uses(name: str) -> None:
    channel = CHANNELS[name]
    assert channel["description"]
    kafka = channel["bindings"]["kafka"]
    assert kafka["bindingVersion"] == "0.5.0"
    assert kafka["topic"] == channel["address"]
    assert any(resolve(o["channel"]) is channel for o in OPERATIONS.values())


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_on_its_channel_and_receives_as_a_group(name: str) -> None:
    operation = OPERATIONS[name]
    channel = operation["channel"]["$ref"]
    assert operation["summary"]
    for reference in operation.get("messages", ()):
        assert reference["$ref"].startswith(f"{channel}/messages/")
        assert resolve(resolve(reference)) in MESSAGES.values()
    if operation["action"] == "receive":
        kafka = operation["bindings"]["kafka"]
        assert kafka["bindingVersion"] == "0.5.0"
        assert kafka["groupId"] == {"type": "string", "enum": ["baton"]}
    else:
        assert operation["action"] == "send"
