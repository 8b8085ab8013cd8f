"""A request is let in with its platform's signature, and without it is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.intake.signatures import (
    REPLAY_WINDOW_S,
    SCHEMES,
    Asked,
    Unsigned,
    sign,
    verify,
    weakness,
)

NOW_S = 1_780_000_000.0
SECRET = "s3cret-of-the-tests"
BODY = '{"a": "ü"}'.encode()


def hexed(algorithm: str, message: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), message, algorithm).hexdigest()


def based(algorithm: str, message: bytes, secret: str = SECRET) -> str:
    digest = hmac.new(secret.encode(), message, algorithm).digest()
    return base64.b64encode(digest).decode()


def zendesk(time_s: float = NOW_S, body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    time = datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "x-zendesk-webhook-signature": based("sha256", time.encode() + body, secret),
        "x-zendesk-webhook-signature-timestamp": time,
    }


def chatwoot(time_s: float = NOW_S, body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    time = str(int(time_s))
    made = hexed("sha256", f"{time}.".encode() + body, secret)
    return {"x-chatwoot-signature": f"sha256={made}", "x-chatwoot-timestamp": time}


def intercom(time_s: float = NOW_S, body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    return {"x-hub-signature": f"sha1={hexed('sha1', body, secret)}"}


def canonical(time_s: float = NOW_S, body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    return {"x-baton-signature": sign(secret.encode(), int(time_s), body)}


SIGNERS = {
    "zendesk": zendesk,
    "chatwoot": chatwoot,
    "intercom": intercom,
    "canonical": canonical,
}
TIMED = ("zendesk", "chatwoot", "canonical")


def asked(
    headers: Mapping[str, str], body: bytes = BODY, url: str = "https://h.example/x"
) -> Asked:
    return Asked(url, headers, body)


@pytest.mark.parametrize("name", SIGNERS)
def test_the_platform_s_own_signature_is_let_in(name: str) -> None:
    verify(name, asked(SIGNERS[name]()), (SECRET,), NOW_S)


@pytest.mark.parametrize("name", SIGNERS)
def test_while_a_secret_is_changed_either_is_let_in(name: str) -> None:
    for secret in ("the-old-secret", SECRET):
        headers = SIGNERS[name](secret=secret)
        verify(name, asked(headers), ("the-old-secret", SECRET), NOW_S)


@pytest.mark.parametrize("name", SIGNERS)
def test_another_secret_body_or_none_is_not_let_in(name: str) -> None:
    for headers in (SIGNERS[name](secret="another-secret"), SIGNERS[name](body=b"{}"), {}):
        with pytest.raises(Unsigned):
            verify(name, asked(headers), (SECRET,), NOW_S)


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("off_s", [-REPLAY_WINDOW_S - 1, REPLAY_WINDOW_S + 1])
def test_what_was_signed_long_ago_or_ahead_is_a_replay(name: str, off_s: int) -> None:
    verify(name, asked(SIGNERS[name](NOW_S + off_s / 2)), (SECRET,), NOW_S)
    with pytest.raises(Unsigned, match="signed more than 300 s from now"):
        verify(name, asked(SIGNERS[name](NOW_S + off_s)), (SECRET,), NOW_S)


@pytest.mark.parametrize("name", TIMED)
def test_a_newer_time_does_not_fit_the_signature(name: str) -> None:
    old, new = SIGNERS[name](NOW_S - 100), SIGNERS[name](NOW_S)
    if name == "canonical":
        new["x-baton-signature"] = (
            new["x-baton-signature"].split(",")[0] + "," + old["x-baton-signature"].split(",")[1]
        )
    else:
        signed = next(key for key in old if not key.endswith("timestamp"))
        new[signed] = old[signed]
    with pytest.raises(Unsigned):
        verify(name, asked(new), (SECRET,), NOW_S)


TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"


@pytest.mark.parametrize(
    ("number", "signature"),
    [
        # Published with Twilio's request validators: token 12345.
        ("+12349013030", "0/KCTR6DLpKmkAf8muzZqo1nDgQ="),
        ("+14158675309", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ],
)
def test_twilio_s_published_examples_fit(number: str, signature: str) -> None:
    fields = (
        *(("CallSid", "CA1234567890ABCDE"), ("Caller", number), ("Digits", "1234")),
        *(("From", number), ("To", "+18005551212")),
    )
    headers = {"x-twilio-signature": signature}
    request = Asked(TWILIO_URL, headers, b"whatever", fields[::-1])
    verify("twilio", request, ("12345",), NOW_S)
    with pytest.raises(Unsigned):
        verify("twilio", Asked(TWILIO_URL, headers, b"", fields[1:]), ("12345",), NOW_S)
    with pytest.raises(Unsigned):
        verify("twilio", Asked(TWILIO_URL + "0", headers, b"", fields), ("12345",), NOW_S)


def test_a_twilio_body_that_is_no_form_is_told_by_its_digest_in_the_address() -> None:
    url = f"https://h.example/hooks/twilio?bodySHA256={hashlib.sha256(BODY).hexdigest()}"
    headers = {"x-twilio-signature": based("sha1", url.encode())}
    verify("twilio", Asked(url, headers, BODY), (SECRET,), NOW_S)
    for other in (b"[]", BODY + b" "):
        with pytest.raises(Unsigned):
            verify("twilio", Asked(url, headers, other), (SECRET,), NOW_S)
    bare = "https://h.example/hooks/twilio"
    headers = {"x-twilio-signature": based("sha1", bare.encode())}
    with pytest.raises(Unsigned):
        verify("twilio", Asked(bare, headers, BODY), (SECRET,), NOW_S)


def test_a_webhooks_rule_of_twilio_signs_by_sha256_with_its_shared_key() -> None:
    headers = {
        "x-twilio-signature": based("sha256", TWILIO_URL.encode()),
        "x-twilio-webhooks-signature-settings": "key=WK1,algorithm=HMAC_SHA256",
    }
    verify("twilio", Asked(TWILIO_URL, headers, b""), (SECRET,), NOW_S)
    headers["x-twilio-signature"] = based("sha1", TWILIO_URL.encode())
    with pytest.raises(Unsigned):
        verify("twilio", Asked(TWILIO_URL, headers, b""), (SECRET,), NOW_S)


@pytest.mark.parametrize("name", ["genesys", "amazon-connect", "salesforce", "canonical"])
def test_who_signs_nothing_shows_a_credential(name: str) -> None:
    assert name == "canonical" or name not in SCHEMES
    basic = base64.b64encode(b"user:a-password").decode()
    for headers, secret in (
        ({"authorization": f"Bearer {SECRET}"}, SECRET),
        ({"x-api-key": SECRET}, SECRET),
        ({"authorization": f"Basic {basic}"}, "user:a-password"),
    ):
        verify(name, asked(headers), (secret,), NOW_S)
        with pytest.raises(Unsigned):
            verify(name, asked(headers), ("another-secret",), NOW_S)


@given(
    st.sampled_from([*SCHEMES, "genesys"]),
    st.dictionaries(
        st.sampled_from(
            [
                *("authorization", "x-api-key", "x-baton-signature", "x-hub-signature"),
                *("x-chatwoot-signature", "x-chatwoot-timestamp", "x-twilio-signature"),
                *("x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp"),
            ]
        ),
        st.text(st.characters(exclude_categories=()))
        | st.sampled_from(["Basic =", "Basic \ud800"]),
    ),
    st.binary(max_size=20),
)
def test_nothing_that_is_made_up_is_let_in_or_raises_anything_else(
    name: str, headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(Unsigned):
        verify(name, asked(headers, body), (SECRET,), NOW_S)


def test_a_secret_that_is_guessed_at_once_is_none() -> None:
    assert weakness("1234567")
    assert weakness(SECRET) is None
