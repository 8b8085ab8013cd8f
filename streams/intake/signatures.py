"""Who sent a request: each platform's own signature, or a credential where it signs nothing.

Sources, read 2026-11: developer.zendesk.com/documentation/webhooks/verifying; Intercom's signed
notifications (X-Hub-Signature); Chatwoot's Webhook schema (`secret`); Twilio's documentation on
security and its request validators; Amazon EventBridge CreateConnection (API key, basic), by which
events of Amazon Connect, Genesys Cloud and Salesforce reach an endpoint.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

REPLAY_WINDOW_S = 300
_SHORTEST_SECRET = 8
_SIGNED = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


class Unsigned(Exception):
    """A request that is not shown to come from its platform; the message says why, no secret."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it was signed: `headers` in lower case, `url` as the platform called it,
    `fields` those of a form.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    fields: Sequence[tuple[str, str]] = field(default=())

    def header(self, name: str) -> str:
        """A header's value. Raises Unsigned where there is none."""
        value = self.headers.get(name.lower(), "")
        if not value:
            raise Unsigned(f"no {name} header")
        return value


Scheme = Callable[[Asked, bytes, float], bool]


def verify(platform: str, asked: Asked, secrets: Sequence[str], now_s: float) -> None:
    """Return where one of `secrets` (two while they are changed) made the request's signature.

    `now_s` is the time in seconds since 1970, against which a signed time may differ by
    REPLAY_WINDOW_S. Raises Unsigned.
    """
    scheme = SCHEMES.get(platform, credential)
    # All are tried, so that the time taken tells nothing of which one fits.
    fits = [scheme(asked, secret.encode(), now_s) for secret in secrets]
    if not any(fits):
        raise Unsigned("the signature or credential does not fit")


def zendesk(asked: Asked, secret: bytes, now_s: float) -> bool:
    """base64 of HMAC-SHA256 over the time as it was written and the body."""
    said = asked.header("X-Zendesk-Webhook-Signature")
    time = asked.header("X-Zendesk-Webhook-Signature-Timestamp")
    try:
        moment = datetime.fromisoformat(time).timestamp()
    except (ValueError, OverflowError):
        raise Unsigned("X-Zendesk-Webhook-Signature-Timestamp is no time") from None
    _fresh(moment, now_s)
    made = hmac.digest(secret, _bytes(time) + asked.body, "sha256")
    return _same(base64.b64encode(made), said)


def intercom(asked: Asked, secret: bytes, now_s: float) -> bool:
    """`sha1=` and hex of HMAC-SHA1 over the body; no time is signed, so a replay is not noticed."""
    said = asked.header("X-Hub-Signature")
    return _same(b"sha1=" + _hex(hmac.digest(secret, asked.body, "sha1")), said)


def chatwoot(asked: Asked, secret: bytes, now_s: float) -> bool:
    """`sha256=` and hex of HMAC-SHA256 over `time.body`."""
    said = asked.header("X-Chatwoot-Signature")
    time = asked.header("X-Chatwoot-Timestamp")
    _fresh(_seconds(time, "X-Chatwoot-Timestamp"), now_s)
    made = hmac.digest(secret, _bytes(time) + b"." + asked.body, "sha256")
    return _same(b"sha256=" + _hex(made), said)


def twilio(asked: Asked, secret: bytes, now_s: float) -> bool:
    """base64 of HMAC-SHA1 over the address and, of a form, its names and values sorted by name.

    HMAC-SHA256 where a Webhooks Rule says so, whose shared key the secret then is. Any other body
    is in the address, as the hex SHA-256 `bodySHA256`. No time is signed.
    """
    said = asked.header("X-Twilio-Signature")
    settings = asked.headers.get("x-twilio-webhooks-signature-settings", "")
    algorithm = "sha256" if "algorithm=HMAC_SHA256" in settings else "sha1"
    signed = asked.url
    whole = True
    if asked.fields:
        signed += "".join(name + value for name, value in sorted(set(asked.fields)))
    elif asked.body:
        stated = parse_qs(urlsplit(asked.url).query).get("bodySHA256", [""])[0]
        whole = _same(_hex(hashlib.sha256(asked.body).digest()), stated)
    made = hmac.digest(secret, _bytes(signed), algorithm)
    return _same(base64.b64encode(made), said) and whole


def credential(asked: Asked, secret: bytes, now_s: float) -> bool:
    """The secret itself as bearer token, `X-Api-Key`, or `user:password` of basic authentication.

    For platforms that sign nothing; no time is signed.
    """
    scheme, _, said = asked.headers.get("authorization", "").partition(" ")
    key = asked.headers.get("x-api-key", "")
    if not said and not key:
        raise Unsigned("no Authorization or X-Api-Key header")
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(said.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(decoded, secret)
    if scheme.lower() == "bearer":
        return _same(secret, said.strip())
    return _same(secret, key)


def canonical(asked: Asked, secret: bytes, now_s: float) -> bool:
    """`X-Baton-Signature: t=SECONDS,v1=HEX`, HMAC-SHA256 over `SECONDS.body`; or a credential."""
    said = asked.headers.get("x-baton-signature", "")
    if not said:
        return credential(asked, secret, now_s)
    found = _SIGNED.fullmatch(said)
    if found is None:
        raise Unsigned("X-Baton-Signature must be t=SECONDS,v1=HEX")
    _fresh(float(found[1]), now_s)
    return _same(sign(secret, int(found[1]), asked.body).encode(), said)


def sign(secret: bytes, time_s: int, body: bytes) -> str:
    """The X-Baton-Signature of a body at a time in seconds since 1970."""
    made = hmac.digest(secret, str(time_s).encode() + b"." + body, "sha256")
    return f"t={time_s},v1={made.hex()}"


SCHEMES: dict[str, Scheme] = {
    "canonical": canonical,
    "chatwoot": chatwoot,
    "intercom": intercom,
    "twilio": twilio,
    "zendesk": zendesk,
}


def weakness(secret: str) -> str | None:
    """What is wrong with a secret that is meant to keep others out, if anything."""
    if len(secret) < _SHORTEST_SECRET:
        return f"has fewer than {_SHORTEST_SECRET} characters"
    return None


def _fresh(moment_s: float, now_s: float) -> None:
    if abs(now_s - moment_s) > REPLAY_WINDOW_S:
        raise Unsigned(
            f"signed more than {REPLAY_WINDOW_S} s from now: replayed, or a clock is off"
        )


def _seconds(text: str, name: str) -> float:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise Unsigned(f"{name} is no time in seconds")
    return float(text)


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")  # as the bytes came
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _hex(digest: bytes) -> bytes:
    return binascii.hexlify(digest)


def _same(made: bytes, said: str) -> bool:
    return hmac.compare_digest(made, _bytes(said))
