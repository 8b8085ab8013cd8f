"""Contract books in which everything that terms can say lies on the grid of strategies.py's times.

Thresholds, exclusions, changes of terms, service hours, days, weeks, months and quarters all begin
and end within a small log, or a millisecond beside it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from streams.domain.calendar_period import PERIODS, Period
from streams.domain.contract import (
    AMOUNTS,
    INDICATORS,
    Clause,
    ContractBook,
    Dimension,
    Exclusion,
    Indicator,
    Terms,
)
from streams.domain.service_hours import ServiceHours
from tests.log_builder import CONTRACT, T

INACTIVITY_MS = 60_000
EXPIRY_MS = 120_000
VERIFICATION_MS = 90_000
CHANGE_OF_TERMS = T(150)
DAY_MS = 86_400_000
# A log begins three minutes before each of these, so that it lies in the midst of it.
_MONDAY = -180_000  # 2 March 2026 in UTC: a day and a week
_QUARTER = 30 * DAY_MS + 22 * 3_600_000 - 180_000  # 1 April in Berlin: a month as well
_CLOCKS_CHANGE = 27 * DAY_MS + 3_600_000 - 180_000  # 29 March, 2 h in Berlin: it is 3 h then
# Minutes of the local day: around midnight, and around the hour that does not exist on 29 March.
_OPEN = ((0, 1), (2, 4), (5, 7), (117, 118), (119, 181), (182, 184), (1_437, 1_438), (1_439, 1_440))
_EVERY_DAY = (_OPEN,) * 7


class Setting(NamedTuple):
    """Contracts, and when (ms after the tests' epoch) the log begins that is judged by them."""

    book: ContractBook
    begin_ms: int = 0


def _ratio(
    name: str, indicator: Indicator, grouping: tuple[Dimension, ...] = (), **fields: Any
) -> Clause:
    window = {} if fields.get("period") else {"window_ms": 300_000}
    given = {"target_ppm": 500_000, **window, **fields}
    return Clause(id=name, indicator=indicator, grouping=grouping, **given)


_FIRST_CLAUSES = (
    Clause(id="wait", indicator="escalation_wait", grouping=()),
    Clause(
        id="wait-chat",
        indicator="escalation_wait",
        grouping=("channel",),
        where=(("channel", "chat"),),
    ),
    Clause(id="wait-market", indicator="escalation_wait", grouping=("market",)),
    _ratio("within", "escalation_within", hysteresis_ppm=250_000),
    _ratio("within-channel", "escalation_within", ("channel",), minimum_volume=2),
    _ratio("raw", "containment_raw", target_ppm=700_000),
    _ratio("safe", "containment_safe", ("market",), target_ppm=900_000, hysteresis_ppm=200_000),
    _ratio("no-recontact", "containment_no_recontact", ("channel", "market"), target_ppm=1_000_000),
    _ratio("verified", "containment_safe_verified", window_ms=3_600_000, target_ppm=600_000),
    _ratio("errors", "failure_share", reason="tool_error", target_ppm=300_000),
    _ratio(
        "unmatched",
        "failure_share",
        ("channel",),
        reason="no_match",
        minimum_volume=2,
        hysteresis_ppm=100_000,
        target_ppm=400_000,
    ),
)
# Some clauses go, some come, some change where they are judged or how.
_SECOND_CLAUSES = (
    Clause(id="wait", indicator="escalation_wait", grouping=()),
    Clause(
        id="wait-sg",
        indicator="escalation_wait",
        grouping=("channel", "market"),
        where=(("market", "SG"),),
        severity="ticket",
    ),
    _ratio("within", "escalation_within", target_ppm=900_000, minimum_volume=2),
    _ratio("raw", "containment_raw", ("market",), target_ppm=700_000),
    _ratio("verified", "containment_safe_verified", target_ppm=900_000, minimum_volume=2),
    _ratio("errors", "failure_share", reason="tool_error", target_ppm=0, severity="ticket"),
    _ratio("journeys", "failure_share", ("journey",), reason="timeout", target_ppm=500_000),
)


def _over(indicators: tuple[Indicator, ...], shift: int, *periods: Period | None) -> list[Clause]:
    """A clause on each indicator, its windows and targets drawn from the lists in turn."""
    groupings: tuple[tuple[Dimension, ...], ...] = (
        (),
        ("channel",),
        (),
        ("prompt_version",),
        ("market",),
        ("channel", "model"),
    )
    clauses = []
    for number, indicator in enumerate(indicators, start=shift):
        amount = indicator in AMOUNTS
        # An amount's target may be more than one, a share's not.
        targets = (250_000, 1_000_000, 0) if amount else (500_000, 700_000, 400_000, 900_000)
        window: dict[str, Any] = {"window_ms": (300_000, 3_600_000)[number % 2]}
        if (period := periods[number % len(periods)]) is not None:
            window = {"period": period}
        clauses.append(
            Clause(
                id=indicator,
                indicator=indicator,
                grouping=groupings[number % len(groupings)],
                target_ppm=targets[number % len(targets)],
                hysteresis_ppm=(0, 100_000, 0, 600_000)[number % 4],
                minimum_volume=1 if amount else (1, 1, 2)[number % 3],
                reason="tool_error" if indicator == "failure_share" else None,
                **window,
            )
        )
    return clauses


_LINKS: tuple[Indicator, ...] = (
    "recontact_24h",
    "recontact_72h",
    "recontact_7d",
    "recontact_same_24h",
    "recontact_same_72h",
    "recontact_same_7d",
    "unlinked",
)


def _linked(rolling_ms: int, *periods: Period) -> tuple[Clause, ...]:
    """Clauses on what customers come back for, over a rolling window and over calendar periods."""
    groupings: tuple[tuple[Dimension, ...], ...] = ((), ("channel",), ("journey",), ("market",))
    clauses = []
    for number, indicator in enumerate(_LINKS):
        given = {"target_ppm": (0, 400_000)[number % 2], "minimum_volume": (1, 1, 2)[number % 3]}
        grouping = groupings[number % len(groupings)]
        clauses.append(_ratio(indicator, indicator, window_ms=rolling_ms, **given))
        clauses.append(
            _ratio(
                f"{indicator}-period",
                indicator,
                grouping,
                period=periods[number % len(periods)],
                hysteresis_ppm=(0, 300_000)[number % 2],
                **given,
            )
        )
    return tuple(clauses)


_RATIOS = tuple(indicator for indicator in INDICATORS if indicator != "escalation_wait")
_WAIT = Clause(id="wait", indicator="escalation_wait", grouping=())
_ROLLING = (_WAIT, *_over(_RATIOS, 0, None))
_BY_DAY = (_WAIT, *_over(_RATIOS, 1, "1d"))
_BY_PERIOD = (*_over(_RATIOS, 0, *PERIODS),)
# The same clauses as others have, over other windows.
_MIXED = (_WAIT, *_over(_RATIOS, 2, "1d", None, "1M"))
_ANY_GROUPING: tuple[tuple[Dimension, ...], ...] = (
    (),
    ("channel",),
    ("market",),
    ("prompt_version",),
    ("channel", "model"),
    ("knowledge_version",),
)
_SCOPE: dict[Dimension, frozenset[str]] = {
    "channel": frozenset({"chat", "voice", "email"}),
    "market": frozenset({"SG", "MY"}),
    "journey": frozenset({"billing"}),
    "supplier": frozenset(),
    "prompt_version": frozenset({"p-1*"}),
    "model": frozenset({"m-1", "m-2"}),
    "knowledge_version": frozenset({"k-*"}),
}


def _terms(version: int, clauses: tuple[Clause, ...], begin_ms: int = 0, **terms: Any) -> Terms:
    given: dict[str, Any] = {
        "effective_from_ms": T(-1_000) + begin_ms,
        "effective_to_ms": None,
        "time_zone": "UTC",
        "inactivity_ms": INACTIVITY_MS,
        "escalation_expiry_ms": EXPIRY_MS,
        "verification_ms": VERIFICATION_MS,
        "thresholds_ms": {"chat": 20_000, "voice": 10_000},
        "required_context": frozenset({"issue"}),
        "groupings": ((), ("channel",), ("market",), ("channel", "market")),
        "scope": _SCOPE,
        **terms,
    }
    return Terms(contract=CONTRACT, version=version, clauses=clauses, **given)


def _book(change: int | None) -> ContractBook:
    if change is None:
        return ContractBook([_terms(1, _FIRST_CLAUSES)])
    return ContractBook(
        [
            _terms(1, _FIRST_CLAUSES, effective_to_ms=change),
            _terms(
                2,
                _SECOND_CLAUSES,
                effective_from_ms=change,
                thresholds_ms={"chat": 30_000, "voice": 10_000, "email": 15_000},
                required_context=frozenset({"issue", "attempts"}),
                groupings=((), ("channel", "market"), ("market",), ("journey",)),
                scope={
                    "channel": frozenset({"chat", "voice"}),
                    "market": frozenset({"SG", "PH"}),
                    "journey": frozenset({"billing", "outage"}),
                    "supplier": frozenset({"northcall"}),
                },
            ),
        ]
    )


def _full(
    version: int, clauses: tuple[Clause, ...], zone: str, begin_ms: int, **terms: Any
) -> Terms:
    """Terms that say all that terms can."""
    given: dict[str, Any] = {
        "groupings": tuple(dict.fromkeys((*_ANY_GROUPING, *(c.grouping for c in clauses)))),
        "hours": ServiceHours(zone, _EVERY_DAY),
        "service_clock": True,
        "exclusions": (
            Exclusion(T(40) + begin_ms, T(90) + begin_ms, "outage", frozenset({"chat"})),
            Exclusion(T(260) + begin_ms, T(300) + begin_ms, "storm"),
        ),
        "thresholds_ms": {"chat": 40_000, "voice": 30_000, "email": 60_000},
        "answer_ms": {"chat": 30_000, "voice": 40_000},
        "short_abandon_ms": 20_000,
        "first_response_ms": {"chat": 20_000, "email": 50_000},
        "time_zone": zone,
        **terms,
    }
    return _terms(version, clauses, begin_ms, **given)


def _changing(begin_ms: int, zone: str, change_s: float) -> ContractBook:
    """Three versions: clauses keep their names and change their windows, terms all they say."""
    change, back = T(change_s) + begin_ms, T(320) + begin_ms
    second = {
        "effective_from_ms": change,
        "effective_to_ms": back,
        "hours": None,
        "service_clock": False,
        "exclusions": (Exclusion(change, T(200) + begin_ms, "drill", frozenset({"voice"})),),
        "answer_ms": {"chat": 30_000},
        "first_response_ms": {"chat": 0},
        "short_abandon_ms": 0,
        "qa_pass_ppm": 900_000,
        "csat_satisfied_ppm": 500_000,
        "currency": "SGD",
        "required_context": frozenset({"issue", "attempts"}),
        "scope": {**_SCOPE, "prompt_version": frozenset({"p-2"}), "model": frozenset()},
    }
    return ContractBook(
        [
            _full(1, _ROLLING, zone, begin_ms, effective_to_ms=change),
            _full(2, _BY_DAY, zone, begin_ms, **second),
            _full(3, _MIXED, zone, begin_ms, effective_from_ms=back, service_clock=False),
        ]
    )


ONE_VERSION = _book(None)
TWO_VERSIONS = _book(CHANGE_OF_TERMS)
# Of these the log begins at the epoch.
BOOKS = (ONE_VERSION, TWO_VERSIONS, _book(T(180)), _book(T(61.5)))
_HOLIDAY = ServiceHours("UTC", _EVERY_DAY, frozenset({"2026-03-01"}))
_NEVER_OPEN = ServiceHours("UTC", ((),) * 7)
SETTINGS = (
    *(Setting(book) for book in BOOKS),
    Setting(ContractBook([_full(1, _ROLLING, "UTC", 0)])),
    Setting(ContractBook([_full(1, _BY_DAY, "UTC", _MONDAY, hours=_HOLIDAY)]), _MONDAY),
    Setting(ContractBook([_full(1, _BY_PERIOD, "Europe/Berlin", _QUARTER)]), _QUARTER),
    Setting(ContractBook([_full(1, _MIXED, "UTC", _MONDAY, hours=_NEVER_OPEN)]), _MONDAY),
    Setting(ContractBook([_full(1, _BY_PERIOD, "Europe/Berlin", _CLOCKS_CHANGE)]), _CLOCKS_CHANGE),
    Setting(_changing(_MONDAY, "UTC", 150), _MONDAY),
    Setting(_changing(_QUARTER, "Europe/Berlin", 180), _QUARTER),
    Setting(_changing(0, "Europe/Berlin", 61.5)),
)
_DAY_BEFORE = _QUARTER - DAY_MS


def _linked_book(begin_ms: int, zone: str, change_ms: int | None = None) -> ContractBook:
    """Terms that change, if they do, between a close and the end of its first horizon, or then."""
    promises = _linked(DAY_MS, "1M", "1d")
    first = _full(1, promises, zone, begin_ms, effective_to_ms=change_ms, exclusions=())
    if change_ms is None:
        return ContractBook([first])
    later = {
        "effective_from_ms": change_ms,
        "groupings": ((), ("channel",), ("journey",), ("supplier",), ("market",)),
        "scope": {**_SCOPE, "channel": frozenset({"chat"}), "journey": frozenset({"outage"})},
    }
    clauses = _linked(300_000, "1w", "1M")
    return ContractBook([first, _full(2, clauses, zone, begin_ms, **later)])


# A horizon of these ends beside the end of a day, a month and a quarter, or of terms.
LINKED_SETTINGS = (
    Setting(_linked_book(0, "UTC")),
    Setting(_linked_book(_DAY_BEFORE, "Europe/Berlin"), _DAY_BEFORE),
    Setting(_linked_book(_QUARTER - 7 * DAY_MS, "Europe/Berlin"), _QUARTER - 7 * DAY_MS),
    Setting(_linked_book(0, "UTC", T(60))),
    Setting(_linked_book(0, "UTC", T(600))),
    Setting(_linked_book(0, "UTC", T(120) + DAY_MS)),
    Setting(ContractBook([_full(1, _ROLLING, "UTC", 0)])),
    Setting(ContractBook([_full(1, _MIXED, "UTC", _MONDAY)]), _MONDAY),
)
# What a life waits for may outlast the 8 days after its last event: each timer, at the edge.
SLOW_SETTINGS = tuple(
    Setting(ContractBook([_terms(1, _FIRST_CLAUSES, **{name: days * DAY_MS + beside})]))
    for name in ("inactivity_ms", "escalation_expiry_ms", "verification_ms")
    for days in (8, 9)
    for beside in (-1, 0)
)
