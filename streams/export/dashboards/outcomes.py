"""The dashboard of outcomes and cost: what was resolved, how well, and what it cost.

Billed amounts are the ledger's, not Prometheus'; these are figures to watch.
"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from streams.domain.contract import ContractBook, Indicator
from streams.export.dashboards import addresses, frame
from streams.export.dashboards.panels import COUNT, PLAIN, SHARE, Query, Said, lines, money
from streams.export.dashboards.queries import CONTRACT, any_of, where, whole_contract

# Verified resolution, by what came of the AI's claims; then what people found of it.
_RESOLUTION: tuple[Indicator, ...] = ("verified_resolution", "first_contact", "recontact")
_JOURNEY: tuple[Indicator, ...] = (
    "human_takeover",
    "abandonment",
    "context_complete",
    "customer_repeated",
)
_QUALITY: tuple[Indicator, ...] = (
    "qa_pass_ai",
    "qa_pass_human",
    "qa_coverage_ai",
    "qa_coverage_human",
)
_SATISFACTION: tuple[Indicator, ...] = ("csat_satisfied", "csat_response")


def outcomes(book: ContractBook, runbooks: str) -> Dashboard:
    """Resolution, quality, satisfaction, cost."""
    sheet = frame.Sheet(
        addresses.OUTCOMES,
        "Baton / Outcomes and cost",
        "Whether what was claimed as resolved was, how well it was done and what a verified"
        " resolution cost. What is billed is settled from the ledger, not from here.",
    )
    sheet.row("Resolution", *_resolution())
    sheet.row("Cost", *_cost(book))
    speed = _speed(book)
    sheet.row(
        "On the way",
        *_shares("On the way to a human", _JOURNEY),
        *(_shares("Speed", speed) if speed else ()),
    )
    sheet.row("Quality", *_shares("Quality", _QUALITY), *_shares("Satisfaction", _SATISFACTION))
    sheet.row("Compliance", *_compliance())
    return sheet.finish(
        frame.contracts(),
        frame.windows(book),
        marks=[frame.config_changes(CONTRACT), frame.breaches(where(CONTRACT))],
        runbooks=runbooks,
    )


def _speed(book: ContractBook) -> tuple[Indicator, ...]:
    """What any contract sets a time for; nothing is counted of the rest."""
    terms = [version for name in book.names for version in book.versions(name)]
    first: tuple[Indicator, ...] = ("first_response_within",)
    answer: tuple[Indicator, ...] = ("answer_within", "answer_removed_within")
    return (first if any(one.first_response_ms for one in terms) else ()) + (
        answer if any(one.answer_ms for one in terms) else ()
    )


def _of(indicator: Indicator) -> str:
    return where(f'indicator="{indicator}"', 'window="$window"', CONTRACT, whole_contract())


def _among(indicators: tuple[Indicator, ...]) -> str:
    return where(any_of("indicator", indicators), 'window="$window"', CONTRACT, whole_contract())


def _shares(title: str, indicators: tuple[Indicator, ...]) -> list[frame.Placed]:
    named = ", ".join(f"`{name}`" for name in indicators)
    return [
        (
            lines(
                Said(title, f"{named}, over the chosen window; absent where unknown."),
                SHARE,
                Query(
                    f"max by (contract, indicator) (baton_indicator_ratio{_among(indicators)})",
                    "{{contract}} {{indicator}}",
                ),
                high=1,
            ),
            7,
            10,
        ),
        (_samples(indicators), 5, 10),
    ]


def _samples(indicators: tuple[Indicator, ...]) -> Panel:
    return lines(
        Said("Behind it", "What stands in the denominators: a share of few says little."),
        COUNT,
        Query(
            f"max by (contract, indicator) (baton_indicator_samples{_among(indicators)})",
            "{{contract}} {{indicator}}",
        ),
    )


def _resolution() -> list[frame.Placed]:
    claims = f"max by (contract) (baton_indicator_samples{_of('verified_resolution')})"
    share = f"max by (contract) (baton_indicator_ratio{_of('verified_resolution')})"
    return [
        *_shares("Resolution", _RESOLUTION),
        (
            lines(
                Said(
                    "Claims and verified resolutions",
                    "Resolutions that the AI claimed and whose verification window is over, and"
                    " how many of them evidence speaks for.",
                ),
                COUNT,
                Query(claims, "{{contract}} claimed"),
                Query(f"{share} * {claims}", "{{contract}} verified"),
            ),
            12,
            10,
        ),
    ]


def _cost(book: ContractBook) -> list[frame.Placed]:
    by_currency: dict[str, list[str]] = {}
    for name in book.names:
        by_currency.setdefault(book.versions(name)[-1].currency, []).append(name)
    placed: list[frame.Placed] = []
    for currency, names in sorted(by_currency.items()):
        selector = where(any_of("contract", names), _of("cost_per_verified")[1:-1])
        placed.append(
            (
                lines(
                    Said(
                        f"Cost of a verified resolution, {currency}",
                        "All costs recorded in the contract's currency over the chosen window,"
                        " divided by verified resolutions; absent where there was none.",
                    ),
                    money(currency),
                    Query(f"max by (contract) (baton_indicator_amount{selector})", "{{contract}}"),
                    low=None,
                ),
                12,
                8,
            )
        )
    placed.append(
        (
            lines(
                Said("Verified resolutions behind it", "The denominator of the cost."),
                COUNT,
                Query(
                    f"max by (contract) (baton_indicator_samples{_of('cost_per_verified')})",
                    "{{contract}}",
                ),
            ),
            12,
            8,
        )
    )
    return placed


def _compliance() -> list[frame.Placed]:
    return [
        (
            lines(
                Said(
                    "Compliance exceptions",
                    "Minor, major and critical ones over the chosen window.",
                ),
                PLAIN,
                Query(
                    f"max by (contract) (baton_indicator_amount{_of('compliance_exceptions')})",
                    "{{contract}}",
                ),
            ),
            12,
            8,
        )
    ]
