"""What a contract agrees about audit samples: how exact they must be, and by what they are split.

Shares are parts per million. What follows from them: sizes.py, strata.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Split = Literal["outcome", "channel", "failure_reason", "market", "journey", "supplier"]
SPLITS: tuple[Split, ...] = get_args(Split)
Allocation = Literal["proportional", "each"]


@dataclass(frozen=True, slots=True)
class SamplingTerms:
    """The sampling plan of one version of a contract.

    An estimate must lie within `margin_ppm` of the truth with confidence `confidence_ppm`: that of
    the whole (`proportional`), or that of every stratum (`each`). `minimum` is the least drawn of a
    stratum that has as many. Strata are split by `strata`, in this order.
    """

    confidence_ppm: int = 950_000
    margin_ppm: int = 50_000
    minimum: int = 5
    allocation: Allocation = "proportional"
    strata: tuple[Split, ...] = ("outcome", "channel", "failure_reason")

    @property
    def level(self) -> float:
        """What intervals may miss: 0.05 at a confidence of 95 %."""
        return (1_000_000 - self.confidence_ppm) / 1_000_000
