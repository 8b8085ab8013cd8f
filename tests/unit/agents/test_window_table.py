"""A window table that an older worker left goes on where it stopped."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.agents import window_table
from streams.domain.contract import Clause
from streams.domain.delta import Deltas, Entry, deltas_of
from streams.domain.windows import WindowPartition
from tests.log_builder import CONTRACT, T
from tests.unit.domain.test_windows import escalation
from tests.unit.oracle.verdicts import book_with

DAY = 86_400
KEY = (CONTRACT, ())
BOOK = book_with(
    Clause("d", "escalation_within", (), period="1d"),
    Clause("m", "escalation_within", (), period="1M"),
)
_ENCODER = msgspec.msgpack.Encoder()


def deltas(second: float, *, opens: str | None = None, **counts: int) -> Deltas:
    """One step at this second, in the slice that ends there."""
    opened = [] if opens is None else [escalation(opens, second, second)]
    entry = Entry(*KEY, T(second), counts, {7: 1}, opened=opened)
    return deltas_of(T(second), [(T(second), [entry])])


def stored(windows: WindowPartition, table: dict[bytes, bytes]) -> None:
    for _ in window_table.changes(windows, table):
        pass


def restored(table: dict[bytes, bytes]) -> WindowPartition:
    windows = WindowPartition(BOOK, 1)
    window_table.restore(windows, table, 1)
    return windows


def as_before(table: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The table as it was written when a key's record held its periods."""
    found = dict(table)
    for name in [name for name in table if name[:1] == b"c"]:
        _, upto, settled = msgspec.msgpack.decode(found.pop(name), strict=False)
        key = b"k" + name[1:]
        record: list[Any] = msgspec.msgpack.decode(found[key])
        found[key] = _ENCODER.encode([*record[:8], upto, settled])
    return found


def grown(days: int) -> tuple[WindowPartition, dict[bytes, bytes]]:
    """A partition and its table after so many days: all but the last are in periods alone."""
    windows, table = WindowPartition(BOOK, 1), dict[bytes, bytes]()
    for day in range(days):
        windows.apply(0, deltas(day * DAY + 60, opens=f"c{day}", within=1 + day, missed=2))
        windows.advance()
        stored(windows, table)
    return windows, table


def test_periods_are_kept_beside_their_key() -> None:
    _, table = grown(3)
    assert sorted(name[:1] for name in table) == [b"c", b"k", b"p", b"s"]


def test_a_table_with_periods_in_the_keys_record_is_read_as_it_is() -> None:
    windows, table = grown(3)
    before = as_before(table)
    assert {name[:1] for name in before} == {b"k", b"p", b"s"}
    again = restored(before)
    assert list(again.values()) == list(windows.values())


def test_its_periods_get_a_record_of_their_own_with_the_first_batch() -> None:
    windows, table = grown(3)
    before = as_before(table)
    again = restored(before)
    # A key's record is written anew where one opens: from then on it holds no periods.
    for either in (windows, again):
        either.apply(0, deltas(2 * DAY + 120, opens="late", within=5))
        either.advance()
    stored(again, before)
    assert {name[:1] for name in before} == {b"c", b"k", b"p", b"s"}
    once_more = restored(before)
    for either in (windows, once_more):
        either.apply(0, deltas_of(T(5 * DAY), []))
        either.advance()
    assert list(once_more.values()) == list(windows.values())
    (month,) = (value for value in once_more.values() if value.window == "1M")
    assert month.counts["within"] == 1 + 2 + 3 + 5


def test_periods_of_a_key_that_its_record_still_holds_too_are_those_of_their_own_record() -> None:
    windows, table = grown(4)
    _, older = grown(3)
    # The key's record was last written by the older worker, the periods since.
    (name,) = (name for name in table if name[:1] == b"k")
    record = msgspec.msgpack.decode(table[name])
    behind = msgspec.msgpack.decode(as_before(older)[name])
    again = restored(table | {name: _ENCODER.encode([*record[:8], *behind[8:]])})
    assert list(again.values()) == list(windows.values())
