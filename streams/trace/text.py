"""A trace for people: every line says when, what and why. Equal traces give equal text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streams.domain.facts import rfc3339
from streams.domain.money import amount_text
from streams.trace.model import Bill, Counted, EventLine, FactLine, Life, Maturity, Run, Trace, Wait
from streams.trace.shown import COMMON
from streams.trace.words import Clock, listed, pairs, printable, span, yes


def trace_text(trace: Trace) -> str:
    """The whole trace, lines ended by a newline."""
    return "\n".join(map(printable, _Told(trace).lines())) + "\n"


class _Told:
    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._clock = Clock(trace.time_zone)
        self._nothing = "none found" if trace.looked_around else "not looked for"

    def lines(self) -> Iterator[str]:
        trace = self._trace
        yield f"Conversation {trace.conversation} under contract {trace.contract}"
        yield f"  read from {trace.basis}"
        if trace.watermark is None:
            yield "  no time has passed in it yet: nothing was published"
        else:
            yield f"  as of {self._clock.both(trace.watermark)}: what is later is not told"
        yield f"  times are of {trace.time_zone}, UTC behind them"
        for limit in trace.limits:
            yield f"  NOTE {limit}"
        for number, life in enumerate(trace.lives, 1):
            yield from self._life(life, number)
        yield from self._links()
        yield from self._breaches()
        yield from self._unused()

    def _life(self, life: Life, number: int) -> Iterator[str]:
        several = f" ({number} of {len(self._trace.lives)})" if len(self._trace.lives) > 1 else ""
        yield ""
        yield f"LIFE {life.day}{several}"
        if life.erased is not None:
            yield f"  ERASED {self._clock.both(life.erased.asked_at)} was asked for"
            if life.erased.gone:
                yield "  nothing is told of it any more but what it came to in money"
                yield from self._bills(life)
                return
            yield "  its accounts are being settled: then nothing is told of it any more"
        for one in life.attributes:
            yield f"  {one.name} {one.value}, since {self._clock.both(one.since)}"
        yield from self._path(life)
        for run in life.runs:
            yield from self._run(run)
        yield from self._facts(life)
        yield from self._bills(life)

    # -- the path -------------------------------------------------------------------------------

    def _path(self, life: Life) -> Iterator[str]:
        yield ""
        yield "  PATH (* an event, = what follows from it)"
        # What a timer or a milestone brings comes after the events of its millisecond.
        moments: list[tuple[int, int, int, str]] = []
        known: dict[str, object] = {}
        for n, event in enumerate(life.events):
            # What every event states is told where it changes.
            news = {
                name: value
                for name, value in event.said.items()
                if name not in COMMON or known.get(name) != value
            }
            known.update(event.said)
            moments.append((event.time, 0, n, f"* {_event(event, news)}"))
        for n, fact in enumerate(life.facts):
            if fact.standing:
                moments.append((fact.time, 1, n, f"= {_fact(fact)}"))
        for time, _, _, said in sorted(moments):
            yield f"  {self._clock.both(time)} {said}"

    # -- episodes ---------------------------------------------------------------------------------

    def _run(self, run: Run) -> Iterator[str]:
        clock = self._clock
        yield ""
        yield f"  EPISODE {run.ordinal} on {run.channel}"
        yield f"    opened  {clock.both(run.opened_at)} by {run.opened_by}"
        if run.closed_at is None:
            yield "    open"
        else:
            yield f"    closed  {clock.both(run.closed_at)} by {run.cause}"
        for failure in run.failures:
            yield f"    failure {clock.both(failure.since)} {failure.value}"
        for human in run.humans:
            verdict = "qualified" if human.qualified else "NOT qualified"
            took = "; this ended the wait" if human.took_over else ""
            who = human.agent or "an agent who was not named"
            yield (
                f"    human   {clock.both(human.time)} {human.type}: {who}, {verdict}"
                f" ({human.why}){took}"
            )
        for wait in run.waits:
            yield from self._wait(wait)
        if run.closed_at is not None:
            yield from _outcome(run)
        if run.maturity is not None:
            yield from self._maturity(run.maturity)

    def _wait(self, wait: Wait) -> Iterator[str]:
        clock = self._clock
        yield f"    ESCALATION {wait.ordinal} on {wait.channel}, by contract version {wait.version}"
        yield f"      T0        {clock.both(wait.t0)}: {wait.t0_why}"
        for leg in wait.legs:
            yield f"      {leg.name:<9} {clock.both(leg.at)}, T0 + {span(leg.after_ms)}"
        if wait.outcome == "waiting":
            yield f"      waiting   still, for {span(wait.age_ms or 0)}"
        else:
            yield f"      ended     {clock.both(wait.ended_at)} {wait.outcome}: {wait.outcome_why}"
            yield f"      latency   {_latency(wait)}"
        yield f"      promise   {_promise(wait)}"
        if wait.overdue_at is not None:
            yield f"      overdue   {clock.both(wait.overdue_at)}"
        if wait.answer is not None:
            limit = span(wait.answer_threshold_ms or 0)
            yield f"      answer    {wait.answer}, threshold {limit} from the request"
        yield f"      skills    asked for: {listed(wait.required_skills)}"
        yield (
            f"      context   required: {listed(wait.context_required)}; passed:"
            f" {listed(wait.context_passed)}; missing: {listed(wait.context_missing)}; complete:"
            f" {yes(wait.context_complete)}"
        )

    def _maturity(self, maturity: Maturity) -> Iterator[str]:
        window = (
            f"verification window {span(maturity.verification_ms)} of version {maturity.version}"
        )
        at = self._clock.both(maturity.at)
        if maturity.final is None:
            yield f"    matures   {at}: not final yet, {window}"
        else:
            yield f"    matured   {at}: {maturity.final}, {window}"
        for why in maturity.why:
            when = "" if why.at is None else f"{self._clock.both(why.at)} "
            yield f"      {when}{why.said}"

    # -- facts, money -----------------------------------------------------------------------------

    def _facts(self, life: Life) -> Iterator[str]:
        yield ""
        yield "  FACTS PUBLISHED, and what each counts for"
        for fact in life.facts:
            yield f"    {fact.id}"
            yield f"      {self._clock.both(fact.time)} {_status(fact)}: {_fact(fact)}"
            for one in fact.counts:
                yield f"      - {_counted(one)}"

    def _bills(self, life: Life) -> Iterator[str]:
        yield ""
        yield "  MONEY, as far as the facts tell it"
        if not life.bills:
            yield "    nothing has matured, so nothing is due"
        for bill in life.bills:
            yield f"    episode {bill.episode}, {self._clock.both(bill.time)}: {_bill(bill)}"

    # -- around it --------------------------------------------------------------------------------

    def _links(self) -> Iterator[str]:
        yield ""
        yield "RETURNS OF THE CUSTOMER by any conversation"
        if not self._trace.links:
            yield f"  {self._nothing}"
        for one in self._trace.links:
            same = "same issue" if one.same_issue else "another issue, or none known"
            yield (
                f"  {self._clock.both(one.visited_at)} {one.visited_conversation} episode"
                f" {one.visited_episode}, {span(one.after_ms)} after the resolved close of"
                f" {one.closed_conversation} episode {one.closed_episode}"
                f" at {rfc3339(one.closed_at)}: {same}"
            )

        for counted in self._trace.link_counts:
            yield f"  {self._clock.both(counted.at)} {counted.fact} counts"
            for each in counted.counts:
                yield f"    - {_counted(each)}"

    def _breaches(self) -> Iterator[str]:
        yield ""
        yield "BREACHES whose evidence names it"
        if not self._trace.breaches:
            yield f"  {self._nothing}"
        for one in self._trace.breaches:
            key = pairs(one.key) or "the whole contract"
            yield (
                f"  {self._clock.both(one.time)} {one.clause} (version {one.version}) for {key}"
                f" {one.status}, {one.overdue:,} overdue; breach {one.id}"
            )

    def _unused(self) -> Iterator[str]:
        yield ""
        yield "RECORDS THAT CHANGED NOTHING"
        if not self._trace.unused:
            yield "  none"
        for one in self._trace.unused:
            when = "" if one.time is None else f" {self._clock.both(one.time)}"
            what = "" if one.type is None else f" {one.type} {one.source} {one.id}"
            said = f": {one.message}" if one.message else ""
            yield f"  {one.origin}: {one.why}{what}{when}{said}"


def _event(event: EventLine, said: dict[str, Any]) -> str:
    marks = []
    if event.late:
        marks.append(
            "LATE"
            + (f"; it made {len(event.corrected)} corrections below" if event.corrected else "")
        )
    if event.same_id:
        marks.append("ANOTHER EVENT HAS THE SAME ID")
    name = "" if event.id is None else f" [{event.source} {event.id}]"
    marked = f" ({'; '.join(marks)})" if marks else ""
    return f"{event.channel} {event.type}{marked} {pairs(said)}".rstrip() + name


def _fact(fact: FactLine) -> str:
    place = f"{fact.kind} {fact.episode}.{fact.ordinal} (version {fact.version})"
    return f"{place} {pairs(fact.detail)}".rstrip()


def _counted(one: Counted) -> str:
    key = pairs(one.key) or "the whole contract"
    part = f"{one.numerator:,}/{one.denominator:,}, bad {one.bad:,}"
    lasts = ", as long as the wait lasts" if one.while_waiting else ""
    return (
        f"{one.clause} ({one.indicator}, version {one.version}) for {key}, window {one.window},"
        f" slice to {rfc3339(one.slice_end)}: {part}{lasts}"
    )


def _status(fact: FactLine) -> str:
    words = [f"revision {fact.revision}"]
    if fact.late:
        words.append("late: in no window")
    if fact.retracts:
        words.append("RETRACTION")
    elif not fact.standing:
        words.append("superseded" if fact.late else "superseded, but counted in its windows")
    return ", ".join(words)


def _latency(wait: Wait) -> str:
    clamped = "; to T1, for two clocks had swapped request and takeover" if wait.clamped else ""
    service = ""
    if wait.service_latency_ms is not None:
        service = f"; {span(wait.service_latency_ms)} of it in service hours"
    return span(wait.latency_ms or 0) + service + clamped


def _promise(wait: Wait) -> str:
    if wait.excluded is not None:
        return f"none: excluded by the contract at T0 ({wait.excluded})"
    if wait.threshold_ms is None:
        return f"none: the version sets no threshold for {wait.channel}"
    limit = span(wait.threshold_ms)
    said = f"at most {limit} on the {wait.clock} clock; within: {yes(wait.within)}"
    if wait.promised_by:
        said += f"; clauses {', '.join(wait.promised_by)}"
    if wait.t0_in_service_hours is not None:
        said += f"; T0 {'' if wait.t0_in_service_hours else 'not '}in service hours"
    return said


def _outcome(run: Run) -> Iterator[str]:
    yield f"    eligible  {yes(run.eligible)}: {run.eligible_why}"
    if run.outcome is not None:
        safe = "" if run.safe is None else f", safe: {yes(run.safe)}"
        yield f"    outcome   {run.outcome}{safe}"
    for why in run.safe_why:
        yield f"      {why}"


def _bill(bill: Bill) -> str:
    said = f"{bill.outcome} under version {bill.version}; {bill.why}"
    if bill.amount_micros is None or bill.currency is None:
        return said
    chosen = pairs(bill.price or {}) or "every resolution"
    return f"{said}: {amount_text(bill.amount_micros, bill.currency)} (price for {chosen})"
