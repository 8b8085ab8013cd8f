"""Breach records: what `sla-breaches` carries. DEFINITIONS.md section 9."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec
import orjson

from streams.domain.facts import SOURCE, life_date, rfc3339

BreachStatus = Literal["opened", "updated", "closed"]
EVIDENCE_LIMIT = 10


class Waiting(msgspec.Struct, frozen=True, order=True):
    """One open overdue escalation: since when (T0, ms), of which conversation and life."""

    t0: int
    conversation: str
    life: int
    episode: int
    ordinal: int


class BreachRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A change of one breach. Times in ms since 1970 UTC.

    `key` are the grouping's values in order, as (dimension, value). For `escalation_wait`,
    `numerator` is how many overdue escalations are open and `denominator` and `target_ppm` are 0;
    `waiting` are the oldest of them.
    """

    status: BreachStatus
    contract: str
    version: int
    clause: str
    indicator: str
    severity: str
    key: tuple[tuple[str, str], ...]
    opened_at: int
    time: int
    numerator: int
    denominator: int
    target_ppm: int
    waiting: tuple[Waiting, ...] = ()

    @property
    def id(self) -> str:
        """The breach's id: the same for its opening, updates and close."""
        text = "\x1f".join(
            (self.contract, self.clause, *(f"{d}={v}" for d, v in self.key), str(self.opened_at))
        )
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def encode_breach(record: BreachRecord) -> bytes:
    """The record as a structured CloudEvent; equal records give equal bytes."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"{record.id}:{record.status}:{record.time}",
            "source": SOURCE,
            "type": f"baton.breach.{record.status}",
            "time": rfc3339(record.time),
            "subject": record.clause,
            "datacontenttype": "application/json",
            "data": {
                "breach_id": record.id,
                "contract": record.contract,
                "contract_version": record.version,
                "clause": record.clause,
                "indicator": record.indicator,
                "severity": record.severity,
                "key": dict(record.key),
                "opened_at": rfc3339(record.opened_at),
                "numerator": record.numerator,
                "denominator": record.denominator,
                "target_ppm": record.target_ppm,
                "waiting": [
                    {
                        "conversation_id": w.conversation,
                        "life": life_date(w.life),
                        "episode": w.episode,
                        "ordinal": w.ordinal,
                        "t0": rfc3339(w.t0),
                    }
                    for w in record.waiting
                ],
            },
        }
    )
