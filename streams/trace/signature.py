"""How an interaction failed, in a few words that can be compared: its failure signature.

DESIGN.md section 8. It is of the first episode in which the AI failed, or else in which somebody
waited for a human; what is not told is `unknown`. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, get_args

from streams.domain.events import AiToolCall, Data, Event, SubjectKind, epoch_ms
from streams.domain.facts import Fact

Part = Literal[
    "reason",
    "channel",
    "journey",
    "intent",
    "prompt_version",
    "model",
    "knowledge_version",
    "tool",
    "handoff",
]
PARTS: Final[tuple[Part, ...]] = get_args(Part)
# Where it happened is no cause by itself; `--same` can ask for it.
DEFAULT_SAME: Final[tuple[Part, ...]] = tuple(part for part in PARTS if part != "channel")
VERSION_PARTS: Final[tuple[Part, ...]] = ("prompt_version", "model", "knowledge_version")
UNKNOWN: Final = "unknown"
NONE: Final = "none"

Signature = tuple[str, ...]  # a value for each of PARTS
_KINDS = frozenset(("ai_failure", "escalation_opened", "escalation_ended", "episode_ended"))
_Place = tuple[int, str, int, int]


class Marks:
    """What is kept of one interaction to tell its signature: some facts, the intent, a tool; and by
    what a request of erasure can name it. `erased`: all of it was taken back once.
    """

    __slots__ = ("_customer", "_facts", "_first", "_intent", "_tool", "erased")

    def __init__(self) -> None:
        self._facts: dict[_Place, Fact] = {}
        self._intent: tuple[int, str] | None = None
        self._tool: tuple[int, str] | None = None
        self._customer: tuple[int, str] | None = None
        self._first: int | None = None
        self.erased = False

    def erase(self) -> None:
        """Take all of it back."""
        self._facts = {}
        self._intent = self._tool = self._customer = self._first = None
        self.erased = True

    def names(self, kind: SubjectKind, subject: str, until: int, conversation: str) -> bool:
        """Whether a request of the time `until` names this interaction, which is `conversation`."""
        if kind == "conversation":
            return subject == conversation and self._first is not None and self._first <= until
        known = self._customer
        return known is not None and known[1] == subject and known[0] <= until

    def event(self, event: Event, data: Data) -> None:
        """Note who it is, the intent first stated and the tool that first failed."""
        at = epoch_ms(event.time)
        self._first = at if self._first is None else min(self._first, at)
        if data.customer_key is not None:
            self._customer = _first(self._customer, (at, data.customer_key))
        tool = event.data.tool if isinstance(event, AiToolCall) else None
        if data.intent is None and tool is None:
            return
        if data.intent is not None:
            self._intent = _first(self._intent, (at, data.intent))
        if isinstance(event, AiToolCall) and event.data.outcome != "ok":
            self._tool = _first(self._tool, (at, event.data.tool))

    def fact(self, fact: Fact) -> None:
        """Note what was published; a retraction takes it back."""
        if fact.kind not in _KINDS or (fact.kind == "ai_failure" and not fact.detail["first"]):
            return
        if fact.retracts:
            self._facts.pop(fact.place, None)
        else:
            self._facts[fact.place] = fact

    def served(self) -> Fact | None:
        """The fact that tells which AI served: of the failure, else of the first eligible close.

        None where no AI failed and no eligible episode has closed.
        """
        failed = self._failed()
        if failed is not None:
            return failed
        closed = (f for f in self._of("episode_ended") if f.detail["eligible"])
        return next(closed, None)

    def signature(self) -> Signature | None:
        """None where nothing failed and nobody waited for a human."""
        failed = self._failed()
        if failed is None:
            return None
        values: dict[Part, str] = {
            "reason": failed.detail["reason"] if failed.kind == "ai_failure" else NONE,
            "channel": failed.channel,
            "journey": failed.journey,
            "intent": UNKNOWN if self._intent is None else self._intent[1],
            "prompt_version": failed.prompt_version,
            "model": failed.model,
            "knowledge_version": failed.knowledge_version,
            "tool": NONE if self._tool is None else self._tool[1],
            "handoff": self._handoff(failed),
        }
        return tuple(values[part] for part in PARTS)

    def failed_at(self) -> int | None:
        """When it failed; None where it did not."""
        failed = self._failed()
        return None if failed is None else failed.time

    def _failed(self) -> Fact | None:
        return next(iter([*self._of("ai_failure"), *self._of("escalation_opened")]), None)

    def _of(self, kind: str) -> list[Fact]:
        found = [fact for fact in self._facts.values() if fact.kind == kind]
        return sorted(found, key=lambda fact: fact.place)

    def _handoff(self, failed: Fact) -> str:
        """How the first wait of the episode ended."""
        run = (failed.life, failed.episode)
        opened = [f for f in self._of("escalation_opened") if (f.life, f.episode) == run]
        if not opened:
            return NONE
        place = (failed.life, "escalation_ended", failed.episode, opened[0].ordinal)
        ended = self._facts.get(place)
        if ended is None:
            return "waiting"
        outcome = str(ended.detail["outcome"])
        if outcome != "taken_over" or ended.detail["within"] is None:
            return outcome
        return "taken_over_in_time" if ended.detail["within"] else "taken_over_late"


def chosen(signature: Signature, same: Iterable[Part]) -> Signature:
    """The values of some parts."""
    return tuple(signature[PARTS.index(part)] for part in same)


def _first(known: tuple[int, str] | None, said: tuple[int, str]) -> tuple[int, str]:
    return said if known is None or said < known else known
