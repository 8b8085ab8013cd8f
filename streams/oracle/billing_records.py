"""What billing reads, from the batch judge's verdict on a log. BILLING.md section 1.

Times in ms since 1970 UTC.
"""

from __future__ import annotations

from streams.domain.billing.records import Told
from streams.domain.links import customer_digest
from streams.oracle.judge import Verdict


def billing_records(verdict: Verdict, contract: str) -> list[Told]:
    """Every fact of one contract as billing reads it, by the moment it was known, then by id."""
    found: list[Told] = []
    for fact in verdict.facts:
        if fact.contract == contract:
            customer = None if fact.retracts else verdict.customers.get(fact.id)
            found.append(
                Told(
                    fact,
                    verdict.known.get(fact.id, fact.time),
                    None if customer is None else customer_digest(contract, customer),
                )
            )
    return sorted(found, key=lambda told: (told.known, told.fact.id))
