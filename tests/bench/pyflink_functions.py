"""The job as PyFlink's functions; a module of its own, for a job's functions are told by name.

Between the functions go raw records, which are decoded again: pickled events cost more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from pyflink.common import Row, Types
from pyflink.datastream import (
    FlatMapFunction,
    KeyedProcessFunction,
    OutputTag,
    ProcessFunction,
    RuntimeContext,
)
from pyflink.datastream.state import ValueState, ValueStateDescriptor

from streams.contract_files import load_contracts
from streams.domain.facts import encode_fact
from streams.domain.wire import Rejection, decode_event
from tests.bench import job

BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
RECORD = Types.ROW_NAMED(["k", "v"], [BYTES, BYTES])
HEARD = Types.TUPLE([Types.STRING(), BYTES, Types.LONG()])
TOLD = Types.TUPLE([Types.STRING(), BYTES])
REFUSED = OutputTag("refused", RECORD)
COUNTED = OutputTag("counted", TOLD)

_encode = msgspec.msgpack.Encoder().encode
_decode_told = msgspec.msgpack.Decoder(job.Told).decode
_NO_WATERMARK = -(2**62)


class Read(ProcessFunction):
    """Records of the topic to what they say of a conversation; marks the first in `begun`."""

    def __init__(self, contract: str, lateness_ms: int, begun: str) -> None:
        self._contract, self._lateness, self._begun = contract, lateness_ms, begun

    def open(self, runtime_context: RuntimeContext) -> None:
        self._reader = job.Reader(load_contracts([Path(self._contract)]), self._lateness)
        self._first = True

    def process_element(self, value: Row, ctx: Any) -> Iterator[Any]:
        if self._first:
            self._first = False
            Path(self._begun).touch()
        key, raw, partition = value
        try:
            heard = self._reader.read(partition, key, raw)
        except Rejection:
            yield REFUSED, Row(key, raw)
            return
        if heard is not None:
            watermark = _NO_WATERMARK if heard.watermark is None else heard.watermark
            yield heard.conversation, raw, watermark


class Fold(KeyedProcessFunction):
    """What is heard of a conversation to its facts; what each counts goes aside."""

    def __init__(self, contract: str) -> None:
        self._contract = contract

    def open(self, runtime_context: RuntimeContext) -> None:
        book = load_contracts([Path(self._contract)])
        self._book, self._lifecycle, self._counting = book, job.Lifecycle(book), job.Counting(book)
        self._state: ValueState = runtime_context.get_state(
            ValueStateDescriptor("conversation", BYTES)
        )

    def process_element(self, value: tuple[str, bytes, int], ctx: Any) -> Iterator[Any]:
        conversation, raw, watermark = value
        event = None if raw == job.WAKE else decode_event(raw, self._book)
        heard = job.Heard(conversation, event, None if watermark == _NO_WATERMARK else watermark)
        stored = self._state.value()
        known = None if stored is None else job.decode_conversation(bytes(stored))
        state, facts = self._lifecycle.take(known, heard)
        if state is not None:
            self._state.update(state.encoded())
        key = conversation.encode()
        for fact in facts:
            yield Row(key, encode_fact(fact))
            told = self._counting.told(fact)
            if told is not None:
                yield COUNTED, (f"{told.slice_end}{told.key}", _encode(told))


class Sum(KeyedProcessFunction):
    """What facts add to a slice to its value, shown with each."""

    def open(self, runtime_context: RuntimeContext) -> None:
        self._state: ValueState = runtime_context.get_state(ValueStateDescriptor("slice", BYTES))

    def process_element(self, value: tuple[str, bytes], ctx: Any) -> Iterator[Any]:
        told = _decode_told(bytes(value[1]))
        stored = self._state.value()
        sums = job.SliceSums() if stored is None else job.decode_slice(bytes(stored))
        job.add(sums, told.counts, told.bucket)
        self._state.update(job.encode(sums))
        yield Row(value[0].encode(), job.slice_value(told.key, told.slice_end, sums))


class Tally(FlatMapFunction):
    """Passes records on and leaves their number in `file`."""

    def __init__(self, file: str) -> None:
        self._file, self._count = file, 0

    def flat_map(self, value: Row) -> Iterator[Row]:
        self._count += 1
        yield value

    def close(self) -> None:
        Path(self._file).write_text(str(self._count))
