"""How a WindowPartition lies in its table: one record a slice, one a key, one for a key's calendar
periods, one for the partition.

Only what changed is written, and each record says up to when it was folded, so that a crash between
two writes repeats work and changes nothing.

Until December 2026 a key's record held its periods too. A table that an older worker left is read
as it is, and the periods get a record of their own with the first batch. An older worker would not
find them there: going back takes the changelog as it was before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping

import msgspec

from streams.domain.breach_record import BreachRecord
from streams.domain.breaches import KeyBreaches
from streams.domain.calendar_sums import PeriodSums
from streams.domain.delta import EscalationId, Key, Timed
from streams.domain.key_windows import RETENTION_MS, Change, KeyWindows, Slice
from streams.domain.sums import Sums
from streams.domain.windows import WindowPartition

_PARTITION_KEY = b"p"


class _StoredPartition(msgspec.Struct, array_like=True):
    closed: int | None
    reached: int | None


class _StoredPeriod(msgspec.Struct, array_like=True):
    start: int
    end: int
    counts: dict[str, int]
    latencies: dict[int, int]


class _StoredKey(msgspec.Struct, array_like=True):
    key: Key
    judged: int | None
    first_end: int | None
    first_escalation_end: int | None
    waited: list[Timed]
    since: list[Change]
    open: dict[str, BreachRecord]
    overdue: list[tuple[EscalationId, int]]
    # Only where an older worker wrote it.
    settled_upto: int | None = None
    settled: dict[str, _StoredPeriod] = {}


class _StoredPeriods(msgspec.Struct, array_like=True):
    key: Key
    upto: int
    settled: dict[str, _StoredPeriod]


class _StoredSlice(msgspec.Struct, array_like=True):
    key: Key
    end: int
    counts: dict[str, int]
    latencies: dict[int, int]
    taken: dict[int, int]


_ENCODER = msgspec.msgpack.Encoder()
_PARTITION = msgspec.msgpack.Decoder(_StoredPartition)
_KEY = msgspec.msgpack.Decoder(_StoredKey)
_PERIODS = msgspec.msgpack.Decoder(_StoredPeriods)
_SLICE = msgspec.msgpack.Decoder(_StoredSlice)


def _key_name(windows: KeyWindows) -> bytes:
    return b"k" + _ENCODER.encode(windows.key)


def _periods_name(windows: KeyWindows) -> bytes:
    return b"c" + _ENCODER.encode(windows.key)


def _slice_name(key: msgspec.Raw, end: int) -> bytes:
    return b"s" + _ENCODER.encode((key, end))


def changes(
    windows: WindowPartition, data: MutableMapping[bytes, bytes]
) -> Iterator[tuple[bytes, bytes | None]]:
    """Write what changed since the last call into `data`; yields it for the changelog, the
    partition last.
    """
    for held, ends in windows.touched_slices.items():
        key = msgspec.Raw(_ENCODER.encode(held.key))
        for end in ends:
            piece = held.slices.get(end)
            if piece is not None:
                # As _StoredSlice has it.
                stored = (key, end, piece.counts, piece.latencies, piece.taken)
                yield _put(data, _slice_name(key, end), stored)
    for held in windows.touched_keys:
        yield _put(data, _key_name(held), _stored_key(held, windows.reached))
    # They hold what expired slices came to, so they are written before those are taken away.
    for held in windows.touched_periods:
        yield _put(data, _periods_name(held), _stored_periods(held))
    for held, ends in windows.expired_slices.items():
        key = msgspec.Raw(_ENCODER.encode(held.key))
        for end in ends:
            name = _slice_name(key, end)
            data.pop(name, None)
            yield name, None
    windows.touched_slices.clear()
    windows.touched_keys.clear()
    windows.touched_periods.clear()
    windows.expired_slices.clear()
    yield _put(data, _PARTITION_KEY, _StoredPartition(windows.closed, windows.reached))


def _put(data: MutableMapping[bytes, bytes], name: bytes, stored: object) -> tuple[bytes, bytes]:
    raw = _ENCODER.encode(stored)
    data[name] = raw
    return name, raw


def _stored_key(windows: KeyWindows, reached: int | None) -> _StoredKey:
    return _StoredKey(
        key=windows.key,
        judged=reached,
        first_end=windows.first_end,
        first_escalation_end=windows.first_escalation_end,
        waited=list(windows.waited.values()),
        since=windows.since,
        open=windows.breaches.open,
        overdue=list(windows.breaches.waits.items()),
    )


def _stored_periods(windows: KeyWindows) -> _StoredPeriods:
    periods = windows.periods
    assert periods.settled_upto is not None  # a slice has expired
    return _StoredPeriods(
        key=windows.key,
        upto=periods.settled_upto,
        settled={
            period: _StoredPeriod(held.start, held.end, held.sums.counts, held.sums.latencies)
            for period, held in periods.settled.items()
        },
    )


def restore(windows: WindowPartition, data: MutableMapping[bytes, bytes], sources: int) -> None:
    """Fill an empty WindowPartition from its table. Raises msgspec.DecodeError for a foreign
    record.
    """
    slices: list[_StoredSlice] = []
    periods: list[_StoredPeriods] = []
    for name, raw in data.items():
        match name[:1]:
            case b"p":
                partition = _PARTITION.decode(raw)
                windows.closed, windows.reached = partition.closed, partition.reached
            case b"k":
                _restore_key(windows, _KEY.decode(raw))
            case b"c":
                periods.append(_PERIODS.decode(raw))
            case _:
                slices.append(_SLICE.decode(raw))
    for settled in periods:
        held = windows.keys.get(settled.key)
        if held is not None:
            # Whatever the key's own record says of them is older.
            windows.touched_periods.discard(held)
            _restore_periods(held, settled.upto, settled.settled)
    for stored in slices:
        held = windows.keys.get(stored.key) or windows.new_key(stored.key)
        if windows.closed is not None and stored.end <= windows.closed - RETENTION_MS:
            # It came back with a copy of the table that is older than its tombstone was kept.
            windows.expired_slices.setdefault(held, set()).add(stored.end)
            continue
        windows.keys[stored.key] = held
        held.slices[stored.end] = Slice(stored.counts, stored.latencies, stored.taken)
    if windows.reached is not None:
        # Steps past what was judged come again, for their offsets were not committed.
        windows.heard = dict.fromkeys(range(sources), windows.reached)
    windows.restored()


def _restore_key(windows: WindowPartition, stored: _StoredKey) -> None:
    held = windows.keys[stored.key] = windows.new_key(stored.key)
    held.judged = stored.judged
    held.first_end = stored.first_end
    held.first_escalation_end = stored.first_escalation_end
    held.waited = {timed.escalation: timed for timed in stored.waited}
    held.since = list(stored.since)
    held.breaches = KeyBreaches(dict(stored.open), dict(stored.overdue))
    if stored.settled_upto is not None:
        windows.touched_periods.add(held)
        _restore_periods(held, stored.settled_upto, stored.settled)


def _restore_periods(held: KeyWindows, upto: int, settled: Mapping[str, _StoredPeriod]) -> None:
    held.periods.settled_upto = upto
    for period, stored in settled.items():
        sums = PeriodSums(stored.start, stored.end, Sums(stored.counts, stored.latencies))
        held.periods.settled[period] = sums
