"""The dashboard of containment and failures: what was contained, and why the rest was not."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from streams.domain.contract import DIMENSIONS, ContractBook, Dimension
from streams.export.dashboards import addresses, frame
from streams.export.dashboards.panels import (
    COUNT,
    PER_SECOND,
    PLAIN,
    SHARE,
    TIME,
    Query,
    Said,
    lines,
)
from streams.export.dashboards.promises import rolls_up_by
from streams.export.dashboards.queries import CONTRACT, RATE, by_only, where, whole_contract
from streams.export.dashboards.tables import Column, listing

_WHOLE = where('window="$window"', CONTRACT, whole_contract())
_MOVERS = 10


def containment(book: ContractBook, runbooks: str) -> Dashboard:
    """Containment by kind and dimension, failures by reason and version."""
    sheet = frame.Sheet(
        addresses.CONTAINMENT,
        "Baton / Containment and failures",
        "Which contacts the AI kept to itself and whether that was resolved; why it failed, since"
        " when, and under which version of prompt, model and knowledge.",
    )
    sheet.row("Containment", *_containment(book))
    sheet.row("Why the AI fails", *_reasons())
    versions = [name for name in DIMENSIONS if "version" in name or name == "model"]
    by_version = [placed for name in versions if rolls_up_by(book, name) for placed in _by(name)]
    if by_version:
        sheet.row("By version of the AI", *by_version)
    sheet.row("Changes of the service", *_changes())
    return sheet.finish(
        frame.contracts(),
        frame.chosen("channel"),
        frame.chosen("market"),
        frame.windows(book),
        marks=[frame.config_changes(CONTRACT), frame.breaches(where(CONTRACT))],
        runbooks=runbooks,
    )


def _containment(book: ContractBook) -> list[frame.Placed]:
    placed: list[frame.Placed] = [
        (
            lines(
                Said(
                    "Containment by kind",
                    "raw: contained by the AI. safe: or handed over in time with what the human"
                    " needs. no_recontact and safe_verified: the same once the verification window"
                    " is over. Absent where unknown: a contract that has never escalated anything"
                    " does not contain everything.",
                ),
                SHARE,
                Query(
                    f"max by (contract, kind) (baton_containment_ratio{_WHOLE})",
                    "{{contract}} {{kind}}",
                ),
                high=1,
            ),
            12,
            9,
        ),
        (
            lines(
                Said(
                    "Contacts behind it",
                    "Eligible episodes and waiting customers, or matured episodes, in the"
                    " denominator: a share of few says little.",
                ),
                COUNT,
                Query(
                    f"max by (contract, kind) (baton_containment_window_samples{_WHOLE})",
                    "{{contract}} {{kind}}",
                ),
            ),
            12,
            9,
        ),
    ]
    shown: tuple[Dimension, ...] = ("channel", "market", "journey", "supplier")
    for dimension in (name for name in shown if rolls_up_by(book, name)):
        placed.append((_safe(dimension), 8, 8))
    return placed


def _safe(dimension: Dimension) -> Panel:
    chosen = dimension in ("channel", "market")
    keys = by_only(dimension, chosen)
    selector = where('kind="safe"', 'window="$window"', CONTRACT, *keys)
    return lines(
        Said(
            f"Safe containment by {dimension.replace('_', ' ')}",
            "Contained, or handed over in time with what the human needs, over the chosen window.",
        ),
        SHARE,
        Query(
            f"min by (contract, {dimension}) (baton_containment_ratio{selector})",
            f"{{{{contract}}}} {{{{{dimension}}}}}",
        ),
        high=1,
    )


def _reasons() -> list[frame.Placed]:
    failures = f"sum by (reason) (baton_ai_failures_window{_WHOLE})"
    counted = where(CONTRACT, 'channel=~"$channel"')
    by_channel = f"sum by (channel) (rate(baton_ai_failures_total{counted}{RATE}))"
    return [
        (
            lines(
                Said("Failures by reason", "AI failure signals over the chosen window."),
                COUNT,
                Query(failures, "{{reason}}"),
                stacked=True,
            ),
            10,
            9,
        ),
        (_movers(), 8, 9),
        (
            lines(
                Said("Failures by channel", "AI failure signals published, in processing time."),
                PER_SECOND,
                Query(by_channel, "{{channel}}"),
                stacked=True,
            ),
            6,
            9,
        ),
    ]


def _movers() -> Panel:
    def share(window: str) -> str:
        selector = where(f'window="{window}"', CONTRACT, whole_contract())
        of = f"by (contract, reason) (baton_ai_failures_window{selector})"
        every = f"sum by (contract) (baton_ai_failures_window{selector})"
        return f"(sum {of} / on (contract) group_left () {every})"

    # A reason without a failure in the last hour has a share of 0 of those there were.
    hour = where('window="1h"', CONTRACT, whole_contract())
    none = (
        f"(0 * {share('24h')} and on (contract)"
        f" sum by (contract) (baton_ai_failures_window{hour}) > 0)"
    )
    moved = f"(({share('1h')} or {none}) - {share('24h')})"
    labels = {"contract": "Contract", "reason": "Reason"}
    return listing(
        Said(
            "Top movers",
            "Share of all failures in the last hour less the share in the last 24 h, largest"
            f" growth first (at most {_MOVERS}); both are of the data's time, so that a replay"
            " shows them too.",
        ),
        [Column("Moved", f"topk({_MOVERS}, {moved})", SHARE)],
        labels,
        largest="Moved",
    )


def _by(dimension: Dimension) -> list[frame.Placed]:
    keys = (CONTRACT, *by_only(dimension, chosen=False))
    window = ('window="$window"', *keys)
    words = dimension.replace("_", " ")
    by = f"by (contract, {dimension})"
    failures = f"sum {by} (baton_ai_failures_window{where(*window)})"
    contacts = where('kind="raw"', *window)
    reasons = f"sum by (contract, {dimension}, reason) (baton_ai_failures_window{where(*window)})"
    return [
        (_safe(dimension), 7, 8),
        (
            lines(
                Said(
                    f"Failures per contact by {words}",
                    "AI failure signals for each eligible contact of the chosen window; a contact"
                    " can have several.",
                ),
                PLAIN,
                Query(
                    f"{failures} / max {by} (baton_containment_window_samples{contacts})",
                    f"{{{{contract}}}} {{{{{dimension}}}}}",
                ),
            ),
            7,
            8,
        ),
        (
            listing(
                Said(
                    f"Reasons by {words}",
                    "Each reason's share of the version's AI failures over the chosen window.",
                ),
                [
                    Column(
                        "Share",
                        f"{reasons} / on (contract, {dimension}) group_left () {failures}",
                        SHARE,
                    )
                ],
                {"contract": "Contract", dimension: words.capitalize(), "reason": "Reason"},
                largest="Share",
            ),
            10,
            8,
        ),
    ]


def _changes() -> list[frame.Placed]:
    selector = where(CONTRACT)
    labels = {"contract": "Contract", "object": "What", "to_version": "Version"}
    by = f"by ({', '.join(labels)})"
    return [
        (
            listing(
                Said(
                    "The latest changes",
                    "Prompts, models, knowledge and tools, at the change's own time: the latest 10"
                    " of each contract. The dashboards mark them in blue.",
                ),
                [
                    Column(
                        "Changed",
                        f"max {by} (baton_config_change_timestamp_seconds{selector}) * 1000",
                        TIME,
                    )
                ],
                labels,
                largest="Changed",
            ),
            12,
            8,
        ),
        (
            lines(
                Said("Changes read", "By what was changed, in processing time."),
                COUNT,
                Query(
                    "sum by (contract, object)"
                    f" (increase(baton_config_changes_total{selector}{RATE}))",
                    "{{contract}} {{object}}",
                ),
                bars=True,
                stacked=True,
            ),
            12,
            8,
        ),
    ]
