"""From what became of a claim to the items that say so. BILLING.md section 4.

Items are made here without their booking (period, class, sequence), which is the ledger's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from streams.domain.billing.records import BilledResolution, Charge, EpisodeId, Item, ItemStatus
from streams.domain.billing.resolutions import Claim, Settled, provisional
from streams.domain.contract import ContractBook

RETRACTED = "retracted"
RESTATED = "restated"
# In one k: what is begun, what is taken back, what is not billed, what is.
_ORDER: dict[ItemStatus, int] = {"provisional": 0, "reversal": 1, "void": 2, "final": 3}


class Draft(NamedTuple):
    """An item before it is booked; `reverses` is the draft of what it takes back."""

    status: ItemStatus
    charge: Charge
    revision: int
    about: BilledResolution
    amount_micros: int
    estimate_micros: int
    reason: str | None
    evidence_id: str
    reverses: Draft | None = None

    @property
    def order(self) -> tuple[int, EpisodeId, bool]:
        """Where it stands among those of its k."""
        return (_ORDER[self.status], self.about.of, self.charge == "agent_share")


@dataclass(slots=True)
class Account:
    """What was told so far of one episode's claim.

    `charged` are the finals that stand; `told` the reason last given against billing it, None while
    it is charged or nothing was said; `last` what the last item states.
    """

    announced: bool = False
    charged: tuple[Draft, ...] = ()
    told: str | None = None
    charges: int = 0
    voids: int = 0
    last: BilledResolution | None = field(default=None)

    def follow(self, claim: Claim, settled: Settled | None, book: ContractBook) -> list[Draft]:
        """The items that bring the account to what has become of the claim."""
        drafts: list[Draft] = []
        if claim.claimed and claim.ended is not None and not self.announced:
            expected = provisional(claim.ended, book)
            self.announced, self.last = True, expected.about
            estimate = expected.about.agreed_micros
            drafts.append(
                Draft(
                    "provisional", "claim", 0, expected.about, 0, estimate, None,
                    expected.evidence_id,
                )
            )  # fmt: skip
        if not self.announced:
            return drafts
        if settled is not None and settled.reason is None:
            if self.charged and not _same(self.charged[0].about, settled.about):
                drafts += self._reverse(RESTATED, settled.evidence_id)
            if not self.charged:
                drafts += self._charge(settled)
            return drafts
        reason = settled.reason if settled is not None else None
        if reason is None:
            if not self.charged and (claim.claimed or self.told == RETRACTED):
                return drafts  # open: its verification window is not over
            reason = RETRACTED
        evidence = settled.evidence_id if settled is not None else ""
        if self.charged:
            drafts += self._reverse(reason, evidence)
        elif reason != self.told:
            drafts.append(self._void(settled, reason))
        self.told = reason
        return drafts

    def _charge(self, settled: Settled) -> list[Draft]:
        self.charged = finals(settled.about, self.charges, settled.evidence_id)
        self.charges += 1
        self.told, self.last = None, settled.about
        return list(self.charged)

    def _reverse(self, reason: str, evidence_id: str) -> list[Draft]:
        drafts = [
            Draft(
                "reversal",
                one.charge,
                one.revision,
                one.about,
                -one.amount_micros,
                0,
                reason,
                evidence_id or one.evidence_id,
                one,
            )
            for one in self.charged
        ]
        self.charged = ()
        return drafts

    def _void(self, settled: Settled | None, reason: str) -> Draft:
        about = self.last if settled is None else settled.about
        assert about is not None
        self.last = about
        draft = Draft(
            "void", "claim", self.voids, about, 0, 0, reason,
            "" if settled is None else settled.evidence_id,
        )  # fmt: skip
        self.voids += 1
        return draft


def finals(about: BilledResolution, revision: int, evidence_id: str) -> tuple[Draft, ...]:
    """The items that charge a resolution."""
    return tuple(
        Draft("final", charge, revision, about, amount, 0, None, evidence_id)
        for charge, amount in about.lines
    )


def _same(charged: BilledResolution, now: BilledResolution) -> bool:
    return msgspec.structs.astuple(charged) == msgspec.structs.astuple(now)


def item_id_of(draft: Draft) -> str:
    """The id of the item that a draft becomes, wherever it is booked."""
    return Item(
        status=draft.status,
        charge=draft.charge,
        revision=draft.revision,
        about=draft.about,
        amount_micros=0,
        estimate_micros=0,
        reason=None,
        reverses_id=None,
        evidence_id="",
        booked_at=0,
        period="",
        service_period="",
        charge_class=None,
        sequence=0,
    ).id
