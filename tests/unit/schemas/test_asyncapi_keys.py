"""The record keys that schemas/asyncapi.yaml describes are those that the stages write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from jsonschema import Draft202012Validator

from streams.contract_files import load_contracts
from streams.domain.calendar_period import PERIODS
from streams.domain.contract import DIMENSIONS
from streams.domain.window_value import WINDOW_LENGTHS_MS
from streams.kafka import topics
from streams.kafka.billing_codec import decode_billing
from streams.kafka.delta_codec import decode_deltas
from streams.kafka.link_codec import decode_links
from streams.replay import ticked, timed
from streams.sources.synthetic import SyntheticDay, generate
from tests.bare_worker import BareWorker, Record
from tests.unit.schemas.schema_store import SCHEMAS

# Not by versions of the AI: they come and go while a conversation goes on.
KEYED_BY = ("channel", "market", "journey", "supplier")
CONTRACTS = Path(__file__).parents[3] / "deploy" / "contracts"
API: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
# One message of each topic: all of a topic have the same key.
MESSAGE = {
    topics.FACTS: "fact_ai_failure",
    topics.LINKS: "customerLink",
    topics.DELTAS: "windowDelta",
    topics.WINDOWS: "windowValue",
    topics.BREACHES: "breach",
    topics.BILLING_RECORDS: "billingRecord",
    topics.BILLING_ITEMS: "billingItem",
    topics.BILLING_PREVIEWS: "billingPreview",
}


def documented(topic: str) -> dict[str, Any]:
    """The schema of a topic's keys."""
    key: dict[str, Any] = API["components"]["messages"][MESSAGE[topic]]["bindings"]["kafka"]["key"]
    return key


@pytest.fixture(scope="module")
def written() -> dict[str, list[Record]]:
    """What a worker writes of a synthetic day, by topic."""
    worker = BareWorker(load_contracts([CONTRACTS / "telco-2026.yaml"]))
    worker.read(ticked(timed(generate(SyntheticDay(interactions=300)))))
    records = dict(worker.outbox.records)
    assert all(records[topic] for topic in MESSAGE)
    return records


def key_from_value(topic: str, value: bytes) -> bytes:
    """The key as the document has it made of what the record says."""
    if topic == topics.LINKS:
        return str(decode_links(value).source).encode()
    if topic == topics.DELTAS:
        return str(decode_deltas(value)[0]).encode()
    if topic == topics.BILLING_RECORDS:
        return str(decode_billing(value).source).encode()
    said = orjson.loads(value)
    if topic == topics.WINDOWS:
        return orjson.dumps([said["contract"], said["window"], said["key"]])
    said = said["data"]
    if topic in (topics.BILLING_ITEMS, topics.BILLING_PREVIEWS):
        return orjson.dumps([said["contract"], said["period"]])
    if topic == topics.BREACHES:
        return orjson.dumps([said["contract"], said["clause"], said["key"]])
    # The synthetic day stays within the contract's scope, so labels are what was stated.
    return "|".join([said["contract"], *(said[name] for name in KEYED_BY)]).encode()


@pytest.mark.parametrize("topic", MESSAGE)
def test_a_record_s_key_is_made_of_its_value_as_documented(
    written: dict[str, list[Record]], topic: str
) -> None:
    for record in written[topic]:
        assert record.key == key_from_value(topic, record.value or b"")


@pytest.mark.parametrize("topic", MESSAGE)
def test_keys_and_the_documented_examples_have_one_form(
    written: dict[str, list[Record]], topic: str
) -> None:
    schema = documented(topic)
    examples = schema["examples"]
    keys = {(record.key or b"").decode() for record in written[topic]}
    validator = Draft202012Validator(schema)
    assert all(validator.is_valid(key) for key in (*keys, *examples))
    form = {
        topics.FACTS: facts_form,
        topics.LINKS: str.isdecimal,
        topics.DELTAS: str.isdecimal,
        topics.WINDOWS: windows_form,
        topics.BREACHES: breaches_form,
        topics.BILLING_RECORDS: str.isdecimal,
        topics.BILLING_ITEMS: period_form,
        topics.BILLING_PREVIEWS: period_form,
    }[topic]
    assert all(form(key) for key in (*keys, *examples))


def period_form(key: str) -> bool:
    contract, period = orjson.loads(key)
    return bool(contract and period)


def facts_form(key: str) -> bool:
    return len(key.split("|")) == 1 + len(KEYED_BY)


def windows_form(key: str) -> bool:
    contract, window, dimensions = orjson.loads(key)
    return (
        bool(contract)
        and window in (*WINDOW_LENGTHS_MS, *PERIODS)
        and _dimensions_form(key, dimensions)
    )


def breaches_form(key: str) -> bool:
    contract, clause, dimensions = orjson.loads(key)
    return bool(contract and clause) and _dimensions_form(key, dimensions)


def _dimensions_form(key: str, dimensions: dict[str, str]) -> bool:
    # No spaces, and dimensions in the order of the code's.
    in_order = [name for name in DIMENSIONS if name in dimensions] == list(dimensions)
    return in_order and orjson.dumps(orjson.loads(key)).decode() == key
