"""What a worker says of a table that it cannot make sense of."""

from __future__ import annotations

from collections.abc import Collection

from streams.kafka.store import StateError

_MOST_NAMED = 5


def foreign_state(changelog: str, partition: int, error: Exception) -> StateError:
    """A record of the table could not be read: `error` came of it."""
    return StateError(
        f"{changelog}/{partition} holds a record that cannot be read ({type(error).__name__}): it"
        " was not written by this version of Baton; start with another --app-id, or with the"
        " version that wrote it"
    )


def missing_contracts(changelog: str, partition: int, names: Collection[str]) -> StateError:
    """The table holds what was computed for contracts that are not loaded."""
    named = ", ".join(ascii(name[:63]) for name in sorted(names)[:_MOST_NAMED])
    return StateError(
        f"{changelog}/{partition} holds what was computed for {named}, which --contract does not"
        " load; load every contract that the group has served"
    )
