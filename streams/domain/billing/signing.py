"""Signatures under seals: Ed25519, so that who verifies one cannot make one. BILLING.md section 8.

`cryptography` is asked for only where a key is given (the extra `signing`).
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import orjson

from streams.domain.billing.records import Seal, encode_seal

_MISSING = "signatures need the package `cryptography`: pip install 'baton-streams[signing]'"


class Ed25519Signer:
    """Signs seals with a private key in PEM. Raises ValueError where it is none."""

    def __init__(self, pem: bytes) -> None:
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
            from cryptography.hazmat.primitives.serialization import load_pem_private_key
        except ImportError:
            raise ValueError(_MISSING) from None
        try:
            key = load_pem_private_key(pem, None)
        except (ValueError, TypeError):
            raise ValueError("is no private key in PEM without a password") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("is no Ed25519 key")
        self._key = key
        self._key_id = _key_id(key.public_key().public_bytes_raw())

    def signed(self, seal: Seal) -> Seal:
        """The seal with key id and signature; the same for the same seal."""
        named = msgspec.structs.replace(seal, key_id=self._key_id, signature="")
        signature = self._key.sign(encode_seal(named)).hex()
        return msgspec.structs.replace(named, signature=signature)


def signature_problem(seal: bytes, public_pem: bytes) -> str | None:
    """What is wrong with a seal's signature under a public key in PEM; None where it is good.

    Raises ValueError where the key is none.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        raise ValueError(_MISSING) from None
    try:
        key = load_pem_public_key(public_pem)
    except (ValueError, TypeError):
        raise ValueError("is no public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("is no Ed25519 key")
    event: dict[str, Any] = orjson.loads(seal)
    signature, key_id = event["data"]["signature"], event["data"]["key_id"]
    if not signature:
        return "the seal is not signed"
    if key_id != _key_id(key.public_bytes_raw()):
        return f"the seal is signed with another key, {key_id}"
    event["data"]["signature"] = ""
    try:
        key.verify(bytes.fromhex(signature), orjson.dumps(event))
    except (InvalidSignature, ValueError):
        return "the signature is not of this seal"
    return None


def _key_id(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]
