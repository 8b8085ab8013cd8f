"""Clocks: this machine's beside that of who writes ticks, and the brokers' where they stamp."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.doctor.finding import Finding, ok, warn, wrong
from streams.domain.events import Tick, epoch_ms
from streams.domain.wire import Rejection, decode_event
from streams.kafka.connection import client_options, let_go
from streams.kafka.topics import EVENTS
from streams.settings import Settings

# A tick that is ahead makes what comes after it late; the allowed lateness is 30 s by default.
_AHEAD_MS = 5_000
_STALE_MS = 60_000
_LAST = 2_000  # records at the end of a partition that are looked through for a tick
_PATIENCE_S = 10.0
_BROKERS_STAMP = 1  # message.timestamp.type=LogAppendTime
_TICK = b'"baton.tick"'


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest tick, and the newest time that a broker stamped; ms, None where there is none."""

    tick_ms: int | None = None
    stamped_ms: int | None = None


async def look(settings: Settings, now_ms: Callable[[], int]) -> list[Finding]:
    """Findings `clock.ticks` and, where brokers stamp records, `clock.brokers`."""
    try:
        newest = await _newest(settings)
    except (KafkaError, TimeoutError) as error:
        return [
            warn(
                "clock.ticks",
                f"the end of {settings.topic(EVENTS)} cannot be read: {type(error).__name__}",
                "whether clocks agree was not looked at",
                "mend what is wrong above, and look again",
            )
        ]
    return judged(newest, now_ms(), ticks=settings.ticks, topic=settings.topic(EVENTS))


def judged(newest: Newest, now_ms: int, *, ticks: bool, topic: str) -> list[Finding]:
    """What these times mean to who has this clock and writes ticks (or does not)."""
    found = [_ticks(newest.tick_ms, now_ms, ticks, topic)]
    if newest.stamped_ms is not None:
        ahead = newest.stamped_ms - now_ms
        if ahead > _AHEAD_MS:
            found.append(
                warn(
                    "clock.brokers",
                    f"a broker's clock is {ahead / 1000:.0f} s ahead of this machine's",
                    "retention, and figures in processing time, are off by as much",
                    "chronyc tracking   # here and at the brokers",
                )
            )
        else:
            found.append(ok("clock.brokers", "no broker's clock is ahead of this machine's"))
    return found


def _ticks(tick_ms: int | None, now_ms: int, ticks: bool, topic: str) -> Finding:
    check = "clock.ticks"
    if tick_ms is None:
        if not ticks:
            return ok(check, f"no tick on {topic} yet; a replay brings them (--no-ticks)")
        return warn(
            check,
            f"no tick on {topic} yet",
            "without ticks no time passes: nothing is published and nothing breaches",
            "baton worker ...   # one worker with --ticks, the default, writes them",
        )
    apart = tick_ms - now_ms
    if apart > _AHEAD_MS:
        return wrong(
            check,
            f"the newest tick is {apart / 1000:.0f} s ahead of this machine's clock",
            "the watermark follows the newest tick: true events are late and count in no window",
            "chronyc tracking   # here and at the workers; deploy/runbooks/clock-and-ticks.md",
        )
    if ticks and apart < -_STALE_MS:
        return warn(
            check,
            f"the newest tick is {-apart / 1000:.0f} s old",
            "no worker writes the time (or its clock is behind): nothing breaches any more",
            "curl -s http://WORKER:9464/readyz   # deploy/runbooks/clock-and-ticks.md",
        )
    return ok(
        check, f"the newest tick and this machine's clock are {abs(apart) / 1000:.1f} s apart"
    )


async def _newest(settings: Settings) -> Newest:
    consumer = AIOKafkaConsumer(
        **client_options(settings), enable_auto_commit=False, isolation_level="read_uncommitted"
    )
    async with asyncio.timeout(_PATIENCE_S):
        await consumer.start()
        try:
            topic = settings.topic(EVENTS)
            places = [TopicPartition(topic, 0)]
            consumer.assign(places)
            return await _last(consumer, places)
        finally:
            await let_go(consumer.stop())


async def _last(consumer: AIOKafkaConsumer, places: Collection[TopicPartition]) -> Newest:
    # Ticks go to every partition at once, so that one of them tells.
    ends = await consumer.end_offsets(places)
    starts = await consumer.beginning_offsets(places)
    tick_ms = stamped_ms = None
    for place in places:
        consumer.seek(place, max(starts[place], ends[place] - _LAST))
        while await consumer.position(place) < ends[place]:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    if record.timestamp_type == _BROKERS_STAMP:
                        stamped_ms = max(stamped_ms or 0, record.timestamp)
                    time_ms = _tick(record.value)
                    if time_ms is not None:
                        tick_ms = max(tick_ms or 0, time_ms)
    return Newest(tick_ms, stamped_ms)


def _tick(raw: bytes | None) -> int | None:
    if raw is None or _TICK not in raw:
        return None
    try:
        event = decode_event(raw, ())
    except Rejection:
        return None
    return epoch_ms(event.time) if isinstance(event, Tick) else None
