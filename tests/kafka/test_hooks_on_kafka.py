"""Webhooks while the only broker is killed: what was acknowledged is on the topic, once."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.topics import TopicSpec
from tests.intake_process import IntakeProcess, canonical_events
from tests.kafka.apache import ApacheKafka
from tests.topic_records import headers_of, read_topic
from tests.worker_process import await_that

PARTITIONS = 3
SECRET = "a-secret-of-the-tests"


class Platform:
    """Posts events as a platform does: anything but a 200 is sent again, later."""

    def __init__(self, url: str, events: list[dict[str, Any]]) -> None:
        self._url = url
        self._bodies = [orjson.dumps(events[at : at + 5]) for at in range(0, len(events), 5)]
        self.acknowledged = 0
        self.answers: Counter[int] = Counter()
        self.asked_to_wait = 0
        self.errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join(90)
        assert not self._thread.is_alive()
        assert self.errors == []

    def _run(self) -> None:
        try:
            asyncio.run(self._post_all())
        except BaseException as error:
            self.errors.append(error)

    async def _post_all(self) -> None:
        left = list(reversed(self._bodies))
        async with aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
        ) as session:

            async def worker() -> None:
                while left:
                    body = left.pop()
                    while not await self._post(session, body):
                        await asyncio.sleep(0.3)

            await asyncio.gather(*(worker() for _ in range(8)))

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> bool:
        async with session.post(self._url, data=body) as answer:
            self.answers[answer.status] += 1
            self.asked_to_wait += "Retry-After" in answer.headers
            if answer.status == 200:
                self.acknowledged += (await answer.json())["events"]
            return answer.status == 200


def test_a_broker_that_is_killed_under_load_costs_no_acknowledged_event(
    kafka_lib: Path, tmp_path: Path
) -> None:
    events = list(canonical_events(4000))
    with ApacheKafka(workdir=tmp_path / "kafka", lib=kafka_lib) as kafka:
        specs = [TopicSpec(name, PARTITIONS, {}) for name in (topics.EVENTS, topics.DEAD_LETTERS)]
        asyncio.run(ensure_topics(kafka.bootstrap, specs, 1))
        server = IntakeProcess(
            *("serve", "--platform", "canonical", "--broker", kafka.bootstrap),
            *("--hooks-port", "0", "--ack-within", "500ms"),
            log=tmp_path / "serve.log",
            env={"BATON_HOOK_CANONICAL_SECRET": SECRET},
        )
        platform = Platform(f"{server.hooks()}canonical", events)
        platform.start()
        await_that(lambda: platform.acknowledged > 500, "a load of posts")
        kafka.kill(0)
        await_that(lambda: platform.answers[503] >= 8, "posts that are put off")
        before = platform.acknowledged
        kafka.restart(0)
        platform.join()
        assert platform.acknowledged == len(events) > before
        assert platform.asked_to_wait == platform.answers[503]
        assert set(platform.answers) == {200, 503}
        assert server.stop() == 0, server.output
        records = asyncio.run(read_topic(kafka.bootstrap, topics.EVENTS, PARTITIONS))
    found = Counter(orjson.loads(record.value or b"")["id"] for record in records)
    assert found == Counter(event["id"] for event in events)
    for record in records:
        assert record.key == orjson.loads(record.value or b"")["data"]["conversation_id"].encode()
        assert headers_of(record)["content-type"].startswith("application/cloudevents+json")
