"""What of BILLING.md a month's statements have, so that what is missing is said and not passed
over in silence.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from streams.domain.billing.records import LineKind
from streams.domain.billing.statement import Statement
from streams.domain.commercial import RESOLVERS

_ITEM = Path(__file__).parents[2] / "schemas" / "outputs" / "billing-item.json"
# What is in a month must have been booked in time; of a closed period, corrections.
_CORRECTED = ("final", "reversal", "void")
# These follow from others, or from the calendar, and are seldom restated.
_NOT_RESTATED = frozenset(("allowance", "minimum", "fixed_fee", "earn_back", "rounding"))


def expected() -> set[str]:
    """Every reason for which nothing is billed (2.5, 4.3), every reason of a reversal that is not
    one of those (4.4), every kind of line (6), who resolves (2.2), and corrections (5.3, 6).
    """
    reasons = json.loads(_ITEM.read_text())["properties"]["data"]["properties"]["reason"]["enum"]
    void = {f"void: {reason}" for reason in reasons if reason not in (None, "restated")}
    lines = {str(kind) for kind in get_args(LineKind)}
    return {
        *void,
        *("reversal: disputed", "reversal: restated"),
        *("final: resolution", "final: agent_share"),
        *(f"resolved by {who}" for who in RESOLVERS),
        *lines,
        *(f"correction: {kind}" for kind in lines - _NOT_RESTATED),
        *(f"correction: {status}" for status in _CORRECTED),
    }


def seen(statements: Iterable[Statement]) -> Counter[str]:
    """How often each of these is there, and whatever else is."""
    found: Counter[str] = Counter()
    for statement in statements:
        for entry in statement.entries:
            kind = str(entry["type"]).removeprefix("baton.billing.")
            if entry["charge_class"] is not None:
                found[f"correction: {kind}"] += 1
            if kind in ("void", "reversal"):
                found[f"{kind}: {entry['reason']}"] += 1
            elif kind == "final":
                found[f"final: {entry['charge']}"] += 1
                found[f"resolved by {entry['resolved_by']}"] += 1
            elif kind != "provisional":
                found[kind] += 1
    return found


def missing(statements: Iterable[Statement]) -> list[str]:
    """What of all that is in none of them."""
    return sorted(expected() - seen(statements).keys())
