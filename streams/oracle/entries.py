"""What a log says, by conversation: in memory while that is little, else on disk.

DEFINITIONS.md section 1 makes a conversation's facts depend on its own entries and on requests of
erasure alone, so that they can be looked at one conversation after another.
"""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Iterator

from streams.oracle.publication import Entry
from streams.spill import BUCKETS, Spill, bucket_of

Named = tuple[str, str]  # contract, conversation
# At about 0.7 kB each; to keep one on disk costs about a quarter more time than to judge it.
MOST_HELD = 500_000


class Entries:
    """Entries of conversations, each conversation's in the order in which they were added.

    `most_held`: how many are held in memory; MOST_HELD unless told. Raises SpillError where there
    is no room for the others.
    """

    def __init__(self, most_held: int | None = None) -> None:
        self._most_held = MOST_HELD if most_held is None else most_held
        self._held: dict[Named, list[Entry]] = defaultdict(list)
        self._count = 0
        self._spill: Spill | None = None

    def add(self, named: Named, entry: Entry) -> None:
        """Take one more."""
        if self._spill is not None:
            _put(self._spill, named, entry)
            return
        self._held[named].append(entry)
        self._count += 1
        if self._count > self._most_held:
            self._spill = Spill()
            # One conversation's entries stay in order: all of them go before what comes next.
            while self._held:
                name, entries = self._held.popitem()
                for each in entries:
                    _put(self._spill, name, each)

    def by_conversation(self) -> Iterator[tuple[Named, list[Entry]]]:
        """Each conversation with its entries; once the conversations are many, in any order."""
        if self._spill is None:
            yield from self._held.items()
            return
        for bucket in range(BUCKETS):
            found: dict[Named, list[Entry]] = defaultdict(list)
            for raw in self._spill.read(bucket):
                named, entry = pickle.loads(raw)
                found[named].append(entry)
            yield from found.items()


def _put(spill: Spill, named: Named, entry: Entry) -> None:
    spill.add(bucket_of("\x00".join(named)), pickle.dumps((named, entry), pickle.HIGHEST_PROTOCOL))
