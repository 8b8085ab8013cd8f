"""What a vendor claims against what is billed: every disagreement, once. BILLING.md section 9."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Kind = Literal[
    "duplicate",
    "unknown",
    "not_billable",
    "wrong_currency",
    "wrong_amount",
    "wrong_terms",
    "missing",
]
TERMS = ("contract_version", "channel", "journey", "query_type", "resolved_by")


class VendorClaim(NamedTuple):
    """One row of a vendor's file. `where` names file and line; `terms` what it says of TERMS."""

    where: str
    conversation: str
    life: str | None
    episode: int
    amount_micros: int
    currency: str | None
    terms: tuple[tuple[str, str], ...]


class Disagreement(NamedTuple):
    """One row, or one billed resolution, that the parties do not agree on; ours None: nothing."""

    kind: Kind
    where: str | None
    conversation: str
    life: str | None
    episode: int
    ours_micros: int | None
    theirs_micros: int | None
    detail: str
    evidence: tuple[str, ...]

    @property
    def difference_micros(self) -> int:
        """How much more they claim than is billed."""
        return (self.theirs_micros or 0) - (self.ours_micros or 0)


@dataclass(slots=True)
class _Ours:
    """What a statement says of one resolution."""

    life: str
    conversation: str
    episode: int
    currency: str = ""
    net_micros: int = 0
    billed: bool = False
    reason: str | None = None
    terms: dict[str, Any] = field(default_factory=dict)
    evidence: list[str] = field(default_factory=list)


def reconciled(
    ours: Iterable[Mapping[str, Any]], theirs: Iterable[VendorClaim]
) -> list[Disagreement]:
    """Every disagreement of a statement's entries with what they claim: of their rows in their
    order, then what they do not claim.
    """
    held = _resolutions(ours)
    by_conversation: dict[tuple[str, int], list[_Ours]] = defaultdict(list)
    for one in held.values():
        by_conversation[one.conversation, one.episode].append(one)
    seen: set[tuple[str, str, int]] = set()
    found: list[Disagreement] = []
    for claim in theirs:
        candidates = [
            one
            for one in by_conversation.get((claim.conversation, claim.episode), [])
            if claim.life in (None, one.life)
        ]
        fresh = [one for one in candidates if _place(one) not in seen]
        # Without a life the row is for one that is billed, if there is one that nobody claimed.
        mine = next(iter(sorted(fresh, key=lambda one: (not one.billed, one.life))), None)
        if mine is None:
            kind: Kind = "duplicate" if candidates else "unknown"
            text = "is claimed already" if candidates else "no claim of it is in the statement"
            again = candidates[0] if candidates else None
            found.append(_about(kind, claim, again, text))
            continue
        seen.add(_place(mine))
        told = _disagreement(claim, mine)
        if told is not None:
            found.append(told)
    for one in held.values():
        if one.billed and _place(one) not in seen:
            found.append(
                Disagreement(
                    "missing", None, one.conversation, one.life, one.episode, one.net_micros, None,
                    "is billed and not claimed", tuple(one.evidence),
                )
            )  # fmt: skip
    return found


def _disagreement(claim: VendorClaim, mine: _Ours) -> Disagreement | None:
    if not mine.billed:
        return _about("not_billable", claim, mine, mine.reason or "its window is not over")
    if claim.currency not in (None, mine.currency):
        return _about("wrong_currency", claim, mine, f"{claim.currency}, not {mine.currency}")
    if claim.amount_micros != mine.net_micros:
        return _about("wrong_amount", claim, mine, "another amount")
    other = [
        f"{name} {value}, not {_text(mine.terms.get(name))}"
        for name, value in claim.terms
        if value != _text(mine.terms.get(name))
    ]
    return _about("wrong_terms", claim, mine, "; ".join(other)) if other else None


def _about(kind: Kind, claim: VendorClaim, mine: _Ours | None, detail: str) -> Disagreement:
    return Disagreement(
        kind=kind,
        where=claim.where,
        conversation=claim.conversation,
        life=claim.life if mine is None else mine.life,
        episode=claim.episode,
        ours_micros=None if mine is None or kind == "duplicate" else mine.net_micros,
        theirs_micros=claim.amount_micros,
        detail=detail,
        evidence=() if mine is None else tuple(mine.evidence),
    )


def _resolutions(entries: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, int], _Ours]:
    found: dict[tuple[str, str, int], _Ours] = {}
    for entry in entries:
        if entry.get("conversation_id") is None:
            continue
        place = (entry["conversation_id"], entry["life"], entry["episode"])
        one = found.get(place)
        if one is None:
            one = found[place] = _Ours(entry["life"], entry["conversation_id"], entry["episode"])
        one.net_micros += entry["amount_micros"]
        one.evidence.append(entry["id"])
        one.currency = entry["currency"]
        one.terms = {name: entry[name] for name in TERMS}
        status = str(entry["type"]).removeprefix("baton.billing.")
        if status == "final":
            one.billed, one.reason = True, None
        elif status in ("reversal", "void"):
            one.billed, one.reason = False, entry["reason"]
    return found


def _place(one: _Ours) -> tuple[str, str, int]:
    return (one.conversation, one.life, one.episode)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def counts_of(disagreements: Sequence[Disagreement]) -> dict[str, int]:
    """How many of each kind."""
    counts: dict[str, int] = defaultdict(int)
    for one in disagreements:
        counts[one.kind] += 1
    return dict(counts)
