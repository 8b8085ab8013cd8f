"""The only broker is killed under load: what a platform was told is there is there, once; and what
stands in a platform's topic is read once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.topics import TopicSpec
from tests.intake_process import IntakeProcess, canonical_events
from tests.kafka.apache import ApacheKafka
from tests.kafka.foreign_topic import PARTITIONS, WANTED, Scene, drained, some
from tests.topic_records import headers_of, read_topic
from tests.worker_process import await_that

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


@pytest.fixture(scope="module")
def mortal(kafka_lib: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """A broker of this module's own."""
    with ApacheKafka(workdir=tmp_path_factory.mktemp("mortal"), lib=kafka_lib) as cluster:
        yield cluster


def test_a_webhook_that_was_acknowledged_is_there_once(mortal: ApacheKafka, tmp_path: Path) -> None:
    events = list(canonical_events(2500))
    specs = [TopicSpec(name, PARTITIONS, {}) for name in (topics.EVENTS, topics.DEAD_LETTERS)]
    asyncio.run(ensure_topics(mortal.bootstrap, specs, 1))
    server = IntakeProcess(
        *("serve", "--platform", "canonical", "--broker", mortal.bootstrap),
        *("--hooks-port", "0", "--ack-within", "500ms"),
        log=tmp_path / "serve.log",
        env={"BATON_HOOK_CANONICAL_SECRET": SECRET},
    )
    platform = Platform(f"{server.hooks()}canonical", events)
    platform.start()
    await_that(lambda: platform.acknowledged > 500, "a load of posts")
    mortal.kill(0)
    await_that(lambda: platform.answers[503] >= 8, "posts that are put off")
    before = platform.acknowledged
    mortal.restart(0)
    platform.join()
    assert platform.acknowledged == len(events) > before
    assert platform.asked_to_wait == platform.answers[503]
    assert set(platform.answers) == {200, 503}
    assert server.stop() == 0, server.output
    records = asyncio.run(read_topic(mortal.bootstrap, topics.EVENTS, PARTITIONS))
    found = Counter(orjson.loads(record.value or b"")["id"] for record in records)
    assert found == Counter(event["id"] for event in events)
    for record in records:
        assert record.key == orjson.loads(record.value or b"")["data"]["conversation_id"].encode()
        assert headers_of(record)["content-type"].startswith("application/cloudevents+json")


def test_a_foreign_topic_is_read_once(mortal: ApacheKafka, tmp_path: Path) -> None:
    with closing(Scene(mortal.bootstrap, tmp_path)) as scene:
        scene.prepare()
        process = scene.start()
        some(process)
        mortal.kill(0)
        mortal.restart(0)
        await_that(lambda: process.must_run() or drained(process), "the topic's end", within_s=90)
        assert process.stop() == 0, process.output
        assert scene.ids() == WANTED
        assert set(scene.letters().values()) == {1}


def test_sigterm_ends_it_though_the_broker_is_away(mortal: ApacheKafka, tmp_path: Path) -> None:
    with closing(Scene(mortal.bootstrap, tmp_path)) as scene:
        scene.prepare()
        process = scene.start()
        some(process)
        mortal.kill(0)  # the last test: nobody needs it any more
        assert process.stop(60) == 0, process.output
        assert "Traceback" not in process.output
