"""What goes wrong in a month: events that come days late or never, disputes of what was claimed,
claims while somebody waits for a human, words that come after a conversation was closed, and
households that share one customer's key.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Any

import orjson

from streams.domain.events import epoch_ms
from streams.domain.facts import rfc3339
from streams.domain.wire import Rejection, decode_event

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
Timed = tuple[bytes, int | None]
_FAILED_EVALUATION = {
    "evaluation_id": "month", "status": "final", "subject": "ai", "evaluator": "client",
    "score_ppm": 200_000,
}  # fmt: skip
# Of a thousand: claims that are disputed, and that an evaluation fails; events that come days late.
_DISPUTED, _FAILED, _LATE_BY_DAYS = 120, 10, 8
# Of a thousand: requests for a human after which the AI says that all is done and hangs up, and
# ends of contacts of which nobody tells, while the customer has more to say.
_HUNG_UP, _NEVER_ENDED = 40, 40
# Of a thousand claims by humans, of which no system gives evidence otherwise.
_PROVEN = 300
_CUSTOMER = b'"customer_key":"'
_CONVERSATION = b'"conversation_id":"'
# The contract's inactivity is 2 h: a word just before that is told when the episode is closed.
_AFTERTHOUGHT_MS, _ITS_DELAY_MS = 110 * MINUTE_MS, 40 * MINUTE_MS


def faulty(records: Iterable[Timed], chance: random.Random) -> Iterator[Timed]:
    """The records with all of that, by arrival; equal chances give equal bytes."""
    return _Faults(chance).of(records)


class _Faults:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._held: list[tuple[int, int, bytes]] = []
        self._number = 0
        # Conversations of which nothing is told any more.
        self._silent: set[bytes] = set()

    def of(self, records: Iterable[Timed]) -> Iterator[Timed]:
        for raw, arrival in records:
            if arrival is None:
                yield raw, arrival
                continue
            while self._held and self._held[0][0] <= arrival:
                at, _, earlier = heappop(self._held)
                yield earlier, at
            raw = _in_a_household(raw)
            if self._silent and _conversation(raw) in self._silent:
                continue
            if not self._goes_wrong(raw, arrival):
                yield raw, arrival
        while self._held:
            at, _, raw = heappop(self._held)
            yield raw, at

    def _goes_wrong(self, raw: bytes, arrival: int) -> bool:
        """Whether the record itself does not come now; what comes of it is held."""
        if b'"baton.resolution.claimed"' in raw and self._happens(_DISPUTED):
            self._dispute(raw)
        elif b'"claimed_by":"ai"' in raw and self._happens(_FAILED):
            self._say(raw, arrival + DAY_MS, "qa.evaluated", DAY_MS, **_FAILED_EVALUATION)
        elif b'"claimed_by":"human"' in raw and self._happens(_PROVEN):
            proof = {"kind": "system_of_record", "owner": "client", "result": True}
            self._say(raw, arrival + MINUTE_MS, "resolution.evidence", MINUTE_MS, **proof)
        elif b'"baton.handoff.abandoned"' in raw:
            # The AI claims what the customer gave up waiting for.
            self._say(raw, arrival, "resolution.claimed", -1_000, claimed_by="ai")
        elif b'"baton.handoff.requested"' in raw and self._happens(_HUNG_UP):
            self._say(raw, arrival, "resolution.claimed", 1_000, claimed_by="ai")
            self._say(raw, arrival, "contact.ended", 2_000, ended_by="ai")
            self._silent.add(_conversation(raw))
        elif b'"baton.contact.ended"' in raw and self._happens(_NEVER_ENDED):
            late = arrival + _AFTERTHOUGHT_MS + _ITS_DELAY_MS
            told = {"author": "customer", "visibility": "public"}
            self._say(raw, late, "message.sent", _AFTERTHOUGHT_MS, **told)
            return True
        if self._happens(_LATE_BY_DAYS):
            self._hold(raw, arrival + self._chance.randrange(HOUR_MS, 6 * DAY_MS))
            return True
        return False

    def _happens(self, of_a_thousand: int) -> bool:
        return self._chance.randrange(1000) < of_a_thousand

    def _hold(self, raw: bytes, arrival: int) -> None:
        self._number += 1
        heappush(self._held, (arrival, self._number, raw))

    def _dispute(self, raw: bytes) -> None:
        """A dispute of a claim, hours or days after it, at times told late."""
        after = self._chance.randrange(HOUR_MS, 8 * DAY_MS)
        late = self._chance.choice((0, 0, 0, HOUR_MS, 2 * DAY_MS))
        party = "customer" if self._chance.randrange(2) else "client"
        at = _time_of(raw)
        if at is not None:
            dispute = f"{orjson.loads(raw)['id']}-disputed"
            told = {"dispute_id": dispute, "party": party}
            self._say(raw, at + after + late, "resolution.disputed", after, **told)

    def _say(self, raw: bytes, arrival: int, kind: str, after: int, /, **said: Any) -> None:
        """Something that the source of a record says of the same contact, so long after it (ms)."""
        at = _time_of(raw)
        if at is None:
            return
        event = orjson.loads(raw)
        kept = ("contract", "supplier", "conversation_id", "channel", "market", "customer_key")
        about = {name: event["data"][name] for name in (*kept, "journey") if name in event["data"]}
        told = {
            **{name: event[name] for name in ("specversion", "source", "subject")},
            "id": f"{event['id']}-{kind.rpartition('.')[2]}",
            "type": f"baton.{kind}",
            "time": rfc3339(at + after),
            "recordedtime": rfc3339(arrival),
            "data": {**about, **said},
        }
        self._hold(orjson.dumps(told), arrival)


def _in_a_household(raw: bytes) -> bytes:
    """The record; of one in ten conversations under a key that ten of them share."""
    number = _conversation(raw).removeprefix(b"c-")
    before, found, rest = raw.partition(_CUSTOMER)
    if not found or not number.endswith(b"7") or not number.isdigit():
        return raw
    _, quote, after = rest.partition(b'"')
    return b"".join((before, found, b"household-", number[:-2], quote, after))


def _conversation(raw: bytes) -> bytes:
    _, _, rest = raw.partition(_CONVERSATION)
    return rest.partition(b'"')[0]


def _time_of(raw: bytes) -> int | None:
    """When it says that it was (ms); None of a record that nobody can use."""
    try:
        return epoch_ms(decode_event(raw, ("telco-2026",)).time)
    except Rejection:
        return None
