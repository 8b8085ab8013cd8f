"""A record of the interactions table, as its changelog or disk gives it back."""

from __future__ import annotations

from functools import cache

from streams.domain.events import epoch_ms
from streams.domain.interaction import Interaction, Pace, fold
from streams.domain.interaction_codec import encode_interaction
from streams.domain.wire import Rejection, decode_event
from streams.kafka.store import StateError
from streams.sources.synthetic import SyntheticDay, generate
from tests.bare_worker import BareWorker
from tests.fuzz.messages import assert_plain
from tests.fuzz.targets import book
from tests.log_builder import T, failure

FORM = "msgpack"
CONVERSATION = "c-2"  # its events come to the first partition
KEY = b"telco-2026\x00" + CONVERSATION.encode()


@cache
def samples() -> tuple[bytes, ...]:
    """States of conversations of a synthetic day."""
    states: dict[str, Interaction] = {}
    for raw in generate(SyntheticDay(interactions=30)):
        try:
            event = decode_event(raw, book())
        except Rejection:
            continue
        conversation = getattr(getattr(event, "data", None), "conversation_id", None)
        if conversation is not None:
            state = states.setdefault(conversation, Interaction())
            fold(state, event, epoch_ms(event.time), Pace(900_000))
    encoded = (encode_interaction(state, state.latest or 0) for state in states.values())
    return tuple(sorted(encoded, key=len)[-6:])


def check(data: bytes) -> None:
    """A worker that adopts the partition and reads on has it, or a StateError that names the
    changelog.
    """
    worker = BareWorker(book(), interactions={KEY: data})
    try:
        worker.adopt()
        worker.read([failure(CONVERSATION, T(0))])
    except StateError as error:
        assert_plain(str(error))
