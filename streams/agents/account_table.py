"""How ledgers lie in their table: one record a conversation, a minute's charged units, a clause's
counters, a period's booked lines and its credits, a customer who is called otherwise, and one for
what moves with every batch.

Only what changed is written. What is forgotten leaves a tombstone. A ledger that goes on from its
table leaves conversations and units there (account_store.py).
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import astuple

import msgspec

from streams.agents.account_store import SEPARATOR, Change, TableStore, minute_of, stored
from streams.agents.stored_conversation import Head, decode_head
from streams.domain.billing.cells import Cell
from streams.domain.billing.chain import Chain, OpenPeriod
from streams.domain.billing.credit_lines import Credit, Credits
from streams.domain.billing.erased_customers import Renamed
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.line import Line
from streams.domain.billing.lines import money_of
from streams.domain.billing.periods import BillingCalendar, Span
from streams.domain.billing.records import LineKind
from streams.domain.calendar_period import Period
from streams.domain.contract import Dimension

_LineFields = tuple[
    LineKind, int, int, int, str, str | None, str | None, int | None, int | None, int | None,
    int | None, int | None, int | None, int | None, int | None, int | None, str | None,
]  # fmt: skip


class _StoredOpen(msgspec.Struct, array_like=True):
    end: int
    head: bytes
    length: int
    total: int


class _StoredCredit(msgspec.Struct, array_like=True):
    clause: str
    period: Period
    end: int
    line: _LineFields


class _StoredCredits(msgspec.Struct, array_like=True):
    each: list[_StoredCredit]
    cap: _LineFields | None


class _StoredHead(msgspec.Struct, array_like=True):
    reached: int | None
    first: int | None
    next: int | None
    closed_at: int | None
    previous_head: str
    open: list[_StoredOpen]
    escalated: list[tuple[tuple[Dimension, ...], tuple[str, ...], int]]


_ENCODER = msgspec.msgpack.Encoder()
_CELL_NAME = msgspec.msgpack.Decoder(Cell)
_CELL = msgspec.msgpack.Decoder(dict[str, int])
_END = msgspec.msgpack.Decoder(int)
_LINES = msgspec.msgpack.Decoder(list[tuple[LineKind, str, str, int, int]])
_CREDITS = msgspec.msgpack.Decoder(_StoredCredits)
_HEAD = msgspec.msgpack.Decoder(_StoredHead)
_RENAMED = msgspec.msgpack.Decoder(Renamed)


def changes(ledger: Ledger, data: MutableMapping[bytes, bytes]) -> Iterator[Change]:
    """Write what changed of a ledger since the last call into `data`, from which it was restored;
    yields it for the changelog, what moves with every batch last.
    """
    store = _store(ledger)
    ledger.put_away()
    yield from store.write(data)
    prefix = ledger.calendar.contract.encode() + SEPARATOR
    for name, raw in _changed(ledger):
        if stored(data, prefix + name, raw):
            yield prefix + name, raw


def erased(ledger: Ledger) -> set[bytes]:
    """Keys under which nothing may stay that stood there before, since the last call; to be asked
    before `changes`.
    """
    prefix = ledger.calendar.contract.encode() + SEPARATOR
    names = [b"c" + conversation.encode() for conversation in ledger.renamed]
    names += [b"e" + place for place in ledger.erased.touched]
    ledger.renamed = set()
    return {prefix + name for name in names}


def _store(ledger: Ledger) -> TableStore:
    store = ledger.accounts.conversations.store
    if not isinstance(store, TableStore):
        raise TypeError("a ledger is restored from its table before it is stored there")
    return store


def _changed(ledger: Ledger) -> Iterator[Change]:
    for place in sorted(ledger.erased.touched):
        renamed = ledger.erased.held(place)
        yield b"e" + place, None if renamed is None else _ENCODER.encode(renamed)
    ledger.erased.touched = set()
    books, pending = ledger.books, ledger.books.changes
    for cell, counts in ledger.values.cells.take_changed():
        yield b"n" + _ENCODER.encode(cell), _ENCODER.encode(counts)
    for cell in pending.cells:
        yield b"n" + _ENCODER.encode(cell), None
    for span in pending.lines:
        booked = [(*key, *told) for key, told in books.lines.get(span, {}).items()]
        yield b"l" + _ENCODER.encode(span.end), _ENCODER.encode(booked) if booked else None
    for span in pending.credits:
        yield b"s" + _ENCODER.encode(span.end), _ENCODER.encode(_credits(books.settled[span]))
    pending.cells, pending.lines, pending.credits = [], set(), set()
    yield b"h", _ENCODER.encode(_head(ledger))


def _head(ledger: Ledger) -> _StoredHead:
    books = ledger.books
    return _StoredHead(
        ledger.reached,
        None if books.first is None else books.first.end,
        None if books.next is None else books.next.end,
        books.closed_at,
        books.previous_head,
        [
            _StoredOpen(span.end, bytes.fromhex(one.chain.head), one.chain.length, one.total)
            for span, one in books.open.items()
        ],
        [(*key, first) for key, first in ledger.values.cells.escalated.items()],
    )


def _credits(credits: Credits | None) -> _StoredCredits:
    if credits is None:
        return _StoredCredits([], None)
    each = [
        _StoredCredit(one.clause.id, one.span.kind, one.span.end, astuple(one.line))
        for one in credits.each
    ]
    return _StoredCredits(each, astuple(credits.cap))


# -- reading back ---------------------------------------------------------------------------------


def contracts_in(data: MutableMapping[bytes, bytes]) -> set[str]:
    """The contracts whose ledgers lie in a table."""
    return {key.partition(SEPARATOR)[0].decode("utf-8", "replace") for key in data}


def restore(ledger: Ledger, data: MutableMapping[bytes, bytes]) -> None:
    """Let an empty ledger go on from its table, and keep there what it holds.

    Raises msgspec.DecodeError, LookupError or ValueError for a foreign record; of a conversation's
    only the beginning is looked at until it is taken up.
    """
    prefix = ledger.calendar.contract.encode() + SEPARATOR
    size = len(prefix)
    store = TableStore(ledger.calendar.contract, data)
    ledger.keep_in(store)
    raw = data.get(prefix + b"h")
    if raw is None:
        return
    _restore_head(ledger, _HEAD.decode(raw))
    kind = ledger.calendar.kind
    for key, raw in data.items():
        if not key.startswith(prefix):
            continue
        name = key[size + 1 :]
        match key[size : size + 1]:
            case b"c":
                _restore_conversation(ledger, store, name.decode(), decode_head(raw))
            case b"n":
                ledger.values.cells.restore(_CELL_NAME.decode(name), _CELL.decode(raw))
            case b"m":
                end, minute, count, micros = minute_of(name, raw)
                units = ledger.books.units_of(ledger.calendar.at(kind, end))
                units.restore(minute, count, micros)
            case b"l":
                lines = ledger.books.lines[ledger.calendar.at(kind, _END.decode(name))]
                for line, clause, period, micros, times in _LINES.decode(raw):
                    lines[line, clause, period] = (micros, times)
            case b"s":
                span = ledger.calendar.at(kind, _END.decode(name))
                stored = _CREDITS.decode(raw)
                ledger.books.settled[span] = _restored_credits(ledger.calendar, stored)
            case b"e":
                ledger.erased.restore(name, _RENAMED.decode(raw))
            case b"h":
                pass
            case _:
                raise ValueError("no record of a ledger")


def _restore_conversation(ledger: Ledger, store: TableStore, name: str, head: Head) -> None:
    ledger.accounts.restore(name, head.customers, head.look, head.freezes)
    if head.waits and (conversation := store.conversation(name)) is not None:
        for opened in conversation.waits:
            ledger.values.restore_waiting(opened)


def _restore_head(ledger: Ledger, head: _StoredHead) -> None:
    books, calendar = ledger.books, ledger.calendar

    def span(end: int | None) -> Span | None:
        return None if end is None else calendar.at(calendar.kind, end)

    ledger.heard_before(head.reached)
    if head.reached is not None:
        ledger.values.fold(head.reached)
    books.first, books.next = span(head.first), span(head.next)
    books.closed_at, books.previous_head = head.closed_at, head.previous_head
    for one in head.open:
        at = calendar.at(calendar.kind, one.end)
        chain = Chain.resumed(calendar.contract, at.name, one.head, one.length)
        books.open[at] = OpenPeriod(at, chain, one.total)
    for grouping, values, first in head.escalated:
        ledger.values.cells.escalated[grouping, values] = first


def _restored_credits(calendar: BillingCalendar, stored: _StoredCredits) -> Credits | None:
    if stored.cap is None:
        return None
    each = []
    for one in stored.each:
        span = calendar.at(one.period, one.end)
        terms = calendar.terms(span)
        clause = next(clause for clause in terms.clauses if clause.id == one.clause)
        credit = money_of(terms).credit_of(one.clause)
        if credit is None:
            raise LookupError("a credit of a clause without money")
        each.append(Credit(clause, credit, span, Line(*one.line)))
    return Credits(tuple(each), Line(*stored.cap))
