"""promtool tests of a contract's rules: each alert fires, does not where it must not, and
resolves.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams.domain.clause_counts import COUNTED, RATIOS, misses_allowed
from streams.domain.contract import Clause, Terms
from streams.export.alerting.burn import feasible_pairs, volume_floor
from streams.export.alerting.pipeline_rules import seconds
from streams.export.alerting.promtool_tests import RuleTest, series

_HOUR_MS = 3_600_000


def state_tests(terms: Terms) -> list[RuleTest]:
    """Breaches, waits and projections of each clause."""
    return [test for clause in terms.clauses for test in _ClauseTests(terms, clause).states()]


def rate_tests(terms: Terms) -> list[RuleTest]:
    """Burn rates and low volume of each clause; for an evaluation every 10 m."""
    return [test for clause in terms.clauses for test in _ClauseTests(terms, clause).rates()]


def silence_tests(terms: Terms) -> list[RuleTest]:
    """All clauses without data, and with none where there was some a week ago; for an evaluation
    every 30 m. A test of a week is costly: one for all of them.
    """
    clauses = [_ClauseTests(terms, clause) for clause in terms.clauses]
    nothing = RuleTest("that nothing was ever seen fires", {"up": "1x20"}, interval="30m")
    seen = RuleTest("that nothing is seen for the first time does not fire", {}, interval="30m")
    quiet = RuleTest("silence where there was enough a week ago fires", {}, interval="20m")
    for clause in clauses:
        clause.never_seen(nothing)
        clause.seen(seen)
        clause.quiet(quiet)
    return [nothing, seen, quiet]


class _ClauseTests:
    def __init__(self, terms: Terms, clause: Clause) -> None:
        self._terms = terms
        self._clause = clause
        fixed = dict(clause.where)
        self._dims: dict[str, str] = {
            str(name): fixed.get(name) or min(terms.scope.get(name, ()), default="other")
            for name in clause.grouping
        }
        self._labels: dict[str, str] = {"contract": terms.contract, "clause": clause.id}
        self._labels.update(self._dims)
        grouping = "+".join(clause.grouping) or "contract"
        self._key: dict[str, str] = {"contract": terms.contract, "grouping": grouping}
        self._key.update(self._dims)

    def states(self) -> Iterator[RuleTest]:
        clause = self._clause
        yield self._breach()
        if clause.indicator == "escalation_wait" and not self._terms.service_clock:
            yield from self._age()
        if clause.period is not None and misses_allowed(clause, 0) is not None:
            yield from self._projection()

    def rates(self) -> Iterator[RuleTest]:
        if self._clause.indicator in COUNTED:
            yield from self._burn()
            yield from self._low_volume()

    def _test(self, name: str, series: dict[str, str]) -> RuleTest:
        return RuleTest(f"{self._clause.id}: {name}", series)

    def _series(self, name: str, **more: str) -> str:
        labels = {**self._labels, "severity": self._clause.severity, **more}
        return series(name, labels)

    def _breach(self) -> RuleTest:
        test = self._test(
            "a breach of the stream fires at once and ends with it",
            {self._series("baton_breach_active"): "_x5 1x10 stale"},
        )
        for minute, fires in ((4, False), (6, True), (20, False)):
            test.expect(minute, "BatonClauseBreached", fires, clause=self._clause.id)
        return test

    def _age(self) -> Iterator[RuleTest]:
        thresholds = self._terms.thresholds_ms
        channel = self._dims.get("channel")
        if channel is None:
            longest = max(thresholds.values(), default=0)
        else:
            longest = thresholds.get(channel, 0)
        if not longest:
            return
        late = -(-longest // 60_000) + 2
        test = self._test(
            "an open handoff past its threshold fires, and no longer once it is taken over",
            {series("baton_oldest_open_handoff_timestamp_seconds", self._key): f"60x{late} stale"},
        )
        for minute, fires in ((1, False), (late, True), (late + 2, False)):
            test.expect(minute, "BatonHandoffOverdue", fires, clause=self._clause.id)
        if longest >= 120_000:
            test.expect(longest // 60_000, "BatonHandoffOverdue", False, clause=self._clause.id)
        yield test

    def _burn(self) -> Iterator[RuleTest]:
        pairs = feasible_pairs(self._clause)
        if not pairs:
            return
        bad_until = 100
        longest = bad_until + 6 * 60 + 30
        each = self._clause.minimum_volume + 10
        events, bad = (
            self._series("baton_clause_events_total"),
            self._series("baton_clause_bad_total"),
        )
        test = self._test(
            "misses at every rate fire each pair of windows, and end with its short one",
            {
                events: f"0+{each}x{longest}",
                bad: f"0+{each}x{bad_until} {each * bad_until}x{longest - bad_until}",
            },
        )
        few = self._test("no burn rate fires below the volume", {})
        floor = min(volume_floor(self._clause, pair.long_ms) for pair in pairs)
        few.series = {events: f"0x5 {floor - 1}x90", bad: f"0x5 {floor - 1}x90"}
        kept = self._test(
            "a promise that is kept fires nothing",
            {events: f"0+{each}x{bad_until}", bad: f"0x{bad_until}"},
        )
        for pair in pairs:
            alert = "BatonClauseBurningFast" if pair.fast else "BatonClauseBurning"
            labels = {"clause": self._clause.id, "window": pair.long}
            test.expect(bad_until, alert, True, **labels)
            test.expect(bad_until + _minutes(pair.short) + 20, alert, False, **labels)
            few.expect(80, alert, False, **labels)
            few.expect(10, alert, False, **labels)
            kept.expect(bad_until, alert, False, **labels)
        yield test
        yield kept
        if floor > 1:
            yield few

    def _low_volume(self) -> Iterator[RuleTest]:
        clause = self._clause
        allowed = misses_allowed(clause, clause.minimum_volume)
        missed = clause.minimum_volume - 1
        if allowed is None or missed <= allowed:
            return
        span = 60 if 0 < clause.window_ms <= _HOUR_MS else 24 * 60
        length = 5 + span + 30
        events, bad = (
            self._series("baton_clause_events_total"),
            self._series("baton_clause_bad_total"),
        )
        test = self._test(
            "more misses than the minimum volume allows fire below it, until they are past",
            {events: f"0x5 {missed}x{length}", bad: f"0x5 {missed}x{length}"},
        )
        few = self._test(
            "as few misses as the minimum volume allows do not",
            {events: f"0x5 {missed}x30", bad: f"0x5 {min(allowed, missed)}x30"},
        )
        alert = "BatonClauseMissesAtLowVolume"
        test.expect(20, alert, True, clause=clause.id)
        test.expect(span + 20, alert, False, clause=clause.id)
        few.expect(20, alert, False, clause=clause.id)
        yield test
        yield few

    def _projection(self) -> Iterator[RuleTest]:
        alert, clause = "BatonClauseBudgetProjected", self._clause
        at = self._series("baton_clause_projected_breach_timestamp_seconds")
        minimum = self._series("baton_clause_minimum_volume")
        samples = self._series("baton_clause_samples")
        constant = f"{clause.minimum_volume}x120"
        test = self._test(
            "a budget that will run out fires after a while, until it would last",
            {at: "1000000x60 stale", minimum: constant, samples: constant},
        )
        for minute, fires in ((20, False), (40, True), (70, False)):
            test.expect(minute, alert, fires, clause=clause.id)
        yield test
        if clause.minimum_volume > 1:
            few = self._test(
                "a budget is not projected below the volume",
                {at: "1000000x60", minimum: constant, samples: f"{clause.minimum_volume - 1}x60"},
            )
            few.expect(50, alert, False, clause=clause.id)
            yield few

    def never_seen(self, test: RuleTest) -> None:
        test.expect(5 * 60, "BatonClauseNoData", True, clause=self._clause.id)

    def seen(self, test: RuleTest) -> None:
        test.series[self._proof] = "0x20"
        test.expect(5 * 60, "BatonClauseNoData", False, clause=self._clause.id)

    def quiet(self, test: RuleTest) -> None:
        # Samples every 20 m: busy for a day and a week less 4 h, then nothing for a day.
        busy, silent = 3 * (24 * 8 - 4), 3 * 24
        each = volume_floor(self._clause, _HOUR_MS) * 2
        counted = self._clause.indicator in COUNTED
        test.series[self._proof] = f"0x{busy + silent}"
        if counted:
            events = self._series("baton_clause_events_total")
            test.series[events] = f"0+{each}x{busy} {each * busy}x{silent}"
        for minute, fires in ((20 * (busy - 3), False), (20 * (busy + 12), counted)):
            test.expect(minute, "BatonClauseNoData", fires, clause=self._clause.id)

    @property
    def _proof(self) -> str:
        """A series that is there once anything was seen of the clause's key."""
        if self._clause.indicator in RATIOS:
            return self._series("baton_clause_samples")
        return series("baton_open_handoffs", self._key)


def _minutes(duration: str) -> int:
    return int(seconds(duration)) // 60
