"""One record's value as a canonical event: streams/domain/wire.py."""

from __future__ import annotations

from functools import cache

import orjson

from streams.domain.events import epoch_ms
from streams.domain.facts import rfc3339
from streams.domain.wire import Rejection, decode_event
from streams.event_log import address
from streams.sources.synthetic import SyntheticDay, generate
from tests.fuzz.messages import assert_silent

FORM = "json"
CONTRACTS = frozenset({"telco-2026"})


@cache
def samples() -> tuple[bytes, ...]:
    """One event of each type of a synthetic day."""
    found: dict[str, bytes] = {}
    for raw in generate(SyntheticDay(interactions=60)):
        try:
            found.setdefault(orjson.loads(raw)["type"], raw)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue
    return tuple(found.values())


def check(data: bytes) -> None:
    """An event whose times can be written and whose text can be a key, or a Rejection."""
    address(data)
    try:
        event = decode_event(data, CONTRACTS)
    except Rejection as error:
        assert_silent(error.message)
        return
    rfc3339(epoch_ms(event.time))
    event.source.encode()
    conversation = getattr(getattr(event, "data", None), "conversation_id", None)
    if conversation is not None:
        conversation.encode()
        assert address(data).conversation == conversation
