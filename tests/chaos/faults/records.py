"""What the log and the topics hold: twice, in another order, never ours, compacted away."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from aiokafka import AIOKafkaProducer

from streams.domain.delta import Added, Deltas, KeyDelta
from streams.domain.facts import rfc3339
from streams.domain.links import Link, LinkStep
from streams.kafka import topics
from streams.kafka.delta_codec import encode_deltas
from streams.kafka.link_codec import encode_links
from streams.replay import Disturbance
from tests.chaos.fault import Fault, plain_log
from tests.chaos.faults.workers import kill
from tests.chaos.round import PARTITIONS, Round
from tests.chaos.tally import Letter
from tests.stream_run import Log


def disturbed_log(chance: Random) -> Log:
    """A day as a network with delays and repetitions delivers it."""
    how = Disturbance(
        shuffle_ms=chance.choice((20_000, 90_000, 300_000)),
        duplicate_ppm=chance.choice((20_000, 100_000)),
        seed=chance.randrange(1 << 30),
    )
    return plain_log(chance, how)


def killed_in_disorder(round: Round) -> None:
    """Events twice and in another order, and a worker is killed at a random moment."""
    kill(round)


@dataclass(frozen=True)
class Poison:
    """A record, and the code of the dead letter that it must become; None where it must not."""

    topic: str
    key: bytes | None
    value: bytes | None
    code: str | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)


def _event(seen: dict[str, object], **changes: object) -> bytes:
    return json.dumps({**seen, **changes}).encode()


def _for_events(round: Round) -> list[Poison]:
    chance = round.chance
    raws = [item for item in round.log.items if isinstance(item, bytes) and b"ai.turn" in item]
    seen = json.loads(chance.choice(raws))
    data = seen["data"]
    key = data["conversation_id"].encode()
    future = rfc3339(4_000_000_000_000)
    filler = {"padding": "x" * chance.randint(300_000, 1_500_000)}
    found: list[tuple[bytes | None, bytes | None, str]] = [
        (b"k", b"\xff\xfe\x00", "invalid_encoding"),
        (b"key-\xff", b"{bad", "malformed_json"),
        (b"k", b"", "empty_record"),
        (b"gone", None, "empty_record"),
        (None, b"null", "schema_violation"),
        (b"k", b"[" * 100_000, "schema_violation"),
        (key, _event(seen, type="baton.contact.teleported"), "unknown_type"),
        (key, _event(seen, time=17), "schema_violation"),
        (key, _event(seen, id=["a", "list"]), "schema_violation"),
        (key, _event(seen, data="all of it"), "schema_violation"),
        (key, _event(seen, data={**data, "contract": "nobodys"}), "unknown_contract"),
        (key, _event(seen, data={**data, **filler}), "too_large"),
        (key, _event(seen, time=future, id="from-the-future"), "future_time"),
        (b"another-" + key, _event(seen, id="keyed-otherwise"), "key_mismatch"),
        (None, _event(seen, id="keyed-by-none"), "key_mismatch"),
    ]
    poison = [Poison(topics.EVENTS, *each) for each in found]
    not_text: list[tuple[str, bytes]] = [("ce_id", b"\xff"), ("ce_type", b"baton.ai.turn")]
    poison.append(Poison(topics.EVENTS, key, b"{}", "invalid_encoding", not_text))
    return poison


def _for_deltas() -> list[Poison]:
    of_nobody = Deltas(1 << 42, [KeyDelta("nobody", (), [Added(1 << 42, 60_000, {})])])
    found: list[tuple[bytes | None, bytes | None, str]] = [
        (b"0", b"not MessagePack", "schema_violation"),
        (b"0", None, "schema_violation"),
        (None, b"", "schema_violation"),
        (b"0", b"\x92\x00\x91\x92\xa1x\x90", "schema_violation"),
        (b"99", encode_deltas(99, Deltas(1, [])), "schema_violation"),
        (b"-1", encode_deltas(-1, Deltas(1, [])), "schema_violation"),
        (b"0", encode_deltas(0, of_nobody), "unknown_contract"),
    ]
    return [Poison(topics.DELTAS, *each) for each in found]


def _for_links() -> list[Poison]:
    of_nobody = Link(1 << 41, True, "c", 0, 1, bytes(16), "nobody", "billing", 1)
    found: list[tuple[bytes | None, bytes | None, str]] = [
        (b"0", b"not MessagePack", "schema_violation"),
        (b"0", None, "schema_violation"),
        (None, b"", "schema_violation"),
        (b"0", b"\x92\x00\x91\x92\xa1x\x90", "schema_violation"),
        (b"99", encode_links(99, [LinkStep(1, [])]), "schema_violation"),
        (b"0", encode_links(0, [LinkStep(1 << 42, [of_nobody])]), "unknown_contract"),
    ]
    return [Poison(topics.LINKS, *each) for each in found]


def _elsewhere(round: Round) -> list[Poison]:
    """Garbage in outputs and changelogs: no dead letter comes of it, and nothing else."""
    garbage = [b"\xff\x00garbage", b"{}", b"[]", round.chance.randbytes(100)]
    outputs = [Poison(name, b"k", raw, None) for name in _OUTPUTS for raw in garbage]
    headers: list[list[tuple[str, bytes]]] = [
        [],
        [("trace", b"\xff")],
        [("baton.upto", b"\xff")],
        [("baton.upto", b"-1")],
    ]
    changelogs = [
        Poison(name, b"garbage-%d" % i, raw, None, header)
        for name in round.changelogs
        for i, (raw, header) in enumerate(zip([*garbage[:3], None], headers, strict=True))
    ]
    return outputs + changelogs


_OUTPUTS = (topics.FACTS, topics.BREACHES, topics.WINDOWS, topics.DEAD_LETTERS)


def plant(round: Round, poison: Sequence[Poison]) -> None:
    """Write records as they are onto random partitions, and note what must come of them."""

    async def send() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=round.cluster.kafka.bootstrap, max_request_size=4 * 1024 * 1024
        )
        await producer.start()
        try:
            for each in poison:
                own = each.topic in round.changelogs
                name = each.topic if own else round.run.topic(each.topic)
                where = round.chance.randrange(PARTITIONS)
                written = await producer.send_and_wait(
                    name, each.value, each.key, partition=where, headers=each.headers
                )
                place = (name, where, written.offset)
                round.planted.add(place)
                if each.code is not None:
                    round.poisoned[place] = Letter(each.code, each.key, each.value)
        finally:
            await producer.stop()

    asyncio.run(send())


def poison_everywhere(round: Round) -> None:
    """Poison in every topic, spread over the replay; then a worker dies and state is read anew."""
    poison = [*_for_events(round), *_for_links(), *_for_deltas(), *_elsewhere(round)]
    round.chance.shuffle(poison)
    third = len(poison) // 3
    for at in (0, third, 2 * third):
        round.await_moment(0.05 + 0.15 * at / third, 0.15 + 0.15 * at / third)
        plant(round, poison[at:] if at == 2 * third else poison[at : at + third])
    round.chance.choice(round.alive).kill()
    since = time.monotonic()
    round.start_worker()
    round.await_recovery(since)


_CLEANED_WITHIN_S = 60.0
# Held back at first, so that there is much to clean once the workers are down.
_UNCLEANED = {"min.compaction.lag.ms": "86400000"}
_TO_CLEAN = {
    "segment.ms": "300",
    "min.cleanable.dirty.ratio": "0.001",
    "delete.retention.ms": "100",
}


def _uncompacted(round: Round) -> None:
    round.create_changelogs(**_TO_CLEAN, **_UNCLEANED)


def compacted_while_down(round: Round) -> None:
    """All workers die, the changelogs are compacted for certain, and others start."""
    round.await_moment(0.3, 0.7)
    for worker in round.alive:
        worker.kill()
    before = {name: len(round.read_named(name)) for name in round.changelogs}
    for name in round.changelogs:
        round.cluster.configure(name, {"cleanup.policy": "compact", **_TO_CLEAN})
    round.await_that(
        # Of windows too, if there was anything to clean: their slices are written once or twice.
        lambda: len(round.read_named(round.changelogs[0])) < before[round.changelogs[0]] * 0.9,
        f"changelogs that the cleaner has shortened (there were {before})",
        _CLEANED_WITHIN_S,
    )
    since = time.monotonic()
    for _ in range(round.fault.workers):
        round.start_worker()
    round.await_recovery(since)


FAULTS = (
    Fault("disorder", killed_in_disorder, log=disturbed_log),
    Fault("poison", poison_everywhere),
    Fault("compaction", compacted_while_down, prepare=_uncompacted),
)
