"""A request to a hook: streams/intake/bodies.py, signatures.py and mapping.py."""

from __future__ import annotations

import gzip
from contextlib import suppress
from functools import cache

from streams.intake.bodies import BodyError, form_fields, payloads, unpacked
from streams.intake.mapping import CanonicalFeed, PlatformFeed
from streams.intake.signatures import SCHEMES, Asked, Unsigned, verify
from streams.sources.platforms import PLATFORMS
from tests.fuzz.files import OPTIONS
from tests.fuzz.messages import assert_silent
from tests.fuzz.targets import events

FORM = "json"
_MOST = 100_000
_TYPES = (
    "application/json",
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
    "application/cloudevents-batch+json",
)
_FEEDS = (CanonicalFeed(), PlatformFeed(PLATFORMS["twilio"], OPTIONS))


@cache
def samples() -> tuple[bytes, ...]:
    """Bodies: an event, a batch, a form, and one that is packed."""
    some = events.samples()[:3]
    batch = b"[" + b",".join(some) + b"]"
    form = b"EventType=task.created&TaskSid=WT11111111111111111111111111111111&Timestamp=1780300800"
    return (*some, batch, form, gzip.compress(batch))


def check(data: bytes) -> None:
    """A body is payloads, each of which is records and problems, or it is refused in one line."""
    for encoding in ("", "gzip"):
        for content_type in _TYPES:
            try:
                body = unpacked(data, encoding, _MOST)
                fields = form_fields(body, content_type) or ()
                found = payloads(body, {"content-type": content_type})
            except BodyError as error:
                assert_silent(error.message)
                continue
            for feed in _FEEDS:
                for payload in found:
                    for problem in feed.map(payload, "hook").problems:
                        assert problem.code not in ("adapter_fault", "adapter_failed"), problem
                        assert_silent(problem.message)
            _let_in(body, fields)


def _let_in(body: bytes, fields: object) -> None:
    text = body[:60].decode("utf-8", "surrogateescape")
    names = (
        *("x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp"),
        *("x-hub-signature", "x-chatwoot-signature", "x-chatwoot-timestamp"),
        *("x-twilio-signature", "x-baton-signature", "authorization"),
    )
    asked = Asked("http://h/x", dict.fromkeys(names, text), body, tuple(fields))  # type: ignore[arg-type]
    for scheme in SCHEMES:
        with suppress(Unsigned):
            verify(scheme, asked, ("a-secret-that-nobody-knows",), 0.0)
            raise AssertionError(f"{scheme} lets it in")
