"""The draw: a lottery that neither side can steer, and that both can repeat afterwards.

Before the period each side publishes a commitment to a secret of its own; after it the secrets are
disclosed. Every episode's ticket is the HMAC-SHA256 (RFC 2104) of its name under the secrets, and
of each stratum those with the k lowest tickets are drawn (bottom-k). A ticket depends on nothing
but the name, so order of arrival, partitions and repetitions cannot change a draw; and who does not
know all the secrets cannot tell an episode that will be drawn from one that will not.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from heapq import heappush, heapreplace
from typing import NamedTuple

import orjson

from streams.domain.audit.strata import Frame, Stratum, Unit

# Fewer could be found by trying all of them against the commitment.
LEAST_CHARACTERS = 32
_COMMITMENT = "baton.audit.commitment.v1"


class DrawError(ValueError):
    """A draw that cannot be made; the message says why, and never a secret."""


def commitment(contract: str, period: str, secret: str) -> str:
    """What is published of a secret before its period: SHA-256 in hexadecimal of the JSON array
    ["baton.audit.commitment.v1", contract, period, secret] without spaces.

    Raises DrawError for a secret that could be guessed or has more than one line.
    """
    if len(secret) < LEAST_CHARACTERS:
        raise DrawError(
            f"a secret of {len(secret)} characters can be guessed from its commitment; take"
            f" {LEAST_CHARACTERS} or more"
        )
    if "\n" in secret:
        raise DrawError("a secret is one line")
    return hashlib.sha256(orjson.dumps([_COMMITMENT, contract, period, secret])).hexdigest()


def draw_key(secrets: Iterable[str]) -> bytes:
    """The key of the draw: the secrets in order, a line each; the secret itself if there is one.

    Raises DrawError without any, or where one is given twice.
    """
    given = sorted(secrets)
    if not given:
        raise DrawError("a draw needs the secret of its period")
    if len(set(given)) < len(given):
        raise DrawError("the same secret was given twice")
    return "\n".join(given).encode()


def ticket(key: bytes, contract: str, period: str, unit: Unit) -> str:
    """The ticket of an episode, in hexadecimal: HMAC of the JSON array [contract, period,
    conversation, life as 2026-06-01, episode] without spaces.
    """
    name = orjson.dumps([contract, period, *unit.named])
    return hmac.digest(key, name, "sha256").hex()


class Place(NamedTuple):
    """Where an episode stands in the draw of its stratum; `rank` from 1, the lowest ticket."""

    rank: int
    ticket: str


def drawn(frame: Frame, sizes: Mapping[Stratum, int], key: bytes, period: str) -> dict[Unit, Place]:
    """The drawn of each stratum, by stratum and rank.

    Needs the memory of what is drawn, whatever the frame holds.
    """
    # Of each stratum those with the lowest tickets so far, the highest of them first.
    lowest: dict[Stratum, list[tuple[int, Unit]]] = {stratum: [] for stratum in sorted(sizes)}
    for unit, stratum in frame.units():
        heap = lowest[stratum]
        one = (-int(ticket(key, frame.contract, period, unit), 16), unit)
        if len(heap) < sizes[stratum]:
            heappush(heap, one)
        elif heap and one > heap[0]:
            heapreplace(heap, one)
    return {
        unit: Place(rank, f"{-number:064x}")
        for heap in lowest.values()
        for rank, (number, unit) in enumerate(sorted(heap, reverse=True), start=1)
    }
