"""How long billing must remember what it was told. BILLING.md sections 1, 2 and 6.

A late event is read less than LATE_LIMIT_MS after its own time and changes only facts at or after
that time, so every record of a fact is known at most that long after the fact. What follows from
it is bounded by the contract's windows: V, the verification window; D, that in which a resolution
can be disputed; M, that of a matter; each the longest of all versions. All in ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streams.domain.contract import Terms
from streams.domain.links import HORIZONS_MS
from streams.domain.memory import DAY_MS, LATE_LIMIT_MS

_LONGEST_LINK_MS = max(HORIZONS_MS.values())
# A claim that was taken back may stand again, under the ids that it had, as long as its episode can
# end again: what was told of it is kept so long after the claim. No life is open for that long.
RETRACTED_KEPT_MS = 400 * DAY_MS


@dataclass(frozen=True, slots=True)
class Horizons:
    """How long after its own time each thing can still change anything, in ms.

    `record_ms`: a fact, by records of it. `claim_ms`: what became of a claim, after its close: a
    dispute may fall on it until its maturity + D. `matter_ms`: what became of other claims of its
    matter. `link_ms`: of a visit or close, whether customers came back.
    """

    record_ms: int
    claim_ms: int
    matter_ms: int
    link_ms: int

    @staticmethod
    def of(versions: Sequence[Terms]) -> Horizons:
        """Those of a contract."""
        rules = [terms.commercial.billing for terms in versions if terms.commercial is not None]
        verification = max(terms.verification_ms for terms in versions)
        dispute = max((one.dispute_ms for one in rules), default=0)
        matter = max((one.matter_ms for one in rules), default=0)
        claim = verification + dispute + LATE_LIMIT_MS
        link = _LONGEST_LINK_MS + LATE_LIMIT_MS
        return Horizons(LATE_LIMIT_MS, claim, max(claim + matter, link), link)
