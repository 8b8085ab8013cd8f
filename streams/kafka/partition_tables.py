"""What one partition's table is to its stage: a mapping of bytes that knows how far it goes.

A table is a copy of its changelog up to an offset. What is set and deleted lies on top of that
copy until `commit` says up to which offset the two are equal again. Two kinds: in memory here, on
disk in disk_table.py.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, MutableMapping


class PartitionTable(MutableMapping[bytes, bytes]):
    """One partition's table. Keys are not empty.

    `offset` is that of the last record of the changelog that the table held at its last commit, -1
    where it holds none; `upto` how far the source had then been folded (`baton.upto`, store.py).
    """

    offset: int = -1
    upto: int = 0

    @abstractmethod
    def commit(self, offset: int, upto: int) -> None:
        """The table as it is now equals the changelog up to `offset`. Wholly kept or not at all.

        Raises LocalStateError where it cannot be kept.
        """

    @abstractmethod
    def revert(self) -> None:
        """Undo what was changed since the last commit, or hold nothing where that cannot be had."""

    def purge(self, keys: Collection[bytes]) -> None:
        """Let nothing stay that was committed under these keys before the last commit.

        Raises LocalStateError where that cannot be done.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of it. What was committed stays where the kind of table outlives a process."""

    @abstractmethod
    def destroy(self) -> None:
        """Close it and keep nothing."""


class MemoryTable(dict[bytes, bytes], PartitionTable):
    """A dict: gone with the process, rebuilt from the changelog."""

    def commit(self, offset: int, upto: int) -> None:
        """Note how far it goes."""
        self.offset, self.upto = offset, upto

    def revert(self) -> None:
        """Forget everything: a dict does not know what it was."""
        self.destroy()

    def close(self) -> None:
        """Nothing: a batch under way may still hold it, and nobody will ask for it again."""

    def destroy(self) -> None:
        """Forget everything."""
        self.clear()
        self.offset, self.upto = -1, 0


class LocalStateError(RuntimeError):
    """A table on local disk cannot be used; the message says which, why and what to do."""


class StateDiskError(LocalStateError):
    """The disk does not take or give what it should: full, read-only, broken, not permitted."""


class StateInUseError(LocalStateError):
    """Another worker uses this state directory."""


class CorruptStateError(LocalStateError):
    """What lies on disk is not what was committed."""


class TableClosedError(LocalStateError):
    """The table was closed, for its partition went to another worker; so did its work."""
