"""The dashboard of handoffs: how long customers wait for a human once the AI has failed them."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from streams.domain.contract import ContractBook, Dimension
from streams.export.dashboards import addresses, frame
from streams.export.dashboards.panels import (
    COUNT,
    PER_SECOND,
    SECONDS,
    SHARE,
    Query,
    Said,
    heat,
    lines,
)
from streams.export.dashboards.promises import rolls_up_by
from streams.export.dashboards.queries import CONTRACT, RATE, by_only, where, whole_contract
from streams.export.dashboards.tables import Column, listing

_COUNTED = where(CONTRACT, 'channel=~"$channel"')
_BUCKETS = f"baton_handoff_latency_seconds_bucket{_COUNTED}"


def handoffs(book: ContractBook, runbooks: str) -> Dashboard:
    """Latency, ends and queues of all escalations."""
    sheet = frame.Sheet(
        addresses.HANDOFFS,
        "Baton / Handoffs",
        "From the AI's failure to a qualified human: how long, how often in time, and who waits.",
    )
    sheet.row("Latency", *_latency(book))
    sheet.row("In time or not", *_ends(book))
    sheet.row("Waiting now", *_waiting(book))
    return sheet.finish(
        frame.contracts(),
        frame.chosen("channel"),
        frame.chosen("market"),
        frame.windows(book),
        frame.clock(),
        marks=[frame.breaches(where(CONTRACT)), frame.config_changes(CONTRACT)],
        runbooks=runbooks,
    )


def _latency(book: ContractBook) -> list[frame.Placed]:
    placed: list[frame.Placed] = [
        (
            heat(
                Said(
                    "Latency of ended escalations",
                    "How many ended after how long, in processing time. Each channel's threshold"
                    " is the boundary of a bucket.",
                ),
                SECONDS,
                f"sum by (le) (increase({_BUCKETS}{RATE}))",
            ),
            12,
            10,
        ),
        (
            lines(
                Said(
                    "p50 and p95 by channel, ended escalations",
                    "Interpolated from the histogram's buckets, in processing time. It leaves out"
                    " who still waits: compare the event-time quantiles below.",
                ),
                SECONDS,
                *(
                    Query(
                        f"histogram_quantile({q}, sum by (channel, le) (rate({_BUCKETS}{RATE})))",
                        f"{{{{channel}}}} {name}",
                    )
                    for name, q in (("p50", 0.5), ("p95", 0.95))
                ),
            ),
            12,
            10,
        ),
    ]
    for dimension in _published(book):
        placed.append((_quantiles(dimension), 12, 8))
    return placed


def _published(book: ContractBook) -> list[Dimension]:
    wanted: tuple[Dimension, ...] = ("channel", "market")
    return [name for name in wanted if rolls_up_by(book, name)]


def _quantiles(dimension: Dimension) -> Panel:
    selector = where('window="$window"', 'stat=~"p50|p95"', CONTRACT, *by_only(dimension))
    return lines(
        Said(
            f"p50 and p95 by {dimension}, open ones at their age",
            "Over all escalations of the chosen window of event time; who still waits counts at"
            " the age of the wait. Relative error at most 1 %.",
        ),
        SECONDS,
        Query(
            f"max by ({dimension}, stat) (baton_handoff_latency_window_seconds{selector})",
            f"{{{{{dimension}}}}} {{{{stat}}}}",
        ),
    )


def _ends(book: ContractBook) -> list[frame.Placed]:
    within, missed = (
        f"sum by (channel) (rate(baton_handoffs_{name}_total{_COUNTED}{RATE}))"
        for name in ("within", "missed")
    )
    outcomes = f"sum by (outcome) (increase(baton_handoff_latency_seconds_count{_COUNTED}{RATE}))"
    placed: list[frame.Placed] = []
    for dimension in _published(book):
        selector = where('window="$window"', CONTRACT, *by_only(dimension))
        placed.append(
            (
                lines(
                    Said(
                        f"Taken over in time by {dimension}",
                        "Share of decided escalations that a qualified human took over within the"
                        " channel's threshold, over the chosen window of event time.",
                    ),
                    SHARE,
                    Query(
                        f"min by (contract, {dimension}) (baton_handoff_within_ratio{selector})",
                        f"{{{{contract}}}} {{{{{dimension}}}}}",
                    ),
                    high=1,
                ),
                12,
                8,
            )
        )
    placed += [
        (
            lines(
                Said(
                    "In time and missed",
                    "Escalations taken over within their threshold, and those that crossed it or"
                    " ended without a human, in processing time.",
                ),
                PER_SECOND,
                Query(within, "{{channel}} in time"),
                Query(missed, "{{channel}} missed"),
                stacked=True,
            ),
            12,
            8,
        ),
        (
            lines(
                Said("How escalations end", "By outcome, in processing time."),
                COUNT,
                Query(outcomes, "{{outcome}}"),
                bars=True,
                stacked=True,
            ),
            12,
            8,
        ),
    ]
    return placed


def _waiting(book: ContractBook) -> list[frame.Placed]:
    placed: list[frame.Placed] = []
    for dimension in _published(book):
        selector = where(CONTRACT, *by_only(dimension))
        placed.append(
            (
                lines(
                    Said(f"Waiting by {dimension}", "Open escalations, as of the watermark."),
                    COUNT,
                    Query(
                        f"sum by ({dimension}) (baton_open_handoffs{selector})",
                        f"{{{{{dimension}}}}}",
                    ),
                    stacked=True,
                ),
                12,
                8,
            )
        )
    by_channel = rolls_up_by(book, "channel")
    selector = where(CONTRACT, *(by_only("channel") if by_channel else (whole_contract(),)))
    labels = {"contract": "Contract"} | ({"channel": "Channel"} if by_channel else {})
    by = f"by ({', '.join(labels)})"
    placed.append(
        (
            listing(
                Said(
                    "Who waits, and for how long",
                    "Open escalations, those of them beyond their threshold, and the age of the"
                    " oldest by the clock chosen above.",
                    runbook="handoff-overdue",
                ),
                [
                    Column("Waiting", f"sum {by} (baton_open_handoffs{selector})"),
                    Column("Too long", f"sum {by} (baton_overdue_handoffs{selector})"),
                    Column(
                        "Longest",
                        f"$clock - min {by}"
                        f" (baton_oldest_open_handoff_timestamp_seconds{selector})",
                        SECONDS,
                    ),
                ],
                labels,
                largest="Longest",
            ),
            12,
            8,
        )
    )
    placed.append(
        (
            lines(
                Said(
                    "Longest wait",
                    "Age of the oldest open escalation by the clock chosen above.",
                ),
                SECONDS,
                Query(
                    f"$clock - min {by} (baton_oldest_open_handoff_timestamp_seconds{selector})",
                    " ".join(f"{{{{{name}}}}}" for name in labels),
                ),
            ),
            12,
            8,
        )
    )
    return placed
