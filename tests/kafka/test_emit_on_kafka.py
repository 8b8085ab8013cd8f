"""The client straight onto Apache Kafka, from a process that ends without closing it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter

import orjson

from streams.domain.wire import EVERY_CONTRACT, decode_event
from streams.kafka.admin import ensure_topics
from streams.kafka.outbox import partition_of
from streams.kafka.topics import TopicSpec
from tests.kafka.apache import ApacheKafka
from tests.topic_records import headers_of, read_topic
from tests.worker_process import REPO, environment

TOPIC, PARTITIONS = "emitted-events", 3

BOT = """
import sys
from streams.emit import Baton
baton = Baton.kafka(sys.argv[1], source="/acme/bot", topic=sys.argv[2])
for number in range(300):
    with baton.interaction(
        contract="telco-2026", conversation_id=f"c-{number % 20}", channel="chat"
    ) as i:
        i.ai.turn(id=f"turn-{number}", model="m-7")
        i.handoff.requested(id=f"handoff-{number}", handoff_id=f"h-{number}")
"""


def test_what_a_bot_said_before_its_process_ended_is_on_the_topic_once(kafka: ApacheKafka) -> None:
    asyncio.run(ensure_topics(kafka.bootstrap, [TopicSpec(TOPIC, PARTITIONS, {})], 1))
    done = subprocess.run(
        [sys.executable, "-c", BOT, kafka.bootstrap, TOPIC],
        cwd=REPO,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    records = asyncio.run(read_topic(kafka.bootstrap, TOPIC, PARTITIONS))
    ids = Counter(orjson.loads(record.value or b"")["id"] for record in records)
    assert ids == Counter(f"{what}-{n}" for n in range(300) for what in ("turn", "handoff"))
    for record in records:
        event = decode_event(record.value, EVERY_CONTRACT)
        assert record.key == str(event.subject).encode()
        assert record.partition == partition_of(record.key, PARTITIONS)
        assert headers_of(record) == {"content-type": "application/cloudevents+json; charset=UTF-8"}
