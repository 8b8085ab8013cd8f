"""What changes between two versions of a contract, in words, and for whom.

A change is stricter where the supplier has to do more, or may be paid less, for the same calls;
looser the other way round. What cannot be ordered that way is told without a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from streams.domain.audit.diff import sampling_changes
from streams.domain.clause_words import bound_text, clause_text, join_words, span_text, where_text
from streams.domain.commercial_diff import money_changes
from streams.domain.contract import Clause, Exclusion, Terms
from streams.domain.contract_change import Change, Effect
from streams.domain.contract_retention import retention_changes
from streams.domain.money import decimal_text, percent_text
from streams.domain.time_zone import local_text

_Step = Callable[[Terms, Terms], Iterable[Change]]
_DIMENSION_WORDS = {
    "channel": "channels",
    "market": "markets",
    "journey": "journeys",
    "supplier": "suppliers",
    "prompt_version": "prompt versions",
    "model": "models",
    "knowledge_version": "knowledge versions",
}


def changes_between(before: Terms, after: Terms) -> list[Change]:
    """Every change from one version to the other: terms, then clauses, then money."""
    steps: tuple[_Step, ...] = (
        _validity,
        _scope,
        _waits,
        _windows_of_time,
        _hours,
        _exclusions,
        _context,
        _scores,
        sampling_changes,
        retention_changes,
        _groupings,
        _clauses,
    )
    found = [change for step in steps for change in step(before, after)]
    old, new = ({clause.id: clause for clause in t.clauses} for t in (before, after))
    return found + list(money_changes(before, after, _successors(old, new)))


def _validity(before: Terms, after: Terms) -> Iterator[Change]:
    if before.contract != after.contract:
        yield Change("terms", f"the contract is {after.contract} instead of {before.contract}")
    if before.time_zone != after.time_zone:
        yield Change("terms", f"time zone is {after.time_zone} instead of {before.time_zone}")
    old, new = before.effective_to_ms, after.effective_to_ms
    if before.effective_from_ms == after.effective_from_ms and old != new:
        ends = (
            "until further notice" if new is None else f"until {local_text(new, after.time_zone)}"
        )
        yield Change("terms", f"in force {ends}")


def _scope(before: Terms, after: Terms) -> Iterator[Change]:
    for dimension, words in _DIMENSION_WORDS.items():
        old = before.scope.get(dimension, frozenset())  # type: ignore[call-overload]
        new = after.scope.get(dimension, frozenset())  # type: ignore[call-overload]
        if new - old:
            yield Change("terms", f"{words} {join_words(new - old)} are in scope now", "stricter")
        if old - new:
            yield Change("terms", f"{words} {join_words(old - new)} are out of scope now", "looser")


def _waits(before: Terms, after: Terms) -> Iterator[Change]:
    yield from _thresholds(before.thresholds_ms, after.thresholds_ms, after, "for a human")
    yield from _thresholds(before.answer_ms, after.answer_ms, after, "to be answered")
    yield from _thresholds(
        before.first_response_ms, after.first_response_ms, after, "for a first response"
    )


def _thresholds(
    old: Mapping[str, int], new: Mapping[str, int], terms: Terms, what: str
) -> Iterator[Change]:
    markets = terms.scope.get("market", frozenset())
    place = f" in {join_words(markets)}" if 0 < len(markets) <= 4 else ""
    for channel in sorted({*old, *new}):
        who = f"{channel} customers{place}"
        was, now = old.get(channel), new.get(channel)
        if was == now:
            continue
        if was is None and now is not None:
            text = f"{who} may wait {span_text(now)} {what}; until then nothing was agreed"
            yield Change("terms", text, "stricter")
        elif now is None and was is not None:
            text = f"{who} may wait any time {what}, no longer {span_text(was)}"
            yield Change("terms", text, "looser")
        elif was is not None and now is not None:
            text = f"{who} may wait {span_text(now)} instead of {span_text(was)} {what}"
            yield Change("terms", text, _effect(now < was))


def _windows_of_time(before: Terms, after: Terms) -> Iterator[Change]:
    pairs: tuple[tuple[str, int, int, bool | None], ...] = (
        ("silence that ends an episode is", before.inactivity_ms, after.inactivity_ms, None),
        (
            "a resolution can be voided or verified for",
            before.verification_ms,
            after.verification_ms,
            None,
        ),
        (
            "a wait is given up as expired after",
            before.escalation_expiry_ms,
            after.escalation_expiry_ms,
            None,
        ),
        (
            "who gives up is not counted within",
            before.short_abandon_ms,
            after.short_abandon_ms,
            after.short_abandon_ms < before.short_abandon_ms,
        ),
    )
    for words, was, now, stricter in pairs:
        if was != now:
            effect: Effect = "neutral" if stricter is None else _effect(stricter)
            yield Change("terms", f"{words} {span_text(now)} instead of {span_text(was)}", effect)


def _hours(before: Terms, after: Terms) -> Iterator[Change]:
    if before.service_clock != after.service_clock:
        if after.service_clock:
            yield Change("terms", "waits are measured in service hours only", "looser")
        else:
            yield Change("terms", "waits are measured around the clock", "stricter")
    old, new = before.hours, after.hours
    if old == new:
        return
    if old is None or new is None:
        there = "there are service hours" if new else "there are no service hours"
        yield Change("terms", there)
        return
    was, now = (sum(b - a for day in h.weekly for a, b in day) for h in (old, new))
    if old.weekly != new.weekly:
        text = f"service hours are {_week(now)} a week instead of {_week(was)}"
        yield Change("terms", text, "neutral" if was == now else _effect(now > was))
    begins = local_text(after.effective_from_ms, after.time_zone)[:10]
    for days, word, effect in (
        (new.holidays - old.holidays, "holiday", "looser"),
        (
            frozenset(d for d in old.holidays - new.holidays if d >= begins),
            "working day",
            "stricter",
        ),
    ):
        if days:
            text = f"{join_words(days)} {f'is a {word}' if len(days) == 1 else f'are {word}s'}"
            yield Change("terms", text, _unless_later(before, after, effect == "stricter"))


def _unless_later(before: Terms, after: Terms, stricter: bool) -> Effect:
    """Days and spans are listed for a version's own time: of a later one they change nothing."""
    ended = before.effective_to_ms
    later = ended is not None and ended <= after.effective_from_ms
    return "neutral" if later else _effect(stricter)


def _week(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours} h" + (f" {rest} min" if rest else "")


def _exclusions(before: Terms, after: Terms) -> Iterator[Change]:
    for one in after.exclusions:
        if one not in before.exclusions:
            effect = _unless_later(before, after, False)
            yield Change("terms", f"excluded {_excluded(one, after)}", effect)
    for one in before.exclusions:
        if one not in after.exclusions and one.to_ms > after.effective_from_ms:
            yield Change("terms", f"no longer excluded {_excluded(one, before)}", "stricter")


def _excluded(one: Exclusion, terms: Terms) -> str:
    begins, ends = (local_text(t, terms.time_zone) for t in (one.from_ms, one.to_ms))
    where = f" on {join_words(one.channels)}" if one.channels else ""
    return f"from {begins} to {ends}{where}: {one.reason}"


def _context(before: Terms, after: Terms) -> Iterator[Change]:
    more = after.required_context - before.required_context
    less = before.required_context - after.required_context
    if more:
        yield Change("terms", f"a handoff must carry {join_words(more)} too", "stricter")
    if less:
        yield Change("terms", f"a handoff need not carry {join_words(less)} any more", "looser")


def _scores(before: Terms, after: Terms) -> Iterator[Change]:
    for words, was, now in (
        ("an evaluation passes", before.qa_pass_ppm, after.qa_pass_ppm),
        ("a customer is satisfied", before.csat_satisfied_ppm, after.csat_satisfied_ppm),
    ):
        if was != now:
            text = f"{words} from {percent_text(now)} of the scale on, not {percent_text(was)}"
            yield Change("terms", text, _effect(now > was))


def _groupings(before: Terms, after: Terms) -> Iterator[Change]:
    for one in after.groupings:
        if one not in before.groupings:
            yield Change("terms", f"published {where_text(one)} now")
    for one in before.groupings:
        if one not in after.groupings:
            yield Change("terms", f"no longer published {where_text(one)}")


def _clauses(before: Terms, after: Terms) -> Iterator[Change]:
    old = {clause.id: clause for clause in before.clauses}
    new = {clause.id: clause for clause in after.clauses}
    successors = _successors(old, new)
    for name in sorted({*old, *new} - set(successors.values())):
        if name in successors:
            heir = new[successors[name]]
            yield Change("clause", f"is called {heir.id} now", "neutral", name)
            yield from _clause(old[name], heir)
        elif name not in old:
            yield Change("clause", f"new promise: {clause_text(new[name])}", "stricter", name)
        elif name not in new:
            text = f"no longer promised: {clause_text(old[name])}"
            yield Change("clause", text, "looser", name)
        else:
            yield from _clause(old[name], new[name])


def _successors(old: Mapping[str, Clause], new: Mapping[str, Clause]) -> dict[str, str]:
    """Promises that go on under another name: the only ones about the same thing, gone and new."""
    gone, come = ({n: _about(one[n]) for n in one.keys() - other.keys()} for one, other in
                  ((old, new), (new, old)))  # fmt: skip
    found = {}
    for name, about in gone.items():
        heirs = [other for other, its in come.items() if its == about]
        if len(heirs) == 1 and list(gone.values()).count(about) == 1:
            found[name] = heirs[0]
    return found


def _about(clause: Clause) -> tuple[object, ...]:
    return (clause.indicator, clause.reason, clause.grouping, clause.where,
            clause.window_ms, clause.period)  # fmt: skip


def _clause(old: Clause, new: Clause) -> Iterator[Change]:
    if (old.indicator, old.reason) != (new.indicator, new.reason):
        text = f"promises {clause_text(new)}; until then: {clause_text(old)}"
        yield Change("clause", text, "neutral", new.id)
        return
    if (old.grouping, old.where) != (new.grouping, new.where):
        text = f"holds {where_text(new.grouping, new.where)}"
        yield Change(
            "clause", f"{text}, no longer {where_text(old.grouping, old.where)}", "neutral", new.id
        )
    if old.target_ppm != new.target_ppm:
        rises = new.target_ppm > old.target_ppm
        text = f"{bound_text(new)} instead of {bound_text(old).split(' ', 2)[2]}"
        yield Change("clause", text, _effect(rises != new.at_most), new.id)
    if (old.window_ms, old.period) != (new.window_ms, new.period):
        text = f"judged over {_window(new)} instead of {_window(old)}"
        yield Change("clause", text, "neutral", new.id)
    if old.minimum_volume != new.minimum_volume:
        text = f"judged from {new.minimum_volume} on instead of {old.minimum_volume}"
        yield Change("clause", text, _effect(new.minimum_volume < old.minimum_volume), new.id)
    if old.hysteresis_ppm != new.hysteresis_ppm:
        now, was = (decimal_text(c.hysteresis_ppm) for c in (new, old))
        text = f"a breach closes {now} beyond the target instead of {was}"
        yield Change("clause", text, _effect(new.hysteresis_ppm > old.hysteresis_ppm), new.id)
    if old.severity != new.severity:
        text = f"a breach is a {new.severity} instead of a {old.severity}"
        yield Change("clause", text, "neutral", new.id)


def _window(clause: Clause) -> str:
    names = {"1d": "a day", "1w": "a week", "1M": "a month", "1Q": "a quarter"}
    if clause.period is not None:
        return f"{names[clause.period]} of the calendar"
    return f"{span_text(clause.window_ms)} rolling"


def _effect(stricter: bool) -> Literal["stricter", "looser"]:
    return "stricter" if stricter else "looser"
