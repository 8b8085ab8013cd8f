"""A canary: what producers put into fields that must not hold it reaches no monitor, key or error.

Every field of an event that takes free text gets a name in it, in half of the conversations of a
synthetic day; the real stages read the day and the collector shows it. Records with a name where
none can be go to the dead letters, whose headers must not repeat it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.contract_files import load_contracts
from streams.domain.contract import DIMENSIONS, ContractBook, Dimension
from streams.domain.events import EVENT_TYPES
from streams.domain.links import customer_digest
from streams.kafka import topics
from streams.kafka.outbox import partition_of
from streams.replay import ticked, timed
from streams.sources.synthetic import SyntheticDay, generate
from tests.bare_worker import PARTITIONS, BareWorker
from tests.log_builder import T, claimed, customer_message, ended, erasure_requested
from tests.unit.schemas.schema_shape import Shape, fields, shape_of_class

CONTRACT = Path(__file__).parents[2] / "deploy" / "contracts" / "telco-2026.yaml"
CANARY = "Jane-Doe"

# A name in each part, for whatever a message might cut out of the value that it complains of.
HOSTILE: dict[str, Any] = {
    "plain": CANARY,
    "apostrophe": f"O'{CANARY}",
    "quotes": f'{CANARY} "{CANARY}" {CANARY}',
    "path": f"{CANARY} - at `$.{CANARY}`",
    "quote and path": f"{CANARY}' - at `$.{CANARY}",
    "list": [CANARY],
    "object": {CANARY: CANARY},
}
BOTH_QUOTES = f"{CANARY} \"{CANARY}\" {CANARY} '{CANARY}' {CANARY}"


@cache
def shapes(event_type: str) -> tuple[tuple[tuple[str, ...], Shape], ...]:
    """The fields of an event type: path and shape."""
    return tuple(
        (path, shape)
        for path, shape, _ in fields(shape_of_class(EVENT_TYPES[event_type]))
        if path not in (("type",), ("data",), ("data", "contract"))
    )


def takes_text(shape: Shape) -> bool:
    """Whether a field takes any text: nothing but its length is limited."""
    return "string" in shape["type"] and not {"enum", "pattern", "format"} & shape.keys()


def put(event: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        event = event.setdefault(name, {})
    event[path[-1]] = value


def with_names(raw: bytes) -> bytes:
    """The event with a name in every field that takes text; its conversation stays one."""
    try:
        event = orjson.loads(raw)
        said = shapes(event["type"])
    except (orjson.JSONDecodeError, KeyError):
        return raw
    data = event.get("data", {})
    conversation = data.get("conversation_id", "")
    if crc32(conversation.encode()) % 2:
        return raw
    for path, shape in said:
        text = f"{CANARY} +65 8123 4567 {'.'.join(path)}"
        if path == ("data", "conversation_id"):
            text = f"{CANARY} {conversation}"
        elif path == ("id",):
            text = f"{CANARY} {event['id']}"
        if takes_text(shape):
            put(event, path, text)
        elif "array" in shape["type"]:
            put(event, path, [text])
        elif path == ("data", "market"):
            put(event, path, "ZZ")
    return orjson.dumps(event)


def day() -> Iterator[bytes]:
    return generate(SyntheticDay(interactions=300, late_ppm=10_000))


def samples() -> dict[str, dict[str, Any]]:
    """One usable event of each type."""
    found: dict[str, dict[str, Any]] = {}
    for raw in day():
        try:
            event = orjson.loads(raw)
        except orjson.JSONDecodeError:
            continue
        if event.get("type") in EVENT_TYPES and event.get("data", {}).get("contract"):
            found.setdefault(event["type"], event)
    return found


@pytest.fixture(scope="module")
def book() -> ContractBook:
    return load_contracts([CONTRACT])


@pytest.fixture(scope="module")
def worker(book: ContractBook) -> BareWorker:
    """A worker that has read the day with names in it."""
    worker = BareWorker(book)
    worker.read(ticked(timed(map(with_names, day()))))
    return worker


def without(document: dict[str, Any], *paths: tuple[str, ...]) -> str:
    for path in paths:
        holder = document
        for name in path[:-1]:
            holder = holder[name]
        del holder[path[-1]]
    return orjson.dumps(document).decode()


KEYED_BY: tuple[Dimension, ...] = ("channel", "market", "journey", "supplier")


def values(worker: BareWorker, topic: str) -> list[dict[str, Any]]:
    """The JSON values on a topic. Something stands on it, else nothing would be shown by it."""
    found = [orjson.loads(r.value or b"null") for r in worker.outbox.records[topic]]
    assert found
    return found


def test_the_canary_is_alive(worker: BareWorker) -> None:
    facts = values(worker, topics.FACTS)
    named = [fact for fact in facts if fact["data"]["journey"].startswith(CANARY)]
    assert len(named) > len(facts) // 4
    assert {fact["data"]["market"] for fact in named} >= {"ZZ"}
    assert any(CANARY in fact["subject"] for fact in named)
    assert worker.error_headers()
    assert worker.telemetry.late_facts.total()


def test_no_metric_shows_it_and_labels_are_the_contract_s(
    worker: BareWorker, book: ContractBook
) -> None:
    text = worker.exposition()
    assert CANARY not in text
    (terms,) = book.versions("telco-2026")
    shown: dict[str, set[str]] = {name: set() for name in DIMENSIONS}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for name in DIMENSIONS:
                shown[name].add(sample.labels.get(name, ""))
    # What the scope lists, versions of the AI by patterns; all else is `other`.
    for name in DIMENSIONS:
        assert all(label in ("", terms.bounded(name, label)) for label in shown[name])
    assert {"", "other", "billing"} <= shown["journey"]
    assert {"", "other", "SG"} <= shown["market"]


@pytest.mark.parametrize(
    "topic", [topics.FACTS, topics.LINKS, topics.DELTAS, topics.WINDOWS, topics.BREACHES]
)
def test_no_key_of_an_output_holds_it(worker: BareWorker, topic: str) -> None:
    keys = {record.key or b"" for record in worker.outbox.records[topic]}
    assert keys
    assert [key for key in keys if CANARY.encode() in key or b"ZZ" in key] == []


def test_a_fact_s_key_is_made_of_the_contract_s_labels(
    worker: BareWorker, book: ContractBook
) -> None:
    for record, fact in zip(
        worker.outbox.records[topics.FACTS], values(worker, topics.FACTS), strict=True
    ):
        data = fact["data"]
        terms = book.version(data["contract"], data["contract_version"])
        labels = [terms.bounded(name, data[name]) for name in KEYED_BY]
        assert record.key == "|".join([data["contract"], *labels]).encode()
        assert record.partition == partition_of(record.key, PARTITIONS)


def test_a_fact_holds_it_only_as_conversation_and_as_what_was_stated(worker: BareWorker) -> None:
    stated = ("journey", "supplier", "prompt_version", "model", "knowledge_version")
    # What names the broken rule is of the compliance system, as a word; what a claim was about is a
    # word of who claims it, and a price's selector.
    places = [("id",), ("subject",), *(("data", name) for name in stated)]
    for fact in values(worker, topics.FACTS):
        words = [("data", name) for name in ("rule_id", "query_type") if name in fact["data"]]
        assert CANARY not in without(fact, *places, *words)


def test_window_values_hold_none_of_it(worker: BareWorker) -> None:
    assert CANARY not in repr(values(worker, topics.WINDOWS))


def test_a_breach_holds_it_only_as_the_conversation_in_its_evidence(worker: BareWorker) -> None:
    for breach in values(worker, topics.BREACHES):
        for waiting in breach["data"]["waiting"]:
            del waiting["conversation_id"]
        assert CANARY not in repr(breach)


def assert_refused_in_silence(
    book: ContractBook, records: list[bytes], keys: dict[bytes, bytes] | None = None
) -> set[str]:
    """All of them are dead letters, as they came, that do not say what was in them; the codes."""
    worker = BareWorker(book)
    worker.read(records, keys)
    letters = worker.outbox.records[topics.DEAD_LETTERS]
    assert {letter.value for letter in letters} == set(records)
    assert [header for header in worker.error_headers() if CANARY in header] == []
    assert CANARY not in worker.exposition()
    return {dict(letter.headers)["baton.error.code"].decode() for letter in letters}


def refused(hostile: Any) -> list[bytes]:
    """An event of each type with `hostile` in each field, in turn, that cannot take it."""
    kinds: dict[type, str] = {str: "string", list: "array", dict: "object"}
    kind = kinds[type(hostile)]
    found = []
    for event_type, sample in samples().items():
        for path, shape in shapes(event_type):
            text = kind == "string" and takes_text(shape)
            if (text and "maxLength" not in shape) or (kind != "string" and kind in shape["type"]):
                continue
            event = orjson.loads(orjson.dumps(sample))
            put(event, path, hostile * 257 if text else hostile)
            found.append(orjson.dumps(event))
    return found


@pytest.mark.parametrize(
    "hostile",
    [
        *(pytest.param(value, id=name) for name, value in HOSTILE.items()),
        pytest.param(BOTH_QUOTES, id="both quotes"),
    ],
)
def test_a_refused_field_is_not_quoted(book: ContractBook, hostile: Any) -> None:
    records = refused(hostile)
    assert len(records) > 20 * len(samples())
    assert_refused_in_silence(book, records)


def test_no_way_of_being_unusable_is_quoted(book: ContractBook) -> None:
    sample = samples()["baton.handoff.requested"]
    raw = orjson.dumps(sample)
    conversation = sample["data"]["conversation_id"].encode()
    other_key = raw.replace(conversation, CANARY.encode())
    records = [
        orjson.dumps({**sample, "type": f"baton.{CANARY}"}),
        orjson.dumps({**sample, "type": {CANARY: 1}}),
        orjson.dumps({**sample, "data": {**sample["data"], "contract": CANARY}}),
        orjson.dumps({**sample, "padding": CANARY * 40_000}),
        orjson.dumps({CANARY: CANARY}),
        orjson.dumps([CANARY]),
        orjson.dumps(CANARY),
        f"{CANARY} called".encode(),
        raw[:-1] + f', "{CANARY}'.encode(),
        raw[:-1] + b', "subject": "' + CANARY.encode() + b'\xff"}',
        other_key,
    ]
    assert assert_refused_in_silence(book, records, {other_key: CANARY.encode() * 2}) == {
        *("unknown_type", "schema_violation", "unknown_contract", "too_large"),
        *("malformed_json", "invalid_encoding", "key_mismatch"),
    }


def test_deltas_that_cannot_be_read_are_not_quoted(book: ContractBook) -> None:
    worker = BareWorker(book)
    worker.take_deltas(CANARY.encode())
    assert len(worker.outbox.records[topics.DEAD_LETTERS]) == 1
    assert [header for header in worker.error_headers() if CANARY in header] == []


def test_the_governance_log_names_nobody(book: ContractBook) -> None:
    customer, conversation = f"{CANARY} customer", f"{CANARY} conversation"
    worker = BareWorker(book)
    said = [
        customer_message(conversation, T(0), customer_key=customer),
        claimed(conversation, T(5), "ai"),
        ended(conversation, T(9), customer_key=customer),
    ]
    asked = erasure_requested(customer, T(60))
    named = asked.replace(b'"id":"', f'"id":"{CANARY} '.encode())
    worker.read([*said, T(100), named, T(200), T(5 * 86_400)])
    told = values(worker, topics.GOVERNANCE)
    done = {one["type"].rpartition(".")[2] for one in told if one["data"]["count"]}
    assert done == {"applied", "erased", "unlinked", "renamed"}
    for record in worker.outbox.records[topics.GOVERNANCE]:
        assert CANARY.encode() not in record.key + record.value
        assert customer_digest("telco-2026", customer).hex().encode() not in record.value
    assert CANARY not in worker.exposition()
    tables = [*worker.interaction_tables(), *worker.customer_tables()]
    digest = customer_digest("telco-2026", customer)
    for table in tables:
        for part in (*table.keys(), *table.values()):
            assert CANARY.encode() not in part
            assert digest not in part
