"""promtool tests of a contract's alerts on money; for an evaluation every 10 m."""

from __future__ import annotations

from streams.domain.contract import PPM, Terms
from streams.export.alerting.money_rules import BEHIND_S, grace_s, sealed_in_time, share_ppm
from streams.export.alerting.promtool_tests import RuleTest, series

_EVERY_MIN = 10
_FEES = 1_000_000_000


def money_tests(terms: Terms) -> list[RuleTest]:
    """Each alert fires where it must, not where it must not, and ends; none without money."""
    if terms.commercial is None:
        return []
    make = _Tests(terms)
    tests = [make.stalled(), make.never_there()]
    if sealed_in_time(terms):
        tests.append(make.seal())
    if share_ppm(terms.commercial):
        tests.append(make.at_risk())
    return tests


class _Tests:
    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._labels = {"contract": terms.contract}
        # Time goes on for the ledger: a second a second.
        self._well = {self._watermark: f"0+{60 * _EVERY_MIN}x400"}

    @property
    def _watermark(self) -> str:
        return series("baton_billing_watermark_timestamp_seconds", self._labels)

    def at_risk(self) -> RuleTest:
        assert self._terms.commercial is not None
        # Credits of clauses together; fees are what is left and what they take.
        limit = _FEES * share_ppm(self._terms.commercial) // PPM
        below, above = limit // 2, limit // 2 + _FEES // 100
        # Of two workers that show it, as while partitions move, one counts.
        risk = {
            series(
                "baton_clause_money_at_risk_micros", {**self._labels, "clause": clause, "i": worker}
            ): f"{below}x9 {above}x20 0x30"
            for clause in ("a", "b")
            for worker in ("1", "2")
        }
        preview = series("baton_billing_preview_micros", self._labels)
        test = RuleTest(
            "credits above their share of the fees fire, below it not",
            {
                **self._well,
                **risk,
                preview: f"{_FEES - 2 * below}x9 {_FEES - 2 * above}x20 {_FEES}x30",
            },
            interval=f"{_EVERY_MIN}m",
        )
        for step, fires in ((8, False), (15, True), (45, False)):
            test.expect(step * _EVERY_MIN, "BatonCreditsAtRisk", fires, **self._labels)
        return test

    def stalled(self) -> RuleTest:
        behind = BEHIND_S // 60 // _EVERY_MIN + 4
        step = 60 * _EVERY_MIN
        test = RuleTest(
            "a ledger that stands still fires until it has caught up",
            {self._watermark: f"0+{step}x10 {10 * step}x20 {31 * step}+{step}x20"},
            interval=f"{_EVERY_MIN}m",
        )
        for at, fires in ((10, False), (10 + behind, True), (40, False)):
            test.expect(at * _EVERY_MIN, "BatonBillingStalled", fires, **self._labels)
        return test

    def never_there(self) -> RuleTest:
        test = RuleTest(
            "a ledger that nobody keeps fires", {"up": "1x20"}, interval=f"{_EVERY_MIN}m"
        )
        test.expect(15 * _EVERY_MIN, "BatonBillingStalled", True, **self._labels)
        test.expect(15 * _EVERY_MIN, "BatonSealMissing", False, **self._labels)
        return test

    def seal(self) -> RuleTest:
        steps = grace_s(self._terms) // 60 // _EVERY_MIN
        grace = series("baton_billing_period_micros", {**self._labels, "period_state": "grace"})
        late = steps + 10
        test = RuleTest(
            "a period that stays in grace fires when the grace is over, until it is closed",
            {grace: f"5x{late} stale", self._watermark: f"0+600x{late + 10}"},
            interval=f"{_EVERY_MIN}m",
        )
        for at, fires in ((steps - 2, False), (steps + 4, True), (late + 4, False)):
            test.expect(at * _EVERY_MIN, "BatonSealMissing", fires, **self._labels)
        return test
