"""The two content modes of the CloudEvents Kafka binding: structured as it is, binary put together.

CloudEvents Kafka protocol binding 1.0: in binary mode the attributes are `ce_` headers and the
value is the data.
"""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from streams.domain.wire import Rejection, malformed

_PREFIX = "ce_"
_DOCUMENT = msgspec.json.Decoder(msgspec.Raw)


def structured_value(record: Any) -> bytes | None:
    """The structured-mode JSON of a record (an aiokafka ConsumerRecord), whichever mode it came in.

    Raises Rejection where a `ce_` header is not UTF-8.
    """
    value: bytes | None = record.value
    if not record.headers or not any(name.startswith(_PREFIX) for name, _ in record.headers):
        return value
    try:
        event: dict[str, Any] = {
            name.removeprefix(_PREFIX): None if content is None else content.decode()
            for name, content in record.headers
            if name.startswith(_PREFIX)
        }
    except UnicodeDecodeError:
        raise Rejection("invalid_encoding", "a ce_ header is not UTF-8") from None
    if value:
        try:
            # Text that is no document by itself could pass for several attributes.
            _DOCUMENT.decode(value)
        except (msgspec.DecodeError, RecursionError):
            raise malformed(value) from None
        # As it is: what else is wrong with it the decoder says.
        event["data"] = orjson.Fragment(value)
    return orjson.dumps(event)
