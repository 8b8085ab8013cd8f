"""Where the facts of one conversation are gathered. DEFINITIONS.md section 6."""

from __future__ import annotations

from typing import Any, Final

from streams.domain.contract import ContractBook, Terms
from streams.domain.facts import FACT_KINDS, Fact, FactKind
from streams.domain.interaction import Interaction, Stated
from streams.domain.memory import DAY_MS

_KIND_ORDER: Final[dict[str, int]] = {kind: order for order, kind in enumerate(FACT_KINDS)}


class FactWriter:
    """Takes the facts with after < time <= upto (ms; `after` None: from the beginning).

    `due` is when the next one could come (ms), as far as it was told by `wake`.
    """

    __slots__ = ("_after", "book", "contract", "conversation", "due", "facts", "state", "upto")

    def __init__(
        self,
        state: Interaction,
        contract: str,
        conversation: str,
        book: ContractBook,
        after: int | None,
        upto: int,
    ) -> None:
        self.state = state
        self.contract = contract
        self.conversation = conversation
        self.book = book
        self.upto = upto
        self.due: int | None = None
        self.facts: list[Fact] = []
        self._after = after if after is not None else -(1 << 62)

    def wake(self, time: int) -> None:
        """A fact could come at `time`, if that is still ahead."""
        if time > self.upto and (self.due is None or time < self.due):
            self.due = time

    def wants(self, time: int) -> bool:
        """Whether a fact of this time is among those asked for."""
        return self._after < time <= self.upto

    def told(self, time: int) -> bool:
        """Whether facts up to this time are not asked for: they were published before."""
        return time <= self._after

    def terms_at(self, time: int) -> Terms:
        """The contract version in force."""
        return self.book.at(self.contract, time)

    def put(
        self,
        kind: FactKind,
        place: tuple[int, int],
        time: int,
        version: int,
        channel: str,
        detail: dict[str, Any],
        stated_by: int | None = None,
    ) -> None:
        """Take one fact that is wanted; `place` is (episode, ordinal). Its attributes are those
        that were stated by `stated_by`, or by its own time.
        """
        state = self.state
        by = time if stated_by is None else stated_by
        assert state.earliest is not None
        # By position: sixteen names would cost more than all else here.
        self.facts.append(
            Fact(
                kind,
                self.contract,
                version,
                self.conversation,
                state.earliest // DAY_MS,
                place[0],
                place[1],
                time,
                channel,
                _attribute(state.market, by),
                _attribute(state.journey, by),
                _attribute(state.supplier, by),
                _attribute(state.prompt_version, by),
                _attribute(state.model, by),
                _attribute(state.knowledge_version, by),
                detail,
            )
        )

    def in_order(self) -> list[Fact]:
        """What was taken, in order of time and section 6's table."""
        if len(self.facts) > 1:
            self.facts.sort(key=_in_order)
        return self.facts


def _attribute(stated: Stated, time: int) -> str:
    return stated[1] if stated is not None and stated[0] <= time else "unknown"


def _in_order(fact: Fact) -> tuple[int, int, int, int]:
    return (fact.time, _KIND_ORDER[fact.kind], fact.episode, fact.ordinal)
