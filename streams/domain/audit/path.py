"""The path of a sampled episode: what happened, in order, as an auditor may see it.

No customer, no agent's name, no words that another system's author wrote: an auditor who needs them
has the conversation's id and the right to look. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import orjson

from streams.domain.audit.strata import Member
from streams.domain.events import Data, Event, epoch_ms
from streams.domain.facts import Fact, rfc3339

_DAY_MS = 86_400_000
# Those of the contact stand in the facts, as of when they were known.
_OF_THE_CONTACT = frozenset(Data.__struct_fields__) - {"channel", "language", "intent"}
# Persons, and text that some system's author wrote.
_WITHHELD = frozenset(("agent_id", "raw_reason", "disconnect_reason", "approval_ref"))


def path_of(member: Member, events: Iterable[Event]) -> list[dict[str, Any]]:
    """The events of the member's conversation in its life, until the episode matured.

    `events` are those of the conversation, in any order and however often; each is told once, as
    `time`, `type`, `source`, `id` and what it said. Test events are none.
    """
    begins = member.unit.life * _DAY_MS
    wanted = (member.closed.contract, member.unit.conversation)
    told: dict[bytes, dict[str, Any]] = {}
    for event in events:
        data = getattr(event, "data", None)
        if not isinstance(data, Data) or data.test:
            continue
        time = epoch_ms(event.time)
        about = (data.contract, data.conversation_id)
        if about == wanted and begins <= time <= member.matured_at:
            entry = _entry(event, data, time)
            told[orjson.dumps(entry)] = entry
    return [told[key] for key in sorted(told)]


def _entry(event: Event, data: Data, time: int) -> dict[str, Any]:
    # The time comes first, and all are written alike, so that the bytes sort by it.
    said = {
        name: value
        for name, value in msgspec.to_builtins(data).items()
        if name not in _OF_THE_CONTACT and name not in _WITHHELD and value is not None
    }
    return {
        "time": rfc3339(time),
        "type": str(type(event).__struct_config__.tag),
        "source": event.source,
        "id": event.id,
        "said": said,
    }


def fact_entry(fact: Fact) -> dict[str, Any]:
    """A fact as the sample tells it: without revision or lateness, which differ with the order in
    which a party's events arrived.
    """
    detail = dict(fact.detail)
    for name in ("t0", "due_at"):
        if detail.get(name) is not None:
            detail[name] = rfc3339(detail[name])
    return {"time": rfc3339(fact.time), "kind": fact.kind, "ordinal": fact.ordinal, **detail}
