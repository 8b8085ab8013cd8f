"""promtool tests of a contract's rules: each alert fires, does not where it must not, and
resolves.
"""

from __future__ import annotations

from streams.domain.clause_counts import COUNTED, RATIOS, misses_allowed
from streams.domain.contract import Clause, Terms
from streams.export.alerting.burn import feasible_pairs, volume_floor
from streams.export.alerting.pipeline_rules import seconds
from streams.export.alerting.promtool_tests import RuleTest, series

_HOUR_MS = 3_600_000


class _Pool(dict[str, RuleTest]):
    """Tests by name, shared by clauses: promtool evaluates all rules in each, so one test for all
    clauses costs as much as one for a single clause.
    """

    def test(self, name: str, series: dict[str, str], interval: str = "1m") -> RuleTest:
        """The test of this name, with these series in it too."""
        found = self.setdefault(name, RuleTest(name, {}, interval=interval))
        found.series.update(series)
        return found


def state_tests(terms: Terms) -> list[RuleTest]:
    """Breaches, waits and projections of each clause."""
    pool = _Pool()
    for clause in terms.clauses:
        _ClauseTests(terms, clause, pool).states()
    return list(pool.values())


def rate_tests(terms: Terms) -> list[RuleTest]:
    """Burn rates and low volume of each clause; for an evaluation every 10 m."""
    pool = _Pool()
    for clause in terms.clauses:
        _ClauseTests(terms, clause, pool).rates()
    return list(pool.values())


def silence_tests(terms: Terms) -> list[RuleTest]:
    """Clauses without data, and with none where there was some a week ago; for an evaluation every
    30 m.
    """
    pool = _Pool()
    for clause in terms.clauses:
        _ClauseTests(terms, clause, pool).silence()
    return list(pool.values())


class _ClauseTests:
    def __init__(self, terms: Terms, clause: Clause, pool: _Pool) -> None:
        self._pool = pool
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

    def states(self) -> None:
        clause = self._clause
        self._breach()
        if clause.indicator == "escalation_wait" and not self._terms.service_clock:
            self._age()
        if clause.period is not None and misses_allowed(clause, 0) is not None:
            self._projection()

    def rates(self) -> None:
        if self._clause.indicator in COUNTED:
            self._burn()
            self._low_volume()

    def silence(self) -> None:
        self._never_seen()
        self._seen()
        self._quiet()

    def _series(self, name: str, **more: str) -> str:
        labels = {**self._labels, "severity": self._clause.severity, **more}
        return series(name, labels)

    def _breach(self) -> None:
        test = self._pool.test(
            "a breach of the stream fires at once and ends with it",
            {self._series("baton_breach_active"): "_x5 1x10 stale"},
        )
        for minute, fires in ((4, False), (6, True), (20, False)):
            test.expect(minute, "BatonClauseBreached", fires, clause=self._clause.id)

    def _age(self) -> None:
        thresholds = self._terms.thresholds_ms
        channel = self._dims.get("channel")
        if channel is None:
            longest = max(thresholds.values(), default=0)
        else:
            longest = thresholds.get(channel, 0)
        if not longest:
            return
        late = -(-longest // 60_000) + 2
        test = self._pool.test(
            # Another clause's key may be among this one's: a test of its own.
            f"{self._clause.id}: an open handoff fires past its threshold until it is taken over",
            {series("baton_oldest_open_handoff_timestamp_seconds", self._key): f"60x{late} stale"},
        )
        for minute, fires in ((1, False), (late, True), (late + 2, False)):
            test.expect(minute, "BatonHandoffOverdue", fires, clause=self._clause.id)
        if longest >= 120_000:
            test.expect(longest // 60_000, "BatonHandoffOverdue", False, clause=self._clause.id)

    def _burn(self) -> None:
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
        test = self._pool.test(
            "misses at every rate fire each pair of windows, and end with its short one",
            {
                events: f"0+{each}x{longest}",
                bad: f"0+{each}x{bad_until} {each * bad_until}x{longest - bad_until}",
            },
        )
        floor = min(volume_floor(self._clause, pair.long_ms) for pair in pairs)
        below = f"0x5 {floor - 1}x90"
        few = self._pool.test("no burn rate fires below the volume", {events: below, bad: below})
        kept = self._pool.test(
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

    def _low_volume(self) -> None:
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
        test = self._pool.test(
            "more misses than the minimum volume allows fire below it, until they are past",
            {events: f"0x5 {missed}x{length}", bad: f"0x5 {missed}x{length}"},
        )
        few = self._pool.test(
            "as few misses as the minimum volume allows do not",
            {events: f"0x5 {missed}x30", bad: f"0x5 {min(allowed, missed)}x30"},
        )
        alert = "BatonClauseMissesAtLowVolume"
        test.expect(20, alert, True, clause=clause.id)
        test.expect(span + 20, alert, False, clause=clause.id)
        few.expect(20, alert, False, clause=clause.id)

    def _projection(self) -> None:
        alert, clause = "BatonClauseBudgetProjected", self._clause
        at = self._series("baton_clause_projected_breach_timestamp_seconds")
        minimum = self._series("baton_clause_minimum_volume")
        samples = self._series("baton_clause_samples")
        constant = f"{clause.minimum_volume}x120"
        test = self._pool.test(
            "a budget that will run out fires after a while, until it would last",
            {at: "1000000x60 stale", minimum: constant, samples: constant},
        )
        for minute, fires in ((20, False), (40, True), (70, False)):
            test.expect(minute, alert, fires, clause=clause.id)
        if clause.minimum_volume > 1:
            few = self._pool.test(
                "a budget is not projected below the volume",
                {at: "1000000x60", minimum: constant, samples: f"{clause.minimum_volume - 1}x60"},
            )
            few.expect(50, alert, False, clause=clause.id)

    def _never_seen(self) -> None:
        test = self._pool.test("that nothing was ever seen fires", {"up": "1x20"}, "30m")
        test.expect(5 * 60, "BatonClauseNoData", True, clause=self._clause.id)

    def _seen(self) -> None:
        name = "that nothing is seen for the first time does not fire"
        test = self._pool.test(name, {self._proof: "0x20"}, "30m")
        test.expect(5 * 60, "BatonClauseNoData", False, clause=self._clause.id)

    def _quiet(self) -> None:
        # Samples every 20 m: busy for a day and a week less 4 h, then nothing for a day.
        busy, silent = 3 * (24 * 8 - 4), 3 * 24
        each = volume_floor(self._clause, _HOUR_MS) * 2
        counted = self._clause.indicator in COUNTED
        name = "silence where there was enough a week ago fires"
        test = self._pool.test(name, {self._proof: f"0x{busy + silent}"}, "20m")
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
