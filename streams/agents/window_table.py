"""How a WindowPartition lies in its table: one record a slice, one a key, one for the partition.

Only what changed is written, and each record says up to when it was folded, so that a crash between
two writes repeats work and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

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
    settled_upto: int | None
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
_SLICE = msgspec.msgpack.Decoder(_StoredSlice)


def _key_name(key: Key) -> bytes:
    return b"k" + _ENCODER.encode(key)


def _slice_name(key: Key, end: int) -> bytes:
    return b"s" + _ENCODER.encode((key, end))


def changes(
    windows: WindowPartition, data: MutableMapping[bytes, bytes]
) -> Iterator[tuple[bytes, bytes | None]]:
    """Write what changed since the last call into `data`; yields it for the changelog, the
    partition last.
    """
    for key, end in windows.touched_slices:
        piece = windows.keys[key].slices.get(end)
        if piece is not None:
            stored = _StoredSlice(key, end, piece.counts, piece.latencies, piece.taken)
            yield _put(data, _slice_name(key, end), stored)
    # A key holds what its expired slices came to, so it is written before they are taken away.
    for key in windows.touched_keys:
        yield _put(data, _key_name(key), _stored_key(windows.keys[key], windows.reached))
    for key, end in windows.expired_slices:
        name = _slice_name(key, end)
        data.pop(name, None)
        yield name, None
    windows.touched_slices.clear()
    windows.expired_slices.clear()
    windows.touched_keys.clear()
    yield _put(data, _PARTITION_KEY, _StoredPartition(windows.closed, windows.reached))


def _put(
    data: MutableMapping[bytes, bytes], name: bytes, stored: msgspec.Struct
) -> tuple[bytes, bytes]:
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
        settled_upto=windows.periods.settled_upto,
        settled={
            period: _StoredPeriod(held.start, held.end, held.sums.counts, held.sums.latencies)
            for period, held in windows.periods.settled.items()
        },
    )


def restore(windows: WindowPartition, data: MutableMapping[bytes, bytes], sources: int) -> None:
    """Fill an empty WindowPartition from its table. Raises msgspec.DecodeError for a foreign
    record.
    """
    slices: list[_StoredSlice] = []
    for name, raw in data.items():
        match name[:1]:
            case b"p":
                partition = _PARTITION.decode(raw)
                windows.closed, windows.reached = partition.closed, partition.reached
            case b"k":
                _restore_key(windows, _KEY.decode(raw))
            case _:
                slices.append(_SLICE.decode(raw))
    for stored in slices:
        if windows.closed is not None and stored.end <= windows.closed - RETENTION_MS:
            # It came back with a copy of the table that is older than its tombstone was kept.
            windows.expired_slices.add((stored.key, stored.end))
            continue
        key = windows.keys.get(stored.key)
        if key is None:
            key = windows.keys[stored.key] = windows.new_key(stored.key)
        key.slices[stored.end] = Slice(stored.counts, stored.latencies, stored.taken)
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
    held.periods.settled_upto = stored.settled_upto
    for period, sums in stored.settled.items():
        settled = PeriodSums(sums.start, sums.end, Sums(sums.counts, sums.latencies))
        held.periods.settled[period] = settled
