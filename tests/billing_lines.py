"""A few months of one contract's billing records, written by hand: no ledger is asked."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.domain.billing.records import (
    Adjustment,
    BilledResolution,
    Item,
    Seal,
    encode_booked,
    encode_seal,
)

CONTRACT = "telco-2026"
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
# Midnight of 1 June and 1 July 2026 in Singapore.
JUNE_MS, JULY_MS = 1_780_243_200_000, 1_782_835_200_000


def resolution(number: int, time: int, **given: Any) -> BilledResolution:
    """The number-th, priced at 1.40 SGD."""
    told: dict[str, Any] = {
        "contract": CONTRACT, "version": 1, "conversation": f"c-{number}", "life": 20_600,
        "episode": 1, "time": time, "channel": "chat", "market": "SG", "journey": "billing",
        "supplier": "northcall", "query_type": None, "resolved_by": "ai", "evidence": "verified",
        "currency": "SGD", "client_former_micros": 3_200_000, "provider_micros": 800_000,
        "agreed_micros": 1_400_000, "agent_micros": 0,
    }  # fmt: skip
    return BilledResolution(**(told | given))


def item(number: int, time: int = JUNE_MS + HOUR_MS, **given: Any) -> Item:
    """The number-th resolution billed in June."""
    about = given.pop("about", None) or resolution(number, time)
    told: dict[str, Any] = {
        "status": "final", "charge": "resolution", "revision": 0, "about": about,
        "amount_micros": about.agreed_micros, "estimate_micros": 0, "reason": None,
        "reverses_id": None, "evidence_id": "f" * 32, "booked_at": time, "period": "2026-06",
        "service_period": "2026-06", "charge_class": None, "sequence": number + 1,
    }  # fmt: skip
    return Item(**(told | given))


def reversal(of: Item, **given: Any) -> Item:
    """What takes an item back."""
    told: dict[str, Any] = {
        "status": "reversal", "amount_micros": -of.amount_micros, "reason": "void",
        "reverses_id": of.id,
    }  # fmt: skip
    return msgspec.structs.replace(of, **(told | given))


def adjustment(kind: str = "service_credit", amount: int = -750_000, **given: Any) -> Adjustment:
    """A line of June's close."""
    told: dict[str, Any] = {
        "kind": kind, "contract": CONTRACT, "version": 1, "clause": "voice-within",
        "clause_period": "2026-06", "revision": 0, "time": JULY_MS, "amount_micros": amount,
        "currency": "SGD", "quantity": None, "base_micros": None, "numerator": 1,
        "denominator": 2, "samples": 2, "threshold_ppm": 1, "band_ppm": 1, "weight_ppm": 1,
        "at_risk_ppm": 1, "key": None, "formula": "1 x 1", "booked_at": JULY_MS + 72 * HOUR_MS,
        "period": "2026-06", "service_period": "2026-06", "charge_class": None, "sequence": 900,
    }  # fmt: skip
    return Adjustment(**(told | given))


def seal() -> Seal:
    """The end of June."""
    return Seal(
        contract=CONTRACT, period="2026-06", closed_at=JULY_MS + 72 * HOUR_MS, records=1,
        total_micros=1, currency="SGD", head="0" * 64, previous_head="0" * 64,
    )  # fmt: skip


def june(resolutions: int) -> tuple[list[bytes], list[bytes]]:
    """(records of billing-items, of billing-adjustments): each resolution is announced and
    charged, each third taken back, each fourth not billed.
    """
    items: list[Item] = []
    for number in range(resolutions):
        time = JUNE_MS + (number + 1) * MINUTE_MS
        charged = item(number, time)
        claim = msgspec.structs.replace(charged, charge="claim", amount_micros=0)
        items.append(msgspec.structs.replace(claim, status="provisional"))
        if number % 4 == 3:
            items.append(msgspec.structs.replace(claim, status="void", reason="void"))
            continue
        items.append(charged)
        if number % 3 == 2:
            items.append(reversal(charged))
    lines = [adjustment(), adjustment("fixed_fee", 9_000_000_123, clause=None, clause_period=None)]
    return [encode_booked(one) for one in items], [
        *(encode_booked(line) for line in lines),
        encode_seal(seal()),
    ]
