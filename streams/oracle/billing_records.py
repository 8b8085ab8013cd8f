"""What billing reads, from the batch judge's verdict on a log. BILLING.md section 1.

Times in ms since 1970 UTC.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict

from streams.domain.billing.records import Told
from streams.domain.links import customer_digest
from streams.domain.memory import FORGET_AFTER_MS
from streams.oracle.judge import Verdict


def billing_records(verdict: Verdict, contract: str) -> list[Told]:
    """Every fact of one contract as billing reads it, by the moment it was known, then by id."""
    ends = _remembered_until(verdict, contract)
    found: list[Told] = []
    for fact in verdict.facts:
        if fact.contract == contract:
            customer = None if fact.retracts else verdict.customers.get(fact.id)
            known = verdict.known.get(fact.id, fact.time)
            whose = None
            if customer is not None:
                # Whoever is heard of after that is taken for somebody else (section 12).
                before = bisect_left(sorted(ends[customer]), known)
                again = f"\x00{before}" if before else ""
                whose = customer_digest(contract, customer + again)
            found.append(Told(fact, known, whose))
    return sorted(found, key=lambda told: (told.known, told.fact.id))


def _remembered_until(verdict: Verdict, contract: str) -> dict[str, set[int]]:
    """By customer, until when each of its requests of erasure is remembered."""
    ends: dict[str, set[int]] = defaultdict(set)
    for one in verdict.drops:
        if one.contract == contract:
            ends[one.customer].add(max(one.at, one.until + FORGET_AFTER_MS))
    return ends
