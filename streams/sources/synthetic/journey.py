"""One contact told as events: with the AI, in queues, with people. Then comes aftermath.py."""

from __future__ import annotations

from typing import Any

from streams.sources.synthetic import calibration as c
from streams.sources.synthetic.chance import Chance
from streams.sources.synthetic.contacts import Contact, Spell, signal_delay
from streams.sources.synthetic.day import SyntheticDay
from streams.sources.synthetic.versions import versions_of

Occurrence = tuple[int, str, dict[str, Any]]

_TOOL_CALL_PPM = 400_000
_FAILED_CALL = {"tool_error": "error", "policy_block": "denied"}
_CONTEXT_FIELDS = ("issue", "attempts", "identity_checked", "summary")


class Journey:
    """Writes one contact's `events`, in no order. `end` is the latest time among them, in ms."""

    def __init__(self, day: SyntheticDay, contact: Contact, chance: Chance) -> None:
        self.contact = contact
        self.chance = chance
        self.events: list[Occurrence] = []
        self.end = contact.start
        self.closed = False
        self.claimed = False
        self.versions = versions_of(day, contact)
        self._data: dict[str, Any] = {
            "contract": day.contract,
            "supplier": day.supplier,
            "conversation_id": contact.id,
            "channel": contact.channel,
            "channel_subtype": contact.subtype,
            "market": contact.market,
            "language": contact.language,
        }
        if contact.known:
            self._data["customer_key"] = contact.customer
        if contact.test:
            self._data["test"] = True

    def say(self, time: int, kind: str, /, **fields: Any) -> None:
        """Add an event of type `baton.<kind>` with the contact's data and these fields."""
        self.events.append((time, kind, {**self._data, **fields}))
        if time > self.end:
            self.end = time

    def tell(self) -> None:
        """Write the contact from its start to its end."""
        contact = self.contact
        direction = "outbound" if contact.course == "campaign" else "inbound"
        self.say(contact.start, "contact.started", direction=direction)
        # Only once the AI has listened is it known what the contact is about.
        self._data["journey"] = contact.journey
        if contact.course == "campaign":
            self.say(contact.start + 200, "message.sent", author="campaign")
        for index in range(len(contact.turns)):
            self._turn(index)
        if contact.course in ("contained", "campaign") and contact.turns:
            self._close_contained()
        elif contact.course == "trapped":
            self._end(self.end + self.chance.between(4_000, 20_000), "ai", "flow_error")
        elif contact.course == "escalated":
            for position, spell in enumerate(contact.spells):
                self._spell(spell, position)
            self._close_escalated(contact.spells[-1])

    def _turn(self, index: int) -> None:
        contact, chance = self.contact, self.chance
        at = contact.turns[index]
        signals = [
            s for s in contact.signals if at < s[0] <= at + signal_delay(contact.channel, "")
        ]
        reason = signals[0][1] if signals else ""
        self.say(at, "message.sent", author="customer", message_id=f"{contact.id}-m{index}")
        if index == 0:
            self.say(at + 90, "contact.data_updated", intent=f"{contact.journey}.help")
        # A failure is signalled at a fixed delay: what it is the result of must lie before it.
        delay = (
            signal_delay(contact.channel, "") - 60
            if reason
            else chance.value(c.ANSWER[contact.channel])
        )
        if reason == "human_requested":
            delay = 110
        elif reason in _FAILED_CALL or chance.hit(_TOOL_CALL_PPM):
            self._tool_call(at + delay * 2 // 3, index, _FAILED_CALL.get(reason, "ok"))
        if index == 0 and not reason and contact.channel != "voice":
            delay = self._stalled(delay)
        self._ai_turn(at + delay, reason)
        for time, signal in signals:
            self.say(
                time,
                "ai.failure_signalled",
                signal=signal,
                raw_reason=f"bot.{signal}",
                **self.versions,
            )
        if contact.channel != "voice" and (not reason or index + 1 < len(contact.turns)):
            self.say(
                at + delay + 150, "message.sent", author="ai", in_reply_to=f"{contact.id}-m{index}"
            )

    def _stalled(self, delay: int) -> int:
        """How long the first answer takes, now and then far longer than it should."""
        contact, chance = self.contact, self.chance
        if not chance.hit(c.BAD_STALLED_PPM if contact.bad else c.STALLED_PPM):
            return delay
        longer = chance.value(c.STALLED[contact.channel])
        # It comes before the customer's next word, or the customer would not have waited for it.
        at, following = contact.turns[0], contact.turns[1:2]
        return longer if not following or at + longer + 500 < following[0] else delay

    def _ai_turn(self, at: int, reason: str = "") -> None:
        chance = self.chance
        fields: dict[str, Any] = {
            "agent_name": "care-bot",
            **self.versions,
            "input_tokens": chance.between(400, 3_000),
            "output_tokens": chance.between(20, 300),
            "duration_ms": chance.between(300, 2_500),
            "confidence_ppm": chance.between(200_000, 550_000)
            if reason in ("no_match", "low_confidence")
            else chance.between(600_000, 990_000),
        }
        if reason in ("tool_error", "timeout"):
            fields["error_type"] = reason
        self.say(at, "ai.turn", **fields)

    def _tool_call(self, at: int, index: int, outcome: str) -> None:
        self.say(
            at,
            "ai.tool_call",
            tool=c.TOOLS[self.contact.journey],
            outcome=outcome,
            call_id=f"{self.contact.id}-t{index}",
            duration_ms=10_000 if outcome == "error" else self.chance.between(80, 1_200),
            side_effect=self.contact.journey in ("plan_change", "activation", "roaming"),
        )

    def _close_contained(self) -> None:
        chance = self.chance
        voice = self.contact.channel == "voice"
        if chance.hit(c.CLAIMED_PPM):
            self.claimed = True
            self.say(
                self.end + 100,
                "resolution.claimed",
                claimed_by="ai",
                claim_id=f"{self.contact.id}-r1",
                query_type=self.contact.journey,
            )
        if not chance.hit(c.NEVER_ENDED_PPM[self.contact.channel]):
            after = chance.between(2_000, 12_000) if voice else chance.between(5_000, 180_000)
            self._end(self.end + after, "customer" if chance.hit(700_000) else "ai")

    def _spell(self, spell: Spell, position: int) -> None:
        contact = self.contact
        handoff = f"{contact.id}-h{spell.handoff}"
        if spell.channel != self._data["channel"]:
            self._data |= {"channel": spell.channel, "channel_subtype": "pstn"}
            self.say(spell.entered - 500, "contact.data_updated")
        if position and spell.signalled is not None:
            self._ai_turn(spell.signalled - 60, "no_match")
            self.say(spell.signalled, "ai.failure_signalled", signal="no_match", **self.versions)
        if spell.requested is not None:
            self._request(spell.requested, handoff)
        swapped = contact.quirk == "swapped"
        if not swapped:
            self.say(
                spell.entered,
                "handoff.queued",
                handoff_id=handoff,
                queue_id=f"{c.DESKS[spell.channel]}-{contact.market}",
            )
            if spell.channel != "voice" and self.chance.hit(300_000):
                self.say(spell.entered + 300, "message.sent", author="automation")
            self.say(spell.left, "handoff.dequeued", handoff_id=handoff, outcome=spell.outcome)
        if spell.outcome == "callback":
            self.say(spell.left + 50, "handoff.callback_scheduled", handoff_id=handoff)
        elif spell.outcome == "abandoned":
            self.say(spell.left + 20, "handoff.abandoned", handoff_id=handoff)
        elif spell.outcome == "answered":
            self._answer(spell, handoff, offered=not swapped)
            self._with_human(spell, handoff)

    def _request(self, at: int, handoff: str) -> None:
        chance, contact = self.chance, self.contact
        poor = chance.hit(c.BAD_POOR_CONTEXT_PPM if contact.bad else c.POOR_CONTEXT_PPM)
        reason = contact.signals[-1][1]
        self.say(
            at,
            "handoff.requested",
            handoff_id=handoff,
            requested_by="customer" if reason == "human_requested" else "ai",
            required_skills=(contact.journey,),
            failure_reason=reason,
            context={"fields_present": _CONTEXT_FIELDS[:1] if poor else _CONTEXT_FIELDS},
        )

    def _answer(self, spell: Spell, handoff: str, *, offered: bool) -> None:
        agent = f"ag-{spell.agent}"
        if offered:
            if spell.refusal:
                other = f"ag-{spell.agent + 1}"
                refused = spell.left + (2_000 if spell.refusal == "declined" else 12_000)
                self.say(
                    spell.left, "handoff.offered", handoff_id=handoff, agent_id=other, attempt=1
                )
                self.say(
                    refused,
                    f"handoff.{spell.refusal}",
                    handoff_id=handoff,
                    agent_id=other,
                    attempt=1,
                )
                self.say(refused, "handoff.offered", handoff_id=handoff, agent_id=agent, attempt=2)
            else:
                self.say(
                    spell.left, "handoff.offered", handoff_id=handoff, agent_id=agent, attempt=1
                )
        skills: dict[str, Any] = {"skills": ("general", self.contact.journey)}
        if not spell.qualified:
            skills = {"skills": ("general",), "qualified": False}
        elif self.chance.hit(400_000):
            skills = {"qualified": True}
        self.say(spell.accepted, "handoff.accepted", handoff_id=handoff, agent_id=agent, **skills)
        if spell.channel == "voice":
            self.say(
                spell.joined, "handoff.connected", handoff_id=handoff, agent_id=agent, **skills
            )

    def _with_human(self, spell: Spell, handoff: str) -> None:
        chance, contact = self.chance, self.contact
        agent = f"ag-{spell.agent}"
        repeated: dict[str, Any] = {}
        if chance.hit(c.BAD_REPEATED_PPM if contact.bad else c.REPEATED_PPM):
            repeated = {"customer_repeated_info": True}
        if spell.channel != "voice":
            self.say(spell.joined, "message.sent", author="human", agent_id=agent, **repeated)
        if spell.channel != "voice" or repeated:
            word = spell.joined if spell.channel != "voice" else spell.joined + 2_000
            self.say(
                word, "handoff.first_human_message", handoff_id=handoff, agent_id=agent, **repeated
            )
        span = spell.until - spell.joined
        if spell.channel in ("chat", "messaging"):
            pairs = min(3, 1 + span // 120_000)
            for i in range(1, pairs + 1):
                at = spell.joined + span * i // (pairs + 1)
                self.say(at, "message.sent", author="customer")
                self.say(at + span // 20, "message.sent", author="human", agent_id=agent)
        if chance.hit(150_000):
            at = spell.joined + span // 2
            self.say(at, "message.sent", author="human", visibility="private", agent_id=agent)
        if contact.quirk == "transfer":
            at = spell.joined + span // 2
            self.say(at, "handoff.requested", handoff_id=f"{handoff}x", requested_by="human")
            self.say(at + 500, "handoff.returned", handoff_id=handoff, to="agent")
        elif spell is contact.spells[0] and contact.quirk in ("returned_ai", "returned_queue"):
            to = contact.quirk.removeprefix("returned_")
            self.say(spell.until, "handoff.returned", handoff_id=handoff, to=to)
            if to == "ai":
                self._ai_turn(spell.until + 2_000)

    def _close_escalated(self, last: Spell) -> None:
        chance = self.chance
        if last.outcome != "answered":
            silent = last.channel != "voice" and chance.hit(300_000)
            if not silent:
                self._end(last.left + chance.between(100, 1_500), "customer", "left_queue")
            return
        by = (
            "ai"
            if self.contact.quirk == "returned_ai" and len(self.contact.spells) == 1
            else "human"
        )
        if chance.hit(850_000):
            self.say(
                self.end, "resolution.claimed", claimed_by=by, claim_id=f"{self.contact.id}-r1"
            )
        if not chance.hit(c.NEVER_ENDED_PPM[last.channel]):
            ended_by = "customer" if by == "human" and chance.hit(400_000) else by
            self._end(self.end + chance.between(500, 4_000), ended_by)

    def _end(self, at: int, ended_by: str, why: str = "completed") -> None:
        self.closed = True
        self.say(at, "contact.ended", ended_by=ended_by, disconnect_reason=why)
