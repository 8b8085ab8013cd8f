"""The body of a request as the payloads in it: JSON, a batch of it, lines of it, or a form."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

MAX_FIELDS = 1_000
_GZIP = 16 + zlib.MAX_WBITS
_CE = "ce-"


class BodyError(Exception):
    """A body that cannot be read; `status` is what HTTP calls it, the message holds none of it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """The body without its Content-Encoding (gzip, deflate), at most `most` bytes of it.

    Raises BodyError: 413 for more, which is noticed before it is unpacked; 415, 400.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        plain = body
    elif encoding in ("gzip", "x-gzip", "deflate"):
        unpacking = zlib.decompressobj(zlib.MAX_WBITS if encoding == "deflate" else _GZIP)
        try:
            plain = unpacking.decompress(body, most + 1)
        except zlib.error:
            raise BodyError(400, f"the body is not {encoding}") from None
        if len(plain) <= most and (not unpacking.eof or unpacking.unused_data):
            raise BodyError(
                400, f"the body is {encoding} that was cut off or goes on behind its end"
            )
    else:
        raise BodyError(415, "Content-Encoding must be gzip, deflate or identity")
    if len(plain) > most:
        raise BodyError(413, f"more than {most} bytes")
    return plain


def form_fields(body: bytes, content_type: str) -> list[tuple[str, str]] | None:
    """Names and values of a form in order; None where the body is none. Raises BodyError."""
    if media_type(content_type) != "application/x-www-form-urlencoded":
        return None
    try:
        return parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except UnicodeDecodeError:
        raise BodyError(400, "the form is not UTF-8") from None
    except ValueError:
        raise BodyError(400, f"a form of more than {MAX_FIELDS} fields") from None


def payloads(body: bytes, headers: Mapping[str, str]) -> list[Any]:
    """The payloads of a request in order; those of a JSON array, as a CloudEvents batch is, apart.

    `headers` in lower case. In CloudEvents' binary mode the attributes are `ce-` headers and the
    body is the data. Raises BodyError.
    """
    content_type = headers.get("content-type", "")
    fields = form_fields(body, content_type)
    if fields is not None:
        return [dict(fields)]
    if media_type(content_type) in ("application/x-ndjson", "application/jsonl"):
        return [_json(line) for line in body.splitlines() if line.strip()]
    if not body.strip():
        raise BodyError(400, "the body is empty")
    document = _json(body)
    if "ce-id" in headers and "ce-type" in headers:
        attributes: dict[str, Any] = {
            name.removeprefix(_CE): unquote(value)
            for name, value in headers.items()
            if name.startswith(_CE)
        }
        return [{**attributes, "data": document}]
    return document if isinstance(document, list) else [document]


def media_type(content_type: str) -> str:
    """`type/subtype` in lower case, without parameters."""
    message = Message()
    message["Content-Type"] = content_type.replace("\r", "").replace("\n", "")
    return message.get_content_type() if content_type else ""


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BodyError(400, "the body is not JSON") from None
