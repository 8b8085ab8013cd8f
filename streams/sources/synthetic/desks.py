"""The people behind the AI: first come, first served, one desk a group of channels.

Waiting is not drawn but follows from load: each desk has agents by the hour (square-root staffing
on the forecast of a normal day), an agent serves one contact at a time, and a customer whose
patience is shorter than the wait leaves. When the AI fails, more arrive than the desk can serve,
and the queue does the rest.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from math import isqrt

from streams.sources.synthetic import calibration as c
from streams.sources.synthetic.chance import Chance
from streams.sources.synthetic.contacts import Contact, Spell, hour_weights
from streams.sources.synthetic.day import HOUR_MS, SyntheticDay

_FIRST_AGENT = {"voice": 1, "digital": 201, "email": 401}
_TRAINEES = 600  # added to the number of an agent who lacks the skill
_CUT_SHORT = ("unqualified", "returned_ai", "returned_queue")


class Desk:
    """One pool of agents. Spells must come in the order in which they entered."""

    def __init__(self, first_agent: int, start_ms: int, staff: list[int]) -> None:
        self._start = start_ms
        self._staff = staff
        self._hour = -1
        self._free: list[tuple[int, int]] = []
        self._home: list[int] = []
        self._next = first_agent

    def assign(self, entered: int) -> tuple[int, int]:
        """When the first free agent takes the spell that entered then, and who it is."""
        self._change_shifts(entered)
        free, agent = self._free[0]
        return max(free, entered), agent

    def occupy(self, until: int) -> None:
        """Keep the agent of the last `assign` busy."""
        heapq.heapreplace(self._free, (until, self._free[0][1]))

    def _change_shifts(self, now: int) -> None:
        while self._hour < min((now - self._start) // HOUR_MS, len(self._staff) - 1):
            self._hour += 1
            boundary = self._start + self._hour * HOUR_MS
            while len(self._free) < self._staff[self._hour]:
                heapq.heappush(self._free, (boundary, self._arrive()))
            while len(self._free) > self._staff[self._hour]:
                heapq.heappush(self._home, heapq.heappop(self._free)[1])

    def _arrive(self) -> int:
        if self._home:
            return heapq.heappop(self._home)
        self._next += 1
        return self._next - 1


def staff_desks(day: SyntheticDay) -> dict[str, Desk]:
    """The desks, with agents for each hour's forecast load at the normal share of escalations."""
    weights = hour_weights(day)
    total = sum(weights)
    desks = {}
    for name, first in _FIRST_AGENT.items():
        work_ms = 0  # of a million contacts, x 1e12 (two shares in ppm)
        for channel in (ch for ch, desk in c.DESKS.items() if desk == name):
            held = c.HANDLING[channel].mean() + c.RING[channel].mean()
            if channel != "email":
                held += c.FIRST_WORD[channel].mean()
            work_ms += c.CHANNELS.share_ppm(channel) * c.ESCALATED_PPM[channel] * held
        staff = []
        for previous, current in zip([0, *weights], weights, strict=False):
            # A shift outlasts its load by an hour, or calls in progress would starve the next one.
            weight = max(previous, current)
            load_hundredths = (
                100 * day.interactions * weight * work_ms // (total * HOUR_MS * 10**12)
            )
            spare = c.STAFFING_HUNDREDTHS[name] * isqrt(load_hundredths * 100) // 100
            staff.append(max(1, -(-(load_hundredths + spare) // 100)))
        desks[name] = Desk(first, day.start_ms, staff)
    return desks


def simulate(day: SyntheticDay, contacts: Iterable[Contact]) -> None:
    """Fill `spells` of every escalated contact."""
    chance = Chance(day.seed, 1)
    desks = staff_desks(day)
    # (entered, contact's number): a contact is in one queue at a time, so that the pair is unique.
    queue: list[tuple[int, int, Contact, Spell]] = []
    for contact in contacts:
        if contact.course == "escalated":
            if contact.quirk == "swapped":
                contact.spells.append(_swapped(contact, chance))
                continue
            first = Spell(
                contact.channel, 1, contact.queued, contact.requested, contact.signals[-1][0]
            )
            queue.append((first.entered, contact.number, contact, first))
    heapq.heapify(queue)
    while queue:
        _, number, contact, spell = heapq.heappop(queue)
        _settle(contact, spell, desks[c.DESKS[spell.channel]], chance)
        contact.spells.append(spell)
        following = _following(contact, spell, chance)
        if following is not None:
            heapq.heappush(queue, (following.entered, number, contact, following))


def _settle(contact: Contact, spell: Spell, desk: Desk, chance: Chance) -> None:
    start, agent = desk.assign(spell.entered)
    wait = start - spell.entered
    returning = bool(contact.spells) and contact.spells[-1].outcome == "callback"
    patience = wait if returning else chance.value(c.PATIENCE[spell.channel])
    quirk = "" if contact.spells else contact.quirk
    if quirk in ("callback", "voice_switch") and min(wait, patience) > c.DESK_WAIT_BEFORE_OFFER:
        spell.outcome = "callback" if quirk == "callback" else "flow_out"
        spell.left = spell.entered + c.DESK_WAIT_BEFORE_OFFER
        return
    if wait > patience:
        spell.left = spell.entered + patience
        return
    spell.outcome, spell.left, spell.agent = "answered", start, agent
    refused = 0
    if quirk in ("declined", "timed_out"):
        spell.refusal = quirk
        refused = chance.between(2_000, 5_000) if quirk == "declined" else 12_000
    spell.accepted = start + refused + chance.value(c.RING[spell.channel])
    spell.joined = spell.accepted + chance.value(c.FIRST_WORD[spell.channel])
    if quirk == "unqualified":
        spell.qualified = False
        spell.agent += _TRAINEES
    if quirk in _CUT_SHORT:
        spell.until = spell.joined + chance.between(20_000, 80_000)
    elif spell.channel == "email":
        spell.until = spell.joined + 1_000
    else:
        spell.until = spell.joined + chance.value(c.HANDLING[spell.channel])
    desk.occupy(spell.until)


def _following(contact: Contact, spell: Spell, chance: Chance) -> Spell | None:
    """The contact's next spell in a queue, if this one leads to one."""
    if spell.outcome == "callback":
        return Spell("voice", 1, spell.left + chance.between(600_000, 1_500_000))
    if spell.outcome == "flow_out":
        return Spell("voice", 1, spell.left + chance.between(2_000, 6_000))
    if spell.outcome == "abandoned" or len(contact.spells) > 1:
        return None
    if contact.quirk == "unqualified":
        return Spell(spell.channel, 1, spell.until + 1_000)
    if contact.quirk == "returned_queue":
        return Spell(spell.channel, 2, spell.until + 200)
    if contact.quirk == "returned_ai" and chance.hit(600_000):
        signalled = spell.until + chance.between(15_000, 40_000)
        requested = signalled + chance.between(400, 2_500)
        return Spell(spell.channel, 2, requested + 300, requested, signalled)
    return None


def _swapped(contact: Contact, chance: Chance) -> Spell:
    """A warm transfer to an agent who stands by, past any queue.

    The telephone system's clock is up to 3 s behind: the answer is stamped before the request.
    """
    accepted = contact.requested - chance.between(600, 2_800)
    joined = accepted + 200
    return Spell(
        contact.channel,
        1,
        entered=accepted,
        requested=contact.requested,
        signalled=contact.signals[-1][0],
        outcome="answered",
        left=accepted,
        agent=_FIRST_AGENT["voice"],
        accepted=accepted,
        joined=joined,
        until=contact.requested + chance.value(c.HANDLING["voice"]),
    )
