"""One change between two versions of a contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Area = Literal["terms", "clause", "money"]
Effect = Literal["stricter", "looser", "neutral"]


@dataclass(frozen=True, slots=True)
class Change:
    """What changes, in words; `effect` is the supplier's side of it, `clause` the promise that it
    is about, None for the whole contract.
    """

    area: Area
    text: str
    effect: Effect = "neutral"
    clause: str | None = None
