"""A snapshot in words: the fields and tables of the page, each cell as it is to be shown.

Both renderers (markup.py on the server, page.js in the browser) only lay out what is said here.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from streams.domain.contract import AMOUNTS, AT_MOST, PPM
from streams.export.live import words
from streams.export.live.comparisons import Mover, VersionChange
from streams.export.live.drawing import ages_path, target_of, trend_path
from streams.export.live.money_view import money_rows
from streams.export.live.pipeline_view import pipeline_rows
from streams.export.live.shown import Cell, Page, Row, Table
from streams.export.live.snapshot import Queue, ShownBreach, Snapshot, Trend
from streams.export.live.standing import STATES, Standing, State

STATE_WORDS: dict[State, str] = {
    "breach": "in breach",
    "watch": "watch",
    "kept": "kept",
    "few": "too few",
    "unknown": "unknown",
}
_NO_DATA = "no data here yet"


class View:
    """Says one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._s = snapshot
        self._clock = snapshot.clock or 0
        self._many = len(snapshot.currencies) > 1

    def page(self) -> Page:
        """All of it."""
        s = self._s
        return Page(
            clock=s.clock,
            fields=dict(self._fields()),
            tables={
                "waiting": Table([self._queue(q) for q in s.queues], "Nobody has waited here yet."),
                "breaches": Table(
                    [self._breach(b) for b in s.breaches],
                    _more(len(s.breaches), s.breaches_open, "No clause is in breach."),
                ),
                "closed": Table(
                    [self._closed(b) for b in s.closed_breaches],
                    "None since this worker started.",
                ),
                "clauses": Table(
                    [self._clause(one, trend) for one, trend in s.clauses],
                    _more(len(s.clauses), s.clauses_held, "The contracts in force have no clause."),
                ),
                "reasons": Table([self._mover(m) for m in s.movers], "No AI failure in 24 h."),
                "versions": Table(
                    [self._version(v) for v in s.versions],
                    "No contract here publishes versions of the AI, or one version is all there"
                    " was.",
                ),
                "money": Table(list(money_rows(s)), "No ledger is kept on this worker."),
                "pipeline": Table(list(pipeline_rows(s.pipeline)), ""),
            },
            breaches={b.id: self._sentence(b) for b in s.breaches},
        )

    def _fields(self) -> Iterator[tuple[str, Cell]]:
        s = self._s
        held = f"{len(s.partitions)} of {s.partitions_of_all}"
        scope = f"This worker: {held} partitions ({words.numbers(s.partitions)})"
        if len(s.partitions) < s.partitions_of_all:
            scope += ". What lies on the others is shown by other workers"
        yield "scope", Cell(scope)
        yield "contracts", Cell(", ".join(s.currencies))
        pages = sum(breach.severity == "page" for breach in s.breaches)
        breached: State = "breach" if s.breaches_open else "kept" if s.clock else "unknown"
        yield "n-breaches", Cell(str(s.breaches_open), s=breached, n=f"{pages} that page")
        waiting, overdue = (
            sum(q.waiting for q in s.queues),
            sum(q.overdue for q in s.queues),
        )
        yield "n-waiting", Cell(str(waiting), n=f"{overdue} over their threshold")
        oldest = min((q.since[0] for q in s.queues if q.since), default=None)
        if oldest is None:
            yield "n-oldest", Cell("\N{EN DASH}", n="nobody waits")
        else:
            yield "n-oldest", self._age(oldest)
        counts = {state: sum(one.state == state for one, _ in s.clauses) for state in STATES}
        rest = ", ".join(
            f"{n} {STATE_WORDS[state]}" for state, n in counts.items() if n and state != "kept"
        )
        yield "n-clauses", Cell(f"{counts['kept']} of {s.clauses_held}", n=rest or "all kept")

    def _age(self, since: int, more: str = "") -> Cell:
        return Cell(words.age(self._clock - since), a=since, n=more)

    def _place(self, contract: str, key: tuple[tuple[str, str], ...] | None) -> str:
        return words.place(contract if self._many else None, key or ())

    def _queue(self, queue: Queue) -> Row:
        ages = [self._clock - since for since in queue.since]
        path, limit = ages_path(ages, queue.threshold_ms)
        threshold = words.span(queue.threshold_ms) if queue.threshold_ms else "none"
        label = f"ages against {threshold}"
        state: State = "breach" if queue.overdue else "kept"
        return Row(
            key="|".join((queue.contract, *(value for _, value in queue.key))),
            state=state,
            cells=[
                Cell(self._place(queue.contract, queue.key)),
                Cell(str(queue.waiting)),
                Cell(str(queue.overdue)),
                self._age(queue.since[0]) if queue.since else Cell("\N{EN DASH}"),
                Cell(threshold),
                Cell(label, d=path, v=limit) if path else Cell(""),
            ],
        )

    def _breach(self, breach: ShownBreach) -> Row:
        return Row(
            key=breach.id,
            state="breach",
            cells=[
                Cell(breach.clause, n=breach.severity),
                Cell(self._place(breach.contract, breach.key)),
                Cell(self._moment(breach.opened_at)),
                self._age(breach.opened_at),
                Cell(self._now(breach)),
                Cell(self._limit(breach)),
                self._evidence(breach),
            ],
        )

    def _moment(self, ms: int) -> str:
        """A time of day, with its date unless that is the event clock's own."""
        return words.moment(ms, self._clock)

    def _now(self, breach: ShownBreach) -> str:
        if breach.indicator == "escalation_wait":
            return f"{breach.numerator} overdue"
        if not breach.denominator:
            return "unknown"
        scale = 1 if breach.indicator == "cost_per_verified" else PPM
        ppm = breach.numerator * scale // breach.denominator
        return self._value(breach.contract, breach.indicator, ppm)

    def _limit(self, breach: ShownBreach) -> str:
        if breach.indicator == "escalation_wait":
            return "nobody"
        return self._bound(
            breach.contract, breach.indicator, breach.target_ppm, breach.indicator in AT_MOST
        )

    def _evidence(self, breach: ShownBreach) -> Cell:
        if breach.oldest_t0 is not None:
            return self._age(breach.oldest_t0, "the oldest")
        if breach.indicator == "cost_per_verified":
            spent = self._value(breach.contract, breach.indicator, breach.numerator)
            return Cell(f"{spent} for {breach.denominator:,}")
        if breach.indicator in AMOUNTS:
            return Cell(f"{breach.numerator:,}")
        return Cell(f"{breach.numerator:,} of {breach.denominator:,}")

    def _sentence(self, breach: ShownBreach) -> str:
        place = self._place(breach.contract, breach.key)
        return f"breach of {breach.clause}, {place}: {self._now(breach)}"

    def _closed(self, breach: ShownBreach) -> Row:
        return Row(
            key=f"{breach.id}:{breach.changed_at}",
            state="kept",
            cells=[
                Cell(breach.clause),
                Cell(self._place(breach.contract, breach.key)),
                Cell(self._moment(breach.opened_at)),
                Cell(self._moment(breach.changed_at)),
                Cell(words.age(breach.changed_at - breach.opened_at)),
            ],
        )

    def _value(self, contract: str, indicator: str, ppm: int) -> str:
        return words.value(indicator, ppm, self._s.currencies[contract])

    def _clause(self, one: Standing, trend: Trend | None) -> Row:
        wait = one.indicator == "escalation_wait"
        counts = one.indicator == "compliance_exceptions"  # of nothing: it has no samples
        where = _NO_DATA if one.key is None else self._place(one.contract, one.key)
        left = "\N{EN DASH}" if one.misses_left is None else f"{one.misses_left:,}"
        return Row(
            key="|".join((one.contract, one.clause, *(value for _, value in one.key or ()))),
            state=one.state,
            cells=[
                Cell(STATE_WORDS[one.state], s=one.state),
                Cell(one.clause, n=words.indicator(one.indicator)),
                Cell(where),
                Cell(one.window),
                self._wait_value(one) if wait else self._share_value(one),
                Cell(self._target(one)),
                Cell("\N{EN DASH}" if counts else f"{one.samples:,}"),
                Cell("\N{EN DASH}" if wait or counts else f"{one.minimum_volume:,}"),
                Cell(left.replace("-", "\N{MINUS SIGN}")),
                self._trend(one, trend),
            ],
        )

    def _share_value(self, one: Standing) -> Cell:
        if one.value_ppm is None:
            return Cell("unknown")
        return Cell(self._value(one.contract, one.indicator, one.value_ppm))

    def _wait_value(self, one: Standing) -> Cell:
        if one.oldest_t0 is None:
            return Cell("unknown" if one.state == "unknown" else "nobody")
        return self._age(one.oldest_t0)

    def _target(self, one: Standing) -> str:
        if one.indicator == "escalation_wait":
            limit = "the threshold" if one.threshold_ms is None else words.span(one.threshold_ms)
            return f"\N{LESS-THAN OR EQUAL TO} {limit}"
        return self._bound(one.contract, one.indicator, one.target_ppm, one.at_most)

    def _bound(self, contract: str, indicator: str, ppm: int, at_most: bool) -> str:
        sign = "\N{LESS-THAN OR EQUAL TO}" if at_most else "\N{GREATER-THAN OR EQUAL TO}"
        return f"{sign} {self._value(contract, indicator, ppm)}"

    def _trend(self, one: Standing, trend: Trend | None) -> Cell:
        if trend is None or not trend.points:
            return Cell("")
        target = target_of(one.indicator, one.target_ppm)
        floor = 0.0 if one.indicator == "escalation_wait" else None
        last = trend.points[-1].boundary
        path, height = trend_path(trend.plan, trend.points, last, target, floor)
        known = [p for p in trend.points if p.denominator]
        if not known:
            return Cell("")
        what = f"last {words.span(trend.plan.span_ms + trend.plan.step_ms)}"
        if one.indicator == "escalation_wait":
            most = max(p.numerator for p in known)
            label = f"{what}: at most {most} became overdue in a minute"
        else:
            scale = 1 if one.indicator == "cost_per_verified" else PPM
            said = [
                self._value(one.contract, one.indicator, p.numerator * scale // p.denominator)
                for p in (known[0], known[-1])
            ]
            label = f"{what}: from {said[0]} to {said[1]}"
        return Cell(label, d=path, y=height)

    def _mover(self, mover: Mover) -> Row:
        change, verdict = "\N{EN DASH}", "unknown"
        if mover.comparison is not None:
            change = words.points(mover.comparison.difference)
            verdict = words.VERDICTS[mover.comparison.verdict]
        return Row(
            key=f"{mover.contract}|{mover.reason}",
            cells=[
                Cell(mover.reason.replace("_", " "), n=mover.contract if self._many else ""),
                Cell(f"{mover.recent:,}"),
                Cell(words.share(mover.recent, mover.recent_of)),
                Cell(words.share(mover.before, mover.before_of)),
                Cell(change),
                Cell(verdict),
            ],
        )

    def _version(self, change: VersionChange) -> Row:
        difference, verdict = "\N{EN DASH}", "unknown"
        if change.comparison is not None:
            difference = words.points(change.comparison.difference)
            verdict = words.VERDICTS[change.comparison.verdict]
        since = "in force since" if change.announced else "first seen"
        spread = "" if change.comparison is None else words.interval(change.comparison)
        return Row(
            key="|".join((change.contract, change.dimension, change.indicator)),
            cells=[
                Cell(
                    f"{change.dimension.removesuffix('_version')} {change.old} \N{RIGHTWARDS ARROW}"
                    f" {change.new}",
                    n=f"{since} {self._moment(change.since)}",
                ),
                Cell(words.indicator(change.indicator)),
                Cell(words.share(*change.old_share), n=f"of {change.old_share[1]:,}"),
                Cell(words.share(*change.new_share), n=f"of {change.new_share[1]:,}"),
                Cell(difference, n=spread),
                Cell(verdict),
            ],
        )


def _more(shown: int, held: int, empty: str) -> str:
    return f"{held - shown} more are not listed." if held > shown else empty


def page_of(snapshot: Snapshot) -> Page:
    """A snapshot in words."""
    return View(snapshot).page()


def encode_page(page: Page) -> bytes:
    """The page as JSON; equal pages give equal bytes."""
    return msgspec.json.encode(page)
