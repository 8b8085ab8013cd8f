"""When a customer came: the visit of an episode. DEFINITIONS.md section 7a.

All times in ms since 1970 UTC.
"""

from __future__ import annotations

from streams.oracle.conversation import Conversation
from streams.oracle.episodes import Episode


def visited_at(conversation: Conversation, episode: Episode) -> int | None:
    """From when on the episode has a known customer who has spoken; None where it never has."""
    spoke, known = conversation.customer_spoke, conversation.attributes.get("customer_key")
    if spoke is None or known is None:
        return None
    visit = max(episode.opened_at, spoke, known[0])
    return visit if visit <= episode.closed_at else None
