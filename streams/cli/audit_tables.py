"""Plans and reports of audits, for machines (JSON) and for people (tables)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from rich.console import Group
from rich.table import Table
from rich.text import Text

from streams.cli.audit_options import Subject
from streams.domain.audit.estimates import Estimate, SubjectEstimates
from streams.domain.audit.report import AuditReport
from streams.domain.audit.sizes import worst_margin
from streams.domain.audit.strata import Census, Stratum
from streams.domain.facts import rfc3339
from streams.domain.money import percent_text

_PPM = 1_000_000
_TOO_LATE = (
    "{} more conversations had events in the period that were written down only after it was"
    " closed: none of them can be drawn."
)


def plan_json(
    subject: Subject, census: Census, sizes: Mapping[Stratum, int], too_late: int
) -> bytes:
    """The plan as one JSON document; equal plans give equal bytes. Shares in ppm."""
    terms = subject.terms
    return orjson.dumps(
        {
            "contract": subject.contract,
            "period": subject.period.name,
            "period_start": rfc3339(subject.period.start_ms),
            "period_end": rfc3339(subject.period.end_ms),
            "agreed": subject.agreed,
            "confidence_ppm": terms.confidence_ppm,
            "margin_ppm": terms.margin_ppm,
            "minimum": terms.minimum,
            "allocation": terms.allocation,
            "frame": census.digest,
            "population": census.population,
            "sampled": sum(sizes.values()),
            "too_late": too_late,
            "strata": [
                {
                    "stratum": dict(stratum),
                    "population": numbers.all,
                    "population_ai": numbers.ai,
                    "population_human": numbers.human,
                    "population_handed_over": numbers.handed_over,
                    "sampled": sizes[stratum],
                    "margin_ppm": round(_PPM * worst_margin(numbers.all, sizes[stratum], terms)),
                }
                for stratum, numbers in census.populations.items()
            ],
        },
        option=orjson.OPT_INDENT_2,
    )


def plan_table(
    subject: Subject, census: Census, sizes: Mapping[Stratum, int], too_late: int, covers: str
) -> Group:
    """The plan for a terminal; a margin is that of the stratum alone, at the worst share.

    `too_late` conversations cannot be drawn; `covers` says from when to when events were there.
    """
    terms = subject.terms
    table = _table(
        f"{subject.contract}, {subject.period.name}: episodes and how many are drawn",
        terms.strata,
        ("episodes", "AI", "human", "handed over", "drawn", "of them", "margin alone"),
    )
    for stratum, numbers in census.populations.items():
        drawn = sizes[stratum]
        margin = worst_margin(numbers.all, drawn, terms)
        table.add_row(
            *(value for _, value in stratum),
            *map(str, numbers),
            str(drawn),
            f"{100 * drawn / numbers.all:.1f} %",
            f"± {100 * margin:.1f} %",
        )
    total = sum(sizes.values())
    share = f", {100 * total / census.population:.1f} %" if census.population else ""
    whole = "the whole" if terms.allocation == "proportional" else "each stratum"
    return Group(
        table,
        Text(
            f"{total} of {census.population} episodes{share}."
            f" {'By the contract' if subject.agreed else 'Not agreed in the contract, by default'}:"
            f" within {percent_text(terms.margin_ppm)} at a confidence of"
            f" {percent_text(terms.confidence_ppm)} for {whole}, finite population corrected,"
            f" at least {terms.minimum} of a stratum."
        ),
        Text(f"frame {census.digest}, {covers}"),
        *([Text(_TOO_LATE.format(too_late))] if too_late else ()),
    )


def report_json(report: AuditReport) -> bytes:
    """The report as one JSON document; equal reports give equal bytes. Shares in ppm, null where
    nobody knows.
    """
    joined = report.joined
    return orjson.dumps(
        {
            "contract": report.contract,
            "period": report.period,
            "confidence_ppm": round(_PPM * (1 - report.level)),
            "population": report.population,
            "sampled": report.drawn,
            "reviews": {
                name: getattr(joined, name)
                for name in (
                    "by_client", "by_supplier", "drafts", "deleted", "automatic", "second",
                    "contrary", "strangers", "misplaced",
                )
            },
            "nothing_to_review": report.not_applicable,
            "unreviewed": {name: list(ids) for name, ids in report.unreviewed.items()},
            "pass_rate": {
                one.subject: {
                    **_estimate_json(one.overall),
                    "strata": [
                        {"stratum": dict(stratum), **_estimate_json(estimate)}
                        for stratum, estimate in one.strata.items()
                    ],
                }
                for one in report.pass_rates
            },
            "escalation_precision": _estimate_json(report.precision),
            "escalation_recall": _estimate_json(report.recall),
        },
        option=orjson.OPT_INDENT_2,
    )  # fmt: skip


def _estimate_json(one: Estimate) -> dict[str, Any]:
    def ppm(share: float | None) -> int | None:
        return None if share is None else round(_PPM * share)

    return {
        "population": one.population,
        "spoken_for": one.spoken_for,
        "sampled": one.drawn,
        "reviewed": one.reviewed,
        "hits": one.hits,
        "share_ppm": ppm(one.share),
        "low_ppm": ppm(one.low),
        "high_ppm": ppm(one.high),
    }


def report_table(report: AuditReport) -> Group:
    """The report for a terminal; what nobody knows is `unknown`."""
    joined = report.joined
    whole = _table(
        f"{report.contract}, {report.period}: what {report.drawn} of {report.population} episodes"
        f" say, with intervals at {100 * (1 - report.level):g} %",
        ("of the whole period",),
        ("estimate", "interval", "found", "reviewed", "drawn", "of", "spoken for"),
    )
    for one in report.pass_rates:
        whole.add_row(f"passes, {_WHOSE[one.subject]}", *_cells(one.overall))
    whole.add_row("handoffs that were needed (precision)", *_cells(report.precision))
    whole.add_row("needed handoffs that were made (recall)", *_cells(report.recall))
    missing = ", ".join(
        f"{len(ids)} {_WHOSE[subject]}" for subject, ids in report.unreviewed.items()
    )
    return Group(
        whole,
        *(_strata(one) for one in report.pass_rates),
        Text(f"Without a review, and taken to be like the others of their stratum: {missing}."),
        Text(
            f"In {report.not_applicable} of the drawn neither an AI nor a human is known to have"
            " served."
        ),
        Text(
            f"Reviews that stand: {joined.by_client} the client's, {joined.by_supplier} the"
            f" supplier's. Not counted: {joined.drafts} drafts, {joined.deleted} deleted,"
            f" {joined.automatic} by a machine, {joined.second} second ones"
            f" ({joined.contrary} of them contrary), {joined.strangers} that name no sample of"
            f" this draw, {joined.misplaced} that name another conversation's."
        ),
    )


_WHOSE = {"ai": "the AI's part", "human": "the humans' part"}


def _strata(one: SubjectEstimates) -> Table:
    names = [name for name, _ in next(iter(one.strata), ())]
    table = _table(
        f"Passes, {_WHOSE[one.subject]}, by stratum",
        names,
        ("estimate", "interval", "found", "reviewed", "drawn", "of"),
    )
    for stratum, estimate in one.strata.items():
        table.add_row(*(value for _, value in stratum), *_cells(estimate)[:-1])
    return table


def _cells(one: Estimate) -> tuple[str, ...]:
    if one.share is None or one.low is None or one.high is None:
        shown = ("unknown", "-")
    else:
        shown = (f"{100 * one.share:.1f} %", f"{100 * one.low:.1f} to {100 * one.high:.1f} %")
    counts = (one.hits, one.reviewed, one.drawn, one.population, one.spoken_for)
    return (*shown, *("-" if count is None else str(count) for count in counts))


def _table(title: str, names: Iterable[str], numbers: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in names:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right")
    return table
