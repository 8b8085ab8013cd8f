"""How ledgers lie in their table: one record a conversation, a charged unit, a clause's counters,
a period's booked lines and its credits, a customer who is called otherwise, and one for what moves
with every batch.

Only what changed is written. What is forgotten leaves a tombstone.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import astuple
from typing import Any

import msgspec

from streams.domain.billing.books import OpenPeriod
from streams.domain.billing.chain import Chain
from streams.domain.billing.credit_lines import Credit, Credits
from streams.domain.billing.erased_customers import Renamed
from streams.domain.billing.items import Account, Draft
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.line import Line
from streams.domain.billing.lines import Unit, money_of
from streams.domain.billing.periods import BillingCalendar, Span
from streams.domain.billing.records import BilledResolution, Charge, ItemStatus, LineKind
from streams.domain.billing.values import Cell
from streams.domain.calendar_period import Period
from streams.domain.contract import Dimension
from streams.kafka.billing_codec import ToldFields, fields_of

_SEPARATOR = b"\x00"
_About = tuple[
    str, int, str, int, int, int, str, str, str, str, str | None, str, str, str, int | None,
    int | None, int, int,
]  # fmt: skip
_LineFields = tuple[
    LineKind, int, int, int, str, str | None, str | None, int | None, int | None, int | None,
    int | None, int | None, int | None, int | None, int | None, int | None, str | None,
]  # fmt: skip


class _StoredCharge(msgspec.Struct, array_like=True):
    status: ItemStatus
    charge: Charge
    revision: int
    amount_micros: int
    evidence_id: str


class _StoredAccount(msgspec.Struct, array_like=True):
    life: int
    episode: int
    announced: _About | None
    last: _About | None
    charged_about: _About | None
    charged: list[_StoredCharge]
    told: str | None
    charges: int
    voids: int


class _StoredConversation(msgspec.Struct, array_like=True):
    held: list[ToldFields]
    frozen: list[tuple[int, int, bool]]
    accounts: list[_StoredAccount]


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
_CONVERSATION = msgspec.msgpack.Decoder(_StoredConversation)
_UNIT_NAME = msgspec.msgpack.Decoder(tuple[int, tuple[str, int, int]])
_UNIT = msgspec.msgpack.Decoder(tuple[int, int])
_CELL_NAME = msgspec.msgpack.Decoder(Cell)
_CELL = msgspec.msgpack.Decoder(dict[str, int])
_END = msgspec.msgpack.Decoder(int)
_LINES = msgspec.msgpack.Decoder(list[tuple[LineKind, str, str, int, int]])
_CREDITS = msgspec.msgpack.Decoder(_StoredCredits)
_HEAD = msgspec.msgpack.Decoder(_StoredHead)
_RENAMED = msgspec.msgpack.Decoder(Renamed)

Change = tuple[bytes, bytes | None]


def changes(ledger: Ledger, data: MutableMapping[bytes, bytes]) -> Iterator[Change]:
    """Write what changed of a ledger since the last call into `data`; yields it for the changelog,
    what moves with every batch last.
    """
    prefix = ledger.calendar.contract.encode() + _SEPARATOR
    for name, raw in _changed(ledger):
        key = prefix + name
        if raw is None:
            if data.pop(key, None) is None:
                continue
        else:
            data[key] = raw
        yield key, raw


def erased(ledger: Ledger) -> set[bytes]:
    """Keys under which nothing may stay that stood there before, since the last call; to be asked
    before `changes`.
    """
    prefix = ledger.calendar.contract.encode() + _SEPARATOR
    names = [b"c" + conversation.encode() for conversation in ledger.renamed]
    names += [b"e" + place for place in ledger.erased.touched]
    ledger.renamed = set()
    return {prefix + name for name in names}


def _changed(ledger: Ledger) -> Iterator[Change]:
    for conversation in sorted(ledger.touched | ledger.accounts.touched):
        yield b"c" + conversation.encode(), _conversation(ledger, conversation)
    ledger.touched = set()
    ledger.accounts.touched = set()
    for place in sorted(ledger.erased.touched):
        renamed = ledger.erased.held(place)
        yield b"e" + place, None if renamed is None else _ENCODER.encode(renamed)
    ledger.erased.touched = set()
    books, values, pending = ledger.books, ledger.values, ledger.books.changes
    for cell in values.touched:
        yield b"n" + _ENCODER.encode(cell), _ENCODER.encode(values.counts(cell))
    values.touched = set()
    for cell in pending.cells:
        yield b"n" + _ENCODER.encode(cell), None
    for span, episode in pending.units:
        unit = books.units.get(span, {}).get(episode)
        raw = None if unit is None else _ENCODER.encode((unit.time, unit.list_micros))
        yield b"u" + _ENCODER.encode((span.end, episode)), raw
    for span in pending.lines:
        booked = [(*key, *told) for key, told in books.lines.get(span, {}).items()]
        yield b"l" + _ENCODER.encode(span.end), _ENCODER.encode(booked) if booked else None
    for span in pending.credits:
        yield b"s" + _ENCODER.encode(span.end), _ENCODER.encode(_credits(books.settled[span]))
    pending.cells, pending.units, pending.lines, pending.credits = [], set(), set(), set()
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
        [(*key, first) for key, first in ledger.values.escalated.items()],
    )


def _conversation(ledger: Ledger, conversation: str) -> bytes | None:
    held = ledger.accounts.held(conversation)
    accounts = ledger.told.get(conversation, {})
    if not held and not accounts:
        return None
    frozen = ledger.accounts.frozen(conversation)
    return _ENCODER.encode(
        _StoredConversation(
            [fields_of(told) for told in held],
            [(*run, billed) for run, billed in frozen.items()],
            [_account(*run, account) for run, account in accounts.items()],
        )
    )


def _account(life: int, episode: int, account: Account) -> _StoredAccount:
    charged = account.charged
    return _StoredAccount(
        life,
        episode,
        _about(account.announced),
        _about(account.last),
        _about(charged[0].about) if charged else None,
        [
            _StoredCharge(one.status, one.charge, one.revision, one.amount_micros, one.evidence_id)
            for one in charged
        ],
        account.told,
        account.charges,
        account.voids,
    )


def _about(about: BilledResolution | None) -> _About | None:
    return None if about is None else msgspec.structs.astuple(about)


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
    return {key.partition(_SEPARATOR)[0].decode("utf-8", "replace") for key in data}


def restore(ledger: Ledger, data: MutableMapping[bytes, bytes]) -> None:
    """Let an empty ledger go on from its table.

    Raises msgspec.DecodeError, LookupError or ValueError for a foreign record.
    """
    prefix = ledger.calendar.contract.encode() + _SEPARATOR
    size = len(prefix)
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
                _restore_conversation(ledger, name.decode(), _CONVERSATION.decode(raw))
            case b"n":
                ledger.values.restore_cell(_CELL_NAME.decode(name), _CELL.decode(raw))
            case b"u":
                end, episode = _UNIT_NAME.decode(name)
                unit = Unit(_UNIT.decode(raw)[0], episode, _UNIT.decode(raw)[1])
                ledger.books.units[ledger.calendar.at(kind, end)][episode] = unit
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
    ledger.accounts.restored()
    ledger.values.restored()
    ledger.touched = set()


def _restore_head(ledger: Ledger, head: _StoredHead) -> None:
    books, calendar = ledger.books, ledger.calendar

    def span(end: int | None) -> Span | None:
        return None if end is None else calendar.at(calendar.kind, end)

    ledger.heard_before(head.reached)
    books.first, books.next = span(head.first), span(head.next)
    books.closed_at, books.previous_head = head.closed_at, head.previous_head
    for one in head.open:
        at = calendar.at(calendar.kind, one.end)
        chain = Chain.resumed(calendar.contract, at.name, one.head, one.length)
        books.open[at] = OpenPeriod(at, chain, one.total)
    for grouping, values, first in head.escalated:
        ledger.values.escalated[grouping, values] = first


def _restore_conversation(ledger: Ledger, name: str, stored: _StoredConversation) -> None:
    held = [fields.told for fields in stored.held]
    if any(told.fact.conversation != name for told in held):
        raise ValueError("records of another conversation")
    frozen = {(life, episode): billed for life, episode, billed in stored.frozen}
    ledger.accounts.restore(name, held, frozen)
    reached = ledger.reached
    assert reached is not None
    for told in held:
        if not told.fact.retracts:
            ledger.values.restore(told, reached)
    if stored.accounts:
        ledger.told[name] = {
            (one.life, one.episode): _restored_account(one) for one in stored.accounts
        }


def _restored_account(stored: _StoredAccount) -> Account:
    about = stored.charged_about
    charged = tuple(
        Draft(
            one.status, one.charge, one.revision, _resolution_of(about), one.amount_micros, 0,
            None, one.evidence_id,
        )
        for one in stored.charged
        if about is not None
    )  # fmt: skip
    return Account(
        announced=None if stored.announced is None else _resolution_of(stored.announced),
        charged=charged,
        told=stored.told,
        charges=stored.charges,
        voids=stored.voids,
        last=None if stored.last is None else _resolution_of(stored.last),
    )


_ABOUT_FIELDS = BilledResolution.__struct_fields__


def _resolution_of(about: _About) -> BilledResolution:
    named: dict[str, Any] = dict(zip(_ABOUT_FIELDS, about, strict=True))
    return BilledResolution(**named)


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
