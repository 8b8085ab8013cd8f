"""What billing reads and what it writes. BILLING.md sections 1, 4, 6 and 8.

Times in ms since 1970 UTC, amounts in micro-units of `currency`. The batch computation shares these
record types and their bytes, and nothing else of this package.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import orjson

from streams.domain.facts import SOURCE, Fact, life_date, rfc3339

ItemStatus = Literal["provisional", "final", "void", "reversal"]
Charge = Literal["claim", "resolution", "agent_share"]
LineKind = Literal[
    "allowance",
    "volume_discount",
    "cap",
    "minimum",
    "fixed_fee",
    "service_credit",
    "credit_cap",
    "earn_back",
    "rounding",
]
CORRECTION = "Correction"
# (conversation, life, episode): one resolution of a contract
EpisodeId = tuple[str, int, int]


class Told(msgspec.Struct, frozen=True):
    """A fact, the moment it was known, and whose a visit or resolved close is (None: nobody's)."""

    fact: Fact
    known: int
    customer: bytes | None = None


class BilledResolution(msgspec.Struct, frozen=True, kw_only=True):
    """What a line states of the resolution that it is about."""

    contract: str
    version: int
    conversation: str
    life: int
    episode: int
    time: int
    channel: str
    market: str
    journey: str
    supplier: str
    query_type: str | None
    resolved_by: str
    evidence: str
    currency: str
    client_former_micros: int | None
    provider_micros: int | None
    agreed_micros: int
    agent_micros: int

    @property
    def of(self) -> EpisodeId:
        """The resolution's episode."""
        return (self.conversation, self.life, self.episode)

    @property
    def lines(self) -> tuple[tuple[Charge, int], ...]:
        """Its charges with their amounts: the price, of which the human agent's share is apart."""
        rest: tuple[Charge, int] = ("resolution", self.agreed_micros - self.agent_micros)
        return (rest, ("agent_share", self.agent_micros)) if self.agent_micros else (rest,)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `billing-items`. `booked_at` is the k at which it was booked, `period` where."""

    status: ItemStatus
    charge: Charge
    revision: int
    about: BilledResolution
    amount_micros: int
    estimate_micros: int
    reason: str | None
    reverses_id: str | None
    evidence_id: str
    booked_at: int
    period: str
    service_period: str
    charge_class: str | None
    sequence: int

    @property
    def id(self) -> str:
        """Deterministic: section 4.7."""
        about = self.about
        return digest(
            [
                about.contract,
                about.version,
                about.conversation,
                life_date(about.life),
                about.episode,
                self.charge,
                self.status,
                self.revision,
            ]
        )


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `billing-adjustments`; figures that do not apply are None. `time` is the end of
    what it is about.
    """

    kind: LineKind
    contract: str
    version: int
    clause: str | None
    clause_period: str | None
    revision: int
    time: int
    amount_micros: int
    currency: str
    quantity: int | None
    base_micros: int | None
    numerator: int | None
    denominator: int | None
    samples: int | None
    threshold_ppm: int | None
    band_ppm: int | None
    weight_ppm: int | None
    at_risk_ppm: int | None
    key: str | None
    formula: str
    booked_at: int
    period: str
    service_period: str
    charge_class: str | None
    sequence: int

    @property
    def id(self) -> str:
        """Deterministic: section 6."""
        return digest(
            [
                self.contract,
                self.kind,
                self.clause or "",
                self.clause_period or "",
                self.service_period,
                self.period if self.kind == "rounding" else "",
                self.revision,
            ]
        )


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a closed period's chain. `signature` and `key_id` are empty where unsigned."""

    contract: str
    period: str
    closed_at: int
    records: int
    total_micros: int
    currency: str
    head: str
    previous_head: str
    key_id: str = ""
    signature: str = ""

    @property
    def id(self) -> str:
        """Deterministic: one a contract and period."""
        return digest([self.contract, "period_closed", self.period])


Booked = Item | Adjustment


def encode_item(item: Item) -> bytes:
    """The item as a structured CloudEvent; equal items give equal bytes."""
    about = item.about
    return cloud_event(
        item.id,
        f"baton.billing.{item.status}",
        about.time,
        about.contract,
        {
            "contract": about.contract,
            "contract_version": about.version,
            "period": item.period,
            "service_period": item.service_period,
            "sequence": item.sequence,
            "booked_at": rfc3339(item.booked_at),
            "charge": item.charge,
            "charge_class": item.charge_class,
            "revision": item.revision,
            "conversation_id": about.conversation,
            "life": life_date(about.life),
            "episode": about.episode,
            "channel": about.channel,
            "market": about.market,
            "journey": about.journey,
            "supplier": about.supplier,
            "query_type": about.query_type,
            "resolved_by": about.resolved_by,
            "evidence": about.evidence,
            "quantity": _quantity(item),
            "unit": "resolution",
            "amount_micros": item.amount_micros,
            "estimate_micros": item.estimate_micros,
            "currency": about.currency,
            "agreed_micros": about.agreed_micros,
            "client_former_micros": about.client_former_micros,
            "provider_micros": about.provider_micros,
            "agent_micros": about.agent_micros,
            "reason": item.reason,
            "reverses_id": item.reverses_id,
            "evidence_id": item.evidence_id,
        },
    )


def _quantity(item: Item) -> int:
    # Of a resolution in two lines one counts, so that quantities add up to resolutions.
    if item.charge != "resolution":
        return 0
    return {"final": 1, "reversal": -1}.get(item.status, 0)


def encode_adjustment(line: Adjustment) -> bytes:
    """The adjustment as a structured CloudEvent; equal adjustments give equal bytes."""
    data = adjustment_data(line)
    return cloud_event(line.id, f"baton.billing.{line.kind}", line.time, line.contract, data)


def adjustment_data(line: Adjustment) -> dict[str, str | int | None]:
    """What the adjustment says, in the order of its schema."""
    return {
        "contract": line.contract,
        "contract_version": line.version,
        "period": line.period,
        "service_period": line.service_period,
        "sequence": line.sequence,
        "booked_at": rfc3339(line.booked_at),
        "clause": line.clause,
        "clause_period": line.clause_period,
        "charge_class": line.charge_class,
        "revision": line.revision,
        "amount_micros": line.amount_micros,
        "currency": line.currency,
        "quantity": line.quantity,
        "base_micros": line.base_micros,
        "numerator": line.numerator,
        "denominator": line.denominator,
        "samples": line.samples,
        "threshold_ppm": line.threshold_ppm,
        "band_ppm": line.band_ppm,
        "weight_ppm": line.weight_ppm,
        "at_risk_ppm": line.at_risk_ppm,
        "key": line.key,
        "formula": line.formula,
    }


def encode_seal(seal: Seal) -> bytes:
    """The seal as a structured CloudEvent; equal seals give equal bytes."""
    return cloud_event(
        seal.id,
        "baton.billing.period_closed",
        seal.closed_at,
        seal.contract,
        {
            "contract": seal.contract,
            "period": seal.period,
            "records": seal.records,
            "total_micros": seal.total_micros,
            "currency": seal.currency,
            "head": seal.head,
            "previous_head": seal.previous_head,
            "key_id": seal.key_id,
            "signature": seal.signature,
        },
    )


def encode_booked(record: Booked) -> bytes:
    """The canonical bytes of an item or adjustment."""
    return encode_item(record) if isinstance(record, Item) else encode_adjustment(record)


def cloud_event(
    event_id: str, kind: str, time: int, subject: str, data: Mapping[str, Any]
) -> bytes:
    """The bytes of a structured CloudEvent of `time` (ms); `data` in the order of its schema."""
    raw = orjson.dumps(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": SOURCE,
            "type": kind,
            "time": rfc3339(time),
            "subject": subject,
            "datacontenttype": "application/json",
            "data": data,
        }
    )
    # orjson gives a buffer of 4 to 16 kB whatever its length, and many are kept until a flush.
    return bytes(memoryview(raw))


def digest(parts: list[str | int]) -> str:
    """What ids are made of: section 4.7."""
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]
