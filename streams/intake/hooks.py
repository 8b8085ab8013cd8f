"""One request to a hook: whose it is, what it holds, and what the answer may promise."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from streams.intake.bodies import BodyError, form_fields, payloads, unpacked
from streams.intake.dead_letters import dead_letter_headers
from streams.intake.delivery import Delivery, Full, Letter, NotAcknowledged, TooLarge
from streams.intake.mapping import Feed, Mapped
from streams.intake.metrics import IntakeCounts
from streams.intake.signatures import Asked, Unsigned, verify
from streams.kafka.outbox import Headers

log = logging.getLogger("baton")

# CloudEvents 1.0, Kafka protocol binding 3.3: structured mode is told by this header.
STRUCTURED: Headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
_PROBLEMS_TOLD = 20
# How many payloads are mapped before others have a turn.
_TURN = 50


@dataclass(frozen=True, slots=True)
class Hook:
    """Where a platform posts. Without `secrets` anybody may."""

    feed: Feed
    secrets: tuple[str, ...]


class Answer(NamedTuple):
    """What HTTP says: `retry_after_s` of a 503, `told` as JSON."""

    status: int
    told: dict[str, Any]
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Reception:
    """Takes requests for the hooks of one process.

    most_bytes     of one body, packed or not
    ack_within_s   for how long a request waits for the brokers; platforms hang up after 5 to 12 s
    keep_payloads  whether dead letters hold what could not be mapped
    """

    delivery: Delivery
    counts: IntakeCounts
    events_topic: str
    dead_letters_topic: str
    most_bytes: int
    ack_within_s: float
    keep_payloads: bool = False
    clock: Callable[[], float] = time.time

    async def receive(
        self, hook: Hook, url: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """The answer to one POST: 2xx once the brokers have all that came of it.

        `headers` in lower case; `url` as the platform called it.
        """
        try:
            plain = unpacked(body, headers.get("content-encoding", ""), self.most_bytes)
            fields = form_fields(plain, headers.get("content-type", "")) or ()
            if hook.secrets:
                asked = Asked(url, headers, plain, fields)
                verify(hook.feed.name, asked, hook.secrets, self.clock())
            found = payloads(plain, headers)
        except BodyError as error:
            return Answer(error.status, {"error": error.message})
        except Unsigned as error:
            return Answer(401, {"error": str(error)})
        return await self._deliver(hook.feed, found, plain)

    async def _deliver(self, feed: Feed, found: Sequence[Any], body: bytes) -> Answer:
        name, digest = feed.name, hashlib.sha256(body).hexdigest()
        mapped: list[Mapped] = []
        letters: list[Letter] = []
        for number, payload in enumerate(found):
            one = feed.map(payload, f"{name}@{digest[:12]}[{number}]")
            mapped.append(one)
            letters += (
                Letter(each.identity, self.events_topic, each.key, each.raw, STRUCTURED)
                for each in one.records
            )
            if one.problems:
                letters.append(self._dead_letter(name, one, body, (digest, number)))
            if number % _TURN == _TURN - 1:
                await asyncio.sleep(0)
        try:
            repeated = await self.delivery.deliver(letters, self.ack_within_s)
        except TooLarge as error:
            return Answer(413, {"error": str(error)})
        except NotAcknowledged as error:
            self.counts.pending_bytes = self.delivery.pending_bytes
            return Answer(503, {"error": str(error)}, 1 if isinstance(error, Full) else 5)
        self.counts.pending_bytes = self.delivery.pending_bytes
        return self._accepted(name, mapped, repeated)

    def _dead_letter(self, name: str, one: Mapped, body: bytes, place: tuple[str, int]) -> Letter:
        digest, number = place
        origin = [("topic", f"/hooks/{name}"), ("digest", digest), ("offset", str(number))]
        return Letter(
            (name, digest, number),
            self.dead_letters_topic,
            digest.encode(),
            body if self.keep_payloads else None,
            dead_letter_headers(name, one.problems, origin),
        )

    def _accepted(self, name: str, mapped: Sequence[Mapped], repeated: int) -> Answer:
        counts = self.counts
        events = sum(len(one.records) for one in mapped)
        problems = [problem for one in mapped for problem in one.problems]
        ignored = sum(not one.records and not one.problems for one in mapped)
        counts.read[name] += len(mapped)
        counts.mapped[name] += events
        counts.dropped[name] += ignored
        counts.repeated[name] += repeated
        counts.problems.update((name, problem.code) for problem in problems)
        told: dict[str, Any] = {"events": events, "ignored": ignored, "unmapped": len(problems)}
        if problems:
            told["problems"] = [
                {"code": each.code, "message": each.message, "where": each.where}
                for each in problems[:_PROBLEMS_TOLD]
            ]
        return Answer(200, told)
