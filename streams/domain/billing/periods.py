"""A contract's billing periods: which one holds a time, and when each closes. BILLING.md section 5.

Times in ms since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.domain.calendar_period import Period, period_name, period_of
from streams.domain.contract import ContractBook, ContractError, Terms
from streams.domain.delta import slice_end_of


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """One calendar period: (start, end], and what people call it."""

    end: int
    start: int
    kind: Period
    name: str


class BillingCalendar:
    """The billing periods of one contract. Raises ContractError where its versions are not in one
    currency and time zone.
    """

    def __init__(self, book: ContractBook, contract: str) -> None:
        self.contract = contract
        self.versions = book.versions(contract)
        for name, values in (
            ("currency", {t.currency for t in self.versions}),
            ("timeZone", {t.time_zone for t in self.versions}),
        ):
            if len(values) > 1:
                raise ContractError(
                    f"contract {contract}: `{name}` differs between versions"
                    f" ({', '.join(sorted(values))}); what is billed needs the same in all of them"
                )
        self.zone = self.versions[0].time_zone
        self.currency = self.versions[0].currency
        self.kind: Period = "1Q" if any(map(_quarterly, self.versions)) else "1M"
        self._book = book
        self._last: dict[Period, Span] = {}

    def of_time(self, time: int) -> Span:
        """The billing period that a time lies in, by the end of its slice."""
        return self.at(self.kind, slice_end_of(time))

    def at(self, kind: Period, boundary: int) -> Span:
        """The period of that kind with start < boundary <= end."""
        last = self._last.get(kind)
        if last is None or not last.start < boundary <= last.end:
            start, end = period_of(kind, self.zone, boundary)
            last = Span(end, start, kind, period_name(kind, self.zone, boundary))
            self._last[kind] = last
        return last

    def after(self, span: Span) -> Span:
        """The period that follows."""
        return self.at(span.kind, span.end + 1)

    def terms(self, span: Span) -> Terms:
        """The version in force at a period's last instant."""
        return self._book.at(self.contract, span.end - 1)

    def in_force(self, span: Span) -> bool:
        """Whether any version is in force at some time of a period."""
        return any(
            one.effective_from_ms < span.end
            and (one.effective_to_ms is None or span.start < one.effective_to_ms)
            for one in self.versions
        )

    def closes_at(self, span: Span) -> int:
        """The moment up to which the period takes what comes late."""
        terms = self.terms(span)
        grace = None if terms.commercial is None else terms.commercial.billing.grace_ms
        return span.end + (terms.verification_ms if grace is None else grace)

    def within(self, kind: Period, span: Span) -> list[Span]:
        """The periods of a kind that end in a billing period, in order."""
        found: list[Span] = []
        boundary = span.start + 1
        while True:
            one = self.at(kind, boundary)
            if one.end > span.end:
                return found
            found.append(one)
            boundary = one.end + 1


def _quarterly(terms: Terms) -> bool:
    money = terms.commercial
    if money is None:
        return False
    return any(
        clause.period == "1Q"
        and (credit := money.credit_of(clause.id)) is not None
        and credit.bands
        for clause in terms.clauses
    )
