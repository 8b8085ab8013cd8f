"""Episodes that a request of erasure keeps out of a sample. DEFINITIONS.md sections 11 and 12.

All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from streams.domain.events import Data, ErasureRequested, Event, epoch_ms


class Requests:
    """The requests among all events, in any order and however often."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._customers: dict[tuple[str, str], int] = defaultdict(int)
        self._conversations: dict[tuple[str, str], int] = defaultdict(int)
        for event in events:
            if isinstance(event, ErasureRequested):
                data = event.data
                of_customer = data.subject_kind == "customer"
                found = self._customers if of_customer else self._conversations
                subject = (data.contract, data.subject_key)
                found[subject] = max(found[subject], epoch_ms(event.time))

    def name(
        self, contract: str, conversation: str, begins: int, until: int, events: Iterable[Event]
    ) -> bool:
        """Whether one names an episode by its conversation, or by whom an event of its path states.

        The path are the `events` of the conversation from `begins` to `until`.
        """
        if not (self._customers or self._conversations):
            return False
        asked = self._conversations.get((contract, conversation))
        for event in events:
            data, time = getattr(event, "data", None), epoch_ms(event.time)
            if not isinstance(data, Data) or data.test or not begins <= time <= until:
                continue
            if (data.contract, data.conversation_id) != (contract, conversation):
                continue
            if asked is not None and time <= asked:
                return True
            if data.customer_key is not None:
                erased = self._customers.get((contract, data.customer_key))
                if erased is not None and time <= erased:
                    return True
        return False
