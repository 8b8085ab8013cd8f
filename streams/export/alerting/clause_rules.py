"""The alerts of one clause: the breach itself, and what warns of it before or where it cannot see.

Event-time truth is the stream's (baton_breach_active); the rest is by processing time. All of a
clause's alerts carry `scope: clause`, which a stale pipeline inhibits.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams.domain.clause_counts import COUNTED, RATIOS, misses_allowed
from streams.domain.contract import DIMENSIONS, PPM, Clause, Severity, Terms
from streams.domain.promise_words import duration_words, promise_words, target_words
from streams.export.alerting.burn import (
    Pair,
    budget_ppm,
    burn_comment,
    feasible_pairs,
    volume_floor,
)
from streams.export.alerting.links import contract_uid
from streams.export.alerting.options import RenderOptions
from streams.export.alerting.rules import Alert, Group, Recording, equals

_BY = ", ".join(("contract", "clause", *DIMENSIONS))
EVENTS_RATE = "contract_clause:baton_clause_events:rate"
BAD_RATIO = "contract_clause:baton_clause_bad_per_events:ratio_rate"
_HOUR_MS = 3_600_000


def recordings(contract: str, windows: tuple[str, ...]) -> Group:
    """Rates of all clauses of a contract; numerator and denominator are summed apart."""
    where = f'{{contract="{contract}"}}'
    rules = []
    for window in windows:
        bad = f"contract_clause:baton_clause_bad:rate{window}"
        events = f"{EVENTS_RATE}{window}"
        rules += [
            Recording(bad, f"sum by ({_BY}) (rate(baton_clause_bad_total{where}[{window}]))"),
            Recording(events, f"sum by ({_BY}) (rate(baton_clause_events_total{where}[{window}]))"),
            Recording(f"{BAD_RATIO}{window}", f"{bad}{where} / {events}{where}"),
        ]
    return Group(
        f"baton:{contract}:rates",
        tuple(rules),
        ("What entered each clause's denominator and what of it was bad, a second, over workers.",),
    )


class ClauseRules:
    """Makes the groups of one clause under the terms that define it."""

    def __init__(self, terms: Terms, clause: Clause, options: RenderOptions) -> None:
        self._terms = terms
        self._clause = clause
        self._options = options
        self._promise = promise_words(clause, terms)
        self.selector = f'contract="{terms.contract}",clause="{clause.id}"'
        grouping = "+".join(clause.grouping) or "contract"
        fixed = "".join(f",{equals(name, value)}" for name, value in clause.where)
        self._place = f'contract="{terms.contract}",grouping="{grouping}"{fixed}'
        self._key = "".join(
            f"{{{{ with $labels.{name} }}}} {name} {{{{ . }}}}{{{{ end }}}}"
            for name in clause.grouping
        )

    def group(self) -> Group:
        """All of them."""
        clause = self._clause
        comments = [f"{clause.id}: {self._promise}."]
        rules = [self.breached()]
        if clause.indicator == "escalation_wait":
            ages = list(self.ages())
            if self._terms.service_clock:
                comments.append(
                    f"{clause.id}: waits are measured in service hours, which PromQL cannot; no"
                    " rule on the age of open handoffs."
                )
            else:
                rules += ages
        if clause.indicator in COUNTED:
            comments.append(burn_comment(clause))
            rules += (self.burning(pair) for pair in feasible_pairs(clause))
            if clause.minimum_volume > 1:
                rules.append(self.low_volume())
        if clause.period is not None and misses_allowed(clause, 0) is not None:
            rules.append(self.projected())
        rules.append(self.no_data())
        return Group(f"baton:{self._terms.contract}:{clause.id}", tuple(rules), tuple(comments))

    def breached(self) -> Alert:
        """The stream says that the clause is in breach: in event time, with hysteresis."""
        return self._alert(
            "BatonClauseBreached",
            f"max by ({_BY}) (baton_breach_active{{{self.selector}}}) == 1",
            "clause-breached",
            "in breach",
            f"Promised: {self._promise}. sla-breaches has the figures and the evidence.",
        )

    def ages(self) -> Iterator[Alert]:
        """Open handoffs older than their threshold now, without waiting for late events."""
        channel = dict(self._clause.where).get("channel")
        thresholds = self._terms.thresholds_ms
        by = ", ".join(("contract", *self._clause.grouping))
        if channel is not None:
            spans = {channel: thresholds[channel]} if channel in thresholds else {}
        elif "channel" in self._clause.grouping:
            spans = dict(sorted(thresholds.items()))
        else:
            # Of one key many channels wait; who has waited for the longest threshold is overdue.
            spans = {"": max(thresholds.values())} if thresholds else {}
        for name, ms in spans.items():
            only = f',channel="{name}"' if name and channel is None else ""
            yield self._alert(
                "BatonHandoffOverdue",
                f"time() - min by ({by}) (baton_oldest_open_handoff_timestamp_seconds"
                f"{{{self._place}{only}}}) > {ms / 1000:g}",
                "handoff-overdue",
                f"a customer has waited for a human for more than {duration_words(ms)}",
                f"Promised: {self._promise}. The oldest open handoff is"
                " {{ $value | humanizeDuration }} old. The breach follows when late events can no"
                " longer change it.",
            )

    def burning(self, pair: Pair) -> Alert:
        """The budget burns too fast over a long and a short window, on enough events."""
        clause, where = self._clause, f"{{{self.selector}}}"
        limit = f"{pair.factor * budget_ppm(clause) / PPM:.6g}"
        floor = volume_floor(clause, pair.long_ms)
        return self._alert(
            "BatonClauseBurningFast" if pair.fast else "BatonClauseBurning",
            f"{BAD_RATIO}{pair.long}{where} > {limit}\n"
            f"and {BAD_RATIO}{pair.short}{where} > {limit}\n"
            f"and {EVENTS_RATE}{pair.long}{where} * {pair.long_ms // 1000} >= {floor}",
            "clause-burning",
            f"misses come {pair.factor:g} times too fast",
            f"Promised: {self._promise}. Over {pair.long} and {pair.short},"
            f" {{{{ $value | humanizePercentage }}}} was bad.",
            hold=pair.hold,
            severity=clause.severity if pair.fast else "ticket",
            window=pair.long,
        )

    def low_volume(self) -> Alert:
        """More misses than the minimum volume allows, on less than that volume."""
        clause, where = self._clause, f"{{{self.selector}}}"
        span = "1h" if 0 < clause.window_ms <= 3_600_000 else "1d"
        floor = clause.minimum_volume
        allowed = misses_allowed(clause, floor)
        assert allowed is not None
        return self._alert(
            "BatonClauseMissesAtLowVolume",
            f"round(sum by ({_BY}) (increase(baton_clause_bad_total{where}[{span}])))"
            f" >= {allowed + 1}\n"
            f"and sum by ({_BY}) (increase(baton_clause_events_total{where}[{span}])) < {floor}",
            "clause-burning",
            f"{{{{ $value | humanize }}}} misses in {span}, on too few events to be judged",
            f"Promised: {self._promise}. The minimum volume of {floor} would allow {allowed}.",
        )

    def projected(self) -> Alert:
        """At the rate of the last day the clause fails before its period ends."""
        names = ("contract", "clause", *self._clause.grouping)
        matchers = ",".join(f"{name}='%s'" for name in names)
        values = " ".join(f"$labels.{name}" for name in names)
        left = (
            f'{{{{ range query (printf "baton_clause_misses_left{{{matchers}}}" {values}) }}}}'
            " {{ . | value | humanize }} misses left of the volume so far.{{ end }}"
        )
        where = f"{{{self.selector}}}"
        return self._alert(
            "BatonClauseBudgetProjected",
            f"max by ({_BY}) (baton_clause_projected_breach_timestamp_seconds{where})\n"
            f"and max by ({_BY}) (baton_clause_samples{where})"
            f" >= max by ({_BY}) (baton_clause_minimum_volume{where})",
            "budget-projection",
            f"at this rate the {target_words(self._clause, self._terms)} clause fails before its"
            " period ends",
            f"Promised: {self._promise}. Fails at {{{{ $value | humanizeTimestamp }}}}.{left}",
            hold="30m",
            severity="ticket",
        )

    def no_data(self) -> Alert:
        """Silence is not compliance: nothing was ever seen, or nothing where there was a week
        ago.
        """
        clause, where = self._clause, f"{{{self.selector}}}"
        if clause.indicator not in RATIOS:
            expr = f"absent(baton_open_handoffs{{{self._place}}})"
        elif clause.indicator in COUNTED:
            hourly = f"{EVENTS_RATE}1h{where}"
            expr = (
                f"absent(baton_clause_samples{where})\n"
                f"or ({hourly} == 0\n"
                f"  and {hourly} offset 1w * 3600 >= {volume_floor(clause, _HOUR_MS)})"
            )
        else:
            expr = f"absent(baton_clause_samples{where})"
        return self._alert(
            "BatonClauseNoData",
            expr,
            "clause-no-data",
            "there is nothing to judge it by",
            f"Promised: {self._promise}. Silence is not compliance: nothing was seen, or nothing"
            " where a week ago there was enough.",
            hold="15m",
            severity="ticket",
        )

    def _alert(
        self,
        name: str,
        expr: str,
        page: str,
        what: str,
        description: str,
        *,
        hold: str = "0s",
        severity: Severity | None = None,
        **labels: str,
    ) -> Alert:
        terms, clause = self._terms, self._clause
        return Alert(
            name,
            expr,
            {
                "severity": severity or clause.severity,
                "contract": terms.contract,
                "clause": clause.id,
                "scope": "clause",
                **labels,
            },
            {
                "summary": f"{terms.contract} {clause.id}{self._key}: {what}",
                "description": description,
                "runbook_url": self._options.runbook(page),
                "dashboard_url": self._options.dashboard(contract_uid(terms.contract)),
            },
            hold=hold,
        )
