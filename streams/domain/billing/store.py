"""Where a ledger's conversations and units lie while nobody looks at them, and the few that are
taken up.
"""

from __future__ import annotations

from typing import Final, Protocol

from streams.domain.billing.conversation import Conversation
from streams.domain.billing.periods import Span
from streams.domain.billing.units import Members, MemberStore

# So many conversations stay taken up between batches, at 5 to 10 KB each.
_MOST_HELD: Final = 500


class LedgerStore(MemberStore, Protocol):
    """What a ledger puts away. A conversation that is empty need not be kept."""

    def conversation(self, name: str) -> Conversation | None:
        """What was kept of a conversation; None for nothing."""
        ...

    def keep(self, conversation: Conversation) -> None:
        """Put a conversation away in place of what was kept of it."""
        ...


class InMemoryStore:
    """A LedgerStore that keeps everything as it is."""

    def __init__(self) -> None:
        self._conversations: dict[str, Conversation] = {}
        self._members: dict[tuple[Span, int], Members] = {}

    def conversation(self, name: str) -> Conversation | None:
        """What was kept of a conversation."""
        return self._conversations.get(name)

    def keep(self, conversation: Conversation) -> None:
        """Keep it, unless it is empty."""
        if conversation.empty:
            self._conversations.pop(conversation.name, None)
        else:
            self._conversations[conversation.name] = conversation

    def members(self, span: Span, minute: int) -> Members:
        """The units of a minute."""
        return dict(self._members.get((span, minute), {}))

    def keep_members(self, span: Span, minute: int, members: Members) -> None:
        """Keep them, if there are any."""
        if members:
            self._members[span, minute] = members
        else:
            self._members.pop((span, minute), None)


class Conversations:
    """The conversations that are taken up: those that change, and the last ones looked at."""

    def __init__(self, store: LedgerStore, most: int = _MOST_HELD) -> None:
        self.store = store
        self._most = most
        self._held: dict[str, Conversation] = {}
        self._changed: set[str] = set()

    def get(self, name: str) -> Conversation | None:
        """A conversation that something is held of."""
        found = self._held.get(name)
        if found is None:
            found = self.store.conversation(name)
            if found is not None:
                self._held[name] = found
        return found

    def begin(self, name: str) -> Conversation:
        """A conversation that nothing was held of."""
        begun = self._held[name] = Conversation(name)
        return begun

    def changed(self, conversation: Conversation) -> None:
        """A conversation is otherwise than it was put away."""
        self._changed.add(conversation.name)

    def trim(self) -> None:
        """Put some away where there are many; nobody must hold on to one."""
        if len(self._held) > 2 * self._most:
            self.put_away()

    def put_away(self) -> None:
        """Put away all that changed, and let go of those that were taken up first."""
        held, store = self._held, self.store
        for name in self._changed:
            store.keep(held[name])
            if held[name].empty:
                del held[name]
        self._changed.clear()
        if len(held) > self._most:
            for name in list(held)[: len(held) - self._most]:
                del held[name]
