"""States whose subject asked for erasure: which they are, what they lose, when they are settled.

DEFINITIONS.md section 12. All times in ms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from streams.domain.contract import ContractBook
from streams.domain.erasure import Erasures
from streams.domain.events import LATEST_MS
from streams.domain.interaction import Interaction
from streams.domain.walk import walk


def settled_from(
    state: Interaction, contract: str, conversation: str, book: ContractBook, reached: int
) -> int:
    """Section 12's S of an erased state, but not before `reached` or its first event."""
    assert state.earliest is not None
    settled = max(reached, state.earliest)
    if state.bursts:
        settled = max(settled, state.bursts[-1] + book.versions(contract)[0].inactivity_ms)
    facts, _ = walk(state, contract, conversation, book, reached, LATEST_MS)
    return max(settled, facts[-1].time) if facts else settled


def perhaps_of(
    name: str,
    prefix: bytes,
    decoded: Iterable[bytes],
    stored: Mapping[bytes, bytes],
    known: Collection[bytes],
) -> Iterator[bytes]:
    """Those of the `known` keys that may be a customer's: all that are decoded, and those in whose
    stored bytes the name stands, which costs a tenth of decoding them.
    """
    held = set(decoded)
    yield from (key for key in held if key in known and key.startswith(prefix))
    said = name.encode()
    for key, raw in stored.items():
        if said in raw and key not in held and key in known and key.startswith(prefix):
            yield key


def erase_named(state: Interaction, contract: str, conversation: str, erasures: Erasures) -> bool:
    """Make a state erased if a request names its subject; whether it became so."""
    if state.erased is not None:
        return False
    customer, earliest = state.customer_key, state.earliest
    assert earliest is not None
    found = []
    if erasures.customers and customer is not None:
        found.append(erasures.erasing("customer", contract, customer[1], customer[0]))
    if erasures.conversations:
        found.append(erasures.erasing("conversation", contract, conversation, earliest))
    state.erased = max((one for one in found if one is not None), default=None)
    if state.erased is None:
        return False
    if customer is not None:
        state.customer_key = (customer[0], "")
    return True
