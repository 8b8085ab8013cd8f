"""A consumer that was written against the last release can read what a run publishes today.

Every output topic's records are validated by the schemas that AsyncAPI names for it, and by those
of the last release. There new values of closed lists are let through, for they are additions; a
consumer has to expect them (the schemas' descriptions say so). New kinds of records are, too.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from streams.cli.main import cli
from streams.contract_files import bundled_contract, load_contracts
from streams.kafka import topics
from streams.replay import ticked, timed
from streams.sources.synthetic import SyntheticDay, generate, write_log
from tests.bare_worker import BareWorker
from tests.billing_lines import CONTRACT, june
from tests.unit.schemas.schema_store import SCHEMAS, SchemaStore

RELEASED = SchemaStore.load(SCHEMAS / "released")
STORE = SchemaStore.load(SCHEMAS)
DAY = SyntheticDay(seed=3, interactions=200)
SECRET = "5e" * 32
# What is not for consumers, and not JSON: between Baton's own stages.
INTERNAL = {topics.EVENTS}
OF_EACH_KIND = 10


@cache
def schemas_by_topic() -> dict[str, list[str]]:
    """The schemas of each output topic's messages, as schemas/asyncapi.yaml has them."""
    document = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
    messages = document["components"]["messages"]
    found: dict[str, list[str]] = {}
    for channel in document["channels"].values():
        if channel["address"] not in INTERNAL:
            named = [one["$ref"].rpartition("/")[2] for one in channel["messages"].values()]
            found[channel["address"]] = [
                messages[name].get("payload", {}).get("schema", {}).get("$ref", "")[2:]
                for name in named
            ]
    return found


# Nobody was promised anything of a topic that is new.
OF_LAST_RELEASE = sorted(
    topic
    for topic, names in schemas_by_topic().items()
    if topic == topics.DEAD_LETTERS or set(names) & set(RELEASED.documents)
)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What a run writes, by output topic; of dead letters the headers."""
    book = load_contracts([bundled_contract(CONTRACT)])
    worker = BareWorker(book)
    events = timed(generate(DAY))
    worker.read(ticked(events, interval_ms=60_000, settle_ms=2 * 86_400_000))
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for topic in (topics.FACTS, topics.WINDOWS, topics.BREACHES):
        found[topic] = [json.loads(one.value or b"") for one in worker.outbox.records[topic]]
    for letter in worker.outbox.records[topics.DEAD_LETTERS]:
        found[topics.DEAD_LETTERS].append(
            {name: text.decode() for name, text in letter.headers if name.startswith("baton.")}
        )
    folder = tmp_path_factory.mktemp("consumers")
    items, adjustments = billed(folder)
    found[topics.BILLING_ITEMS] = items
    found[topics.BILLING_ADJUSTMENTS] = adjustments
    found[topics.AUDIT_SAMPLES] = sampled(folder)
    return found


def billed(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(billing-items, billing-adjustments with the seal) of that day, and of a month by hand."""
    write_log(DAY, folder / "day.jsonl")
    about = ("--contract", str(bundled_contract(CONTRACT)))
    words = ["invoice", str(folder / "day.jsonl"), *about, "--period", "2026-06", "--tick", "1m"]
    done = CliRunner().invoke(cli, [*words, "--format", "json"])
    assert done.exit_code == 0, done.output
    statement = json.loads(done.stdout)
    records = [*statement["records"], statement["seal"]]
    items, adjustments = ([json.loads(raw) for raw in part] for part in june(8))
    for one in records:
        (items if "conversation_id" in one["data"] else adjustments).append(one)
    return items, adjustments


def sampled(folder: Path) -> list[dict[str, Any]]:
    """audit-samples of that day."""
    about = ("--contract", str(bundled_contract(CONTRACT)), "--period", "2026-06-01")
    env = {"BATON_AUDIT_SECRET": SECRET}
    committed = CliRunner().invoke(cli, ["audit", "commit", *about], env=env)
    said = ("--commitment", json.loads(committed.stdout)["commitment"])
    log = str(folder / "day.jsonl")
    done = CliRunner().invoke(cli, ["audit", "sample", log, *about, *said], env=env)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def some_of_each_kind(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of each type and set of fields so many, so that each is looked at in little time."""
    seen: defaultdict[tuple[Any, ...], int] = defaultdict(int)
    for record in records:
        kind = (record.get("type"), *sorted(record.get("data") or record))
        seen[kind] += 1
        if seen[kind] <= OF_EACH_KIND:
            yield record


def errors(store: SchemaStore, name: str, record: dict[str, Any]) -> list[Any]:
    return list(store.validator(name).iter_errors(record))


def schema_of(topic: str, record: dict[str, Any]) -> str:
    """The one schema of its topic that the record is valid by."""
    names = [name for name in schemas_by_topic()[topic] if name.startswith("outputs/")]
    if topic == topics.DEAD_LETTERS:
        names = ["outputs/dead-letter-headers.json"]
    valid = [name for name in names if not errors(STORE, name, record)]
    assert len(valid) == 1, (topic, record.get("type"), valid)
    return valid[0]


def test_every_topic_that_is_published_is_looked_at(
    published: dict[str, list[dict[str, Any]]],
) -> None:
    assert set(published) == set(OF_LAST_RELEASE)
    assert all(published.values()), {topic for topic in published if not published[topic]}


@pytest.mark.parametrize("topic", OF_LAST_RELEASE)
def test_a_consumer_of_the_last_release_can_read_today_s_records(
    published: dict[str, list[dict[str, Any]]], topic: str
) -> None:
    looked_at = 0
    for record in some_of_each_kind(published[topic]):
        name = schema_of(topic, record)
        if name not in RELEASED.documents:
            continue  # a kind that is new; whoever does not know it passes it over
        looked_at += 1
        broken = [one for one in errors(RELEASED, name, record) if one.validator != "enum"]
        assert [f"{name}: {one.json_path}: {one.message}" for one in broken] == []
    assert looked_at


def test_a_record_that_lacks_what_was_promised_is_found(
    published: dict[str, list[dict[str, Any]]],
) -> None:
    for topic, field in (
        (topics.BILLING_ITEMS, "amount_micros"),
        (topics.BILLING_ADJUSTMENTS, "period"),
        (topics.BREACHES, "numerator"),
    ):
        record = json.loads(json.dumps(published[topic][0]))
        name = schema_of(topic, record)
        del record["data"][field]
        assert [one.validator for one in errors(RELEASED, name, record)] == ["required"]
