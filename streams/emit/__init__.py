"""For teams that run their own bots: canonical events out of the bot's own process.

    from streams.emit import Baton

    baton = Baton.kafka("kafka:9092", source="/acme/assistant")
    with baton.interaction(contract="telco-2026", conversation_id="c-42", channel="chat") as i:
        i.ai.turn(model="m-7", prompt_version="12")
        i.handoff.requested(handoff_id="h-1", requested_by="customer")

Importing it loads neither Faust nor a Kafka client.
"""

from streams.domain.events import HandoffContext
from streams.emit.account import EmitError, Problem, Stats
from streams.emit.client import Baton
from streams.emit.interaction import Interaction
from streams.sources.base import pseudonym

__all__ = [
    "Baton",
    "EmitError",
    "HandoffContext",
    "Interaction",
    "Problem",
    "Stats",
    "pseudonym",
]
